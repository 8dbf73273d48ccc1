//! What a text model is worth on copy of later weeks.

use std::collections::BTreeMap;

use attune_text::TextModel;
use serde::Serialize;

use super::arms::{Arm, Pair, contests, pairs};
use super::calibrate::{gain, slope};
use crate::metrics::Interval;
use crate::split::mix;

/// |z| from which a pair's winner is told apart from chance, two-sided at 5 %.
pub const SIGNIFICANT: f64 = 1.96;
const ROUNDS: u64 = 1_000;

/// Figures of a model, with 95 % percentile intervals from a bootstrap of whole tests (Efron and Tibshirani, 1993,
/// chapter 13).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Tests measured on.
    pub tests: usize,
    /// Their arms.
    pub arms: usize,
    /// Same-image pairs whose winner is significant.
    pub pairs: usize,
    /// Share of these whose winner the model names.
    pub winners: Interval,
    /// The same for "the longer headline wins", in characters.
    pub longer: Interval,
    /// How much better the model names winners than that.
    pub lead: Interval,
    /// The same for the model with style features alone.
    pub style_only: Interval,
    /// Log loss of which arm of its contest a click went to, in nats a click: all arms alike.
    pub constant_log_loss: f64,
    /// The model's.
    pub log_loss: f64,
    /// How much less that is than the constant's.
    pub log_loss_gain: Interval,
    /// Slope of the clicks on the predicted log-odds, within contests; 1 is calibrated.
    pub calibration_slope: Interval,
    /// Share of same-image pairs whose observed difference is in the 90 % interval with sampling error.
    pub coverage: Interval,
}

/// Measures `model` on the arms `among`; `style` scores them by style alone.
#[must_use]
pub fn measure(arms: &[Arm], among: &[usize], model: &TextModel, style: &[f64], seed: u64) -> Figures {
    let mut scores = vec![0.0; arms.len()];
    let mut halves = vec![0.0; arms.len()];
    for at in among {
        let effect = model.predict(&arms[*at].text).log_odds;
        (scores[*at], halves[*at]) = (effect.value, effect.high - effect.value);
    }
    let mut length = vec![0.0; arms.len()];
    among.iter().for_each(|at| length[*at] = arms[*at].text.chars().count() as f64);
    let mut tests: BTreeMap<u32, Test> = BTreeMap::new();
    for pair in pairs(arms, among) {
        let test = tests.entry(arms[pair.first].test).or_default();
        let (a, b) = (&arms[pair.first], &arms[pair.second]);
        if pair.z.abs() > SIGNIFICANT {
            test.pairs += 1.0;
            test.winners += right(&pair, &scores);
            test.longer += right(&pair, &length);
            test.style += right(&pair, style);
        }
        let error = a.log_odds() - b.log_odds() - (scores[pair.first] - scores[pair.second]);
        let half = halves[pair.first].powi(2) + halves[pair.second].powi(2);
        let half = (half + attune_text::Z90.powi(2) * (a.variance() + b.variance())).sqrt();
        test.weight += pair.weight;
        test.covered += if error.abs() <= half { pair.weight } else { 0.0 };
    }
    let mut log_loss = 0.0;
    for contest in contests(arms, among, |arm| arm.image) {
        let test = tests.entry(arms[contest[0]].test).or_default();
        let (gained, clicks) = gain(arms, &contest, &scores);
        log_loss += self::entropy(arms, &contest);
        (test.gain, test.clicks) = (test.gain + gained, test.clicks + clicks);
        test.contests.push(contest);
    }
    let tests: Vec<Test> = tests.into_values().collect();
    let share = |part: fn(&Test) -> f64, whole: fn(&Test) -> f64| {
        bootstrap(&tests, seed, |drawn| {
            let sum = |of: fn(&Test) -> f64| drawn.iter().map(|test| of(test)).sum::<f64>();
            sum(part) / sum(whole).max(f64::MIN_POSITIVE)
        })
    };
    let log_loss_gain = share(|test| test.gain, |test| test.clicks);
    let clicks: f64 = tests.iter().map(|test| test.clicks).sum();
    let constant_log_loss = log_loss / clicks.max(1.0);
    Figures {
        tests: tests.len(),
        arms: tests.iter().flat_map(|test| &test.contests).map(Vec::len).sum(),
        pairs: tests.iter().map(|test| test.pairs).sum::<f64>() as usize,
        winners: share(|test| test.winners, |test| test.pairs),
        longer: share(|test| test.longer, |test| test.pairs),
        lead: share(|test| test.winners - test.longer, |test| test.pairs),
        style_only: share(|test| test.style, |test| test.pairs),
        constant_log_loss,
        log_loss: constant_log_loss - log_loss_gain.value,
        log_loss_gain,
        calibration_slope: bootstrap(&tests, seed, |drawn| {
            let contests: Vec<Vec<usize>> = drawn.iter().flat_map(|test| test.contests.clone()).collect();
            slope(arms, &contests, &scores, 0.0)
        }),
        coverage: share(|test| test.covered, |test| test.weight),
    }
}

/// Share of significant pairs whose winner these scores name.
#[must_use]
pub fn winners(arms: &[Arm], among: &[usize], scores: &[f64]) -> (f64, usize) {
    let told: Vec<f64> = pairs(arms, among)
        .iter()
        .filter(|pair| pair.z.abs() > SIGNIFICANT)
        .map(|pair| right(pair, scores))
        .collect();
    (told.iter().sum::<f64>() / told.len().max(1) as f64, told.len())
}

#[derive(Default)]
struct Test {
    pairs: f64,
    winners: f64,
    longer: f64,
    style: f64,
    weight: f64,
    covered: f64,
    gain: f64,
    clicks: f64,
    contests: Vec<Vec<usize>>,
}

/// 1 when the scores name the pair's winner, ½ when they are alike.
fn right(pair: &Pair, scores: &[f64]) -> f64 {
    let lead = (scores[pair.first] - scores[pair.second]) * pair.z;
    if lead == 0.0 { 0.5 } else { f64::from(u8::from(lead > 0.0)) }
}

/// Minus the log-likelihood of a contest's clicks when its arms are alike.
fn entropy(arms: &[Arm], contest: &[usize]) -> f64 {
    let shown: f64 = contest.iter().map(|at| arms[*at].impressions).sum();
    contest.iter().map(|at| -arms[*at].clicks * (arms[*at].impressions / shown).ln()).sum()
}

fn bootstrap(tests: &[Test], seed: u64, figure: impl Fn(&[&Test]) -> f64) -> Interval {
    let value = figure(&tests.iter().collect::<Vec<_>>());
    let mut drawn: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            let draw = |at: u64| (mix(seed ^ mix(round << 32 | at)) % tests.len() as u64) as usize;
            figure(&(0..tests.len() as u64).map(|at| &tests[draw(at)]).collect::<Vec<_>>())
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * drawn.len().saturating_sub(1) as f64).round() as usize;
        drawn.get(index).copied().unwrap_or(value)
    };
    Interval { value, low: at(0.025), high: at(0.975) }
}
