//! What a model is worth: discrimination, calibration, decisions at a threshold, order within lists.
//!
//! Labels are shares in [0, 1]: a fractional label of weight w counts as w·y positives and w·(1−y) negatives.

use serde::Serialize;

use crate::split::mix;

/// One scored row of one head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Predicted logit.
    pub logit: f32,
    /// What happened, in [0, 1].
    pub label: f32,
    /// How much the row counts; 0 leaves it out.
    pub weight: f32,
    /// The list the row belongs to.
    pub group: u32,
}

/// The figures of one model for one head.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Metrics {
    /// Rows counted.
    pub rows: usize,
    /// Weighted positives.
    pub positives: f64,
    /// Area under the ROC curve; NaN-free: .5 when a class is missing.
    pub auc: f64,
    /// Mean log loss, nats.
    pub log_loss: f64,
    /// Slope of the labels' logistic regression on the logit; 1 is calibrated.
    pub calibration_slope: f64,
    /// Its intercept; 0 is calibrated.
    pub calibration_intercept: f64,
    /// Expected calibration error, 10 bins of equal weight.
    pub calibration_error: f64,
    /// Average precision.
    pub average_precision: f64,
    /// At the threshold with the best F1.
    pub decision: Decision,
    /// Mean NDCG of the first 10 over lists with a positive; `None` where no list has two rows.
    pub ndcg: Option<f64>,
    /// Mean reciprocal rank of the first positive over the same lists.
    pub reciprocal_rank: Option<f64>,
}

/// Figures at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Decision {
    /// Probability from which a row counts as positive.
    pub threshold: f64,
    /// Share of rows that are right.
    pub accuracy: f64,
    /// Share of positives among those called positive.
    pub precision: f64,
    /// Share of the positives called positive.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

/// All figures of a set of rows. `threshold` is the probability from which a row is called positive; it is to be chosen
/// on other rows, by [`best_threshold`].
#[must_use]
pub fn measure(rows: &[Scored], threshold: f64) -> Metrics {
    let kept: Vec<Scored> = rows.iter().copied().filter(|row| row.weight > 0.0).collect();
    let (calibration_slope, calibration_intercept) = calibration(&kept);
    let lists = lists(&kept, 10);
    Metrics {
        rows: kept.len(),
        positives: kept.iter().map(|row| f64::from(row.weight * row.label)).sum(),
        auc: auc(&kept),
        log_loss: log_loss(&kept),
        calibration_slope,
        calibration_intercept,
        calibration_error: calibration_error(&kept, 10),
        average_precision: average_precision(&kept),
        decision: decide(&kept, threshold),
        ndcg: lists.map(|(ndcg, _)| ndcg),
        reciprocal_rank: lists.map(|(_, rank)| rank),
    }
}

/// Row indices by descending logit, cut into runs of equal logits: weighted (positives, negatives) of each run.
fn runs(rows: &[Scored]) -> Vec<(f32, f64, f64)> {
    let mut order: Vec<&Scored> = rows.iter().collect();
    order.sort_by(|a, b| b.logit.total_cmp(&a.logit));
    let mut runs: Vec<(f32, f64, f64)> = Vec::new();
    for row in order {
        let (weight, label) = (f64::from(row.weight), f64::from(row.label));
        match runs.last_mut() {
            Some(run) if run.0 == row.logit => {
                run.1 += weight * label;
                run.2 += weight * (1.0 - label);
            }
            _ => runs.push((row.logit, weight * label, weight * (1.0 - label))),
        }
    }
    runs
}

/// Probability that a positive scores above a negative, ties counted half (Hanley and McNeil, 1982).
#[must_use]
pub fn auc(rows: &[Scored]) -> f64 {
    let (mut positives, mut negatives, mut pairs) = (0.0, 0.0, 0.0);
    for (_, positive, negative) in runs(rows) {
        pairs += negative * (positives + 0.5 * positive);
        positives += positive;
        negatives += negative;
    }
    let all = positives * negatives;
    if all > 0.0 { pairs / all } else { 0.5 }
}

/// Weighted mean log loss, in nats.
#[must_use]
pub fn log_loss(rows: &[Scored]) -> f64 {
    let (mut loss, mut total) = (0.0, 0.0);
    for row in rows {
        loss += f64::from(row.weight) * cross_entropy(f64::from(row.logit), f64::from(row.label));
        total += f64::from(row.weight);
    }
    if total > 0.0 { loss / total } else { 0.0 }
}

/// −y·ln σ(z) − (1−y)·ln(1−σ(z)), without overflow.
#[must_use]
pub fn cross_entropy(logit: f64, label: f64) -> f64 {
    logit.max(0.0) - logit * label + (-logit.abs()).exp().ln_1p()
}

