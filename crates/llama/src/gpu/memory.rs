//! Which tensor goes where: matrices into few large buffers, cut where a binding cannot be as large; vectors side by side.

use std::collections::BTreeMap;

use super::device::Device;
use super::layout::{Layout, TILE};
use crate::checkpoint::{Part, Role, TensorInfo};
use crate::config::RopePairs;
use crate::{Config, Error, Result};

/// A range of a buffer.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) buffer: wgpu::Buffer,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Place {
    pub(crate) fn whole(buffer: &wgpu::Buffer) -> Self {
        Self { buffer: buffer.clone(), offset: 0, bytes: buffer.size() }
    }

    pub(crate) fn binding(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: self.offset,
            size: std::num::NonZeroU64::new(self.bytes),
        }
    }
}

/// Rows of a matrix that lie together.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    pub(crate) first_row: usize,
    /// These rows.
    pub(crate) layout: Layout,
    /// All rows that lie here: a layer's queries, keys and values lie together where they are stored alike.
    pub(crate) whole: Layout,
    /// Where these rows begin in it.
    pub(crate) first_tile: usize,
    pub(crate) place: Place,
}

/// Where the tensor's rows go.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Matrix(Vec<Shard>),
    /// First number among the vectors.
    Vector(usize),
}

/// Where the vectors of a layer, and the last norm, lie; in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VectorMap {
    hidden: usize,
    query: usize,
    key: usize,
    head: usize,
    layer: usize,
    layers: usize,
}

impl VectorMap {
    pub(crate) fn new(config: &Config) -> Self {
        let hidden = config.hidden.next_multiple_of(8);
        let [query, key, head] = [config.query_width(), config.kv_width(), config.head_dim];
        let layer = (2 * hidden + query + 2 * key + 2 * head).next_multiple_of(64);
        Self { hidden, query, key, head, layer, layers: config.layers }
    }

    /// First number of a part within its layer.
    pub(crate) fn part(&self, part: Part) -> usize {
        let biases = 2 * self.hidden;
        let norms = biases + self.query + 2 * self.key;
        match part {
            Part::FeedForwardNorm => self.hidden,
            Part::QueryBias => biases,
            Part::KeyBias => biases + self.query,
            Part::ValueBias => biases + self.query + self.key,
            Part::QueryNorm => norms,
            Part::KeyNorm => norms + self.head,
            _ => 0,
        }
    }

    pub(crate) fn role(&self, role: Role) -> usize {
        match role {
            Role::Layer(layer, part) => layer * self.layer + self.part(part),
            _ => self.layers * self.layer,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.layers * self.layer + self.hidden
    }

    /// Numbers a layer.
    pub(crate) fn layer_len(&self) -> usize {
        self.layer
    }
}

/// Whether a tensor is one number a row or column.
pub(crate) fn is_vector(role: Role) -> bool {
    use Part::{AttentionNorm, FeedForwardNorm, KeyBias, KeyNorm, QueryBias, QueryNorm, ValueBias};
    match role {
        Role::OutputNorm => true,
        Role::Layer(_, part) => matches!(
            part,
            AttentionNorm | FeedForwardNorm | QueryBias | KeyBias | ValueBias | QueryNorm | KeyNorm
        ),
        Role::Embedding | Role::Output => false,
    }
}

/// Whether a tensor's rows are reordered, so that the rotary embedding turns neighbours: head by head.
pub(crate) fn is_reordered(config: &Config, role: Role) -> bool {
    use Part::{Key, KeyBias, KeyNorm, Query, QueryBias, QueryNorm};
    config.rope_pairs == RopePairs::Halves
        && matches!(role, Role::Layer(_, Query | Key | QueryBias | KeyBias | QueryNorm | KeyNorm))
}

/// Where row `row` of a head goes when halves become neighbours.
pub(crate) fn reordered(row: usize, head_dim: usize) -> usize {
    let half = head_dim / 2;
    if row < half { 2 * row } else { 2 * (row - half) + 1 }
}

/// Bytes that the weights need, and the places of all tensors once they are allocated.
pub(crate) struct Plan {
    /// By tensor.
    cuts: Vec<Vec<Cut>>,
    /// Bytes of each buffer.
    buffers: Vec<u64>,
    largest: u64,
    alignment: u64,
}

/// A shard before it has memory.
struct Cut {
    first_row: usize,
    layout: Layout,
    whole: Layout,
    first_tile: usize,
    buffer: usize,
    offset: u64,
}

const LARGEST_BUFFER: u64 = 1 << 30;

impl Plan {
    pub(crate) fn new(device: &Device, tensors: &[TensorInfo]) -> Result<Self> {
        let limits = device.limits();
        let binding = u64::from(limits.max_storage_buffer_binding_size);
        let largest = limits.max_buffer_size.min(LARGEST_BUFFER.max(binding));
        let alignment = u64::from(limits.min_storage_buffer_offset_alignment.max(16));
        let mut plan = Self { cuts: Vec::new(), buffers: Vec::new(), largest, alignment };
        let mut joined: BTreeMap<usize, (usize, u64)> = BTreeMap::new();
        for tensor in tensors {
            let mut cuts = Vec::new();
            if !is_vector(tensor.role) {
                let layout = Layout::new(tensor.format, tensor.rows, tensor.columns);
                let (whole, first_tile) = joint(tensor, tensors, &layout);
                let tiles = tiles_at_once(tensor, &whole, binding.min(largest))?;
                let mut first_row = 0;
                while first_row < tensor.rows {
                    let layout = layout.with_rows((tiles * TILE).min(tensor.rows - first_row));
                    let (whole, (buffer, offset)) = match tensor.role {
                        Role::Layer(layer, _) if whole.rows > layout.rows => {
                            let place = joined.get(&layer).copied();
                            let place = place.unwrap_or_else(|| plan.place(whole.bytes()));
                            joined.insert(layer, place);
                            (whole.clone(), place)
                        }
                        _ => (layout.clone(), plan.place(layout.bytes())),
                    };
                    let rows = layout.rows;
                    cuts.push(Cut { first_row, layout, whole, first_tile, buffer, offset });
                    first_row += rows;
                }
            }
            plan.cuts.push(cuts);
        }
        Ok(plan)
    }

