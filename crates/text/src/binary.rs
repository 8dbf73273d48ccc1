//! The text model's file, all numbers little-endian: magic (8 bytes), length of the card (u32), the card as JSON;
//! scale, bias, base, known and unknown spread (f32); number of style features (u32), weight and mean of each (f32);
//! number of quantiles (u32), the quantiles (f32); number of n-grams (u32), their symbols (u32), their weights (i8); and
//! the sha256 of everything before it.

use sha2::{Digest, Sha256};

use crate::{Error, Fitted, Result, StyleWeight, TextModel};

const MAGIC: &[u8; 8] = b"ATTTEXT\x01";
const DIGEST: usize = 32;
/// The largest file that is read, in bytes.
const MAX_BYTES: usize = 4 << 20;

impl TextModel {
    /// The file's bytes. The same parts give the same bytes.
    ///
    /// # Errors
    /// [`Error::Card`] when the card cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let fitted = self.fitted();
        let card = serde_json::to_vec(&fitted.card)?;
        let mut bytes = MAGIC.to_vec();
        let count = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u32).to_le_bytes());
        count(&mut bytes, card.len());
        bytes.extend(card);
        for number in [fitted.scale, fitted.bias, fitted.base, fitted.known_spread, fitted.unknown_spread] {
            bytes.extend(number.to_le_bytes());
        }
        count(&mut bytes, fitted.style.len());
        fitted.style.iter().flat_map(|s| [s.weight, s.mean]).for_each(|n| bytes.extend(n.to_le_bytes()));
        count(&mut bytes, fitted.quantiles.len());
        fitted.quantiles.iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        count(&mut bytes, fitted.grams.len());
        fitted.grams.iter().for_each(|(symbol, _)| bytes.extend(symbol.to_le_bytes()));
        fitted.grams.iter().for_each(|(_, weight)| bytes.extend(weight.to_le_bytes()));
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        Ok(bytes)
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`Error::Unusable`] when they are not a text model, are incomplete or damaged, or do not fit together;
    /// [`Error::Newer`], [`Error::TooMany`], and [`Error::Card`] for the card.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooMany { found: bytes.len(), limit: MAX_BYTES });
        }
        if bytes.get(..7) != Some(&MAGIC[..7]) {
            return Err(Error::Unusable("these bytes are none".to_owned()));
        }
        if bytes.get(7) != Some(&MAGIC[7]) {
            let found = u32::from(bytes.get(7).copied().unwrap_or(0));
            return Err(Error::Newer { found, supported: u32::from(MAGIC[7]) });
        }
        let (body, digest) =
            bytes.len().checked_sub(DIGEST).map(|end| bytes.split_at(end)).ok_or_else(short)?;
        if Sha256::digest(body).as_slice() != digest {
            return Err(Error::Unusable(
                "its checksum does not match: the file is incomplete or was changed".to_owned(),
            ));
        }
        let mut reader = Reader(body.get(MAGIC.len()..).ok_or_else(short)?);
        let length = reader.count()?;
        let card = std::str::from_utf8(reader.bytes(length)?)
            .map_err(|_| Error::Unusable("its card is not UTF-8".to_owned()))?;
        let card = serde_json::from_str(card)?;
        let [scale, bias, base, known_spread, unknown_spread] = reader.numbers()?;
        let n = reader.count()?;
        let style = reader.many::<8>(n)?.iter().map(|pair| {
            let [a, b, c, d, e, f, g, h] = *pair;
            StyleWeight { weight: f32::from_le_bytes([a, b, c, d]), mean: f32::from_le_bytes([e, f, g, h]) }
        });
        let style = style.collect();
        let n = reader.count()?;
        let quantiles = reader.many::<4>(n)?.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let n = reader.count()?;
        let symbols = reader.many::<4>(n)?.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let grams = symbols.zip(reader.bytes(n)?.iter().map(|byte| i8::from_le_bytes([*byte]))).collect();
        if !reader.0.is_empty() {
            return Err(short());
        }
        Self::new(Fitted { card, grams, scale, style, bias, base, known_spread, unknown_spread, quantiles })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n).ok_or_else(short)?;
        self.0 = rest;
        Ok(head)
    }

    fn many<const N: usize>(&mut self, n: usize) -> Result<&'a [[u8; N]]> {
        Ok(self.bytes(n.checked_mul(N).ok_or_else(short)?)?.as_chunks::<N>().0)
    }

    fn count(&mut self) -> Result<usize> {
        let [bytes] = self.many::<4>(1)? else { return Err(short()) };
        Ok(u32::from_le_bytes(*bytes) as usize)
    }

    fn numbers<const N: usize>(&mut self) -> Result<[f32; N]> {
        let mut numbers = [0.0; N];
        for (number, bytes) in numbers.iter_mut().zip(self.many::<4>(N)?) {
            *number = f32::from_le_bytes(*bytes);
        }
        Ok(numbers)
    }
}

fn short() -> Error {
    Error::Unusable("it has the wrong length: download it again".to_owned())
}