/// 1 / (1 + e^−x).
#[must_use]
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Slope and intercept of the labels' logistic regression on the logit, by damped Newton steps (Cox, 1958).
///
/// A tiny ridge towards (1, 0) keeps separable and single-class data finite.
#[must_use]
pub fn calibration(rows: &[Scored]) -> (f64, f64) {
    let ridge = 1e-6;
    let objective = |slope: f64, intercept: f64| -> f64 {
        let fit: f64 = rows
            .iter()
            .map(|row| {
                f64::from(row.weight)
                    * cross_entropy(slope * f64::from(row.logit) + intercept, f64::from(row.label))
            })
            .sum();
        fit + 0.5 * ridge * ((slope - 1.0).powi(2) + intercept * intercept)
    };
    let (mut slope, mut intercept) = (1.0, 0.0);
    let mut current = objective(slope, intercept);
    for _ in 0..50 {
        let (mut g1, mut g0) = (ridge * (slope - 1.0), ridge * intercept);
        let (mut h11, mut h10, mut h00) = (ridge, 0.0, ridge);
        for row in rows {
            let (x, weight) = (f64::from(row.logit), f64::from(row.weight));
            let p = logistic(slope * x + intercept);
            let (gradient, curvature) = (weight * (p - f64::from(row.label)), weight * p * (1.0 - p));
            g1 += gradient * x;
            g0 += gradient;
            h11 += curvature * x * x;
            h10 += curvature * x;
            h00 += curvature;
        }
        let determinant = h11 * h00 - h10 * h10;
        if determinant <= 0.0 || !determinant.is_finite() {
            break;
        }
        let (d1, d0) = ((h00 * g1 - h10 * g0) / determinant, (h11 * g0 - h10 * g1) / determinant);
        let mut step = 1.0;
        let next = loop {
            let tried = objective(slope - step * d1, intercept - step * d0);
            if tried <= current || step < 1e-6 {
                break tried;
            }
            step *= 0.5;
        };
        if next > current {
            break;
        }
        slope -= step * d1;
        intercept -= step * d0;
        let gain = current - next;
        current = next;
        if gain < 1e-12 * (1.0 + current.abs()) {
            break;
        }
    }
    (slope, intercept)
}

/// Expected calibration error: mean |rate − mean probability| over bins of equal weight, by rising logit.
#[must_use]
pub fn calibration_error(rows: &[Scored], bins: usize) -> f64 {
    let total: f64 = rows.iter().map(|row| f64::from(row.weight)).sum();
    let mut error = 0.0;
    for bin in mass_bins(rows, bins) {
        let gap: f64 = bin
            .iter()
            .map(|row| f64::from(row.weight) * (f64::from(row.label) - logistic(f64::from(row.logit))))
            .sum();
        error += gap.abs();
    }
    if total > 0.0 { error / total } else { 0.0 }
}

/// Rows by rising logit, cut into at most `bins` pieces of about equal weight.
#[must_use]
pub fn mass_bins(rows: &[Scored], bins: usize) -> Vec<Vec<Scored>> {
    let mut order = rows.to_vec();
    order.sort_by(|a, b| a.logit.total_cmp(&b.logit));
    let total: f64 = order.iter().map(|row| f64::from(row.weight)).sum();
    let mut cut: Vec<Vec<Scored>> = Vec::new();
    let mut seen = 0.0;
    let mut last = usize::MAX;
    for row in order {
        let bin = (((seen + 0.5 * f64::from(row.weight)) / total * bins as f64) as usize)
            .min(bins.saturating_sub(1));
        seen += f64::from(row.weight);
        if bin != last {
            cut.push(Vec::new());
            last = bin;
        }
        if let Some(piece) = cut.last_mut() {
            piece.push(row);
        }
    }
    cut
}

/// Sum over thresholds of (recallₙ − recallₙ₋₁)·precisionₙ, ties taken together.
#[must_use]
pub fn average_precision(rows: &[Scored]) -> f64 {
    let runs = runs(rows);
    let all: f64 = runs.iter().map(|run| run.1).sum();
    let (mut hits, mut called, mut sum) = (0.0, 0.0, 0.0);
    for (_, positive, negative) in runs {
        hits += positive;
        called += positive + negative;
        if called > 0.0 {
            sum += positive * hits / called;
        }
    }
    if all > 0.0 { sum / all } else { 0.0 }
}

