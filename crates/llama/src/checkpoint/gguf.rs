//! GGUF, read as its bytes come in.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. The header is parsed and checked before anything is
//! asked of the [`Sink`]; then the weights pass through in whole blocks. No more than the header, one block, and Llama 3's rope
//! factors with what lies before them is ever kept.

mod header;
mod metadata;
mod shape;

use self::header::{Entry, Parser};
pub use self::metadata::{Metadata, Texts, Value};
use self::shape::ROPE_FACTORS;
use super::shape::{Told, check};
use super::stream::{Span, Stream};
use super::{Format, Manifest, Sink, TensorInfo, Verifier};
use crate::{Config, Error, Result};

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

/// How much of a file may be held back until Llama 3's rope factors have come.
const HELD: u64 = 4 << 20;

/// The most bytes parsed at a time.
const PIECE: usize = 1 << 16;

/// A checked header, and where the tensors lie from its end on.
#[derive(Debug)]
struct Opened {
    header: Header,
    spans: Vec<Span>,
    /// Bytes that some writers fill up the last tensor with.
    slack: u64,
}

#[derive(Debug)]
enum Stage {
    Parsing { parser: Box<Parser>, pending: Vec<u8> },
    Holding { opened: Opened, factors: Span, held: Vec<u8> },
    Weights { header: Header, slack: u64, stream: Stream },
    Failed,
}

/// Reads one file, pushed in chunks of any size.
#[derive(Debug)]
pub struct Reader<S> {
    limits: Limits,
    sink: S,
    verifier: Option<Verifier>,
    received: u64,
    stage: Stage,
}

impl<S: Sink> Reader<S> {
    /// A reader of a file whose weights go to `sink`.
    pub fn new(limits: Limits, sink: S) -> Self {
        let stage = Stage::Parsing { parser: Box::new(Parser::new(limits)), pending: Vec::new() };
        Self { limits, sink, verifier: None, received: 0, stage }
    }

    /// Holds every shard of the file against the manifest's hashes. [`Sink::end`] is only called when all match.
    #[must_use]
    pub fn verified(mut self, manifest: Manifest) -> Self {
        self.verifier = Some(Verifier::new(manifest));
        self
    }

    /// Bytes by now.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of the whole file, once the header or a manifest tells.
    pub fn total(&self) -> Option<u64> {
        let data = match &self.stage {
            Stage::Weights { stream, .. } => {
                Some(self.received - stream.at() + stream.total().max(stream.at()))
            }
            _ => None,
        };
        self.verifier.as_ref().map(Verifier::total).or(data)
    }

