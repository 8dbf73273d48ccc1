//! llama2.c's checkpoints of version 1: a header of 256 bytes, then f32 weights in an order that the header determines
//! (`export.py`, `version1_export`).

use super::shape::{plausible, totals};
use super::stream::{Filling, Span};
use super::{Format, Header, Limits, Loaded, Metadata, Part, Role, Sink, TensorInfo, Texts, Value};
use crate::config::RopePairs;
use crate::{Config, Error, Result};

/// Bytes of the header.
const HEADER: usize = 256;

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one, in its reader; on 32 bits it is no finding")]
enum Stage<S> {
    Header { bytes: Vec<u8>, sink: S },
    Weights { header: Header, filling: Filling<S> },
    Failed,
}

/// Reads one checkpoint, pushed in chunks of any size. The tokenizer is a file of its own.
#[derive(Debug)]
pub struct Reader<S> {
    limits: Limits,
    stage: Stage<S>,
}

impl<S: Sink> Reader<S> {
    /// A reader of a file whose weights go to `sink`.
    pub fn new(limits: Limits, sink: S) -> Self {
        Self { limits, stage: Stage::Header { bytes: Vec::new(), sink } }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// As [`super::gguf::Reader::push`].
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        let pushed = self.take(chunk);
        if pushed.is_err() {
            self.stage = Stage::Failed;
        }
        pushed
    }

    /// All bytes have been pushed.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the file is cut off, and what the sink says.
    pub fn finish(self) -> Result<Loaded<S::Model>> {
        match self.stage {
            Stage::Weights { header, filling } => Ok(Loaded { model: filling.finish()?, header }),
            _ => Err(Error::Malformed("it is cut off in its header".into())),
        }
    }

    fn take(&mut self, mut chunk: &[u8]) -> Result<()> {
        if let Stage::Header { bytes, .. } = &mut self.stage {
            let (head, rest) = chunk.split_at(chunk.len().min(HEADER - bytes.len()));
            bytes.extend_from_slice(head);
            chunk = rest;
            if bytes.len() == HEADER {
                self.open()?;
            }
        }
        match &mut self.stage {
            Stage::Weights { filling, .. } => filling.push(chunk),
            Stage::Header { .. } => Ok(()),
            Stage::Failed => Err(Error::Malformed("reading it has failed before".into())),
        }
    }

    fn open(&mut self) -> Result<()> {
        let Stage::Header { bytes, sink } = std::mem::replace(&mut self.stage, Stage::Failed) else {
            return Ok(());
        };
        let config = config(&bytes, self.limits.context)?;
        let mut spans = Vec::new();
        let mut start = 0;
        let tensors: Vec<TensorInfo> = order(&config)
            .into_iter()
            .enumerate()
            .map(|(tensor, role)| {
                let (rows, columns) = role.shape(&config);
                let bytes = 4 * rows as u64 * columns as u64;
                spans.push(Span { tensor: Some(tensor), start, bytes, block_bytes: 4 });
                start += bytes;
                TensorInfo { role, format: Format::F32, rows, columns }
            })
            .collect();
        totals(&tensors, self.limits.weights)?;
        let header = Header { config, tensors, metadata: Metadata::default() };
        let filling = Filling::begin(sink, &header, spans, 0)?;
        self.stage = Stage::Weights { header, filling };
        Ok(())
    }
}

fn config(bytes: &[u8], most_context: usize) -> Result<Config> {
    let words: Vec<u32> = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let [magic, version, hidden, feed_forward, layers, heads, kv_heads, vocab, context, ..] = words[..]
    else {
        return Err(Error::Malformed("it is cut off in its header".into()));
    };
    if magic != 0x616b_3432 {
        return Err(Error::Malformed("it does not begin as llama2.c's checkpoints do".into()));
    }
    if version != 1 {
        return Err(Error::Unsupported(format!("llama2.c's version {version}")));
    }
    if heads == 0 {
        return Err(Error::Malformed("no heads".into()));
    }
    let config = Config {
        architecture: "llama".to_owned(),
        hidden: hidden as usize,
        layers: layers as usize,
        heads: heads as usize,
        kv_heads: kv_heads as usize,
        head_dim: (hidden / heads) as usize,
        feed_forward: feed_forward as usize,
        vocab: vocab as usize,
        context: (context as usize).min(most_context),
        rope_theta: 10_000.0,
        rope_pairs: RopePairs::Interleaved,
        rope_scaling: None,
        norm_epsilon: 1e-5,
        qkv_bias: false,
        qk_norm: false,
        tied: bytes[36] != 0,
    };
    plausible(&config)?;
    Ok(config)
}

/// The tensors in the order of the file.
fn order(config: &Config) -> Vec<Role> {
    use Part::{AttentionNorm, AttentionOutput, Down, FeedForwardNorm, Gate, Key, Query, Up, Value};
    let each = |part: Part| (0..config.layers).map(move |layer| Role::Layer(layer, part));
    let mut order: Vec<Role> = each(AttentionNorm).chain(each(FeedForwardNorm)).collect();
    order.extend([Role::OutputNorm, Role::Embedding]);
    order.extend([Query, Key, Value, AttentionOutput, Gate, Down, Up].into_iter().flat_map(each));
    if !config.tied {
        order.push(Role::Output);
    }
    order
}

/// llama2.c's `tokenizer.bin` as the keys that a GGUF file has: for [`crate::tokenizer::Tokenizer::new`], and for writing.
///
/// # Errors
/// [`Error::Malformed`] where it is cut off or holds something else.
pub fn tokenizer(bytes: &[u8]) -> Result<Metadata> {
    let short = || Error::Malformed("the tokenizer is cut off".into());
    let mut rest = bytes.get(4..).ok_or_else(short)?;
    let mut tokens = Texts::default();
    let mut scores = Vec::new();
    let mut types = Vec::new();
    while !rest.is_empty() {
        let (score, after) = rest.split_first_chunk().ok_or_else(short)?;
        let (length, after) = after.split_first_chunk().ok_or_else(short)?;
        let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(short)?;
        let text =
            std::str::from_utf8(text).map_err(|_| Error::Malformed("a token that is not UTF-8".into()))?;
        rest = after;
        // The writer puts line feeds around the names of the first and the last token of a text.
        let (name, kind) = match tokens.len() {
            0 => (text.to_owned(), 2),
            1 | 2 => (text.trim().to_owned(), 3),
            3..259 => (text.to_owned(), 6),
            _ => (text.replace(' ', "▁"), 1),
        };
        tokens.push(&name);
        scores.push(f32::from_le_bytes(*score));
        types.push(kind);
    }
    let mut metadata = Metadata::default();
    metadata.set("tokenizer.ggml.model", Value::Text("llama".into()));
    metadata.set("tokenizer.ggml.tokens", Value::Texts(tokens));
    metadata.set("tokenizer.ggml.scores", Value::Floats(scores));
    metadata.set("tokenizer.ggml.token_type", Value::Integers(types));
    for (name, token) in [("unknown", 0), ("bos", 1), ("eos", 2)] {
        metadata.set(&format!("tokenizer.ggml.{name}_token_id"), Value::Unsigned(token));
    }
    Ok(metadata)
}
