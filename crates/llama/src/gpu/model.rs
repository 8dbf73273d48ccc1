//! A loaded model: its kernels in order, and the sequences.

mod builder;

use std::collections::{BTreeMap, HashMap};

use self::builder::Builder;
use super::device::Device;
use super::kernel::{Cut, ENTRIES, Kernel, NOBODY, Product, Shape};
use super::layout::{Layout, TILE};
use super::memory::{Shard, Target};
use super::{ModelOptions, Precision};
use crate::backend::{Backend, Mask};
use crate::checkpoint::{Format, Role};
use crate::sample::Sampling;
use crate::{Config, Error, Result};

/// Lanes at most.
pub(crate) const DECODING: usize = 16;

/// Tokens whose work is handed to the device together: enough that it does not wait for the next, few enough that a display is not held up.
const AT_ONCE: usize = 8;

/// Entries are padded to a multiple of what any kernel takes together.
const PADDED: usize = 32;

/// What the loader hands over.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(crate) config: Config,
    pub(crate) roles: BTreeMap<Role, Target>,
    pub(crate) buffers: Vec<wgpu::Buffer>,
    pub(crate) vectors: Vec<f32>,
    /// Tokens that the cache is to hold.
    pub(crate) slots: usize,
    /// Of its matrices.
    pub(crate) formats: Vec<Format>,
}

impl Weights {
    fn shards(&self, role: Role) -> Result<&[Shard]> {
        match self.roles.get(&role) {
            Some(Target::Matrix(shards)) => Ok(shards),
            _ => Err(Error::Malformed(format!("{role:?} is missing"))),
        }
    }
}

/// A model in a device's memory.
#[derive(Debug)]
pub struct Model {
    pub(crate) device: Device,
    config: Config,
    capacity: usize,
    lanes: usize,
    formats: Vec<Format>,
    buffers: Vec<wgpu::Buffer>,
    state: State,
    ops: Vec<Op>,
    shape: Shape,
    cut: Cut,
    pipelines: HashMap<String, wgpu::ComputePipeline>,
    /// Dispatches for so many entries together.
    pub(crate) steps: BTreeMap<Way, Vec<Step>>,
    sampler: Step,
    pub(crate) sequence: Sequence,
}

/// Buffers that the host writes or reads.
#[derive(Debug)]
struct State {
    entries: wgpu::Buffer,
    settings: wgpu::Buffer,
    history: wgpu::Buffer,
    logits: wgpu::Buffer,
    scores: wgpu::Buffer,
    masks: wgpu::Buffer,
    read: wgpu::Buffer,
}

/// How entries are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    /// Entries a workgroup.
    pub(crate) together: usize,
    /// A prompt's beginning: no logits, and attention in one part.
    pub(crate) beginning: bool,
}

/// The ways an op is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    Beginning,
    Decoding,
}

/// One kernel over its buffers, for whatever number of entries.
#[derive(Debug)]
struct Op {
    what: What,
    when: When,
    layout: wgpu::BindGroupLayout,
    group: wgpu::BindGroup,
}

#[derive(Debug)]
enum What {
    Product(Product),
    /// A kernel, and the positions that each of its second dimension's workgroups attends to.
    Fixed(Kernel, Option<usize>),
}

/// A dispatch that is ready.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) label: &'static str,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    groups: [u32; 2],
    together: usize,
    /// Positions that each of the second dimension's workgroups attends to.
    span: Option<usize>,
    /// Bytes of weights that it reads.
    pub(crate) bytes: u64,
}

impl Step {
    pub(crate) fn encode(&self, pass: &mut wgpu::ComputePass<'_>, entries: usize, last: usize) {
        let [x, y] = self.groups;
        let y = self.span.map_or(y, |span| (last / span + 1) as u32);
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(x, y, entries.div_ceil(self.together) as u32);
    }

