//! One family of networks: additive tables alone (the logistic baseline), with a large interaction part (the neural
//! teacher) and with a small one (the student).
//!
//! Gradients are written out: an embedding row is touched by few rows of a batch, and only those are updated (lazy
//! Adam), which a dense automatic differentiation cannot do. Work is cut into a fixed number of shards and their
//! sums are taken in order, so a fit's bytes do not depend on the number of processors.

use std::thread;

use ndarray::{Array2, Axis};

use crate::metrics::{cross_entropy, logistic};
use crate::split::{Part, mix, uniform};
use crate::table::{Rows, Table, TableError};

/// Row shards of a batch, and field shards of the tables.
const SHARDS: usize = 2;
/// Missing or unknown values of a field that are too few to learn from.
const FEWEST_UNSEEN: f32 = 20.0;

/// Widths of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Interaction columns of every field's table (K); 0 leaves the interaction part out.
    pub columns: usize,
    /// Widths of the hidden ReLU layers.
    pub hidden: Vec<usize>,
    /// Share of hidden units dropped while learning.
    pub dropout: f32,
}

impl Shape {
    /// Additive tables only.
    #[must_use]
    pub fn logistic() -> Self {
        Self { columns: 0, hidden: Vec::new(), dropout: 0.0 }
    }

    /// The neural teacher.
    #[must_use]
    pub fn teacher() -> Self {
        Self { columns: 16, hidden: vec![256, 128], dropout: 0.1 }
    }

    /// The network that ships.
    #[must_use]
    pub fn student() -> Self {
        Self { columns: 4, hidden: vec![32, 16], dropout: 0.0 }
    }
}

/// How a network learns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// Adam's first step size; it falls in a straight line to a twentieth.
    pub rate: f32,
    /// Decoupled weight decay per step, as a share of the step size.
    pub decay: f32,
    /// Rows of a batch.
    pub batch: usize,
    /// Most passes over the data.
    pub epochs: usize,
    /// Passes without a better validation loss before it stops.
    pub patience: usize,
    /// Seed of the first weights, the order of the rows and the dropout.
    pub seed: u64,
}

/// How far a fit is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Pass, from 0.
    pub epoch: usize,
    /// Rows learnt in this pass.
    pub rows: usize,
    /// Validation loss of the last whole pass.
    pub loss: Option<f64>,
}

/// A matrix product and a bias.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// `[inputs, outputs]`.
    pub weights: Array2<f32>,
    /// One per output.
    pub bias: Vec<f32>,
}

/// A network: additive·S + MLP(embedding).
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Heads (H).
    pub heads: usize,
    /// Interaction columns (K).
    pub columns: usize,
    /// Per field, row-major `rows × (H + K)`: additive columns, then interaction columns.
    pub tables: Vec<Vec<f32>>,
    /// Hidden layers, then the output layer, whose bias is the network's; a network without columns has only that bias.
    pub layers: Vec<Dense>,
    dropout: f32,
}

/// What a learner is given: rows, and per row and head a target and a weight.
pub(crate) type Learn<'a> = dyn FnMut(&Rows, &[f32], &[f32]) -> Result<(), TableError> + 'a;

struct Pass {
    embedding: Array2<f32>,
    hidden: Vec<Array2<f32>>,
    logits: Array2<f32>,
}

struct Gradient {
    layers: Vec<(Array2<f32>, Vec<f32>)>,
    embedding: Array2<f32>,
    logits: Array2<f32>,
}

impl Network {
    /// A network with seeded first weights; its additive part is zero.
    #[must_use]
    pub fn new(table: &Table, shape: &Shape, seed: u64) -> Self {
        let layout = table.layout();
        let (heads, columns) = (layout.heads.len(), shape.columns);
        let mut drawn = 0_u64;
        let mut draw = |scale: f32| {
            drawn += 1;
            (uniform(seed, drawn) as f32 * 2.0 - 1.0) * scale
        };
        let tables = layout.fields.iter().map(|field| {
            (0..field.rows() * (heads + columns))
                .map(|at| if at % (heads + columns) < heads { 0.0 } else { draw(0.15) })
                .collect()
        });
        let tables: Vec<Vec<f32>> = tables.collect();
        let mut layers = Vec::new();
        let mut width = layout.fields.len() * columns;
        for (index, next) in shape.hidden.iter().chain([&heads]).enumerate() {
            let scale =
                (6.0 / width.max(1) as f32).sqrt() * if index == shape.hidden.len() { 0.1 } else { 1.0 };
            layers.push(Dense {
                weights: Array2::from_shape_simple_fn((width, *next), || draw(scale)),
                bias: vec![0.0; *next],
            });
            width = *next;
        }
        Self { heads, columns, tables, layers, dropout: shape.dropout }
    }

