//! What a reader believes of a file, and what it knows before the weights come.

use super::{Metadata, TensorInfo};
use crate::Config;

/// What a file may ask for. Nothing larger is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the header, and of what is kept of it.
    pub header: u64,
    /// Bytes of one text in it (the chat template is the longest).
    pub text: u64,
    /// Metadata entries.
    pub pairs: u64,
    /// Tensors.
    pub tensors: u64,
    /// Bytes of all weights.
    pub weights: u64,
    /// Tokens of context; a file that says more gets this.
    pub context: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: 64 << 20,
            text: 1 << 20,
            pairs: 4096,
            tensors: 1 << 14,
            weights: 16 << 30,
            context: 1 << 17,
        }
    }
}

/// A file's header, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The model's shape.
    pub config: Config,
    /// The tensors in the order of the file: what [`Sink::begin`] gets.
    pub tensors: Vec<TensorInfo>,
    /// Everything else, the tokenizer among it.
    pub metadata: Metadata,
}

/// What a whole file comes to.
#[derive(Debug)]
pub struct Loaded<M> {
    /// What the sink has made of the weights.
    pub model: M,
    /// The header.
    pub header: Header,
}
