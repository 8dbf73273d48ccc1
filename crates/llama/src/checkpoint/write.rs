//! GGUF, written as the weights come: a [`Sink`] between a reader and a file.

use std::io::Write;

use super::gguf::{Kind, number};
use super::shape::GGUF;
use super::{Format, Metadata, Part, Role, Sink, TensorInfo, Value, dequantise, quantise};
use crate::config::{RopePairs, RopeScaling};
use crate::{Config, Error, Result};

/// Bytes that tensors begin at a multiple of.
const ALIGNMENT: u64 = 32;

/// Numbers converted at a time.
const STRETCH: usize = 1 << 14;

/// Matrices in this format, or in F16 where their rows are no whole number of its blocks; vectors in F32.
pub fn matrices(format: Format) -> impl Fn(&TensorInfo) -> Format {
    move |info| match info {
        TensorInfo { rows: 1, .. } => Format::F32,
        TensorInfo { columns, .. } if columns % format.block_len() != 0 => Format::F16,
        _ => format,
    }
}

/// Writes a model as GGUF. Keeps no more than the header, and one head of a matrix whose rows change their order.
#[derive(Debug)]
pub struct Writer<W, F> {
    out: W,
    written: u64,
    metadata: Metadata,
    choose: F,
    columns: Vec<Column>,
    carry: Vec<f32>,
    encoded: Vec<u8>,
}

/// What becomes of a tensor.
#[derive(Debug)]
struct Column {
    from: TensorInfo,
    to: Format,
    /// Numbers that are converted together.
    unit: usize,
    /// Width of the heads whose rows change their order.
    interleaved: Option<usize>,
    /// Blocks that have come.
    blocks: usize,
}

impl<W: Write, F: Fn(&TensorInfo) -> Format> Writer<W, F> {
    /// A writer to `out`, with this metadata beside the shape's (the tokenizer, the chat template), each tensor in the format that
    /// `choose` says.
    pub fn new(out: W, metadata: Metadata, choose: F) -> Self {
        let (columns, carry, encoded) = (Vec::new(), Vec::new(), Vec::new());
        Self { out, written: 0, metadata, choose, columns, carry, encoded }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|error| Error::Device(format!("it cannot be written: {error}")))
    }

    fn pad(&mut self) -> Result<()> {
        let padding = self.written.next_multiple_of(ALIGNMENT) - self.written;
        self.put(&vec![0; padding as usize])
    }

    fn flush(&mut self, column: usize) -> Result<()> {
        let Column { from, to, unit, interleaved, .. } = &self.columns[column];
        let whole = self.carry.len() / unit * unit;
        let mut numbers: Vec<f32> = self.carry.drain(..whole).collect();
        if let Some(head) = *interleaved {
            let width = if from.rows == 1 { 1 } else { from.columns };
            numbers = numbers.chunks(head * width).flat_map(|rows| interleave(rows, head, width)).collect();
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        quantise(*to, &numbers, &mut encoded)?;
        self.put(&encoded)?;
        self.encoded = encoded;
        Ok(())
    }
}

impl<W: Write, F: Fn(&TensorInfo) -> Format> Sink for Writer<W, F> {
    type Model = W;