    /// The constant term of each head.
    #[must_use]
    pub fn bias(&self) -> &[f32] {
        self.layers.last().map_or(&[], |layer| &layer.bias)
    }

    /// Takes the additive columns and the bias from another network over the same fields.
    pub fn start_from(&mut self, other: &Self) {
        for (table, from) in self.tables.iter_mut().zip(&other.tables) {
            let rows = table.chunks_mut(self.heads + self.columns);
            for (row, from) in rows.zip(from.chunks(other.heads + other.columns)) {
                row[..self.heads].copy_from_slice(&from[..self.heads]);
            }
        }
        if let Some((layer, from)) = self.layers.last_mut().zip(other.layers.last()) {
            layer.bias.clone_from(&from.bias);
        }
    }

    /// Where the training part has hardly a missing or unknown value, the row that stands for one has learnt nothing.
    /// It is given what the field adds on average, so that an item of which little is known is an average item.
    ///
    /// # Errors
    /// [`TableError::Io`].
    pub(crate) fn fill_unseen(&mut self, table: &Table) -> Result<(), TableError> {
        let width = self.heads + self.columns;
        let mut sums = vec![vec![0.0_f64; width]; self.tables.len()];
        let mut unseen = vec![0.0_f32; self.tables.len()];
        let mut count = 0_usize;
        table.scan(Part::Train, |rows| {
            count += rows.len();
            for row in 0..rows.len() {
                for (field, weights) in self.tables.iter().enumerate() {
                    table.weigh(field, rows.cell(row, field), |at, weight| {
                        if at == 0 {
                            unseen[field] += weight;
                        }
                        let row = &weights[at * width..(at + 1) * width];
                        sums[field].iter_mut().zip(row).for_each(|(sum, w)| *sum += f64::from(weight * w));
                    });
                }
            }
            Ok(())
        })?;
        let fields = self.tables.iter_mut().zip(&sums).zip(unseen);
        for ((weights, sums), _) in fields.filter(|(_, unseen)| *unseen < FEWEST_UNSEEN) {
            weights[..width]
                .iter_mut()
                .zip(sums)
                .for_each(|(w, sum)| *w = (sum / count.max(1) as f64) as f32);
        }
        Ok(())
    }

