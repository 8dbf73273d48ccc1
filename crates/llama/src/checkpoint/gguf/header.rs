//! The header of a GGUF file, piece by piece as its bytes come in (versions 2 and 3, little endian).

use std::collections::BTreeSet;

use super::cursor::{Cursor, Kind, Parsed, Stop, malformed, unsupported};
use crate::checkpoint::{Format, Limits, Metadata, Texts, Value};
use crate::{Error, Result};

/// A tensor as the header tells of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// As stored: the fastest dimension first.
    pub(super) dimensions: Vec<u64>,
    pub(super) format: Format,
    /// From the start of the data.
    pub(super) offset: u64,
}

/// What the next bytes are.
#[derive(Debug)]
enum Expected {
    Prelude,
    Pair,
    Item { key: String, kind: Kind, left: u64, list: Option<Value> },
    Tensor,
    End,
}

/// The parser. What is parsed is kept, what is not yet complete stays with the caller.
#[derive(Debug)]
pub(super) struct Parser {
    limits: Limits,
    expected: Expected,
    pairs: u64,
    tensors: u64,
    /// Bytes of the header by now.
    pub(super) consumed: u64,
    kept: usize,
    keys: BTreeSet<String>,
    pub(super) metadata: Metadata,
    pub(super) entries: Vec<Entry>,
}

