//! The kernels: which pieces of WGSL each is made of, and the shape it is made for.

use super::device::Device;
use super::layout::{Layout, TILE, UNIT};
use super::source::{Access, Source};
use crate::checkpoint::Format;

/// Entries that one chunk of a prompt has at most.
pub(crate) const ENTRIES: usize = 256;

/// A lane that marks an entry of nobody.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Workgroups side by side; the rest go into the second dimension.
const GRID: usize = 32_768;

/// Lengths that all kernels of a model share. Strides are in vectors of four.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Width of a head; the others are counts.
    pub(crate) head: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) vocab: usize,
    pub(crate) epsilon: f32,
    /// Products and the cache are of 16 bits a number.
    pub(crate) half: bool,
    pub(crate) capacity: usize,
    /// Tokens that the cache holds.
    pub(crate) slots: usize,
    pub(crate) hidden_stride: usize,
    pub(crate) query_stride: usize,
    pub(crate) gate_stride: usize,
    pub(crate) vocab_stride: usize,
}

/// What becomes of a matrix' products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Stored.
    Store,
    /// Added to what is there.
    Add,
    /// SiLU of the first matrix' times the second's.
    SwiGlu,
    /// Queries, keys and values: turned, and appended to the cache.
    Heads {
        /// Tiles of the queries, and of the keys.
        tiles: [usize; 2],
        bias: Option<usize>,
    },
}

/// A matrix (or several, over the same columns) times the entries' vectors.
#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) label: &'static str,
    pub(crate) matrices: Vec<Layout>,
    /// First of the norm's gains among the vectors, in fours.
    pub(crate) gain: Option<usize>,
    pub(crate) finish: Finish,
    pub(crate) stride_in: usize,
    pub(crate) stride_out: usize,
    /// The input is attention in parts.
    pub(crate) split: Option<Split>,
}

/// Attention in parts of `span` positions, `most` of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) span: usize,
    pub(crate) most: usize,
}

/// A kernel made for a number of entries.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    pub(crate) label: &'static str,
    pub(crate) source: Source,
    /// Workgroups for one entry, or for as many as `together`.
    pub(crate) groups: [usize; 2],
    /// Entries a workgroup.
    pub(crate) together: usize,
}

/// How workgroups are cut for a device.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    subgroup: Option<usize>,
    cpu: bool,
    /// Whether a processor's vector is one subgroup of a unit: an invocation can then ask the others for their numbers.
    shuffled: bool,
}

/// Entries that a workgroup of many takes together, on a device of many cores and on a processor.
const TOGETHER: [usize; 2] = [16, 32];

/// Units of the entries' vectors that are in the workgroup's memory at a time.
const BLOCK: usize = 8;

impl Cut {
    pub(crate) fn new(device: &Device) -> Self {
        let cpu = device.is_cpu();
        Self { subgroup: device.subgroup(), cpu, shuffled: cpu && device.has_subgroups_of(UNIT) }
    }

    /// Entries that are run together for `entries` of them.
    pub(crate) fn together(&self, entries: usize, beginning: bool) -> usize {
        let [cores, cpu] = TOGETHER;
        match entries {
            _ if self.shuffled => entries.next_power_of_two().min(cpu),
            _ if beginning && entries >= cores => cores,
            _ => entries.next_power_of_two().min(8),
        }
    }

    /// Whether so many entries' products are computed a tile an invocation.
    fn tiled(&self, entries: usize) -> bool {
        self.shuffled || entries >= TOGETHER[0]
    }

    /// Invocations of a workgroup that shares `items` pieces of work and keeps so many sums and squares.
    fn width(&self, items: usize, sums: usize, squares: usize) -> usize {
        if self.cpu {
            return 8;
        }
        // Without subgroups all of them meet in 16 KiB of shared memory, an eighth of which is for what is gathered.
        let kept = if self.subgroup.is_some() { 32 * sums } else { 16 * sums + 4 * squares };
        let most = (12_288 / kept / 32 * 32).clamp(32, 256);
        items.next_multiple_of(32).clamp(32, most)
    }