/// The probability threshold with the best F1 on these rows. Choose it on another split than the reported one.
#[must_use]
pub fn best_threshold(rows: &[Scored]) -> f64 {
    let runs = runs(rows);
    let all: f64 = runs.iter().map(|run| run.1).sum();
    let (mut hits, mut called) = (0.0, 0.0);
    let (mut best, mut threshold) = (-1.0, 0.5);
    for (logit, positive, negative) in runs {
        hits += positive;
        called += positive + negative;
        let f1 = if all + called > 0.0 { 2.0 * hits / (all + called) } else { 0.0 };
        if f1 > best {
            best = f1;
            threshold = logistic(f64::from(logit));
        }
    }
    threshold
}

/// Accuracy, precision, recall and F1 when probabilities from `threshold` on count as positive.
#[must_use]
pub fn decide(rows: &[Scored], threshold: f64) -> Decision {
    let (mut hit, mut alarm, mut miss, mut rest) = (0.0, 0.0, 0.0, 0.0);
    for row in rows {
        let (positive, negative) =
            (f64::from(row.weight * row.label), f64::from(row.weight * (1.0 - row.label)));
        if logistic(f64::from(row.logit)) >= threshold {
            hit += positive;
            alarm += negative;
        } else {
            miss += positive;
            rest += negative;
        }
    }
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    Decision {
        threshold,
        accuracy: share(hit + rest, hit + alarm + miss + rest),
        precision: share(hit, hit + alarm),
        recall: share(hit, hit + miss),
        f1: share(2.0 * hit, 2.0 * hit + alarm + miss),
    }
}

/// Mean NDCG@k (gain = label, discount 1/log₂(rank + 1): Järvelin and Kekäläinen, 2002) and mean reciprocal rank
/// over lists of at least two rows with a positive label. Ties keep the order of the rows.
#[must_use]
pub fn lists(rows: &[Scored], k: usize) -> Option<(f64, f64)> {
    let mut order: Vec<&Scored> = rows.iter().collect();
    order.sort_by(|a, b| a.group.cmp(&b.group).then(b.logit.total_cmp(&a.logit)));
    let (mut ndcg, mut rank, mut counted) = (0.0, 0.0, 0.0);
    for list in order.chunk_by(|a, b| a.group == b.group) {
        let mut gains: Vec<f64> = list.iter().map(|row| f64::from(row.label)).collect();
        let Some(first) = gains.iter().position(|gain| *gain > 0.0).filter(|_| list.len() > 1) else {
            continue;
        };
        let discounted = |gains: &[f64]| -> f64 {
            gains.iter().take(k).enumerate().map(|(at, gain)| gain / (at as f64 + 2.0).log2()).sum()
        };
        let found = discounted(&gains);
        gains.sort_by(|a, b| b.total_cmp(a));
        ndcg += found / discounted(&gains);
        rank += 1.0 / (first as f64 + 1.0);
        counted += 1.0;
    }
    (counted > 0.0).then(|| (ndcg / counted, rank / counted))
}

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Interval {
    /// On all rows.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Share of the teacher's lift in AUC over a constant that the student keeps, (AUCₛ − ½) / (AUCₜ − ½), with a
/// percentile interval from a seeded bootstrap of whole groups (Efron and Tibshirani, 1993, chapter 13).
///
/// `student` and `teacher` score the same rows in the same order.
#[must_use]
pub fn lift_kept(student: &[Scored], teacher: &[Scored], rounds: usize, seed: u64) -> Interval {
    let ratio = |s: &[Scored], t: &[Scored]| (auc(s) - 0.5) / (auc(t) - 0.5).max(1e-9);
    let value = ratio(student, teacher);
    let mut groups: Vec<u32> = student.iter().map(|row| row.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let places: Vec<usize> =
        student.iter().map(|row| groups.binary_search(&row.group).unwrap_or_default()).collect();
    let mut drawn: Vec<f64> = (0..rounds as u64)
        .map(|round| {
            let mut counts = vec![0_u16; groups.len()];
            for draw in 0..groups.len() as u64 {
                counts[(mix(seed ^ mix(round << 32 | draw)) % groups.len() as u64) as usize] += 1;
            }
            let weigh = |rows: &[Scored]| -> Vec<Scored> {
                rows.iter()
                    .zip(&places)
                    .filter(|(_, place)| counts[**place] > 0)
                    .map(|(row, place)| Scored { weight: row.weight * f32::from(counts[*place]), ..*row })
                    .collect()
            };
            ratio(&weigh(student), &weigh(teacher))
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let at = |share: f64| {
        drawn.get((share * drawn.len().saturating_sub(1) as f64).round() as usize).copied().unwrap_or(value)
    };
    Interval { value, low: at(0.025), high: at(0.975) }
}

#[cfg(test)]
#[path = "metrics_test.rs"]
mod tests;
