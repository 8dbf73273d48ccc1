//! Predicted beside observed, by how much was predicted.

use serde::Serialize;

use crate::cell::Sums;
use crate::interval::Interval;

const FINEST: usize = 140;
const LOWEST: f64 = -11.0;
const WIDTH: f64 = 0.1;
/// How many points are drawn.
const POINTS: f64 = 10.0;

/// Rows with about the same prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    /// Rows.
    pub rows: u64,
    /// Mean prediction.
    pub predicted: f64,
    /// Observed share.
    pub observed: f64,
    /// Its 90 % interval.
    pub interval: Option<Interval>,
}

/// Rows by the logit of their prediction, in fine steps.
#[derive(Debug, Clone)]
pub(crate) struct Calibration {
    fine: Vec<Sums>,
}

impl Calibration {
    pub(crate) fn new() -> Self {
        Self { fine: vec![Sums::default(); FINEST] }
    }

    pub(crate) fn add(&mut self, group: usize, hit: bool, predicted: f64) {
        let logit = (predicted / (1.0 - predicted)).ln();
        let step = ((logit - LOWEST) / WIDTH).clamp(0.0, (FINEST - 1) as f64);
        self.fine[step as usize].add(group, hit, predicted);
    }

    /// About ten bins of about as many rows each.
    pub(crate) fn bins(&self) -> Vec<Bin> {
        let rows: f64 = self.fine.iter().map(|fine| fine.observed.rows()).sum();
        let (mut bins, mut gathered) = (Vec::new(), Sums::default());
        for (step, fine) in self.fine.iter().enumerate() {
            gathered.observed.merge(&fine.observed);
            gathered.predicted += fine.predicted;
            let full = gathered.observed.rows() >= rows / POINTS;
            if full || step + 1 == FINEST {
                let cell = std::mem::take(&mut gathered).cell();
                if let Some((observed, predicted)) = cell.observed.zip(cell.predicted) {
                    bins.push(Bin { rows: cell.rows, predicted, observed, interval: cell.interval });
                }
            }
        }
        bins
    }
}