    /// How attention over `capacity` tokens is split while few entries decode.
    pub(crate) fn split(&self, shape: &Shape) -> Option<Split> {
        let span = shape.capacity.div_ceil(16).next_multiple_of(64);
        let most = shape.capacity.div_ceil(span);
        (!self.cpu && shape.head.is_multiple_of(8) && most > 1).then_some(Split { span, most })
    }

    /// Tiles that a workgroup computes one after the other.
    fn turns(&self) -> usize {
        if self.cpu { 8 } else { 1 }
    }
}

fn spread(groups: usize) -> [usize; 2] {
    [groups.min(GRID), groups.div_ceil(GRID)]
}

fn format_text(format: Format) -> &'static str {
    match format {
        Format::F32 => include_str!("shaders/f32.wgsl"),
        Format::F16 => include_str!("shaders/f16.wgsl"),
        Format::BF16 => include_str!("shaders/bf16.wgsl"),
        Format::Q8_0 => include_str!("shaders/q8_0.wgsl"),
        Format::Q4_0 => include_str!("shaders/q4_0.wgsl"),
        Format::Q4_1 => include_str!("shaders/q4_1.wgsl"),
        Format::Q5_0 => include_str!("shaders/q5_0.wgsl"),
        Format::Q4_K => include_str!("shaders/q4_k.wgsl"),
        Format::Q6_K => include_str!("shaders/q6_k.wgsl"),
    }
}

/// Binds the planes of matrices and adds the functions that read them.
fn matrices(source: &mut Source, layouts: &[Layout]) {
    source.piece(include_str!("shaders/unit.wgsl"));
    for (index, layout) in layouts.iter().enumerate() {
        let planes = format!("planes{index}");
        source.bind(Access::Read, &planes, "array<vec4<u32>>");
        for (plane, start) in layout.planes().into_iter().enumerate() {
            source.constant(&format!("weights{index}_{plane}"), start / 4);
        }
        let text = format_text(layout.format).replace("WEIGHTS", &format!("weights{index}"));
        source.piece(&text.replace("PLANES", &planes));
    }
}

fn constants(source: &mut Source, shape: &Shape) {
    source.constant("HEAD", shape.head / 4);
    source.constant("KEYS", shape.kv_heads * shape.head / 4);
    source.constant("SLOTS", shape.slots);
    source.constant("CAPACITY", shape.capacity);
    source.precision(shape.half);
    source.constant("NOBODY", NOBODY as usize);
    source.constant("GRID", GRID);
    // Not f32::MIN: Chromium reads its shortest decimal as a number that no f32 is.
    source.number("LOWEST", -3e38);
}

const VECTORS: &str = "array<vec4<f32>>";
const CACHE: &str = "array<vec4<real>>";
const ENTRY_LIST: &str = "array<vec4<u32>, 256>";

