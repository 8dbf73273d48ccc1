//! The gradient-boosted teacher, one model per head.
//!
//! forust-ml: perpetual 2.3 asks for an unstable compiler and sizes its work by the machine's free memory.

use forust_ml::metric::Metric;
use forust_ml::{GradientBooster, Matrix};

use crate::split::{Part, mix, uniform};
use crate::table::{FieldKind, Rows, Table, TableError};

/// Most rows trees are grown from.
pub const MAX_ROWS: usize = 600_000;
/// Most rows that decide when to stop.
const MAX_VALID: usize = 200_000;
/// Folds of the target encoding: a row's own fold is left out of what it sees.
const FOLDS: usize = 5;
/// How many rows a symbol's prior weighs.
const STRENGTH: f64 = 20.0;

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Most trees per head.
    pub trees: usize,
    /// Share of each tree's answer that is added.
    pub rate: f32,
    /// Deepest tree.
    pub depth: usize,
    /// Trees without a better validation loss before it stops.
    pub patience: usize,
    /// Seed of the sample and the folds.
    pub seed: u64,
}

impl Default for Growth {
    fn default() -> Self {
        Self { trees: 300, rate: 0.08, depth: 6, patience: 20, seed: 0 }
    }
}

/// Target rates of one head: per field with symbols, per table row, (weight, positives) of each fold.
struct Rates {
    prior: f64,
    fields: Vec<Vec<[(f64, f64); FOLDS]>>,
}

impl Rates {
    /// Log-odds of the mean smoothed rate of a bag's rows, without one fold.
    fn encode(&self, table: &Table, field: usize, cell: u32, without: Option<usize>) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        table.weigh(field, cell, |row, _| {
            let (mut weight, mut positives) = (STRENGTH, STRENGTH * self.prior);
            for (fold, seen) in self.fields[field][row].iter().enumerate() {
                if without != Some(fold) {
                    weight += seen.0;
                    positives += seen.1;
                }
            }
            sum += positives / weight;
            count += 1.0;
        });
        if count == 0.0 {
            return f64::NAN;
        }
        let rate = (sum / count).clamp(1e-6, 1.0 - 1e-6);
        (rate / (1.0 - rate)).ln()
    }
}

struct Head {
    rates: Rates,
    trees: Option<GradientBooster>,
}

/// A boosted model of every head.
pub struct Boosted {
    heads: Vec<Head>,
    /// Rows it was grown from.
    pub rows: usize,
    /// Bytes of its trees and target rates.
    pub bytes: usize,
}

impl Boosted {
    /// Grows trees from a seeded sample of the training part.
    ///
    /// # Errors
    /// [`TableError::Io`]; [`TableError::Boosted`] when the trees cannot be grown.
    pub fn fit(table: &Table, growth: &Growth) -> Result<Self, TableError> {
        let heads = table.layout().heads.len();
        let mut rates = Self::rates(table, growth.seed)?;
        let mut sample = Sample::default();
        let keep = MAX_ROWS as f64 / table.rows_of(Part::Train).max(1) as f64;
        let mut valid = Sample::default();
        let keep_valid = MAX_VALID as f64 / table.rows_of(Part::Valid).max(1) as f64;
        for (part, keep, into) in [(Part::Train, keep, &mut sample), (Part::Valid, keep_valid, &mut valid)] {
            table.scan(part, |rows| {
                into.take(rows, heads, |index| uniform(growth.seed ^ 0x5a, index as u64) < keep);
                Ok(())
            })?;
        }
        let mut bytes = 0;
        let mut grown = Vec::with_capacity(heads);
        for (head, rates) in rates.drain(..).enumerate() {
            let trees = Self::grow(table, growth, head, &rates, &sample, &valid)?;
            if let Some(trees) = &trees {
                bytes += trees.json_dump().map_err(|error| TableError::Boosted(error.to_string()))?.len();
            }
            bytes += rates.fields.iter().map(|rows| 8 * rows.len()).sum::<usize>();
            grown.push(Head { rates, trees });
        }
        Ok(Self { heads: grown, rows: sample.rows.len(), bytes })
    }

    fn grow(
        table: &Table,
        growth: &Growth,
        head: usize,
        rates: &Rates,
        sample: &Sample,
        valid: &Sample,
    ) -> Result<Option<GradientBooster>, TableError> {
        let fields = table.layout().fields.len();
        let (data, labels, weights) = sample.columns(table, head, rates, Some(growth.seed));
        let positives: f64 = labels.iter().zip(&weights).map(|(label, weight)| label * weight).sum();
        let all: f64 = weights.iter().sum();
        if positives < 10.0 || all - positives < 10.0 {
            return Ok(None);
        }
        let (checked, checked_labels, checked_weights) = valid.columns(table, head, rates, None);
        let mut trees = GradientBooster::default()
            .set_iterations(growth.trees)
            .set_learning_rate(growth.rate)
            .set_max_depth(growth.depth)
            .set_nbins(128)
            .set_l2(5.0)
            .set_min_leaf_weight(3.0)
            .set_subsample(1.0)
            .set_seed(growth.seed)
            .set_evaluation_metric(Some(Metric::LogLoss))
            .set_early_stopping_rounds(Some(growth.patience));
        let evaluation = (!checked_labels.is_empty()).then(|| {
            let rows = checked_labels.len();
            vec![(Matrix::new(&checked, rows, fields), &checked_labels[..], &checked_weights[..])]
        });
        trees
            .fit(&Matrix::new(&data, labels.len(), fields), &labels, &weights, evaluation)
            .map_err(|error| TableError::Boosted(error.to_string()))?;
        Ok(Some(trees))
    }

