//! Items whose effect changed between the halves of the period, and what the model makes of it.

use attune::effect::logistic;
use serde::Serialize;

use crate::cell::{FEWEST_HITS, FEWEST_ROWS};
use crate::discovery::{FALSE_SHARE, stand_out};
use crate::groups::{FEWEST, Groups};
use crate::interval::{Interval, reach, two_sided};

/// How many are told.
const TOLD: usize = 8;
/// How many features are named.
const NAMED: usize = 3;

/// What a feature added to the change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The feature's place in the list; one beyond it is what the features do together.
    pub feature: usize,
    /// Change of the probability.
    pub change: f64,
}

/// An item that moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mover {
    /// The item, or the value that rows are grouped by.
    pub key: String,
    /// What the shop calls it.
    pub label: String,
    /// The head.
    pub head: String,
    /// Rows in the first and second half.
    pub rows: [u64; 2],
    /// Hits.
    pub hits: [u64; 2],
    /// Observed share.
    pub observed: [f64; 2],
    /// 90 % intervals of that; `None` with too few shoppers.
    pub intervals: [Option<Interval>; 2],
    /// Mean prediction.
    pub predicted: [f64; 2],
    /// Second less first.
    pub change: f64,
    /// Its 90 % interval.
    pub interval: Interval,
    /// Probability of a change at least this large by chance alone.
    pub chance: f64,
    /// Whether it is more than chance, all compared items considered.
    pub stands_out: bool,
    /// What the features added to the prediction's change, the largest first.
    pub parts: Vec<Part>,
    /// What all other features added.
    pub other: f64,
    /// Observed change less predicted change.
    pub unexplained: f64,
    /// Its 90 % interval.
    pub unexplained_interval: Interval,
}

/// What moved.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Movers {
    /// How many changes were looked at.
    pub compared: usize,
    /// How many are more than chance.
    pub standing_out: usize,
    /// Where the second half begins, milliseconds since 1970-01-01 UTC.
    pub middle: Option<i64>,
    /// Those that are more than chance, the largest change first; if none is, the three that came nearest to it.
    pub told: Vec<Mover>,
}

/// One item, one head, one half.
#[derive(Debug, Clone, Default)]
pub(crate) struct Half {
    observed: Groups,
    predicted: f64,
    parts: Vec<f64>,
}

/// What parts are counted from: the mean of a sample, and the probability there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Reference {
    parts: Vec<f64>,
    rows: f64,
}

impl Reference {
    /// Takes a row of the sample in.
    pub(crate) fn add(&mut self, parts: &[f32]) {
        self.parts.resize(parts.len(), 0.0);
        self.rows += 1.0;
        for (mean, part) in self.parts.iter_mut().zip(parts) {
            *mean += (f64::from(*part) - *mean) / self.rows;
        }
    }
}

impl Half {
    /// `parts` are shares of the calibrated logit and sum to it. Each is counted by what it adds to the probability on the
    /// straight line from the reference to the row, so that the parts sum to the prediction's difference from the
    /// reference exactly (the rescale rule of Shrikumar, Greenside and Kundaje, "Learning important features through
    /// propagating activation differences", ICML 2017).
    pub(crate) fn add(&mut self, group: usize, hit: bool, predicted: f64, parts: &[f32], from: &Reference) {
        self.observed.add(group, 1.0, f64::from(u8::from(hit)));
        self.predicted += predicted;
        self.parts.resize(parts.len(), 0.0);
        let start: f64 = from.parts.iter().sum();
        let rise = parts.iter().map(|part| f64::from(*part)).sum::<f64>() - start;
        let slope = if rise.abs() < 1e-6 {
            predicted * (1.0 - predicted)
        } else {
            (predicted - logistic(start)) / rise
        };
        for (at, (sum, part)) in self.parts.iter_mut().zip(parts).enumerate() {
            *sum += slope * (f64::from(*part) - from.parts.get(at).copied().unwrap_or(0.0));
        }
    }
}

/// The change of one item; `None` when too few rows, hits or shoppers tell of it.
pub(crate) fn change(key: &str, label: &str, head: &str, halves: &[Half; 2]) -> Option<Mover> {
    let [first, second] = halves;
    let (a, b) = first.observed.rate().zip(second.observed.rate())?;
    let (spread, freedom) = first.observed.paired(&second.observed)?;
    let enough = a.n.min(b.n) >= FEWEST_ROWS
        && freedom + 1.0 >= FEWEST as f64
        && a.hits + b.hits >= FEWEST_HITS
        && (a.n + b.n) - (a.hits + b.hits) >= FEWEST_HITS;
    if !enough {
        return None;
    }
    let pooled = (a.hits + b.hits) / (a.n + b.n);
    // Never surer than independent rows would be.
    let alone = pooled * (1.0 - pooled) * (1.0 / a.n + 1.0 / b.n);
    let error = spread.max(alone).sqrt();
    let change = b.value - a.value;
    let predicted = [first.predicted / a.n, second.predicted / b.n];
    let mut parts: Vec<Part> = first
        .parts
        .iter()
        .zip(&second.parts)
        .enumerate()
        .map(|(feature, (early, late))| Part { feature, change: late / b.n - early / a.n })
        .collect();
    parts.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()).then(a.feature.cmp(&b.feature)));
    parts.truncate(NAMED);
    let expected = predicted[1] - predicted[0];
    let wide = reach(freedom) * error;
    Some(Mover {
        key: key.to_owned(),
        label: label.to_owned(),
        head: head.to_owned(),
        rows: [a.n as u64, b.n as u64],
        hits: [a.hits as u64, b.hits as u64],
        observed: [a.value, b.value],
        intervals: [a.of_rate(), b.of_rate()],
        predicted,
        change,
        interval: Interval::around(change, wide),
        chance: two_sided(change / error, freedom),
        stands_out: false,
        other: expected - parts.iter().map(|part| part.change).sum::<f64>(),
        parts,
        unexplained: change - expected,
        unexplained_interval: Interval::around(change - expected, wide),
    })
}

/// Those to tell of, with the correction for many comparisons.
pub(crate) fn told(mut all: Vec<Mover>, middle: Option<i64>) -> Movers {
    let chances: Vec<f64> = all.iter().map(|mover| mover.chance).collect();
    for (mover, out) in all.iter_mut().zip(stand_out(&chances, FALSE_SHARE)) {
        mover.stands_out = out;
    }
    let compared = all.len();
    let standing_out = all.iter().filter(|mover| mover.stands_out).count();
    if standing_out > 0 {
        all.retain(|mover| mover.stands_out);
        all.sort_by(|a, b| b.change.abs().total_cmp(&a.change.abs()).then_with(|| a.key.cmp(&b.key)));
        all.truncate(TOLD);
    } else {
        all.sort_by(|a, b| a.chance.total_cmp(&b.chance).then_with(|| a.key.cmp(&b.key)));
        all.truncate(3);
    }
    Movers { compared, standing_out, middle, told: all }
}
