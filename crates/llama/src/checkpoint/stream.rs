//! Whole blocks out of chunks of any size.

use super::{Header, Sink};
use crate::{Error, Result};

/// Where a tensor's bytes lie, counted from where the data starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// What `Sink::blocks` calls it; nothing where the bytes are passed over.
    pub(super) tensor: Option<usize>,
    pub(super) start: u64,
    pub(super) bytes: u64,
    pub(super) block_bytes: usize,
}

/// Cuts a stream of bytes into the blocks of the tensors in it. Keeps no more than one block.
#[derive(Debug)]
struct Stream {
    spans: Vec<Span>,
    /// The span the next byte is in, or before.
    span: usize,
    /// Bytes seen.
    at: u64,
    /// Whole blocks of the span already given.
    given: usize,
    /// The beginning of a block whose end is to come.
    carry: Vec<u8>,
}

impl Stream {
    /// `spans` in order of `start`, apart from each other, each a whole number of blocks.
    fn new(spans: Vec<Span>) -> Self {
        Self { spans, span: 0, at: 0, given: 0, carry: Vec::new() }
    }

    /// Bytes from the start of the data to the end of the last tensor.
    fn total(&self) -> u64 {
        self.spans.last().map_or(0, |span| span.start + span.bytes)
    }

    /// Takes the next bytes and calls `give(tensor, first block, blocks)`; answers how many bytes lie behind the last tensor.
    fn push(
        &mut self,
        mut bytes: &[u8],
        mut give: impl FnMut(usize, usize, &[u8]) -> Result<()>,
    ) -> Result<usize> {
        while let Some(&span) = self.spans.get(self.span) {
            let end = span.start + span.bytes;
            if self.at == end {
                self.span += 1;
                self.given = 0;
                continue;
            }
            if bytes.is_empty() {
                return Ok(0);
            }
            if self.at < span.start {
                let gap = self.fit(span.start, bytes);
                bytes = self.pass(bytes, gap).1;
                continue;
            }
            let here = self.fit(end, bytes);
            let (mine, rest) = self.pass(bytes, here);
            bytes = rest;
            if let Some(tensor) = span.tensor {
                self.blocks(mine, span.block_bytes, |first, blocks| give(tensor, first, blocks))?;
            }
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn fit(&self, end: u64, bytes: &[u8]) -> usize {
        usize::try_from(end - self.at).map_or(bytes.len(), |left| left.min(bytes.len()))
    }

    fn pass<'a>(&mut self, bytes: &'a [u8], count: usize) -> (&'a [u8], &'a [u8]) {
        self.at += count as u64;
        bytes.split_at(count)
    }

    fn blocks(
        &mut self,
        mut bytes: &[u8],
        size: usize,
        mut give: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        if !self.carry.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(size - self.carry.len()));
            self.carry.extend_from_slice(head);
            bytes = rest;
            if self.carry.len() < size {
                return Ok(());
            }
            give(self.given, &self.carry)?;
            self.given += 1;
            self.carry.clear();
        }
        let (whole, tail) = bytes.split_at(bytes.len() / size * size);
        if !whole.is_empty() {
            give(self.given, whole)?;
            self.given += whole.len() / size;
        }
        self.carry.extend_from_slice(tail);
        Ok(())
    }
}

/// A sink with the stream that fills it.
#[derive(Debug)]
pub(super) struct Filling<S> {
    sink: S,
    stream: Stream,
    /// Bytes that may still follow the last tensor.
    slack: u64,
}

impl<S: Sink> Filling<S> {
    /// Begins the sink.
    pub(super) fn begin(mut sink: S, header: &Header, spans: Vec<Span>, slack: u64) -> Result<Self> {
        sink.begin(&header.config, &header.tensors)?;
        Ok(Self { sink, stream: Stream::new(spans), slack })
    }

    /// Takes the next bytes of the data.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let sink = &mut self.sink;
        let over = self.stream.push(bytes, |tensor, first, blocks| sink.blocks(tensor, first, blocks))?;
        match self.slack.checked_sub(over as u64) {
            Some(left) => self.slack = left,
            None => return Err(Error::Malformed("it goes on after its last tensor".into())),
        }
        Ok(())
    }

    /// Bytes of the data that are still to come.
    pub(super) fn left(&self) -> u64 {
        self.stream.total().saturating_sub(self.stream.at)
    }

    /// Ends the sink, where all has come.
    pub(super) fn finish(self) -> Result<S::Model> {
        match self.left() {
            0 => self.sink.end(),
            left => Err(Error::Malformed(format!("it is cut off: {left} bytes of weights are missing"))),
        }
    }
}