    /// A workgroup for each lane.
    fn encode_lanes(&self, pass: &mut wgpu::ComputePass<'_>, lanes: usize) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(lanes as u32, 1, 1);
    }
}

/// What is in the lanes.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// The shared beginning.
    pub(crate) shared: Vec<u32>,
    /// Tokens of each lane after it.
    pub(crate) branches: Vec<Vec<u32>>,
    /// Tokens that each of them has room for, once they have parted.
    room: usize,
    /// Whether the last token of the lanes (of the shared beginning, where they have not parted) has been run.
    run: bool,
}

impl Sequence {
    fn parted(&self) -> bool {
        self.branches.iter().any(|branch| !branch.is_empty())
    }
}

impl Model {
    pub(crate) fn new(device: Device, weights: Weights, options: &ModelOptions) -> Result<Self> {
        let config = weights.config.clone();
        let shape = Shape {
            head: config.head_dim,
            heads: config.heads,
            kv_heads: config.kv_heads,
            vocab: config.vocab,
            epsilon: config.norm_epsilon,
            half: options.precision == Precision::Half,
            capacity: options.capacity,
            slots: weights.slots,
            hidden_stride: config.hidden.next_multiple_of(64) / 4,
            query_stride: config.query_width().next_multiple_of(64) / 4,
            gate_stride: config.feed_forward.next_multiple_of(64) / 4,
            vocab_stride: config.vocab.next_multiple_of(64) / 4,
        };
        let mut builder = Builder::new(&device, &weights, &shape, options);
        builder.build()?;
        let Builder { state, ops, sampler: (kernel, layout, group), own, .. } = builder;
        let cut = Cut::new(&device);
        let pipeline = device.pipeline(kernel.label, &kernel.source, &layout);
        let sampler =
            Step { label: kernel.label, pipeline, group, groups: [1, 1], together: 1, span: None, bytes: 0 };
        let mut buffers = weights.buffers;
        buffers.extend(own);
        let mut model = Self {
            device,
            config,
            capacity: options.capacity,
            lanes: options.lanes,
            formats: weights.formats,
            buffers,
            state,
            ops,
            shape,
            cut,
            pipelines: HashMap::new(),
            steps: BTreeMap::new(),
            sampler,
            sequence: Sequence::default(),
        };
        model.prepare(Way { together: 1, beginning: false });
        model.device.check()?;
        Ok(model)
    }

    /// Makes the dispatches for a way, unless they are there.
    pub(crate) fn prepare(&mut self, way: Way) {
        if self.steps.contains_key(&way) {
            return;
        }
        let mut steps = Vec::with_capacity(self.ops.len());
        let other = if way.beginning { When::Decoding } else { When::Beginning };
        for op in self.ops.iter().filter(|op| op.when != other) {
            let (kernel, span, bytes) = match &op.what {
                What::Product(product) => {
                    let bytes = product.matrices.iter().map(Layout::bytes).sum();
                    (product.kernel(&self.shape, &self.cut, way.together), None, bytes)
                }
                What::Fixed(kernel, span) => (kernel.clone(), *span, 0),
            };
            let text = kernel.source.text();
            let pipeline = self
                .pipelines
                .entry(text)
                .or_insert_with(|| self.device.pipeline(kernel.label, &kernel.source, &op.layout))
                .clone();
            steps.push(Step {
                label: kernel.label,
                pipeline,
                group: op.group.clone(),
                groups: kernel.groups.map(|n| n as u32),
                together: kernel.together,
                span,
                bytes,
            });
        }
        self.steps.insert(way, steps);
    }

    pub(crate) fn write_entries(&self, entries: &[[u32; 4]]) {
        let mut padded = entries.to_vec();
        padded.resize(entries.len().next_multiple_of(PADDED).min(ENTRIES), [0, 0, NOBODY, 0]);
        self.device.queue.write_buffer(&self.state.entries, 0, bytemuck::cast_slice(&padded));
    }