impl Parser {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            expected: Expected::Prelude,
            pairs: 0,
            tensors: 0,
            consumed: 0,
            kept: 0,
            keys: BTreeSet::new(),
            metadata: Metadata::default(),
            entries: Vec::new(),
        }
    }

    /// Whether the header is complete.
    pub(super) fn done(&self) -> bool {
        matches!(self.expected, Expected::End)
    }

    /// Parses as many whole pieces as `bytes` begins with; answers their length.
    pub(super) fn parse(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut used = 0;
        while !self.done() {
            let mut cursor = Cursor::new(&bytes[used..], self.limits.text);
            match self.piece(&mut cursor) {
                Ok(()) => {
                    used += cursor.at;
                    self.consumed += cursor.at as u64;
                    if self.consumed > self.limits.header {
                        return Err(Error::TooLarge {
                            what: "its header".to_owned(),
                            needed: self.consumed,
                            available: self.limits.header,
                        });
                    }
                    self.settle();
                }
                Err(Stop::Short) => break,
                Err(Stop::Wrong(error)) => return Err(error),
            }
        }
        Ok(used)
    }

    /// Lists that have all their items become pairs; when all pairs are there tensors come, and then the end.
    fn settle(&mut self) {
        if let Expected::Item { left: 0, key, list, .. } = &mut self.expected {
            if let Some(list) = list.take() {
                self.metadata.set(key, list);
            }
            self.expected = Expected::Pair;
        }
        if matches!(self.expected, Expected::Pair) && self.pairs == 0 {
            self.expected = Expected::Tensor;
        }
        if matches!(self.expected, Expected::Tensor) && self.tensors == 0 {
            self.expected = Expected::End;
        }
    }

    fn piece(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        match self.expected {
            Expected::Prelude => self.prelude(cursor),
            Expected::Pair => self.pair(cursor),
            Expected::Item { .. } => self.item(cursor),
            Expected::Tensor => self.tensor(cursor),
            Expected::End => Ok(()),
        }
    }

    fn prelude(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        if cursor.array()? != *b"GGUF" {
            return malformed("it does not begin with GGUF");
        }
        match u32::from_le_bytes(cursor.array()?) {
            2 | 3 => {}
            swapped if matches!(swapped.swap_bytes(), 1..=3) => return unsupported("big-endian GGUF"),
            other => return unsupported(format!("GGUF version {other}")),
        }
        let (tensors, pairs) = (cursor.u64()?, cursor.u64()?);
        if tensors == 0 || tensors > self.limits.tensors {
            return malformed(format!("{tensors} tensors"));
        }
        if pairs == 0 || pairs > self.limits.pairs {
            return malformed(format!("{pairs} metadata entries"));
        }
        (self.tensors, self.pairs) = (tensors, pairs);
        self.expected = Expected::Pair;
        Ok(())
    }

    fn pair(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let key = cursor.text()?;
        let kind = cursor.kind()?;
        if key.is_empty() || key.len() > 256 {
            return malformed(format!("a metadata key of {} bytes", key.len()));
        }
        if kind == Kind::Array {
            let kind = cursor.kind()?;
            let left = cursor.u64()?;
            if kind == Kind::Array {
                return unsupported(format!("{key} is a list of lists"));
            }
            if left > self.limits.header {
                return malformed(format!("{key} is a list of {left}"));
            }
            let list = match kind {
                Kind::Text => Some(Value::Texts(Texts::default())),
                Kind::F32 => Some(Value::Floats(Vec::new())),
                Kind::I32 | Kind::U32 => Some(Value::Integers(Vec::new())),
                _ => None,
            };
            self.claim(key)?;
            self.expected = Expected::Item { key: key.to_owned(), kind, left, list };
        } else {
            let value = cursor.value(kind)?;
            self.claim(key)?;
            if let Value::Text(text) = &value {
                self.keep(text.len())?;
            }
            self.metadata.set(key, value);
        }
        self.pairs -= 1;
        Ok(())
    }

    /// As many items of a list as are there.
    fn item(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let Expected::Item { key, kind, left, list } = &mut self.expected else { return Ok(()) };
        let mut some = false;
        while *left > 0 {
            let before = cursor.at;
            let read = match list {
                Some(Value::Texts(texts)) => cursor.text().map(|text| texts.push(text)),
                Some(Value::Floats(floats)) => {
                    cursor.array().map(|bytes| floats.push(f32::from_le_bytes(bytes)))
                }
                Some(Value::Integers(integers)) => match cursor.array() {
                    Ok(bytes) => match (*kind, i32::from_le_bytes(bytes)) {
                        (Kind::U32, ..0) => malformed(format!("{key} has a number too large")),
                        (_, number) => {
                            integers.push(number);
                            Ok(())
                        }
                    },
                    Err(stop) => Err(stop),
                },
                _ => cursor.value(*kind).map(drop),
            };
            match read {
                Ok(()) => {
                    *left -= 1;
                    self.kept += cursor.at - before;
                    some = true;
                }
                Err(Stop::Short) if some => {
                    cursor.at = before;
                    break;
                }
                Err(stop) => return Err(stop),
            }
        }
        self.keep(0)
    }

    fn tensor(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let name = cursor.text()?;
        let rank = u32::from_le_bytes(cursor.array()?);
        if name.is_empty() || name.len() > 256 {
            return malformed(format!("a tensor's name of {} bytes", name.len()));
        }
        if rank == 0 || rank > 4 {
            return malformed(format!("{name} has {rank} dimensions"));
        }
        let dimensions = (0..rank).map(|_| cursor.u64()).collect::<Parsed<Vec<_>>>()?;
        let format = u32::from_le_bytes(cursor.array()?);
        let offset = cursor.u64()?;
        let Some(format) = format_of(format) else {
            return unsupported(format!("{name} is stored as {}", format_name(format)));
        };
        self.keep(name.len() + 64)?;
        self.entries.push(Entry { name: name.to_owned(), dimensions, format, offset });
        self.tensors -= 1;
        Ok(())
    }

    fn claim(&mut self, key: &str) -> Parsed<()> {
        self.keep(2 * key.len() + 64)?;
        if self.keys.insert(key.to_owned()) { Ok(()) } else { malformed(format!("{key} is there twice")) }
    }

    fn keep(&mut self, bytes: usize) -> Parsed<()> {
        self.kept += bytes;
        if self.kept as u64 > self.limits.header {
            return malformed(format!("more than {} bytes of metadata", self.limits.header));
        }
        Ok(())
    }
}

/// ggml's numbers of formats.
const FORMATS: [(u32, Format); 9] = [
    (0, Format::F32),
    (1, Format::F16),
    (2, Format::Q4_0),
    (3, Format::Q4_1),
    (6, Format::Q5_0),
    (8, Format::Q8_0),
    (12, Format::Q4_K),
    (14, Format::Q6_K),
    (30, Format::BF16),
];

/// ggml's number of a format.
pub(in crate::checkpoint) fn number(format: Format) -> u32 {
    FORMATS.iter().find(|(_, known)| *known == format).map_or(u32::MAX, |(number, _)| *number)
}

fn format_of(number: u32) -> Option<Format> {
    FORMATS.iter().find(|(known, _)| *known == number).map(|(_, format)| *format)
}

fn format_name(number: u32) -> String {
    let name = match number {
        7 => "Q5_1",
        9 => "Q8_1",
        10 => "Q2_K",
        11 => "Q3_K",
        13 => "Q5_K",
        15 => "Q8_K",
        16..=23 | 29 => "an IQ format",
        28 => "F64",
        34 | 35 => "a ternary format",
        39 => "MXFP4",
        _ => return format!("number {number}"),
    };
    name.to_owned()
}
