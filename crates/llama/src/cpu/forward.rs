//! Tokens through the layers.

use super::cache::Place;
use super::input::Input;
use super::kernel::{Attention, Kernels};
use super::matrix::{BLOCK, Matrix, ROWS};
use super::model::Model;
use super::pool::Pool;
use crate::Config;
use crate::config::RopePairs;

/// Memory that every pass uses again.
pub(super) struct Scratch {
    /// The residual stream, `[tokens, hidden]`.
    pub(super) stream: Vec<f32>,
    /// What the next product multiplies with.
    input: Input,
    /// What products give: `[rows / 8, tokens, 8]`.
    panels: Vec<f32>,
    /// One token's queries, keys and values.
    row: Vec<f32>,
    /// `[tokens, heads × head_dim]`
    queries: Vec<f32>,
    /// `[tokens, heads × head_dim]`
    attended: Vec<f32>,
    /// Cosine and sine, `[tokens, head_dim / 2]`.
    turns: Vec<(f32, f32)>,
}

impl Scratch {
    pub(super) fn new(input: Input) -> Self {
        let empty = Vec::new;
        Self {
            stream: empty(),
            input,
            panels: empty(),
            row: empty(),
            queries: empty(),
            attended: empty(),
            turns: Vec::new(),
        }
    }
}

impl Model {
    /// Leaves what the layers make of the tokens in `scratch.stream`, and their keys and values in the cache.
    pub(super) fn forward(&mut self, tokens: &[u32], positions: &[usize], place: Place) {
        let Self { config, weights, cache, kernels, pool, scratch, .. } = self;
        let (kernels, count, hidden) = (*kernels, tokens.len(), config.hidden);
        let Scratch { stream, input, panels, row, queries, attended, turns } = scratch;
        stream.resize(count * hidden, 0.0);
        for (&token, out) in tokens.iter().zip(stream.chunks_exact_mut(hidden)) {
            weights.embedding.row(token as usize, out);
        }
        turn_by(config, positions, turns);
        let (query_width, kv_width, head) = (config.query_width(), config.kv_width(), config.head_dim);
        queries.resize(count * query_width, 0.0);
        attended.resize(count * query_width, 0.0);
        row.resize(query_width + 2 * kv_width, 0.0);
        for (number, layer) in weights.layers.iter().enumerate() {
            normalise(kernels, pool, stream, &layer.attention_norm, config.norm_epsilon, input);
            let matrices = [&layer.query, &layer.key, &layer.value];
            multiply(kernels, pool, &matrices, input, panels);
            let [query_groups, key_groups, _] = matrices.map(Matrix::groups);
            for token in 0..count {
                let (query, rest) = row.split_at_mut(query_width);
                let (key, value) = rest.split_at_mut(kv_width);
                gather(panels, 0, count, token, query);
                gather(panels, query_groups, count, token, key);
                gather(panels, query_groups + key_groups, count, token, value);
                add(query, layer.query_bias.as_deref());
                add(key, layer.key_bias.as_deref());
                add(value, layer.value_bias.as_deref());
                let turns = &turns[token * head / 2..][..head / 2];
                for (vectors, norm) in [(&mut *query, &layer.query_norm), (&mut *key, &layer.key_norm)] {
                    for vector in vectors.chunks_exact_mut(head) {
                        if let Some(norm) = norm {
                            let copy = vector.to_vec();
                            kernels.normalise(&copy, norm, config.norm_epsilon, vector);
                        }
                        turn(vector, turns, config.rope_pairs);
                    }
                }
                cache.append(place, token, number, key, value);
                queries[token * query_width..][..query_width].copy_from_slice(query);
            }
            let shares = config.heads / config.kv_heads;
            let (cache, queries) = (&*cache, &*queries);
            pool.parts(attended, head, &|at, out| {
                let (token, of_query) = (at / config.heads, at % config.heads);
                let lane = if place == Place::Lanes { token } else { 0 };
                let attention = Attention {
                    query: &queries[at * head..][..head],
                    pieces: cache.lane(lane, number, positions[token] + 1),
                    stride: kv_width,
                    offset: of_query / shares * head,
                };
                kernels.attend(&attention, out);
            });
            input.shape(count, query_width);
            input.values.copy_from_slice(attended);
            prepare(kernels, pool, input);
            multiply(kernels, pool, &[&layer.attention_output], input, panels);
            add_panels(stream, panels, count, hidden);

            normalise(kernels, pool, stream, &layer.feed_forward_norm, config.norm_epsilon, input);
            multiply(kernels, pool, &[&layer.gate, &layer.up], input, panels);
            let (gate, up) = panels.split_at_mut(layer.gate.groups() * count * ROWS);
            let part = if count == 1 { gate.len() } else { gate.len().div_ceil(32) };
            pool.parts(gate, part, &|at, gate| kernels.gate(gate, &up[at * part..][..gate.len()]));
            let feed_forward = config.feed_forward;
            input.shape(count, feed_forward);
            let gate = &*gate;
            pool.parts(&mut input.values, feed_forward, &|token, out| gather(gate, 0, count, token, out));
            prepare(kernels, pool, input);
            multiply(kernels, pool, &[&layer.down], input, panels);
            add_panels(stream, panels, count, hidden);
        }
    }

