//! An effect and its interval.

use serde::{Deserialize, Serialize};

/// A predicted effect, with a 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Effect {
    /// The rate, a share between 0 and 1, of an effect that is a log-odds relative to `base`, itself a log-odds.
    pub(crate) fn rate(self, base: f64) -> Self {
        Self {
            value: logistic(base + self.value),
            low: logistic(base + self.low),
            high: logistic(base + self.high),
        }
    }
}

/// 1 / (1 + e^−x), the same in every runtime.
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}