    /// Encodes a step of `entries` entries, whose last position is `last`.
    fn encode(&self, pass: &mut wgpu::ComputePass<'_>, steps: &[Step], entries: usize, last: usize) {
        for step in steps {
            step.encode(pass, entries, last);
        }
    }

    /// The entries of the lanes' last tokens.
    pub(crate) fn last_entries(&self, lanes: usize) -> Vec<[u32; 4]> {
        let shared = self.sequence.shared.len() as u32;
        let last = |lane: usize| {
            let branch = &self.sequence.branches[lane];
            let token = branch.last().or(self.sequence.shared.last()).copied().unwrap_or(0);
            let offset = (lane * self.sequence.room) as u32;
            [token, (shared + branch.len() as u32).saturating_sub(1), offset, shared]
        };
        (0..lanes).map(last).collect()
    }

    /// Tokens in the longest of the lanes.
    pub(crate) fn longest(&self, lanes: usize) -> usize {
        self.sequence.shared.len()
            + self.sequence.branches.iter().take(lanes).map(Vec::len).max().unwrap_or(0)
    }

    /// Runs the last tokens, where that was not done yet.
    fn catch_up(&mut self, lanes: usize) {
        if self.sequence.run {
            return;
        }
        let lanes = if self.sequence.parted() { lanes } else { 1 };
        self.write_entries(&self.last_entries(lanes));
        let way = Way { together: self.cut.together(lanes, false), beginning: false };
        self.prepare(way);
        let last = self.longest(lanes) - 1;
        self.submit(|model, pass| model.encode(pass, &model.steps[&way], lanes, last));
        self.sequence.run = true;
    }

    fn submit(&self, encode: impl FnOnce(&Self, &mut wgpu::ComputePass<'_>)) {
        let mut encoder = self.device.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            encode(self, &mut pass);
        }
        self.device.queue.submit([encoder.finish()]);
    }

    fn write_settings(&self, samplings: &[Sampling], masks: &[Option<Mask>], shared_row: bool) {
        let mut words: Vec<u32> = Vec::with_capacity(12 * samplings.len());
        for (lane, s) in samplings.iter().enumerate() {
            let masked = masks.get(lane).is_some_and(Option::is_some);
            let plain = s.temperature == 0.0 && s.repetition_penalty == 1.0 && s.frequency_penalty == 0.0;
            let numbers = [s.temperature, s.top_p, s.min_p, s.repetition_penalty, s.frequency_penalty];
            words.extend(numbers.map(f32::to_bits));
            words.extend([s.top_k, s.window, u32::from(shared_row), s.seed as u32, (s.seed >> 32) as u32]);
            words.extend([u32::from(masked), u32::from(plain)]);
        }
        self.device.queue.write_buffer(&self.state.settings, 0, bytemuck::cast_slice(&words));
        let stride = 4 * self.config.vocab.div_ceil(32) as u64;
        for (lane, mask) in (0..).zip(masks) {
            if let Some(mask) = mask {
                self.device.queue.write_buffer(
                    &self.state.masks,
                    lane * stride,
                    bytemuck::cast_slice(&mask.0),
                );
            }
        }
    }

    /// Whether masks are for lanes that there are, and let something through.
    fn check_masks(&self, steps: usize, lanes: usize, masks: &[Option<Mask>]) -> Result<()> {
        let vocab = self.config.vocab;
        let wrong = |what: String| Err(Error::Input(what));
        if !masks.is_empty() && masks.len() != lanes {
            return wrong(format!("{} masks for {lanes} lanes", masks.len()));
        }
        for mask in masks.iter().flatten() {
            if steps != 1 {
                return wrong("a mask is for one step".into());
            }
            if mask.0.len() != vocab.div_ceil(32) {
                return wrong(format!("the mask is not one of {vocab} tokens"));
            }
            if !(0..vocab).any(|token| mask.0[token / 32] >> (token % 32) & 1 == 1) {
                return wrong("the mask lets no token through".into());
            }
        }
        Ok(())
    }