    fn begin(&mut self, config: &Config, tensors: &[TensorInfo]) -> Result<()> {
        let interleaving = match (config.architecture.as_str(), config.rope_pairs) {
            ("llama", pairs) => pairs == RopePairs::Halves,
            (_, RopePairs::Halves) => false,
            (other, _) => {
                return Err(Error::Unsupported(format!("{other} with neighbouring pairs, as GGUF")));
            }
        };
        for info in tensors {
            let to = (self.choose)(info);
            if info.columns % to.block_len() != 0 {
                return Err(Error::Input(format!("rows of {} as {to:?}", info.columns)));
            }
            let turned = matches!(
                info.role,
                Role::Layer(_, Part::Query | Part::Key | Part::QueryBias | Part::KeyBias)
            );
            let interleaved = (interleaving && turned).then_some(config.head_dim);
            let unit = match interleaved {
                Some(head) if info.rows == 1 => head,
                Some(head) => head * info.columns,
                None => to.block_len(),
            };
            self.columns.push(Column { from: info.clone(), to, unit, interleaved, blocks: 0 });
        }
        let factors = config.rope_scaling.map(|scaling| rope_factors(config, scaling)).transpose()?;
        let header = self.header(config, factors.as_deref());
        self.put(&header)?;
        self.pad()?;
        if let Some(factors) = factors {
            let bytes: Vec<u8> = factors.iter().flat_map(|factor| factor.to_le_bytes()).collect();
            self.put(&bytes)?;
        }
        Ok(())
    }

    fn blocks(&mut self, tensor: usize, first: usize, blocks: &[u8]) -> Result<()> {
        if first == 0 {
            self.pad()?;
        }
        let column = &mut self.columns[tensor];
        let (from, same) =
            (column.from.format, column.from.format == column.to && column.interleaved.is_none());
        column.blocks += blocks.len() / from.block_bytes();
        let done = column.blocks == column.from.rows * column.from.columns / from.block_len();
        if same {
            return self.put(blocks);
        }
        for stretch in blocks.chunks(STRETCH / from.block_len() * from.block_bytes()) {
            let start = self.carry.len();
            self.carry.resize(start + stretch.len() / from.block_bytes() * from.block_len(), 0.0);
            dequantise(from, stretch, &mut self.carry[start..]);
            self.flush(tensor)?;
        }
        if done && !self.carry.is_empty() {
            return Err(Error::Malformed("a tensor that is no whole number of blocks".into()));
        }
        Ok(())
    }

    fn end(mut self) -> Result<W> {
        self.pad()?;
        self.out.flush().map_err(|error| Error::Device(format!("it cannot be written: {error}")))?;
        Ok(self.out)
    }
}

impl<W, F> Writer<W, F> {
    fn header(&self, config: &Config, factors: Option<&[f32]>) -> Vec<u8> {
        let mut metadata = shape(config);
        for (key, value) in self.metadata.iter() {
            let of_shape = key.starts_with(&format!("{}.", config.architecture));
            if !of_shape
                && !matches!(key, "general.alignment" | "general.file_type")
                && metadata.get(key).is_none()
            {
                metadata.set(key, value.clone());
            }
        }
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3u32.to_le_bytes());
        bytes.extend((self.columns.len() as u64 + u64::from(factors.is_some())).to_le_bytes());
        bytes.extend((metadata.iter().count() as u64).to_le_bytes());
        for (key, value) in metadata.iter() {
            text(key, &mut bytes);
            pair(value, &mut bytes);
        }
        let mut offset = 0u64;
        let mut tensor = |name: &str, dimensions: &[usize], format: Format, bytes: &mut Vec<u8>| {
            text(name, bytes);
            bytes.extend((dimensions.len() as u32).to_le_bytes());
            bytes.extend(dimensions.iter().flat_map(|dimension| (*dimension as u64).to_le_bytes()));
            bytes.extend(number(format).to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            let weights: usize = dimensions.iter().product();
            offset += (weights / format.block_len() * format.block_bytes()) as u64;
            offset = offset.next_multiple_of(ALIGNMENT);
        };
        if let Some(factors) = factors {
            tensor(super::gguf::ROPE_FACTORS, &[factors.len()], Format::F32, &mut bytes);
        }
        for Column { from, to, .. } in &self.columns {
            let both = [from.columns, from.rows];
            tensor(&GGUF.name(from.role), if from.rows == 1 { &both[..1] } else { &both }, *to, &mut bytes);
        }
        bytes
    }
}

