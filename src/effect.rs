//! From logits to calibrated effects with intervals, and what each feature added.

use serde::{Deserialize, Serialize};

use crate::decision::Effect;

/// What a head predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// Probability of a click on an impression.
    Click,
    /// Probability of a purchase after an impression.
    Conversion,
    /// Probability of coming back.
    Retention,
    /// Mean revenue of an impression.
    Revenue,
    /// Mean time spent, in seconds.
    Dwell,
}

impl HeadKind {
    /// Whether the effect is a probability (logistic link) or a mean (log link).
    #[must_use]
    pub fn is_probability(self) -> bool {
        matches!(self, Self::Click | Self::Conversion | Self::Retention)
    }
}

/// One knot of the interval table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IntervalKnot {
    /// Calibrated logit.
    pub logit: f64,
    /// Offset of the interval's lower end on the logit scale, at most 0.
    pub low: f64,
    /// Offset of the upper end, at least 0.
    pub high: f64,
}

/// One output of the network and how it becomes an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Its name in requests and answers.
    pub name: String,
    /// What it predicts.
    pub kind: HeadKind,
    /// Platt scaling (Platt 1999): calibrated logit = slope · logit + intercept.
    pub slope: f64,
    /// See `slope`.
    pub intercept: f64,
    /// 90 % interval by calibrated logit, piecewise linear, sorted by logit; may be empty.
    #[serde(default)]
    pub intervals: Vec<IntervalKnot>,
}

impl Head {
    /// An uncalibrated head.
    #[must_use]
    pub fn new(name: &str, kind: HeadKind) -> Self {
        Self { name: name.to_owned(), kind, slope: 1.0, intercept: 0.0, intervals: Vec::new() }
    }

    /// The effect of a raw network output.
    #[must_use]
    pub fn effect(&self, logit: f32) -> Effect {
        let calibrated = self.slope * f64::from(logit) + self.intercept;
        let (low, high) = self.offsets(calibrated);
        Effect {
            value: self.scale(calibrated),
            low: self.scale(calibrated + low),
            high: self.scale(calibrated + high),
        }
    }

    fn scale(&self, logit: f64) -> f64 {
        if self.kind.is_probability() { logistic(logit) } else { libm::exp(logit.clamp(-40.0, 40.0)) }
    }

    fn offsets(&self, logit: f64) -> (f64, f64) {
        let knots = &self.intervals;
        let above = knots.partition_point(|knot| knot.logit <= logit);
        match (above.checked_sub(1).and_then(|index| knots.get(index)), knots.get(above)) {
            (Some(a), Some(b)) => {
                let share = (logit - a.logit) / (b.logit - a.logit);
                (a.low + share * (b.low - a.low), a.high + share * (b.high - a.high))
            }
            (Some(knot), None) | (None, Some(knot)) => (knot.low, knot.high),
            (None, None) => (0.0, 0.0),
        }
    }
}

/// 1 / (1 + e^−x), the same in every runtime.
#[must_use]
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_interpolate_and_contain_the_value() {
        let mut head = Head::new("click", HeadKind::Click);
        head.intervals = vec![
            IntervalKnot { logit: -4.0, low: -0.4, high: 0.4 },
            IntervalKnot { logit: -2.0, low: -0.2, high: 0.2 },
        ];
        let effect = head.effect(-3.0);
        assert!((effect.low - logistic(-3.3)).abs() < 1e-12);
        assert!((effect.high - logistic(-2.7)).abs() < 1e-12);
        let outside = head.effect(5.0);
        assert!(outside.low < outside.value && outside.value < outside.high);
    }

    #[test]
    fn revenue_has_a_log_link() {
        let head = Head::new("revenue", HeadKind::Revenue);
        assert!((head.effect(2.0).value - libm::exp(2.0)).abs() < 1e-12);
    }
}