    /// Bits of its numbers.
    pub(crate) fn precision(&self) -> Precision {
        if self.shape.half { Precision::Half } else { Precision::Single }
    }

    /// The formats of its matrices, each once.
    pub(crate) fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// Dispatches for one token of one lane, its draw among them.
    pub fn dispatches(&self) -> usize {
        self.steps.get(&Way { together: 1, beginning: false }).map_or(0, Vec::len) + 1
    }

    /// Bytes of weights that one token reads: the least that has to come out of the device's memory.
    pub fn bytes_a_token(&self) -> u64 {
        let steps = self.steps.get(&Way { together: 1, beginning: false });
        steps.map_or(0, |steps| steps.iter().map(|step| step.bytes).sum())
    }

    /// Copies the tokens that were drawn and waits for them.
    async fn drawn(&self, lanes: usize, steps: usize) -> Result<Vec<Vec<u32>>> {
        let mut encoder = self.device.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for lane in 0..lanes {
            let first = self.sequence.shared.len() + self.sequence.branches[lane].len();
            let from = 4 * (lane * self.capacity + first) as u64;
            let to = 4 * (lane * steps) as u64;
            encoder.copy_buffer_to_buffer(&self.state.history, from, &self.state.read, to, 4 * steps as u64);
        }
        self.device.queue.submit([encoder.finish()]);
        let words = self.device.read(&self.state.read, lanes * steps).await?;
        if words.contains(&NOBODY) {
            return Err(Error::Device("no logit is a number".into()));
        }
        Ok(words.chunks_exact(steps).map(<[u32]>::to_vec).collect())
    }
}

impl Backend for Model {
    fn config(&self) -> &Config {
        &self.config
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn room(&self, shared: usize, lanes: usize) -> usize {
        let one = self.capacity.saturating_sub(shared);
        if lanes < 2 { one } else { one.min(self.shape.slots.saturating_sub(shared) / lanes) }
    }

    fn len(&self) -> usize {
        self.sequence.shared.len() + self.sequence.branches.first().map_or(0, Vec::len)
    }

    fn truncate(&mut self, tokens: usize) {
        let parted = self.sequence.parted();
        if tokens < self.sequence.shared.len() || parted {
            self.sequence.run = false;
        }
        self.sequence.shared.truncate(tokens);
        self.sequence.branches.clear();
    }

    async fn prefill(&mut self, tokens: &[u32]) -> Result<()> {
        if self.sequence.parted() {
            return Err(Error::Input("the lanes have parted".into()));
        }
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= self.config.vocab) {
            return Err(Error::Input(format!("there is no token {token}")));
        }
        if self.sequence.shared.len() + tokens.len() > self.capacity {
            return Err(Error::Full { capacity: self.capacity });
        }
        if tokens.is_empty() {
            return Ok(());
        }
        self.device.check()?;
        let before = self.sequence.shared.len();
        let first = if self.sequence.run { before } else { before.saturating_sub(1) };
        self.sequence.shared.extend_from_slice(tokens);
        self.device.queue.write_buffer(&self.state.history, 4 * before as u64, bytemuck::cast_slice(tokens));
        // All but the last, which the next step runs.
        let last = self.sequence.shared.len() - 1;
        // A slow device's display must not stand still.
        let at_once = if self.device.is_cpu() { 32 } else { ENTRIES };
        for start in (first..last).step_by(at_once) {
            let end = last.min(start + at_once);
            let chunk: Vec<[u32; 4]> = (start..end)
                .map(|at| [self.sequence.shared[at], at as u32, 0, self.capacity as u32])
                .collect();
            self.write_entries(&chunk);
            let way = Way { together: self.cut.together(chunk.len(), true), beginning: true };
            self.prepare(way);
            self.submit(|model, pass| model.encode(pass, &model.steps[&way], chunk.len(), end - 1));
        }
        self.sequence.run = false;
        self.device.check()
    }