impl Product {
    pub(crate) fn kernel(&self, shape: &Shape, cut: &Cut, entries: usize) -> Kernel {
        let layout = &self.matrices[0];
        let two = self.finish == Finish::SwiGlu;
        let units = layout.units();
        let tiles = if two { layout.tiles() } else { self.matrices.iter().map(Layout::tiles).sum() };
        let tiled = cut.tiled(entries);
        // Two matrices' sums are as many for half as many entries.
        let entries = if tiled && two && !cut.shuffled { entries / 2 } else { entries };
        let sums = if two { 2 * entries } else { entries };
        let width = match (tiled, cut.shuffled) {
            (true, true) => UNIT,
            (true, false) => 64,
            (false, _) => cut.width(units, sums, entries),
        };
        let mut source = Source::default();
        constants(&mut source, shape);
        source.constant("WIDTH", width).constant("TURNS", cut.turns()).constant("TILES", tiles);
        source.constant("UNITS", units).constant("ENTRIES", entries).constant("SUMS", sums);
        source.constant("GATHERERS", width.min(8)).constant("SUBGROUP", cut.subgroup.unwrap_or(1).min(width));
        source.constant("STRIDE_IN", self.stride_in).constant("STRIDE_OUT", self.stride_out);
        source.number("COLUMNS", layout.columns as f32).number("EPSILON", shape.epsilon);
        source.flag("SUBGROUPS", cut.subgroup.is_some()).flag("TWO", two).flag("MORE", cut.turns() > 1);
        source.constant("BLOCK", BLOCK).constant("STAGERS", width / entries.min(width));
        source.flag("SHUFFLED", cut.shuffled);
        source.flag("NORM", self.gain.is_some()).flag("PARTS", !two && self.matrices.len() == 3);
        if let Finish::Heads { tiles: [query, key], .. } = self.finish {
            source.constant("PART1", query).constant("PART2", query + key);
        } else if let [first, second, _] = &self.matrices[..] {
            source.constant("PART1", first.tiles()).constant("PART2", first.tiles() + second.tiles());
        }
        source.repeat("ENTRIES", entries);
        matrices(&mut source, &self.matrices);
        source.bind(Access::Read, "input", VECTORS);
        source.bind(Access::Write, "output", VECTORS);
        let heads = matches!(self.finish, Finish::Heads { .. });
        if self.gain.is_some() || heads {
            source.bind(Access::Read, "vectors", VECTORS);
            source.constant("GAIN", self.gain.unwrap_or(0));
        }
        match self.split {
            Some(split) => {
                source
                    .constant("SPAN", split.span)
                    .constant("SPLITS", split.most)
                    .constant("HEADS", shape.heads);
                source.bind(Access::Read, "weighed", "array<vec2<f32>>");
                source.bind(Access::Uniform, "entries", ENTRY_LIST);
                source.piece(include_str!("shaders/parts.wgsl"))
            }
            None => source.piece(include_str!("shaders/plain.wgsl")),
        };
        match self.finish {
            Finish::Store => source.piece(include_str!("shaders/store.wgsl")),
            Finish::Add => source.piece(include_str!("shaders/add.wgsl")),
            Finish::SwiGlu => source.piece(include_str!("shaders/swiglu.wgsl")),
            Finish::Heads { bias, .. } => {
                source.bind(Access::Read, "rope", VECTORS);
                source.bind(Access::Write, "cache", CACHE);
                source.bind(Access::Uniform, "entries", ENTRY_LIST);
                source.flag("BIAS", bias.is_some()).constant("BIASES", bias.unwrap_or(0));
                source.piece(include_str!("shaders/entry.wgsl")).piece(include_str!("shaders/heads.wgsl"))
            }
        };
        source.piece(include_str!("shaders/weights.wgsl"));
        source.piece(if tiled {
            include_str!("shaders/tiles.wgsl")
        } else {
            include_str!("shaders/product.wgsl")
        });
        let tiles_a_group = if tiled { width } else { cut.turns() };
        Kernel { label: self.label, source, groups: spread(tiles.div_ceil(tiles_a_group)), together: entries }
    }
}

/// The entries' embeddings, out of rows from `first` on.
pub(crate) fn embed(layout: &Layout, first: usize, shape: &Shape) -> Kernel {
    let width = 64;
    let mut source = Source::default();
    source.precision(false);
    source.constant("WIDTH", width).constant("UNITS", layout.units()).constant("FIRST", first);
    source.constant("ROWS", layout.rows).constant("STRIDE_OUT", shape.hidden_stride);
    matrices(&mut source, std::slice::from_ref(layout));
    source.bind(Access::Write, "output", VECTORS).bind(Access::Uniform, "entries", ENTRY_LIST);
    source.piece(include_str!("shaders/embed.wgsl"));
    Kernel { label: "embed", source, groups: [layout.units().div_ceil(width), 1], together: 1 }
}

