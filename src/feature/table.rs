//! Fitted state of a field: knots, vocabulary or buckets, and smoothed rates.

use std::collections::BTreeMap;

use super::FieldValue;
use super::vocabulary::Vocabulary;

/// How one field's values become rows of its embedding table. Row 0 is missing or unknown.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldTable {
    /// A number between two knots takes a share of each neighbour's row (piecewise-linear encoding:
    /// Gorishniy, Rubachev and Babenko, 2022). Sorted, finite, distinct. Row i + 1 is knot i.
    Knots(Vec<f32>),
    /// Known symbols. Several symbols weigh 1/√n each.
    Vocabulary(Vocabulary),
    /// Symbols modulo this many buckets. Row b + 1 is bucket b; several symbols weigh 1/√n each.
    Buckets(u32),
}

impl FieldTable {
    /// Rows of the embedding table.
    #[must_use]
    pub fn rows(&self) -> usize {
        1 + match self {
            Self::Knots(knots) => knots.len(),
            Self::Vocabulary(known) => known.symbols().len(),
            Self::Buckets(buckets) => *buckets as usize,
        }
    }

    /// Calls `row` with each table row the value stands for and its weight. A value that does not fit the
    /// table reads as missing.
    pub fn weigh(&self, value: FieldValue<'_>, mut row: impl FnMut(u32, f32)) {
        match (self, value) {
            (Self::Knots(knots), FieldValue::Number(number)) => {
                let Some((first, last)) = knots.first().zip(knots.last()) else { return row(0, 1.0) };
                if number.is_nan() {
                    row(0, 1.0);
                } else if number <= *first {
                    row(1, 1.0);
                } else if number >= *last {
                    row(knots.len() as u32, 1.0);
                } else {
                    let above = knots.partition_point(|knot| *knot <= number);
                    let (low, high) = (knots[above - 1], knots[above]);
                    let share = (number - low) / (high - low);
                    row(above as u32, 1.0 - share);
                    row(above as u32 + 1, share);
                }
            }
            (Self::Vocabulary(_) | Self::Buckets(_), FieldValue::Symbols([])) => row(0, 1.0),
            (Self::Vocabulary(known), FieldValue::Symbols(symbols)) => {
                let weight = inverse_root(symbols.len());
                for symbol in symbols {
                    row(known.row(*symbol), weight);
                }
            }
            (Self::Buckets(buckets), FieldValue::Symbols(symbols)) => {
                let weight = inverse_root(symbols.len());
                for symbol in symbols {
                    // The high half is mixed best in FNV-1a.
                    row(((symbol >> 32) ^ symbol) as u32 % (*buckets).max(1) + 1, weight);
                }
            }
            _ => row(0, 1.0),
        }
    }
}

fn inverse_root(n: usize) -> f32 {
    if n <= 1 { 1.0 } else { 1.0 / libm::sqrtf(n as f32) }
}

/// Up to `count` knots at evenly spaced quantiles of a sample; fewer where values repeat. NaN is passed over.
#[must_use]
pub fn knots_from_sample(sample: &[f32], count: usize) -> Vec<f32> {
    let mut sorted: Vec<f32> = sample.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let mut knots: Vec<f32> = Vec::with_capacity(count);
    if sorted.is_empty() || count == 0 {
        return knots;
    }
    let last = sorted.len() - 1;
    for index in 0..count {
        knots.push(sorted[last * index / (count - 1).max(1)]);
    }
    knots.dedup();
    knots
}

/// Impressions and hits per key, smoothed towards a prior.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RateTable {
    /// Prior rate.
    pub prior: f64,
    /// How many impressions the prior weighs.
    pub strength: f64,
    /// Key symbol → (impressions, hits).
    pub counts: BTreeMap<u64, (f64, f64)>,
}

impl RateTable {
    /// The smoothed rate of a key as log-odds.
    #[must_use]
    pub fn log_odds(&self, key: u64) -> f32 {
        let (impressions, hits) = self.counts.get(&key).copied().unwrap_or_default();
        let rate = (hits + self.strength * self.prior) / (impressions + self.strength);
        let rate = rate.clamp(1e-6, 1.0 - 1e-6);
        libm::log(rate / (1.0 - rate)) as f32
    }

    /// Counts one impression. Training calls it after a row is observed, so that no row sees its own outcome.
    pub fn count(&mut self, key: u64, hit: f64) {
        let entry = self.counts.entry(key).or_default();
        entry.0 += 1.0;
        entry.1 += hit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: &FieldTable, value: FieldValue<'_>) -> Vec<(u32, f32)> {
        let mut out = Vec::new();
        table.weigh(value, |row, weight| out.push((row, weight)));
        out
    }

    #[test]
    fn numbers_between_knots_share_their_neighbours() {
        let table = FieldTable::Knots(vec![0.0, 1.0, 3.0]);
        assert_eq!(rows(&table, FieldValue::Number(2.0)), [(2, 0.5), (3, 0.5)]);
        assert_eq!(rows(&table, FieldValue::Number(-9.0)), [(1, 1.0)]);
        assert_eq!(rows(&table, FieldValue::Number(f32::INFINITY)), [(3, 1.0)]);
        assert_eq!(rows(&table, FieldValue::Number(f32::NAN)), [(0, 1.0)]);
    }

    #[test]
    fn unknown_symbols_read_as_row_zero() {
        let table = FieldTable::Vocabulary(Vocabulary::new(vec![3, 9]));
        assert_eq!(rows(&table, FieldValue::Symbols(&[9])), [(2, 1.0)]);
        assert_eq!(rows(&table, FieldValue::Symbols(&[4])), [(0, 1.0)]);
        assert_eq!(rows(&table, FieldValue::Symbols(&[])), [(0, 1.0)]);
    }

    #[test]
    fn knots_of_few_values() {
        assert_eq!(knots_from_sample(&[1.0, 1.0, f32::NAN, 2.0], 8), [1.0, 2.0]);
        assert!(knots_from_sample(&[], 8).is_empty());
    }
}