    /// Bytes of all weights.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let dense: usize = self.layers.iter().map(|layer| layer.weights.len() + layer.bias.len()).sum();
        4 * (dense + self.tables.iter().map(Vec::len).sum::<usize>())
    }

    /// A row's inputs of the exported graph: H additive and F·K interaction numbers.
    #[cfg(test)]
    pub(crate) fn inputs(&self, table: &Table, rows: &Rows, row: usize) -> (Vec<f32>, Vec<f32>) {
        let fields = self.tables.len();
        let mut additive = self.bias().to_vec();
        let mut embedding = vec![0.0; fields * self.columns];
        self.lookup(table, rows, row, &mut embedding, |_, head, value| additive[head] += value);
        (additive, embedding)
    }

    fn lookup(
        &self,
        table: &Table,
        rows: &Rows,
        row: usize,
        embedding: &mut [f32],
        mut additive: impl FnMut(usize, usize, f32),
    ) {
        let width = self.heads + self.columns;
        for (field, weights) in self.tables.iter().enumerate() {
            let into = &mut embedding[field * self.columns..(field + 1) * self.columns];
            table.weigh(field, rows.cell(row, field), |at, weight| {
                let (first, rest) = weights[at * width..(at + 1) * width].split_at(self.heads);
                for (head, value) in first.iter().enumerate() {
                    additive(field, head, weight * value);
                }
                for (sum, value) in into.iter_mut().zip(rest) {
                    *sum += weight * value;
                }
            });
        }
    }

    fn forward(&self, table: &Table, rows: &Rows, from: usize, to: usize, drop: Option<u64>) -> Pass {
        let count = to - from;
        let width = self.tables.len() * self.columns;
        let mut embedding = vec![0.0; count * width];
        let mut logits = Array2::zeros((count, self.heads));
        for row in 0..count {
            let into = &mut embedding[row * width..(row + 1) * width];
            self.lookup(table, rows, from + row, into, |_, head, value| logits[[row, head]] += value);
        }
        let embedding = Array2::from_shape_vec((count, width), embedding).unwrap_or_default();
        let mut hidden: Vec<Array2<f32>> = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let last = index + 1 == self.layers.len();
            let input = hidden.last().unwrap_or(&embedding);
            let mut out = if layer.weights.is_empty() {
                Array2::zeros((count, layer.bias.len()))
            } else {
                input.dot(&layer.weights)
            };
            for mut row in out.axis_iter_mut(Axis(0)) {
                for (value, bias) in row.iter_mut().zip(&layer.bias) {
                    *value += bias;
                }
            }
            if last {
                logits += &out;
            } else {
                out.mapv_inplace(|value| value.max(0.0));
                if let Some(seed) = drop.filter(|_| self.dropout > 0.0) {
                    let keep = 1.0 / (1.0 - self.dropout);
                    let limit = (self.dropout * 65536.0) as u64;
                    let mut bits = 0;
                    for (at, value) in out.iter_mut().enumerate() {
                        if at % 4 == 0 {
                            bits = mix(seed ^ ((index as u64) << 48 | (from as u64) << 24 | at as u64));
                        }
                        *value *= if bits & 0xffff < limit { 0.0 } else { keep };
                        bits >>= 16;
                    }
                }
                hidden.push(out);
            }
        }
        Pass { embedding, hidden, logits }
    }

    fn backward(&self, pass: &Pass, targets: &[f32], weights: &[f32], scale: f32) -> Gradient {
        let mut logits = pass.logits.clone();
        for ((value, target), weight) in logits.iter_mut().zip(targets).zip(weights) {
            *value = weight * scale * (logistic(f64::from(*value)) as f32 - target);
        }
        let keep = 1.0 / (1.0 - self.dropout);
        let mut layers = Vec::new();
        let mut out = logits.clone();
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let input = index.checked_sub(1).map_or(&pass.embedding, |before| &pass.hidden[before]);
            let bias = out.sum_axis(Axis(0)).to_vec();
            if layer.weights.is_empty() {
                layers.push((layer.weights.clone(), bias));
                break;
            }
            layers.push((input.t().dot(&out), bias));
            let mut back = out.dot(&layer.weights.t());
            if index > 0 {
                ndarray::Zip::from(&mut back).and(input).for_each(|value, active| {
                    *value *= if *active > 0.0 { keep } else { 0.0 };
                });
            }
            out = back;
        }
        layers.reverse();
        let embedding = if self.columns == 0 { pass.embedding.clone() } else { out };
        // A product with a transposed matrix may come column-major; rows are sliced below.
        let embedding = embedding.as_standard_layout().into_owned();
        Gradient { layers, embedding, logits }
    }

    /// Logits `[n, H]` of rows in memory, row-major.
    #[must_use]
    pub(crate) fn predict(&self, table: &Table, rows: &Rows) -> Vec<f32> {
        let cuts = cuts(rows.len());
        let shards: Vec<Array2<f32>> = thread::scope(|scope| {
            let spawn = |(from, to): (usize, usize)| {
                scope.spawn(move || self.forward(table, rows, from, to, None).logits)
            };
            let running: Vec<_> = cuts.into_iter().map(spawn).collect();
            running.into_iter().filter_map(|shard| shard.join().ok()).collect()
        });
        shards.into_iter().flat_map(|shard| shard.into_raw_vec_and_offset().0).collect()
    }

    /// Mean validation loss over heads: weighted log loss of each, added.
    ///
    /// # Errors
    /// [`TableError::Io`].
    pub fn loss(&self, table: &Table, part: Part) -> Result<f64, TableError> {
        let mut sums = vec![(0.0, 0.0); self.heads];
        table.scan(part, |rows| {
            for (at, logit) in self.predict(table, rows).into_iter().enumerate() {
                let (row, head) = (at / self.heads, at % self.heads);
                let weight = f64::from(rows.weight(row, head));
                sums[head].0 += weight * cross_entropy(f64::from(logit), f64::from(rows.label(row, head)));
                sums[head].1 += weight;
            }
            Ok(())
        })?;
        Ok(sums.into_iter().map(|(loss, weight)| if weight > 0.0 { loss / weight } else { 0.0 }).sum())
    }

    /// Learns from what `feed` gives in each pass, and keeps the weights with the best validation loss.
    ///
    /// # Errors
    /// Those of `feed` and of reading the table; [`TableError::Empty`] when a loss is not finite.
    pub(crate) fn learn(
        &mut self,
        table: &Table,
        schedule: &Schedule,
        steps_a_pass: usize,
        mut feed: impl FnMut(u64, &mut Learn<'_>) -> Result<(), TableError>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<f64, TableError> {
        let mut adam = Adam::new(self);
        let mut best = (self.loss(table, Part::Valid)?, self.clone());
        let (mut step, mut stale, mut last) = (0_usize, 0, None);
        let steps = (schedule.epochs * steps_a_pass.max(1)) as f32;
        for epoch in 0..schedule.epochs {
            let mut seen = 0;
            feed(mix(schedule.seed ^ epoch as u64), &mut |rows, targets, weights| {
                let share = (step as f32 / steps).min(1.0);
                step += 1;
                let rate = schedule.rate * (1.0 - 0.95 * share);
                self.step(table, rows, targets, weights, &mut adam, rate, schedule, step);
                seen += rows.len();
                progress(Progress { epoch, rows: seen, loss: last });
                Ok(())
            })?;
            let loss = self.loss(table, Part::Valid)?;
            if !loss.is_finite() {
                return Err(TableError::Empty("the loss is not finite: look for extreme weights".to_owned()));
            }
            last = Some(loss);
            progress(Progress { epoch, rows: seen, loss: last });
            if loss < best.0 {
                best = (loss, self.clone());
                stale = 0;
            } else {
                stale += 1;
                if stale >= schedule.patience {
                    break;
                }
            }
        }
        *self = best.1;
        Ok(best.0)
    }

    #[allow(clippy::too_many_arguments)]
    fn step(
        &mut self,
        table: &Table,
        rows: &Rows,
        targets: &[f32],
        weights: &[f32],
        adam: &mut Adam,
        rate: f32,
        schedule: &Schedule,
        step: usize,
    ) {
        let count = rows.len();
        let heads = self.heads;
        let seed = mix(schedule.seed ^ 0xd40b ^ ((step as u64) << 20));
        let cuts = cuts(count);
        let shards: Vec<Gradient> = thread::scope(|scope| {
            let network = &*self;
            let running: Vec<_> = cuts
                .iter()
                .map(|(from, to)| {
                    scope.spawn(move || {
                        let pass = network.forward(table, rows, *from, *to, Some(seed));
                        let (from, to) = (from * heads, to * heads);
                        network.backward(&pass, &targets[from..to], &weights[from..to], 1.0 / count as f32)
                    })
                })
                .collect();
            running.into_iter().filter_map(|shard| shard.join().ok()).collect()
        });
        adam.step += 1;
        let corrected = Corrected::new(adam.step, rate, schedule.decay);
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let mut weights = shards[0].layers[index].0.clone();
            let mut bias = shards[0].layers[index].1.clone();
            for shard in &shards[1..] {
                weights += &shard.layers[index].0;
                bias.iter_mut().zip(&shard.layers[index].1).for_each(|(sum, value)| *sum += value);
            }
            let moments = &mut adam.layers[index];
            let plain = Corrected { decay: 0.0, ..corrected };
            if let (Some(to), Some(from)) = (layer.weights.as_slice_mut(), weights.as_slice()) {
                corrected.update(to, from, &mut moments.0);
            } else {
                let from: Vec<f32> = weights.iter().copied().collect();
                if let Some(to) = layer.weights.as_slice_mut() {
                    corrected.update(to, &from, &mut moments.0);
                }
            }
            plain.update(&mut layer.bias, &bias, &mut moments.1);
        }
        let columns = self.columns;
        let shards = &shards;
        let cuts = &cuts;
        let size = self.tables.len().div_ceil(SHARDS).max(1);
        thread::scope(|scope| {
            let fields = self.tables.chunks_mut(size).zip(adam.tables.chunks_mut(size)).enumerate();
            for (chunk, (tables, states)) in fields {
                scope.spawn(move || {
                    for (at, (weights, state)) in tables.iter_mut().zip(states).enumerate() {
                        let field = chunk * size + at;
                        for (shard, (from, to)) in shards.iter().zip(cuts) {
                            for row in *from..*to {
                                let logits = shard.logits.row(row - from);
                                let embedding = shard.embedding.row(row - from);
                                let slice = embedding.as_slice().unwrap_or_default();
                                let slice = &slice[field * columns..(field + 1) * columns];
                                table.weigh(field, rows.cell(row, field), |to, weight| {
                                    state.add(to, weight, logits.as_slice().unwrap_or_default(), slice);
                                });
                            }
                        }
                        state.update(weights, corrected);
                    }
                });
            }
        });
    }
}