    async fn logits(&mut self, lane: usize) -> Result<Vec<f32>> {
        if self.sequence.shared.is_empty() {
            return Err(Error::Input("nothing was appended yet".into()));
        }
        let parted = self.sequence.parted();
        let there = if parted { self.sequence.branches.len() } else { self.lanes };
        if lane >= there {
            return Err(Error::Input(format!("there is no lane {lane}")));
        }
        if self.sequence.branches.is_empty() {
            self.sequence.branches.push(Vec::new());
        }
        self.catch_up(self.sequence.branches.len());
        let row = if parted { lane } else { 0 };
        let mut encoder = self.device.wgpu.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let from = 16 * (row * self.shape.vocab_stride) as u64;
        let bytes = 4 * self.config.vocab as u64;
        encoder.copy_buffer_to_buffer(&self.state.logits, from, &self.state.read, 0, bytes);
        self.device.queue.submit([encoder.finish()]);
        let words = self.device.read(&self.state.read, self.config.vocab).await?;
        Ok(words.into_iter().map(f32::from_bits).collect())
    }

    async fn decode(
        &mut self,
        steps: usize,
        samplings: &[Sampling],
        masks: &[Option<Mask>],
    ) -> Result<Vec<Vec<u32>>> {
        let lanes = samplings.len();
        if lanes == 0 || lanes > self.lanes {
            return Err(Error::Input(format!("there are {} lanes", self.lanes)));
        }
        if self.sequence.shared.is_empty() {
            return Err(Error::Input("nothing was appended yet".into()));
        }
        if steps == 0 {
            return Ok(vec![Vec::new(); lanes]);
        }
        samplings.iter().try_for_each(Sampling::check)?;
        self.check_masks(steps, lanes, masks)?;
        let parted = self.sequence.parted();
        let shared = self.sequence.shared.len();
        if !parted {
            self.sequence.branches = vec![Vec::new(); lanes];
            self.sequence.room = self.room(shared, lanes);
        } else if lanes > self.sequence.branches.len() {
            return Err(Error::Input(format!("{} lanes have parted", self.sequence.branches.len())));
        }
        if self.longest(lanes) + steps > shared + self.sequence.room {
            return Err(Error::Full { capacity: self.capacity });
        }
        self.catch_up(lanes);
        self.write_entries(&self.last_entries(lanes));
        self.write_settings(samplings, masks, !parted);
        let longest = self.longest(lanes);
        self.submit(|model, pass| model.sampler.encode_lanes(pass, lanes));
        let way = Way { together: self.cut.together(lanes, false), beginning: false };
        if steps > 1 {
            self.prepare(way);
            self.write_settings(samplings, &[], false);
        }
        let at_once = if self.device.is_cpu() { 1 } else { AT_ONCE };
        for start in (1..steps).step_by(at_once) {
            self.submit(|model, pass| {
                for step in start..steps.min(start + at_once) {
                    model.encode(pass, &model.steps[&way], lanes, longest + step - 1);
                    model.sampler.encode_lanes(pass, lanes);
                }
            });
        }
        // What was last run is not the lanes' last token, should nobody wait for what was drawn.
        self.sequence.run = false;
        let drawn = self.drawn(lanes, steps).await?;
        if lanes == 1 && !parted {
            // A lane alone is its own beginning.
            self.sequence.shared.extend_from_slice(&drawn[0]);
        } else {
            for (branch, tokens) in self.sequence.branches.iter_mut().zip(&drawn) {
                branch.extend_from_slice(tokens);
            }
        }
        Ok(drawn)
    }
}

impl Drop for Model {
    /// Gives the memory back: in the browser a buffer's memory is kept until it is destroyed.
    fn drop(&mut self) {
        for buffer in &self.buffers {
            buffer.destroy();
        }
    }
}

const _: () = assert!(TILE == 4);
