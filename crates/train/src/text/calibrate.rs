//! From scores of copy that a model was not fitted on: their scale, how wide the intervals must be, and the percentiles.

use super::arms::{Arm, Pair, contests, pairs};
use super::fit::contest;
use attune_text::Z90;
use serde::Serialize;

/// How many steps the quantiles are apart.
const STEPS: usize = 100;

/// What a linear model's score means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scale {
    /// Multiplies the score: the slope of the clicks on it, within contests.
    pub slope: f64,
    /// Standard deviation of what the scaled score leaves open.
    pub known_spread: f64,
    /// Standard deviation of copy's effect when nothing is known of it.
    pub unknown_spread: f64,
    /// Quantiles of the scaled scores.
    #[serde(skip)]
    pub quantiles: Vec<f32>,
}

/// Calibrates the scores of the arms `among`, which must not have been fitted on them.
#[must_use]
pub fn calibrate(arms: &[Arm], among: &[usize], scores: &[f64], overdispersion: f64) -> Scale {
    let slope = slope(arms, &contests(arms, among, |arm| arm.image), scores, overdispersion).max(0.0);
    let pairs = pairs(arms, among);
    let unknown_spread = spread(arms, &pairs, |_| 0.0);
    let known_spread = spread(arms, &pairs, |at| slope * scores[at]).min(unknown_spread);
    let mut sorted: Vec<f64> = among.iter().map(|at| slope * scores[*at]).collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let quantiles = (0..=STEPS).map(|step| sorted.get(step * last / STEPS).copied().unwrap_or(0.0) as f32);
    Scale { slope, known_spread, unknown_spread, quantiles: quantiles.collect() }
}

/// The slope at which the conditional likelihood of the clicks is greatest: 1 when the scores are calibrated. Damped
/// Newton steps.
#[must_use]
pub fn slope(arms: &[Arm], contests: &[Vec<usize>], scores: &[f64], overdispersion: f64) -> f64 {
    let mut slope = 1.0_f64;
    for _ in 0..50 {
        let (mut first, mut second) = (0.0, 1e-9);
        for members in contests {
            let (odds, clicks) = odds(arms, members, scores, slope);
            let total: f64 = odds.iter().sum();
            let weight = 1.0 / (1.0 + overdispersion * clicks / members.len() as f64);
            let mean: f64 = members.iter().zip(&odds).map(|(at, e)| scores[*at] * e / total).sum();
            let square: f64 = members.iter().zip(&odds).map(|(at, e)| scores[*at].powi(2) * e / total).sum();
            let seen: f64 = members.iter().map(|at| scores[*at] * arms[*at].clicks).sum();
            first += weight * (seen - clicks * mean);
            second += weight * clicks * (square - mean * mean);
        }
        let step = (first / second).clamp(-1.0, 1.0);
        slope = (slope + step).clamp(-10.0, 10.0);
        if step.abs() < 1e-9 {
            break;
        }
    }
    slope
}

fn odds(arms: &[Arm], members: &[usize], scores: &[f64], slope: f64) -> (Vec<f64>, f64) {
    let odds = members.iter().map(|at| arms[*at].impressions * (slope * scores[*at]).exp()).collect();
    (odds, members.iter().map(|at| arms[*at].clicks).sum())
}

/// The standard deviation of an arm's true log-odds around `score` for which ±[`Z90`] standard deviations, sampling
/// included, hold nine of ten observed differences of pairs: split conformal prediction (Vovk et al., 2005) with the
/// sampling variance known. Each contest counts once.
#[must_use]
pub fn spread(arms: &[Arm], pairs: &[Pair], score: impl Fn(usize) -> f64) -> f64 {
    let errors: Vec<(f64, f64, f64)> = pairs
        .iter()
        .map(|pair| {
            let (a, b) = (&arms[pair.first], &arms[pair.second]);
            let error = a.log_odds() - b.log_odds() - (score(pair.first) - score(pair.second));
            (error.abs(), a.variance() + b.variance(), pair.weight)
        })
        .collect();
    let total: f64 = errors.iter().map(|(_, _, weight)| weight).sum();
    let covered = |spread: f64| -> f64 {
        let inside = errors.iter().filter(|(e, v, _)| *e <= Z90 * (2.0 * spread * spread + v).sqrt());
        inside.map(|(_, _, weight)| weight).sum::<f64>() / total
    };
    let (mut low, mut high) = (0.0, 5.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if covered(middle) < 0.9 { low = middle } else { high = middle }
    }
    high
}

/// What the scores gain over a constant in a contest's log-likelihood, and its clicks.
#[must_use]
pub fn gain(arms: &[Arm], members: &[usize], scores: &[f64]) -> (f64, f64) {
    let counts: Vec<(f64, f64)> =
        members.iter().map(|at| (arms[*at].impressions, arms[*at].clicks)).collect();
    let own: Vec<f64> = members.iter().map(|at| scores[*at]).collect();
    let mut slope = vec![0.0; members.len()];
    let model = contest(&own, &counts, &mut slope);
    let constant = contest(&vec![0.0; members.len()], &counts, &mut slope);
    (constant - model, counts.iter().map(|count| count.1).sum())
}
