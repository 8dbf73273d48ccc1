//! GGUF, read as its bytes come in.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. The header is parsed and checked before anything is
//! asked of the [`Sink`]; then the weights pass through in whole blocks. No more than the header, one block, and Llama 3's rope
//! factors with what lies before them is ever kept.

mod cursor;
mod header;
mod shape;

pub(super) use self::cursor::Kind;
pub(super) use self::header::number;
use self::header::{Entry, Parser};
pub(super) use self::shape::ROPE_FACTORS;
use super::shape::{Told, check};
use super::stream::{Filling, Span};
use super::{Format, Header, Limits, Loaded, Manifest, Sink, Verifier};
use crate::order;
use crate::{Error, Result};

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
enum Stage<S> {
    Parsing { parser: Box<Parser>, pending: Vec<u8>, sink: S },
    Holding { opened: Opened, factors: Span, held: Vec<u8>, sink: S },
    Weights { header: Header, filling: Filling<S> },
    Failed,
}

/// Reads one file, pushed in chunks of any size.
#[derive(Debug)]
pub struct Reader<S> {
    limits: Limits,
    verifier: Option<Verifier>,
    received: u64,
    stage: Stage<S>,
}

impl<S: Sink> Reader<S> {
    /// A reader of a file whose weights go to `sink`.
    pub fn new(limits: Limits, sink: S) -> Self {
        let stage = Stage::Parsing { parser: Box::new(Parser::new(limits)), pending: Vec::new(), sink };
        Self { limits, verifier: None, received: 0, stage }
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
        let told = match &self.stage {
            Stage::Weights { filling, .. } => Some(self.received + filling.left()),
            _ => None,
        };
        self.verifier.as_ref().map(Verifier::total).or(told)
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
        match self.stage {
            Stage::Weights { header, filling } => {
                if let Some(verifier) = self.verifier {
                    verifier.finish()?;
                }
                Ok(Loaded { model: filling.finish()?, header })
            }
            Stage::Failed => Err(failed()),
            _ => Err(Error::Malformed(format!("it is cut off in its header, after {} bytes", self.received))),
        }
    }

    fn take(&mut self, mut chunk: &[u8]) -> Result<()> {
        if let Some(verifier) = &mut self.verifier {
            verifier.push(chunk)?;
        }
        self.received += chunk.len() as u64;
        while let Stage::Parsing { parser, pending, .. } = &mut self.stage {
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
        let Stage::Parsing { parser, sink, .. } = std::mem::replace(&mut self.stage, Stage::Failed) else {
            return Ok(());
        };
        let (opened, factors) = open(*parser, self.limits)?;
        self.stage = match factors {
            Some(factors) => Stage::Holding { opened, factors, held: Vec::new(), sink },
            None => opened.begin(sink)?,
        };
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
            Stage::Weights { filling, .. } => filling.push(bytes),
            Stage::Failed => Err(failed()),
            Stage::Parsing { .. } => Ok(()),
        }
    }

    /// Llama 3's rope factors have come.
    fn release(&mut self) -> Result<()> {
        let stage = std::mem::replace(&mut self.stage, Stage::Failed);
        let Stage::Holding { mut opened, factors, held, sink } = stage else { return Ok(()) };
        let numbers =
            held[factors.start as usize..].as_chunks().0.iter().map(|number| f32::from_le_bytes(*number));
        let Header { config, metadata, .. } = &mut opened.header;
        config.rope_scaling = Some(shape::rope_scaling(config, metadata, &numbers.collect::<Vec<_>>())?);
        self.stage = opened.begin(sink)?;
        self.weights(&held)
    }
}

impl Opened {
    fn begin<S: Sink>(self, sink: S) -> Result<Stage<S>> {
        let filling = Filling::begin(sink, &self.header, self.spans, self.slack)?;
        Ok(Stage::Weights { header: self.header, filling })
    }
}

fn failed() -> Error {
    Error::Malformed("reading it has failed before".into())
}

/// Checks a complete header; with it where Llama 3's rope factors lie, where there are any.
fn open(parser: Parser, limits: Limits) -> Result<(Opened, Option<Span>)> {
    let Parser { metadata, mut entries, consumed, .. } = parser;
    let alignment = metadata.count("general.alignment")?.unwrap_or(32) as u64;
    if alignment == 0 || !alignment.is_multiple_of(8) || alignment > 1 << 16 {
        return Err(Error::Malformed(format!("an alignment of {alignment}")));
    }
    let config = shape::config(&metadata, &entries, limits.context)?;
    order::sort_by_key(&mut entries, |entry| entry.offset);
    let padding = consumed.next_multiple_of(alignment) - consumed;
    let (spans, told) = lay_out(&entries, alignment, padding)?;
    let tensors = check(&config, &super::shape::GGUF, &told, limits.weights)?;
    let factors = entries.iter().zip(&spans).find(|(entry, _)| entry.name == ROPE_FACTORS);
    if let Some((Entry { format, dimensions, .. }, factors)) = factors {
        if *format != Format::F32 || *dimensions != [config.head_dim as u64 / 2] {
            return Err(Error::Malformed(format!("{ROPE_FACTORS} is {format:?} {dimensions:?}")));
        }
        if factors.start + factors.bytes > HELD {
            return Err(Error::Unsupported(format!("{ROPE_FACTORS} so far back in the file")));
        }
    }
    let factors = factors.map(|(_, span)| *span);
    let end = spans.last().map_or(0, |span| span.start + span.bytes) - padding;
    let slack = end.next_multiple_of(alignment) - end;
    Ok((Opened { header: Header { config, tensors, metadata }, spans, slack }, factors))
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
