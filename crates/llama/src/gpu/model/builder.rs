//! Buffers, and the ops that go over them, for a model's shape.

use crate::checkpoint::{Part, Role};
use crate::gpu::ModelOptions;
use crate::gpu::device::Device;
use crate::gpu::kernel::{self, Cut, ENTRIES, Finish, Kernel, Product, Shape};
use crate::gpu::memory::{Place, Shard, VectorMap};
use crate::{Config, Error, Result};

use super::{DECODING, Op, State, Weights, What, When};

/// What a model needs beside its weights.
pub(super) struct Builder<'a> {
    device: &'a Device,
    weights: &'a Weights,
    shape: &'a Shape,
    pub(super) state: State,
    pub(super) own: Vec<wgpu::Buffer>,
    vectors: wgpu::Buffer,
    rope: wgpu::Buffer,
    pub(super) ops: Vec<Op>,
    pub(super) sampler: (Kernel, wgpu::BindGroupLayout, wgpu::BindGroup),
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        device: &'a Device,
        weights: &'a Weights,
        shape: &'a Shape,
        options: &ModelOptions,
    ) -> Self {
        use wgpu::BufferUsages as Usage;
        let mut own = Vec::new();
        let mut buffer = |label: &str, bytes: usize, usage: Usage| {
            let buffer = device.buffer(label, bytes as u64, usage);
            own.push(buffer.clone());
            buffer
        };
        let rows = options.lanes.next_multiple_of(Cut::new(device).together(options.lanes, false));
        let state = State {
            entries: buffer("entries", 16 * ENTRIES, Usage::UNIFORM | Usage::STORAGE | Usage::COPY_DST),
            settings: buffer("settings", 48 * options.lanes, Usage::STORAGE | Usage::COPY_DST),
            history: buffer(
                "history",
                4 * options.lanes * options.capacity,
                Usage::STORAGE | Usage::COPY_DST | Usage::COPY_SRC,
            ),
            logits: buffer("logits", 16 * rows * shape.vocab_stride, Usage::STORAGE | Usage::COPY_SRC),
            scores: buffer("scores", 16 * options.lanes * shape.vocab_stride, Usage::STORAGE),
            masks: buffer(
                "masks",
                4 * options.lanes * shape.vocab.div_ceil(32),
                Usage::STORAGE | Usage::COPY_DST,
            ),
            read: buffer(
                "read",
                4 * shape.vocab.max(options.lanes * options.capacity),
                Usage::MAP_READ | Usage::COPY_DST,
            ),
        };
        let vectors = buffer("vectors", 4 * weights.vectors.len(), Usage::STORAGE | Usage::COPY_DST);
        device.queue.write_buffer(&vectors, 0, bytemuck::cast_slice(&weights.vectors));
        let turns = rope(&weights.config, options.capacity);
        let rope = buffer("rope", 4 * turns.len(), Usage::STORAGE | Usage::COPY_DST);
        device.queue.write_buffer(&rope, 0, bytemuck::cast_slice(&turns));
        let kernel = kernel::sample(shape, &Cut::new(device));
        let layout = device.layout(&kernel.source.bindings);
        let bound =
            [&state.logits, &state.entries, &state.history, &state.settings, &state.scores, &state.masks];
        let places = bound.map(Place::whole);
        let group = device.bind(&layout, &places.each_ref().map(Place::binding));
        let sampler = (kernel, layout, group);
        Self { device, weights, shape, state, own, vectors, rope, ops: Vec::new(), sampler }
    }

    fn buffer(&mut self, label: &str, bytes: usize) -> Place {
        let buffer = self.device.buffer(
            label,
            bytes as u64,
            wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
        );
        self.own.push(buffer.clone());
        Place::whole(&buffer)
    }

    fn push(&mut self, when: When, what: What, places: &[&Place]) {
        let bindings = match &what {
            What::Product(product) => product.kernel(self.shape, &Cut::new(self.device), 1).source.bindings,
            What::Fixed(kernel, _) => kernel.source.bindings.clone(),
        };
        let layout = self.device.layout(&bindings);
        let bound: Vec<_> = places.iter().map(|place| place.binding()).collect();
        let group = self.device.bind(&layout, &bound);
        self.ops.push(Op { what, when, layout, group });
    }

    pub(super) fn build(&mut self) -> Result<()> {
        let (weights, shape) = (self.weights, self.shape);
        let config = &weights.config;
        let map = VectorMap::new(config);
        let number = if shape.half { 2 } else { 4 };
        let hidden = self.buffer("hidden", 16 * ENTRIES * shape.hidden_stride);
        let query = self.buffer("query", 16 * ENTRIES * shape.query_stride);
        let attended = self.buffer("attended", 16 * ENTRIES * shape.query_stride);
        let split = Cut::new(self.device).split(shape);
        let most = split.map_or(0, |split| split.most);
        let parts = self.buffer("attended in parts", 16 * DECODING * most * shape.query_stride);
        let weighed = self.buffer("weights of the parts", 8 * DECODING * most * shape.heads);
        let raw_stride = (config.query_width() + 2 * config.kv_width()).next_multiple_of(64) / 4;
        let raw = self.buffer("heads", if config.qk_norm { 16 * ENTRIES * raw_stride } else { 0 });
        let gate = self.buffer("gate", 16 * ENTRIES * shape.gate_stride);
        let entries = Place::whole(&self.state.entries);
        let rope = Place::whole(&self.rope);
        let logits = Place::whole(&self.state.logits);
        for shard in weights.shards(Role::Embedding)? {
            let kernel = kernel::embed(&shard.layout, shard.first_row, shape);
            self.push(When::Always, What::Fixed(kernel, None), &[&shard.place, &hidden, &entries]);
        }
        for layer in 0..config.layers {
            let part = |part| -> Result<&Shard> {
                weights
                    .shards(Role::Layer(layer, part))?
                    .first()
                    .ok_or_else(|| Error::Malformed("no rows".into()))
            };
            let cache = self.buffer("cache", 2 * number * shape.slots * config.kv_width());
            let vectors = Place {
                buffer: self.vectors.clone(),
                offset: 4 * (layer * map.layer_len()) as u64,
                bytes: 4 * map.layer_len() as u64,
            };
            let [q, k, v] = [part(Part::Query)?, part(Part::Key)?, part(Part::Value)?];
            let together = q.whole.rows > q.layout.rows;
            let stored = if together { vec![q] } else { vec![q, k, v] };
            let bias = config.qkv_bias.then(|| map.part(Part::QueryBias) / 4);
            let heads = Finish::Heads { tiles: [q.layout.tiles(), k.layout.tiles()], bias };
            let product = Product {
                label: "query, key, value",
                matrices: stored.iter().map(|shard| shard.whole.clone()).collect(),
                gain: Some(map.part(Part::AttentionNorm) / 4),
                finish: if config.qk_norm { Finish::Store } else { heads },
                stride_in: shape.hidden_stride,
                stride_out: if config.qk_norm { raw_stride } else { shape.query_stride },
                split: None,
            };
            let mut places: Vec<&Place> = stored.iter().map(|shard| &shard.place).collect();
            if config.qk_norm {
                places.extend([&hidden, &raw, &vectors]);
                self.push(When::Always, What::Product(product), &places);
                let norms = [map.part(Part::QueryNorm) / 4, map.part(Part::KeyNorm) / 4];
                let what = What::Fixed(kernel::turn(shape, raw_stride, norms, bias), None);
                self.push(When::Always, what, &[&raw, &query, &vectors, &rope, &cache, &entries]);
            } else {
                places.extend([&hidden, &query, &vectors, &rope, &cache, &entries]);
                self.push(When::Always, What::Product(product), &places);
            }
            let whole = kernel::attention(shape, &Cut::new(self.device), None);
            let always = if split.is_some() { When::Beginning } else { When::Always };
            self.push(always, What::Fixed(whole, None), &[&query, &attended, &cache, &entries]);
            let output = part(Part::AttentionOutput)?;
            let product = Product {
                label: "attention output",
                matrices: vec![output.layout.clone()],
                gain: None,
                finish: Finish::Add,
                stride_in: shape.query_stride,
                stride_out: shape.hidden_stride,
                split: None,
            };
            let in_parts = Product { split, ..product.clone() };
            self.push(always, What::Product(product), &[&output.place, &attended, &hidden]);
            if let Some(split) = split {
                let kernel = kernel::attention(shape, &Cut::new(self.device), Some(split));
                let what = What::Fixed(kernel, Some(split.span));
                self.push(When::Decoding, what, &[&query, &parts, &cache, &entries, &weighed]);
                let places = [&output.place, &parts, &hidden, &weighed, &entries];
                self.push(When::Decoding, What::Product(in_parts), &places);
            }
            let [g, u] = [part(Part::Gate)?, part(Part::Up)?];
            let product = Product {
                label: "gate, up",
                matrices: [g, u].map(|shard| shard.layout.clone()).to_vec(),
                gain: Some(map.part(Part::FeedForwardNorm) / 4),
                finish: Finish::SwiGlu,
                stride_in: shape.hidden_stride,
                stride_out: shape.gate_stride,
                split: None,
            };
            self.push(When::Always, What::Product(product), &[&g.place, &u.place, &hidden, &gate, &vectors]);
            let down = part(Part::Down)?;
            let product = Product {
                label: "down",
                matrices: vec![down.layout.clone()],
                gain: None,
                finish: Finish::Add,
                stride_in: shape.gate_stride,
                stride_out: shape.hidden_stride,
                split: None,
            };
            self.push(When::Always, What::Product(product), &[&down.place, &gate, &hidden]);
        }
        let start = 4 * map.role(Role::OutputNorm) as u64;
        let norm = Place { buffer: self.vectors.clone(), offset: start, bytes: self.vectors.size() - start };
        let output = if config.tied { Role::Embedding } else { Role::Output };
        for shard in weights.shards(output)? {
            let product = Product {
                label: "output",
                matrices: vec![shard.layout.clone()],
                gain: Some(0),
                finish: Finish::Store,
                stride_in: shape.hidden_stride,
                stride_out: shape.vocab_stride,
                split: None,
            };
            let first = 4 * shard.first_row as u64;
            let logits = Place { offset: first, bytes: logits.bytes - first, ..logits.clone() };
            self.push(When::Decoding, What::Product(product), &[&shard.place, &hidden, &logits, &norm]);
        }
        Ok(())
    }
}

/// Cosine and sine of every position's pairs, `[capacity, head_dim / 2, 2]`.
fn rope(config: &Config, capacity: usize) -> Vec<f32> {
    let frequencies = config.rope_frequencies();
    let turn = |position: usize, frequency: f32| {
        let angle = position as f64 * f64::from(frequency);
        [angle.cos() as f32, angle.sin() as f32]
    };
    (0..capacity).flat_map(|position| frequencies.iter().flat_map(move |&f| turn(position, f))).collect()
}