    /// Finds room: the buffer, and where in it.
    fn place(&mut self, bytes: u64) -> (usize, u64) {
        let bytes = bytes.next_multiple_of(self.alignment);
        if self.buffers.last().is_none_or(|used| used + bytes > self.largest) {
            self.buffers.push(0);
        }
        let buffer = self.buffers.len() - 1;
        let offset = self.buffers[buffer];
        self.buffers[buffer] += bytes;
        (buffer, offset)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.buffers.iter().sum()
    }

    /// Allocates.
    pub(crate) fn targets(
        self,
        device: &Device,
        config: &Config,
        tensors: &[TensorInfo],
    ) -> (Vec<Target>, Vec<wgpu::Buffer>) {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffers: Vec<_> =
            self.buffers.iter().map(|&bytes| device.buffer("weights", bytes, usage)).collect();
        let map = VectorMap::new(config);
        let targets = tensors.iter().zip(self.cuts).map(|(tensor, cuts)| {
            if is_vector(tensor.role) {
                return Target::Vector(map.role(tensor.role));
            }
            let shards = cuts.into_iter().map(|cut| {
                let place = Place {
                    buffer: buffers[cut.buffer].clone(),
                    offset: cut.offset,
                    bytes: cut.whole.bytes(),
                };
                let Cut { first_row, layout, whole, first_tile, .. } = cut;
                Shard { first_row, layout, whole, first_tile, place }
            });
            Target::Matrix(shards.collect())
        });
        (targets.collect(), buffers)
    }
}

/// A layer's queries, keys and values as one matrix, where they are stored alike, and the tile at which a tensor begins in it.
fn joint(tensor: &TensorInfo, tensors: &[TensorInfo], layout: &Layout) -> (Layout, usize) {
    let alone = (layout.clone(), 0);
    let Role::Layer(layer, part) = tensor.role else { return alone };
    let parts = [Part::Query, Part::Key, Part::Value];
    let Some(index) = parts.iter().position(|&one| one == part) else { return alone };
    let rows: Vec<usize> = parts
        .iter()
        .filter_map(|&part| tensors.iter().find(|other| other.role == Role::Layer(layer, part)))
        .filter(|other| other.format == tensor.format)
        .map(|other| other.rows)
        .collect();
    if rows.len() < parts.len() {
        return alone;
    }
    (layout.with_rows(rows.iter().sum()), rows[..index].iter().sum::<usize>() / TILE)
}

/// Tiles of a matrix that one binding holds.
fn tiles_at_once(tensor: &TensorInfo, whole: &Layout, available: u64) -> Result<usize> {
    // Planes are rounded up by at most 16 bytes each.
    let tiles = (available.saturating_sub(64) / (4 * whole.words_of_tile() as u64)) as usize;
    if tiles >= whole.tiles() {
        return Ok(whole.tiles());
    }
    // Shards of the output write into one buffer, whose ranges start at multiples of 256 bytes.
    let tiles = tiles / 16 * 16;
    if tiles == 0 || !matches!(tensor.role, Role::Embedding | Role::Output) {
        return Err(Error::TooLarge { what: format!("{:?}", tensor.role), needed: whole.bytes(), available });
    }
    Ok(tiles)
}