fn cuts(rows: usize) -> Vec<(usize, usize)> {
    (0..SHARDS).map(|shard| (rows * shard / SHARDS, rows * (shard + 1) / SHARDS)).collect()
}

/// First and second moment of each weight.
type Moments = Vec<(f32, f32)>;

/// Adam's state (Kingma and Ba, 2015).
struct Adam {
    step: i32,
    layers: Vec<(Moments, Moments)>,
    tables: Vec<TableState>,
}

impl Adam {
    fn new(network: &Network) -> Self {
        let zero = |count| vec![(0.0, 0.0); count];
        Self {
            step: 0,
            layers: network.layers.iter().map(|l| (zero(l.weights.len()), zero(l.bias.len()))).collect(),
            tables: network
                .tables
                .iter()
                .map(|table| TableState {
                    width: network.heads + network.columns,
                    gradient: vec![0.0; table.len()],
                    moments: zero(table.len()),
                    touched: Vec::new(),
                    is_touched: vec![false; table.len() / (network.heads + network.columns)],
                })
                .collect(),
        }
    }
}

#[derive(Clone, Copy)]
struct Corrected {
    rate: f32,
    decay: f32,
    first: f32,
    second: f32,
}

impl Corrected {
    fn new(step: i32, rate: f32, decay: f32) -> Self {
        Self {
            rate,
            decay,
            first: 1.0 / (1.0 - 0.9_f32.powi(step)),
            second: 1.0 / (1.0 - 0.999_f32.powi(step)),
        }
    }

