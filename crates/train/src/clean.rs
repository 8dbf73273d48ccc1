//! Rows that cannot be learnt from are dropped, and every one of them is counted and reported.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::Observation;
use attune::wire::{Fields, Value};

/// What was read, kept and dropped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cleaning {
    /// Lines or table rows read.
    pub read: u64,
    /// Observations kept. One decision line gives several, one row of clicks and impressions two.
    pub kept: u64,
    /// Reason → how many lines, rows or observations were dropped.
    pub dropped: BTreeMap<String, u64>,
    /// Remark → how many were kept all the same.
    pub noted: BTreeMap<String, u64>,
}

impl Cleaning {
    /// Counts one that was dropped.
    pub fn drop_one(&mut self, reason: &str) {
        count(&mut self.dropped, reason, 1);
    }

    /// Counts one that was kept, with a remark.
    pub fn note(&mut self, remark: &str) {
        count(&mut self.noted, remark, 1);
    }

    /// How many were dropped, for all reasons.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Whether an observation can be learnt from; if not, it is counted.
    pub fn accepts(&mut self, row: &Observation) -> bool {
        match fault(row) {
            None => {
                self.kept += 1;
                true
            }
            Some(reason) => {
                self.drop_one(reason);
                false
            }
        }
    }
}

impl fmt::Display for Cleaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} lines read, {} observations kept, {} dropped",
            self.read,
            self.kept,
            self.dropped_total()
        )?;
        for (reason, n) in &self.dropped {
            write!(f, "\n  dropped {n}: {reason}")?;
        }
        for (remark, n) in &self.noted {
            write!(f, "\n  noted {n}: {remark}")?;
        }
        Ok(())
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str, n: u64) {
    if let Some(found) = counts.get_mut(name) {
        *found += n;
    } else {
        counts.insert(name.to_owned(), n);
    }
}

/// Why an observation cannot be learnt from.
fn fault(row: &Observation) -> Option<&'static str> {
    let known = || row.labels.iter().filter(|label| label.known);
    let number = |name: &str| match row.candidate.fields.get(name) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    if row.labels.iter().all(|label| !label.known) {
        Some("no target is known")
    } else if known().any(|label| !label.value.is_finite()) {
        Some("a target is not finite")
    } else if known().any(|label| !(0.0..=1.0).contains(&label.value)) {
        Some("a target is not between 0 and 1")
    } else if row.candidate.id.is_empty() {
        Some("the item has no id")
    } else if !row.weight.is_finite() || row.weight < 0.0 {
        Some("the weight is negative or not finite")
    } else if row.propensity.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
        Some("the propensity is not above 0 and at most 1")
    } else if number("price").is_some_and(|price| price < 0.0) {
        Some("the price is negative")
    } else if not_finite(&row.candidate.fields) || not_finite(&row.view.context) {
        Some("a number is not finite")
    } else {
        None
    }
}

fn not_finite(fields: &Fields) -> bool {
    fields.values().any(|value| matches!(value, Value::Number(number) if !number.is_finite()))
}

/// The weight that makes what a logging policy showed count as if items had been drawn evenly:
/// (1 / eligible) / propensity, clipped (inverse propensity scoring with clipping: Bottou et al.,
/// "Counterfactual reasoning and learning systems", JMLR 14, 2013, section 4.3). Returns the weight and
/// whether it was clipped.
#[must_use]
pub fn propensity_weight(propensity: f64, eligible: usize) -> (f32, bool) {
    const CLIP: f64 = 5.0;
    let weight = 1.0 / (eligible.max(1) as f64 * propensity);
    if !weight.is_finite() {
        return (1.0, true);
    }
    let clipped = weight.clamp(1.0 / CLIP, CLIP);
    (clipped as f32, clipped != weight)
}
