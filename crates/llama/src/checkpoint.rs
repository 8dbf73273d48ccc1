//! Files of weights: what is in them, and how their bytes come into a backend's memory.

mod dequantise;
pub mod gguf;
mod header;
pub mod llama2c;
mod manifest;
mod metadata;
mod quantise;
pub mod safetensors;
mod shape;
mod stream;
pub mod write;

pub use self::dequantise::dequantise;
pub use self::header::{Header, Limits, Loaded};
pub use self::manifest::{Hasher, Manifest, Verifier};
pub use self::metadata::{Metadata, Texts, Value};
pub use self::quantise::quantise;
use crate::{Config, Result};

/// How a tensor's numbers are stored. A block is what a format stores together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(non_camel_case_types, reason = "the names the field uses")]
pub enum Format {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point (binary16).
    F16,
    /// The upper half of a 32-bit floating-point number.
    BF16,
    /// 32 weights of 8 bits, one f16 scale: 34 bytes.
    Q8_0,
    /// 32 weights of 4 bits, one f16 scale: 18 bytes.
    Q4_0,
    /// 32 weights of 4 bits, f16 scale and minimum: 20 bytes.
    Q4_1,
    /// 32 weights of 5 bits, one f16 scale: 22 bytes.
    Q5_0,
    /// 256 weights of 4 bits, 6-bit scales and minima: 144 bytes.
    Q4_K,
    /// 256 weights of 6 bits, 8-bit scales: 210 bytes.
    Q6_K,
}

impl Format {
    /// Weights in a block.
    pub fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q8_0 | Self::Q4_0 | Self::Q4_1 | Self::Q5_0 => 32,
            Self::Q4_K | Self::Q6_K => 256,
        }
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q8_0 => 34,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q4_K => 144,
            Self::Q6_K => 210,
        }
    }
}

/// What a tensor is in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `[vocab, hidden]`
    Embedding,
    /// `[hidden]`, before the output.
    OutputNorm,
    /// `[vocab, hidden]`; the embedding where the model is tied.
    Output,
    /// A tensor of one of the layers.
    Layer(usize, Part),
}

/// What a tensor is in its layer. Matrices are `[rows out, columns in]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// `[hidden]`
    AttentionNorm,
    /// `[heads × head_dim, hidden]`
    Query,
    /// `[kv_heads × head_dim, hidden]`
    Key,
    /// `[kv_heads × head_dim, hidden]`
    Value,
    /// `[heads × head_dim]`
    QueryBias,
    /// `[kv_heads × head_dim]`
    KeyBias,
    /// `[kv_heads × head_dim]`
    ValueBias,
    /// `[head_dim]`
    QueryNorm,
    /// `[head_dim]`
    KeyNorm,
    /// `[hidden, heads × head_dim]`
    AttentionOutput,
    /// `[hidden]`
    FeedForwardNorm,
    /// `[feed_forward, hidden]`
    Gate,
    /// `[feed_forward, hidden]`
    Up,
    /// `[hidden, feed_forward]`
    Down,
}

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// What it is.
    pub role: Role,
    /// How it is stored.
    pub format: Format,
    /// Rows; 1 for a vector.
    pub rows: usize,
    /// Weights a row; a whole number of blocks.
    pub columns: usize,
}

impl TensorInfo {
    /// Bytes of one row as stored.
    pub fn row_bytes(&self) -> usize {
        self.columns / self.format.block_len() * self.format.block_bytes()
    }

    /// Bytes as stored.
    pub fn bytes(&self) -> usize {
        self.rows * self.row_bytes()
    }
}

/// Where a file's weights go: a backend's memory.
///
/// The reader calls `begin` once, then `blocks` for every tensor in the order of the file, then `end`. What comes is checked:
/// every tensor the shape needs is there once, with the shape it needs.
pub trait Sink {
    /// What the backend has loaded.
    type Model;

    /// Makes room for the tensors.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`] or [`crate::Error::Unsupported`].
    fn begin(&mut self, config: &Config, tensors: &[TensorInfo]) -> Result<()>;

    /// Takes whole blocks of tensor `tensor` (an index into what `begin` got), from block `first` on. Blocks come in order.
    ///
    /// # Errors
    /// What the device says.
    fn blocks(&mut self, tensor: usize, first: usize, blocks: &[u8]) -> Result<()>;

    /// All of the file has come.
    ///
    /// # Errors
    /// What the device says.
    fn end(self) -> Result<Self::Model>;
}

/// Takes everything and keeps nothing: for the header alone, or to check a file.
impl Sink for () {
    type Model = ();

    fn begin(&mut self, _: &Config, _: &[TensorInfo]) -> Result<()> {
        Ok(())
    }

    fn blocks(&mut self, _: usize, _: usize, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(self) -> Result<()> {
        Ok(())
    }
}