    /// The header, once it has come.
    pub fn header(&self) -> Option<&Header> {
        match &self.stage {
            Stage::Weights { header, .. } => Some(header),
            _ => None,
        }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Unsupported`], [`Error::TooLarge`], and what the sink says. After an error nothing more is
    /// taken.
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
    /// [`Error::Malformed`] where the file is cut off or a shard is not the manifest's, and what the sink says.
    pub fn finish(self) -> Result<Loaded<S::Model>> {
        let Stage::Weights { header, stream, .. } = self.stage else {
            return Err(match self.stage {
                Stage::Failed => Error::Malformed("reading it has failed before".into()),
                _ => Error::Malformed(format!("it ends in its header, after {} bytes", self.received)),
            });
        };
        stream.finish()?;
        if let Some(verifier) = self.verifier {
            verifier.finish()?;
        }
        Ok(Loaded { model: self.sink.end()?, header })
    }

    fn take(&mut self, mut chunk: &[u8]) -> Result<()> {
        if let Some(verifier) = &mut self.verifier {
            verifier.push(chunk)?;
        }
        self.received += chunk.len() as u64;
        while let Stage::Parsing { parser, pending } = &mut self.stage {
            if chunk.is_empty() {
                return Ok(());
            }
            let (piece, rest) = chunk.split_at(chunk.len().min(PIECE));
            chunk = rest;
            pending.extend_from_slice(piece);
            let used = parser.parse(pending)?;
            pending.drain(..used);
            if parser.done() {
                let rest = std::mem::take(pending);
                self.opened()?;
                self.weights(&rest)?;
            }
        }
        self.weights(chunk)
    }

    /// The header is complete: it is checked, and room is made for the weights.
    fn opened(&mut self) -> Result<()> {
        let Stage::Parsing { parser, .. } = std::mem::replace(&mut self.stage, Stage::Failed) else {
            return Ok(());
        };
        let Parser { metadata, mut entries, consumed, .. } = *parser;
        let alignment = metadata.count("general.alignment")?.unwrap_or(32) as u64;
        if alignment == 0 || alignment % 8 != 0 || alignment > 1 << 16 {
            return Err(Error::Malformed(format!("an alignment of {alignment}")));
        }
        let config = shape::config(&metadata, &entries, self.limits.context)?;
        entries.sort_by_key(|entry| entry.offset);
        let padding = consumed.next_multiple_of(alignment) - consumed;
        let (spans, told) = lay_out(&entries, alignment, padding)?;
        let factors = entries.iter().zip(&spans).find(|(entry, _)| entry.name == ROPE_FACTORS);
        let tensors = check(&config, &super::shape::GGUF, &told, self.limits.weights)?;
        let end = spans.last().map_or(0, |span| span.start + span.bytes) - padding;
        let slack = end.next_multiple_of(alignment) - end;
        if let Some((Entry { format, dimensions, .. }, factors)) = factors {
            if *format != Format::F32 || *dimensions != [config.head_dim as u64 / 2] {
                return Err(Error::Malformed(format!("{ROPE_FACTORS} is {format:?} {dimensions:?}")));
            }
            if factors.start + factors.bytes > HELD {
                return Err(Error::Unsupported(format!("{ROPE_FACTORS} so far back in the file")));
            }
            let factors = *factors;
            let opened = Opened { header: Header { config, tensors, metadata }, spans, slack };
            self.stage = Stage::Holding { opened, factors, held: Vec::new() };
            return Ok(());
        }
        self.begin(Opened { header: Header { config, tensors, metadata }, spans, slack })
    }

    fn begin(&mut self, Opened { header, spans, slack }: Opened) -> Result<()> {
        self.sink.begin(&header.config, &header.tensors)?;
        self.stage = Stage::Weights { header, slack, stream: Stream::new(spans) };
        Ok(())
    }

    fn weights(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.stage {
            Stage::Holding { factors, held, .. } => {
                let left = (factors.start + factors.bytes) as usize - held.len();
                let (kept, rest) = bytes.split_at(bytes.len().min(left));
                held.extend_from_slice(kept);
                if kept.len() == left {
                    self.release()?;
                    return self.weights(rest);
                }
                Ok(())
            }
            Stage::Weights { slack, stream, .. } => {
                let sink = &mut self.sink;
                let over = stream.push(bytes, |tensor, first, blocks| sink.blocks(tensor, first, blocks))?;
                match slack.checked_sub(over as u64) {
                    Some(left) => *slack = left,
                    None => return Err(Error::Malformed("it goes on after its last tensor".into())),
                }
                Ok(())
            }
            Stage::Failed => Err(Error::Malformed("reading it has failed before".into())),
            Stage::Parsing { .. } => Ok(()),
        }
    }

    /// Llama 3's rope factors have come.
    fn release(&mut self) -> Result<()> {
        let stage = std::mem::replace(&mut self.stage, Stage::Failed);
        let Stage::Holding { mut opened, factors, held } = stage else { return Ok(()) };
        let numbers =
            held[factors.start as usize..].as_chunks().0.iter().map(|number| f32::from_le_bytes(*number));
        let Header { config, metadata, .. } = &mut opened.header;
        config.rope_scaling = Some(shape::rope_scaling(config, metadata, &numbers.collect::<Vec<_>>())?);
        self.begin(opened)?;
        self.weights(&held)
    }
}

/// Where the tensors lie from the header's end on, and what those are that go to the sink. Tensors follow each other, each from a
/// multiple of the alignment on.
fn lay_out(entries: &[Entry], alignment: u64, padding: u64) -> Result<(Vec<Span>, Vec<Told>)> {
    let mut spans = Vec::with_capacity(entries.len());
    let mut told = Vec::with_capacity(entries.len());
    let mut end = 0u64;
    for Entry { name, dimensions, format, offset } in entries {
        let weights = dimensions.iter().try_fold(1u64, |product, dimension| product.checked_mul(*dimension));
        let blocks = weights.map(|weights| weights.div_ceil(format.block_len() as u64));
        let bytes = blocks.and_then(|blocks| blocks.checked_mul(format.block_bytes() as u64));
        let Some(bytes) = bytes.filter(|bytes| (1..1 << 40).contains(bytes)) else {
            return Err(Error::Malformed(format!("{name} has the dimensions {dimensions:?}")));
        };
        if *offset != end.next_multiple_of(alignment) {
            return Err(Error::Malformed(format!(
                "{name} is at {offset}, and the tensor before it ends at {end}"
            )));
        }
        end = offset + bytes;
        let tensor = match super::shape::GGUF.role(name) {
            Some(role) => {
                let mut shape: Vec<u64> = dimensions.iter().rev().copied().collect();
                while shape.len() > 1 && shape[0] == 1 {
                    shape.remove(0);
                }
                told.push(Told { name: name.clone(), role, format: *format, shape });
                Some(told.len() - 1)
            }
            None if name == ROPE_FACTORS => None,
            None => return Err(Error::Unsupported(format!("it has a tensor {name}"))),
        };
        spans.push(Span { tensor, start: padding + offset, bytes, block_bytes: format.block_bytes() });
    }
    Ok((spans, told))
}