/// The keys of a shape.
fn shape(config: &Config) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.set("general.architecture", Value::Text(config.architecture.clone()));
    metadata.set("general.quantization_version", Value::Unsigned(2));
    let mut set = |key: &str, value| metadata.set(&format!("{}.{key}", config.architecture), value);
    let count = |number: usize| Value::Unsigned(number as u64);
    set("block_count", count(config.layers));
    set("context_length", count(config.context));
    set("embedding_length", count(config.hidden));
    set("feed_forward_length", count(config.feed_forward));
    set("attention.head_count", count(config.heads));
    set("attention.head_count_kv", count(config.kv_heads));
    set("attention.key_length", count(config.head_dim));
    set("attention.value_length", count(config.head_dim));
    set("attention.layer_norm_rms_epsilon", Value::Float(config.norm_epsilon.into()));
    set("rope.dimension_count", count(config.head_dim));
    set("rope.freq_base", Value::Float(config.rope_theta.into()));
    set("vocab_size", count(config.vocab));
    if let Some(scaling) = config.rope_scaling {
        set("rope.scaling.original_context_length", count(scaling.original_context as usize));
    }
    metadata
}

/// By how much each frequency is divided. GGUF has these instead of what they come from, and a reader takes Llama 3's thresholds for
/// granted.
fn rope_factors(config: &Config, scaling: RopeScaling) -> Result<Vec<f32>> {
    if config.architecture != "llama" || (scaling.low, scaling.high) != (1.0, 4.0) {
        return Err(Error::Unsupported(format!("{scaling:?} in a GGUF of {}", config.architecture)));
    }
    let plain = Config { rope_scaling: None, ..config.clone() }.rope_frequencies();
    Ok(plain.iter().zip(config.rope_frequencies()).map(|(plain, scaled)| plain / scaled).collect())
}

/// Rows i and i + d/2 of a head become rows 2i and 2i + 1.
fn interleave(rows: &[f32], head: usize, width: usize) -> Vec<f32> {
    let order = (0..head / 2).flat_map(|pair| [pair, pair + head / 2]);
    order.flat_map(|row| rows[row * width..][..width].iter().copied()).collect()
}

fn text(text: &str, bytes: &mut Vec<u8>) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn pair(value: &Value, bytes: &mut Vec<u8>) {
    let mut kind = |kind: Kind| bytes.extend((kind as u32).to_le_bytes());
    match value {
        Value::Unsigned(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Text(_) => {}
        _ => kind(Kind::Array),
    }
    let (wide, signed) = (u64::from(u32::MAX), i64::from(i32::MIN)..=i64::from(i32::MAX));
    match value {
        Value::Unsigned(number) if *number <= wide => {
            kind(Kind::U32);
            bytes.extend((*number as u32).to_le_bytes());
        }
        Value::Unsigned(number) => {
            kind(Kind::U64);
            bytes.extend(number.to_le_bytes());
        }
        Value::Integer(number) if signed.contains(number) => {
            kind(Kind::I32);
            bytes.extend((*number as i32).to_le_bytes());
        }
        Value::Integer(number) => {
            kind(Kind::I64);
            bytes.extend(number.to_le_bytes());
        }
        Value::Float(number) => {
            kind(Kind::F32);
            bytes.extend((*number as f32).to_le_bytes());
        }
        Value::Bool(flag) => {
            kind(Kind::Bool);
            bytes.push(u8::from(*flag));
        }
        Value::Text(one) => {
            kind(Kind::Text);
            text(one, bytes);
        }
        Value::Texts(texts) => {
            kind(Kind::Text);
            bytes.extend((texts.len() as u64).to_le_bytes());
            texts.iter().for_each(|one| text(one, bytes));
        }
        Value::Integers(numbers) => {
            kind(Kind::I32);
            bytes.extend((numbers.len() as u64).to_le_bytes());
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        Value::Floats(numbers) => {
            kind(Kind::F32);
            bytes.extend((numbers.len() as u64).to_le_bytes());
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
    }
}