pub(crate) fn attention(shape: &Shape, cut: &Cut, split: Option<Split>) -> Kernel {
    let columns = shape.head / TILE;
    let width = columns.next_multiple_of(if cut.cpu { 8 } else { 64 });
    let mut source = Source::default();
    constants(&mut source, shape);
    source.constant("WIDTH", width).constant("SLICES", width / columns);
    source.constant("GROUP", shape.heads / shape.kv_heads).constant("STRIDE_IN", shape.query_stride);
    source
        .flag("SUBGROUPS", cut.subgroup.is_some())
        .constant("SUBGROUP", cut.subgroup.unwrap_or(1).min(width));
    source.number("SCALE", 1.0 / (shape.head as f32).sqrt());
    source.bind(Access::Read, "input", VECTORS).bind(Access::Write, "output", VECTORS);
    source.bind(Access::Read, "cache", CACHE).bind(Access::Uniform, "entries", ENTRY_LIST);
    if let Some(split) = split {
        source.constant("SPAN", split.span).constant("SPLITS", split.most).constant("HEADS", shape.heads);
        source.bind(Access::Write, "weighed", "array<vec2<f32>>").flag("SPLIT", true);
    }
    source.piece(include_str!("shaders/entry.wgsl")).piece(include_str!("shaders/attention.wgsl"));
    Kernel { label: "attention", source, groups: [shape.heads, 1], together: 1 }
}

/// Norm, rotary embedding and cache of heads that come as one vector, queries, keys, values; `norms` and `bias` are their first fours
/// among the layer's vectors.
pub(crate) fn turn(shape: &Shape, stride_in: usize, norms: [usize; 2], bias: Option<usize>) -> Kernel {
    let columns = shape.head / TILE;
    let mut source = Source::default();
    constants(&mut source, shape);
    source.constant("WIDTH", columns.next_multiple_of(8)).constant("STRIDE_IN", stride_in);
    source
        .constant("STRIDE_OUT", shape.query_stride)
        .constant("QUERY_NORM", norms[0])
        .constant("KEY_NORM", norms[1]);
    source
        .constant("PART1", shape.heads * columns)
        .constant("PART2", (shape.heads + shape.kv_heads) * columns);
    source.number("EPSILON", shape.epsilon);
    source.flag("BIAS", bias.is_some()).constant("BIASES", bias.unwrap_or(0));
    source.bind(Access::Read, "input", VECTORS).bind(Access::Write, "output", VECTORS);
    source.bind(Access::Read, "vectors", VECTORS).bind(Access::Read, "rope", VECTORS);
    source.bind(Access::Write, "cache", CACHE).bind(Access::Uniform, "entries", ENTRY_LIST);
    source.piece(include_str!("shaders/entry.wgsl")).piece(include_str!("shaders/turn.wgsl"));
    Kernel { label: "norm, turn", source, groups: [shape.heads + 2 * shape.kv_heads, 1], together: 1 }
}

pub(crate) fn sample(shape: &Shape, cut: &Cut) -> Kernel {
    let width = if cut.cpu { 8 } else { 256 };
    let mut source = Source::default();
    constants(&mut source, shape);
    source
        .constant("WIDTH", width)
        .constant("VOCAB", shape.vocab)
        .constant("CHUNK", shape.vocab.div_ceil(width));
    source.constant("STRIDE_IN", shape.vocab_stride * 4).constant("MASK_STRIDE", shape.vocab.div_ceil(32));
    source.bind(Access::Read, "input", "array<f32>").bind(Access::Write, "entries", "array<vec4<u32>>");
    source.bind(Access::Write, "history", "array<u32>").bind(Access::Read, "settings", "array<Settings>");
    source.bind(Access::Write, "scores", "array<f32>").bind(Access::Read, "masks", "array<u32>");
    source.piece(include_str!("shaders/sample.wgsl"));
    Kernel { label: "sample", source, groups: [1, 1], together: 1 }
}