    fn rates(table: &Table, seed: u64) -> Result<Vec<Rates>, TableError> {
        let layout = table.layout();
        let empty = || {
            let rows = |field: &crate::table::FieldLayout| match field.kind {
                FieldKind::Symbols { rows } => vec![[(0.0, 0.0); FOLDS]; rows],
                FieldKind::Number { .. } => Vec::new(),
            };
            Rates { prior: 0.0, fields: layout.fields.iter().map(rows).collect() }
        };
        let mut rates: Vec<Rates> = layout.heads.iter().map(|_| empty()).collect();
        let mut totals = vec![(0.0, 0.0); rates.len()];
        table.scan(Part::Train, |rows| {
            for row in 0..rows.len() {
                let fold = fold(seed, rows.index[row]);
                for (head, rates) in rates.iter_mut().enumerate() {
                    let weight = f64::from(rows.weight(row, head));
                    let positives = weight * f64::from(rows.label(row, head));
                    totals[head].0 += weight;
                    totals[head].1 += positives;
                    for (field, seen) in rates.fields.iter_mut().enumerate() {
                        if !seen.is_empty() {
                            table.weigh(field, rows.cell(row, field), |at, _| {
                                seen[at][fold].0 += weight;
                                seen[at][fold].1 += positives;
                            });
                        }
                    }
                }
            }
            Ok(())
        })?;
        for (rates, (weight, positives)) in rates.iter_mut().zip(totals) {
            rates.prior = (positives + 0.5) / (weight + 1.0);
        }
        Ok(rates)
    }

    /// Logits `[n, H]` of rows in memory, row-major.
    #[must_use]
    pub(crate) fn predict(&self, table: &Table, rows: &Rows) -> Vec<f32> {
        let (fields, heads) = (table.layout().fields.len(), self.heads.len());
        let mut logits = vec![0.0; rows.len() * heads];
        for (index, head) in self.heads.iter().enumerate() {
            let prior = head.rates.prior;
            let found = match &head.trees {
                Some(trees) => {
                    let data = columns(table, &head.rates, rows, &all(rows), None);
                    trees.predict(&Matrix::new(&data, rows.len(), fields), true)
                }
                None => vec![(prior / (1.0 - prior)).ln(); rows.len()],
            };
            for (row, logit) in found.into_iter().enumerate() {
                logits[row * heads + index] = logit as f32;
            }
        }
        logits
    }
}

fn fold(seed: u64, index: usize) -> usize {
    (mix(seed ^ mix(index as u64 ^ 0xf01d)) % FOLDS as u64) as usize
}

fn all(rows: &Rows) -> Vec<usize> {
    (0..rows.len()).collect()
}

/// Column-major features of some rows.
fn columns(table: &Table, rates: &Rates, rows: &Rows, kept: &[usize], seed: Option<u64>) -> Vec<f64> {
    let mut data = Vec::with_capacity(kept.len() * rates.fields.len());
    for (field, layout) in table.layout().fields.iter().enumerate() {
        match layout.kind {
            FieldKind::Number { .. } => {
                data.extend(kept.iter().map(|row| f64::from(f32::from_bits(rows.cell(*row, field)))));
            }
            FieldKind::Symbols { .. } => {
                // A bag's encoding depends on its id and the fold that is left out, so it is computed once for each.
                let mut known = vec![None; table.bags(field).len() * (FOLDS + 1)];
                data.extend(kept.iter().map(|row| {
                    let cell = rows.cell(*row, field);
                    let without = seed.map(|seed| fold(seed, rows.index[*row]));
                    let slot = &mut known[cell as usize * (FOLDS + 1) + without.unwrap_or(FOLDS)];
                    *slot.get_or_insert_with(|| rates.encode(table, field, cell, without))
                }));
            }
        }
    }
    data
}

#[derive(Default)]
struct Sample {
    rows: Rows,
}

impl Sample {
    fn take(&mut self, rows: &Rows, heads: usize, keep: impl Fn(usize) -> bool) {
        for row in 0..rows.len() {
            if keep(rows.index[row]) && (0..heads).any(|head| rows.weight(row, head) > 0.0) {
                self.rows.take(rows, row);
            }
        }
    }

    fn columns(
        &self,
        table: &Table,
        head: usize,
        rates: &Rates,
        seed: Option<u64>,
    ) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let kept: Vec<usize> =
            (0..self.rows.len()).filter(|row| self.rows.weight(*row, head) > 0.0).collect();
        let labels = kept.iter().map(|row| f64::from(self.rows.label(*row, head))).collect();
        let weights = kept.iter().map(|row| f64::from(self.rows.weight(*row, head))).collect();
        (columns(table, rates, &self.rows, &kept, seed), labels, weights)
    }
}
