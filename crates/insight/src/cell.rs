//! One figure: an effect as predicted and as observed.

use serde::Serialize;

use crate::groups::Groups;
use crate::interval::{Interval, two_sided};

/// Fewer rows than this, or [`FEWEST_HITS`], tell nothing.
pub(crate) const FEWEST_ROWS: f64 = 30.0;
/// Fewer hits and fewer misses than this, expected and observed, tell nothing.
pub(crate) const FEWEST_HITS: f64 = 10.0;

/// What may be said of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Too few rows, hits or shoppers.
    TooFew,
    /// Prediction and observation agree as well as chance allows for.
    Agrees,
    /// More was observed than predicted, beyond chance.
    Above,
    /// Less was observed than predicted, beyond chance.
    Below,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// Impressions whose outcome is known.
    pub rows: u64,
    /// Clicks, or conversions.
    pub hits: u64,
    /// Their share; `None` without rows.
    pub observed: Option<f64>,
    /// 90 % interval of the observed share; `None` with too few shoppers.
    pub interval: Option<Interval>,
    /// Mean calibrated prediction for exactly these rows.
    pub predicted: Option<f64>,
    /// Whether the prediction lies outside the interval.
    pub outside: bool,
    /// Probability of a difference at least this large when the prediction is right; `None` when too few.
    pub chance: Option<f64>,
    /// What may be said, all comparisons of the report considered.
    pub verdict: Verdict,
}

/// What a cell is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums {
    pub(crate) observed: Groups,
    pub(crate) predicted: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, group: usize, hit: bool, predicted: f64) {
        self.observed.add(group, 1.0, f64::from(u8::from(hit)));
        self.predicted += predicted;
    }

    /// The cell, its verdict open.
    pub(crate) fn cell(&self) -> Cell {
        let Some(rate) = self.observed.rate() else {
            let none = Cell {
                rows: 0,
                hits: 0,
                observed: None,
                interval: None,
                predicted: None,
                outside: false,
                chance: None,
                verdict: Verdict::TooFew,
            };
            return none;
        };
        let expected = self.predicted / rate.n;
        let interval = rate.of_rate();
        let most = |a: f64, b: f64| a.max(b) >= FEWEST_HITS;
        let enough = rate.n >= FEWEST_ROWS
            && rate.is_sure()
            && most(rate.hits, self.predicted)
            && most(rate.n - rate.hits, rate.n - self.predicted);
        // The score test whose inversion Wilson's interval is: below 10 % exactly where the prediction is outside.
        let error = (expected * (1.0 - expected) / rate.effective()).sqrt();
        let chance = enough.then(|| two_sided((rate.value - expected) / error, rate.freedom));
        Cell {
            rows: rate.n as u64,
            hits: rate.hits as u64,
            observed: Some(rate.value),
            interval,
            predicted: Some(expected),
            outside: interval.is_some_and(|interval| !interval.contains(expected)),
            chance,
            verdict: if enough { Verdict::Agrees } else { Verdict::TooFew },
        }
    }
}

impl Cell {
    /// Settles the verdict of a cell whose difference stands out among all of them.
    pub(crate) fn mark(&mut self) {
        if let Some((observed, predicted)) = self.observed.zip(self.predicted) {
            self.verdict = if observed > predicted { Verdict::Above } else { Verdict::Below };
        }
    }
}