    fn update(&self, weights: &mut [f32], gradient: &[f32], moments: &mut [(f32, f32)]) {
        for ((weight, gradient), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
            *m += 0.1 * (gradient - *m);
            *v += 0.001 * (gradient * gradient - *v);
            let step = *m * self.first / ((*v * self.second).sqrt() + 1e-8);
            *weight -= self.rate * (step + self.decay * *weight);
        }
    }
}

struct TableState {
    width: usize,
    gradient: Vec<f32>,
    moments: Vec<(f32, f32)>,
    touched: Vec<usize>,
    is_touched: Vec<bool>,
}

impl TableState {
    fn add(&mut self, row: usize, weight: f32, logits: &[f32], embedding: &[f32]) {
        if !self.is_touched[row] {
            self.is_touched[row] = true;
            self.touched.push(row);
        }
        let into = &mut self.gradient[row * self.width..(row + 1) * self.width];
        for (sum, value) in into.iter_mut().zip(logits.iter().chain(embedding)) {
            *sum += weight * value;
        }
    }

    fn update(&mut self, weights: &mut [f32], corrected: Corrected) {
        for row in self.touched.drain(..) {
            let span = row * self.width..(row + 1) * self.width;
            let gradient = &mut self.gradient[span.clone()];
            corrected.update(&mut weights[span.clone()], gradient, &mut self.moments[span]);
            gradient.fill(0.0);
            self.is_touched[row] = false;
        }
    }
}

/// The labels and weights of rows, per row and head.
pub(crate) fn hard(rows: &Rows, heads: usize) -> (Vec<f32>, Vec<f32>) {
    let each = || (0..rows.len()).flat_map(|row| (0..heads).map(move |head| (row, head)));
    (
        each().map(|(row, head)| rows.label(row, head)).collect(),
        each().map(|(row, head)| rows.weight(row, head)).collect(),
    )
}
