//! Which tensor goes where: matrices into few large buffers, cut where a binding cannot be as large; vectors side by side.

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
    pub(crate) layout: Layout,
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
    cuts: Vec<Vec<(usize, Layout)>>,
    /// Bytes of each buffer.
    buffers: Vec<u64>,
    /// Buffer and offset of every shard, in order.
    places: Vec<(usize, u64)>,
}

const LARGEST_BUFFER: u64 = 1 << 30;

impl Plan {
    pub(crate) fn new(device: &Device, tensors: &[TensorInfo]) -> Result<Self> {
        let limits = device.limits();
        let binding = u64::from(limits.max_storage_buffer_binding_size);
        let largest = limits.max_buffer_size.min(LARGEST_BUFFER.max(binding));
        let alignment = u64::from(limits.min_storage_buffer_offset_alignment.max(16));
        let mut plan = Self { cuts: Vec::new(), buffers: Vec::new(), places: Vec::new() };
        for tensor in tensors {
            let mut cuts = Vec::new();
            if !is_vector(tensor.role) {
                let layout = Layout::new(tensor.format, tensor.rows, tensor.columns);
                let a_tile = layout.with_rows(TILE).bytes();
                // Planes are rounded up by at most 16 bytes each.
                let tiles = (binding.min(largest).saturating_sub(64) / a_tile) as usize;
                let whole = matches!(tensor.role, Role::Embedding | Role::Output);
                if tiles < 16.min(layout.tiles()) || !whole && tiles < layout.tiles() {
                    let (needed, available) = (layout.bytes(), binding.min(largest));
                    return Err(Error::TooLarge { what: format!("{:?}", tensor.role), needed, available });
                }
                // Shards of the output write into one buffer, whose ranges start at multiples of 256 bytes.
                let tiles = if tiles < layout.tiles() { tiles / 16 * 16 } else { tiles };
                let mut first = 0;
                while first < tensor.rows {
                    let rows = (tiles * TILE).min(tensor.rows - first);
                    cuts.push((first, layout.with_rows(rows)));
                    first += rows;
                }
            }
            for (_, layout) in &cuts {
                plan.place(layout.bytes().next_multiple_of(alignment), largest);
            }
            plan.cuts.push(cuts);
        }
        Ok(plan)
    }

    fn place(&mut self, bytes: u64, largest: u64) {
        if self.buffers.last().is_none_or(|used| used + bytes > largest) {
            self.buffers.push(0);
        }
        let buffer = self.buffers.len() - 1;
        self.places.push((buffer, self.buffers[buffer]));
        self.buffers[buffer] += bytes;
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.buffers.iter().sum()
    }

    /// Allocates.
    pub(crate) fn targets(
        &self,
        device: &Device,
        config: &Config,
        tensors: &[TensorInfo],
    ) -> (Vec<Target>, Vec<wgpu::Buffer>) {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let buffers: Vec<_> =
            self.buffers.iter().map(|&bytes| device.buffer("weights", bytes, usage)).collect();
        let map = VectorMap::new(config);
        let mut places = self.places.iter();
        let targets = tensors.iter().zip(&self.cuts).map(|(tensor, cuts)| {
            if is_vector(tensor.role) {
                return Target::Vector(map.role(tensor.role));
            }
            let shards = cuts.iter().zip(&mut places).map(|((first_row, layout), &(buffer, offset))| Shard {
                first_row: *first_row,
                layout: layout.clone(),
                place: Place { buffer: buffers[buffer].clone(), offset, bytes: layout.bytes() },
            });
            Target::Matrix(shards.collect())
        });
        (targets.collect(), buffers)
    }
}
