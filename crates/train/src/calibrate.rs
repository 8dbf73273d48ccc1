//! Platt scaling of a head and its 90 % interval on the logit scale.

use attune::effect::{Head, HeadKind, IntervalKnot};
use serde::Serialize;

use crate::metrics::{Scored, calibration, logistic, mass_bins};

/// Two-sided 90 % quantile of the normal distribution.
const Z: f64 = 1.644_853_626_951_472_2;
/// Most knots of the interval table.
const BINS: usize = 12;
/// Fewest rows of a knot's bin.
const FEWEST: usize = 50;

/// One knot: offsets on the calibrated logit, low at most 0, high at least 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Knot {
    /// Calibrated logit.
    pub logit: f64,
    /// Offset of the lower end.
    pub low: f64,
    /// Offset of the upper end.
    pub high: f64,
}

/// How a head's logit becomes a calibrated one, and how sure it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Platt scaling (Platt, 1999): slope · logit + intercept.
    pub slope: f64,
    /// See `slope`.
    pub intercept: f64,
    /// 90 % interval, sorted by logit.
    pub intervals: Vec<Knot>,
}

impl Calibration {
    /// The head of a bundle.
    #[must_use]
    pub fn head(&self, name: &str, kind: HeadKind) -> Head {
        let knot = |knot: &Knot| IntervalKnot { logit: knot.logit, low: knot.low, high: knot.high };
        Head {
            slope: self.slope,
            intercept: self.intercept,
            intervals: self.intervals.iter().map(knot).collect(),
            ..Head::new(name, kind)
        }
    }

    /// The calibrated logit.
    #[must_use]
    pub fn apply(&self, logit: f32) -> f32 {
        (self.slope * f64::from(logit) + self.intercept) as f32
    }
}

/// Fits a head's scaling, and per bin of equal weight adds the sampling error of the bin's rate (delta method on the
/// logit, smoothed by half a positive and half a negative) and the spread of the teachers' members around the student.
///
/// `members` holds the two teachers' logits of each row.
#[must_use]
pub fn calibrate(rows: &[Scored], members: &[[f32; 2]]) -> Calibration {
    let (mut slope, mut intercept) = calibration(rows);
    // A reversed or exploding scale says that there was nothing to fit it on.
    if !(0.05..=20.0).contains(&slope) || !intercept.is_finite() {
        (slope, intercept) = (1.0, 0.0);
    }
    let mut fitted = Calibration { slope, intercept, intervals: Vec::new() };
    // The group becomes the row's index, so that a bin's rows find their members.
    let scaled: Vec<Scored> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| Scored { logit: fitted.apply(row.logit), group: at as u32, ..*row })
        .collect();
    let bins = (rows.len() / FEWEST).clamp(1, BINS);
    for bin in mass_bins(&scaled, bins) {
        let weight: f64 = bin.iter().map(|row| f64::from(row.weight)).sum();
        let mean = |value: &dyn Fn(&Scored) -> f64| -> f64 {
            bin.iter().map(|row| f64::from(row.weight) * value(row)).sum::<f64>() / weight
        };
        let squares: f64 = bin.iter().map(|row| f64::from(row.weight).powi(2)).sum();
        let count = weight * weight / squares;
        let rate = (count * mean(&|row| logistic(f64::from(row.logit))) + 0.5) / (count + 1.0);
        let sampling = 1.0 / (count * rate * (1.0 - rate));
        let spread = mean(&|row| {
            let members = members.get(row.group as usize).copied().unwrap_or([row.logit; 2]);
            members.iter().map(|other| f64::from(other - row.logit).powi(2)).sum::<f64>() / 2.0
        });
        let half = Z * (sampling + spread).sqrt();
        let logit = mean(&|row| f64::from(row.logit));
        if half.is_finite() && fitted.intervals.last().is_none_or(|knot| knot.logit < logit) {
            fitted.intervals.push(Knot { logit, low: -half, high: half });
        }
    }
    fitted
}
