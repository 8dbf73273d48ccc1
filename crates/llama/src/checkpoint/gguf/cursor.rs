//! GGUF's values, off the front of what has come.

use crate::checkpoint::Value;
use crate::{Error, Result};

/// GGUF's kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::checkpoint) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    Text,
    Array,
    U64,
    I64,
    F64,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::Text,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];
}

/// Why a piece was not parsed.
pub(super) enum Stop {
    /// The piece's end is still to come.
    Short,
    Wrong(Error),
}

/// What a parsing function answers.
pub(super) type Parsed<T> = Result<T, Stop>;

pub(super) fn malformed<T>(why: impl Into<String>) -> Parsed<T> {
    Err(Stop::Wrong(Error::Malformed(why.into())))
}

pub(super) fn unsupported<T>(what: impl Into<String>) -> Parsed<T> {
    Err(Stop::Wrong(Error::Unsupported(what.into())))
}

/// Takes values off the front of bytes.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    /// Bytes taken.
    pub(super) at: usize,
    /// The most bytes of a text.
    longest: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], longest: u64) -> Self {
        Self { bytes, at: 0, longest }
    }

    fn take(&mut self, count: usize) -> Parsed<&'a [u8]> {
        let taken = self.bytes[self.at..].get(..count).ok_or(Stop::Short)?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn u64(&mut self) -> Parsed<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self) -> Parsed<&'a str> {
        let length = self.u64()?;
        if length > self.longest {
            return malformed(format!("a text of {length} bytes in the header"));
        }
        let bytes = self.take(length as usize)?;
        std::str::from_utf8(bytes).or_else(|_| malformed("a text in the header that is not UTF-8"))
    }

    pub(super) fn kind(&mut self) -> Parsed<Kind> {
        let number = u32::from_le_bytes(self.array()?);
        match Kind::ALL.get(number as usize) {
            Some(kind) => Ok(*kind),
            None => malformed(format!("a value of kind {number}")),
        }
    }

    pub(super) fn value(&mut self, kind: Kind) -> Parsed<Value> {
        Ok(match kind {
            Kind::U8 => Value::Unsigned(u8::from_le_bytes(self.array()?).into()),
            Kind::I8 => Value::Integer(i8::from_le_bytes(self.array()?).into()),
            Kind::U16 => Value::Unsigned(u16::from_le_bytes(self.array()?).into()),
            Kind::I16 => Value::Integer(i16::from_le_bytes(self.array()?).into()),
            Kind::U32 => Value::Unsigned(u32::from_le_bytes(self.array()?).into()),
            Kind::I32 => Value::Integer(i32::from_le_bytes(self.array()?).into()),
            Kind::F32 => Value::Float(f32::from_le_bytes(self.array()?).into()),
            Kind::U64 => Value::Unsigned(self.u64()?),
            Kind::I64 => Value::Integer(i64::from_le_bytes(self.array()?)),
            Kind::F64 => Value::Float(f64::from_le_bytes(self.array()?)),
            Kind::Bool => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => return malformed(format!("a truth value of {other}")),
            },
            Kind::Text => Value::Text(self.text()?.to_owned()),
            Kind::Array => return unsupported("a list of lists"),
        })
    }
}