    /// Logits after `ends` `[tokens, hidden]`, in panels `[vocab / 8, tokens, 8]`.
    pub(super) fn output(&mut self, ends: &[f32]) -> &[f32] {
        let Self { config, weights, kernels, pool, scratch, .. } = self;
        let output = weights.output.as_ref().unwrap_or(&weights.embedding);
        let Scratch { input, panels, .. } = scratch;
        normalise(*kernels, pool, ends, &weights.output_norm, config.norm_epsilon, input);
        multiply(*kernels, pool, &[output], input, panels);
        panels
    }
}

/// Normalised tokens of the stream as the next input.
fn normalise(
    kernels: Kernels,
    pool: &mut Pool,
    stream: &[f32],
    norm: &[f32],
    epsilon: f32,
    input: &mut Input,
) {
    let hidden = norm.len();
    input.shape(stream.len() / hidden, hidden);
    pool.parts(&mut input.values, hidden, &|token, out| {
        kernels.normalise(&stream[token * hidden..][..hidden], norm, epsilon, out);
    });
    prepare(kernels, pool, input);
}

/// What the kernels need beside the numbers.
fn prepare(kernels: Kernels, pool: &mut Pool, input: &mut Input) {
    let (columns, blocks) = (input.columns, input.columns / BLOCK);
    let values = &input.values;
    let of = |token: usize| &values[token * columns..][..columns];
    if input.fast {
        pool.parts(&mut input.eighths, blocks, &|token, out| kernels.to_eighths(of(token), out));
    } else {
        pool.parts(&mut input.sums, blocks, &|token, out| kernels.sum_up(of(token), out));
    }
}

/// The rows of all matrices, one after the other, times every token; each matrix' rows are filled up to a multiple of eight.
fn multiply(kernels: Kernels, pool: &mut Pool, matrices: &[&Matrix], input: &Input, panels: &mut Vec<f32>) {
    let groups: usize = matrices.iter().map(|matrix| matrix.groups()).sum();
    let size = input.tokens * ROWS;
    panels.resize(groups * size, 0.0);
    let at_once = groups.div_ceil(pool.tasks(groups));
    pool.parts(panels, at_once * size, &|part, mut out| {
        let (mut first, mut left) = (part * at_once, out.len() / size);
        for matrix in matrices {
            if first >= matrix.groups() {
                first -= matrix.groups();
                continue;
            }
            let here = left.min(matrix.groups() - first);
            let (mine, rest) = out.split_at_mut(here * size);
            kernels.multiply(matrix, first..first + here, input, mine);
            (out, left, first) = (rest, left - here, 0);
            if left == 0 {
                return;
            }
        }
    });
}

/// One token's numbers out of panels, from a group of eight rows on.
fn gather(panels: &[f32], first: usize, tokens: usize, token: usize, out: &mut [f32]) {
    let panels = panels[first * tokens * ROWS..].chunks_exact(tokens * ROWS);
    for (out, panel) in out.chunks_mut(ROWS).zip(panels) {
        out.copy_from_slice(&panel[token * ROWS..][..out.len()]);
    }
}

fn add_panels(stream: &mut [f32], panels: &[f32], tokens: usize, hidden: usize) {
    for (token, stream) in stream.chunks_exact_mut(hidden).enumerate() {
        for (stream, panel) in stream.chunks_mut(ROWS).zip(panels.chunks_exact(tokens * ROWS)) {
            add(stream, Some(&panel[token * ROWS..]));
        }
    }
}

fn add(to: &mut [f32], values: Option<&[f32]>) {
    for (to, value) in to.iter_mut().zip(values.unwrap_or_default()) {
        *to += value;
    }
}

/// By what each pair of dimensions turns at each position.
fn turn_by(config: &Config, positions: &[usize], turns: &mut Vec<(f32, f32)>) {
    let frequencies = config.rope_frequencies();
    turns.clear();
    for &position in positions {
        turns.extend(frequencies.iter().map(|&frequency| {
            let (sine, cosine) = (position as f64 * f64::from(frequency)).sin_cos();
            (cosine as f32, sine as f32)
        }));
    }
}

/// The rotary embedding of one head (Su et al. 2021, RoFormer).
fn turn(vector: &mut [f32], turns: &[(f32, f32)], pairs: RopePairs) {
    let half = turns.len();
    for (at, &(cosine, sine)) in turns.iter().enumerate() {
        let (first, second) = match pairs {
            RopePairs::Interleaved => (2 * at, 2 * at + 1),
            RopePairs::Halves => (at, at + half),
        };
        let (a, b) = (vector[first], vector[second]);
        (vector[first], vector[second]) = (a * cosine - b * sine, a * sine + b * cosine);
    }
}
