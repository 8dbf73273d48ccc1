//! The binary sections: fitted state and embedding tables, little-endian.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::feature::{Encoder, FeatureList, FieldTable, Kind, RateTable, Vocabulary};

const KNOTS: u8 = 0;
const VOCABULARY: u8 = 1;
const BUCKETS: u8 = 2;
const MAX_BUCKETS: u32 = 1 << 20;

pub(super) fn write_fitted(encoder: &Encoder) -> Vec<u8> {
    let mut out = Vec::new();
    for (table, rates) in encoder.tables().iter().zip(encoder.rates()) {
        let (tag, length) = match table {
            FieldTable::Knots(knots) => (KNOTS, knots.len() as u32),
            FieldTable::Vocabulary(known) => (VOCABULARY, known.symbols().len() as u32),
            FieldTable::Buckets(buckets) => (BUCKETS, *buckets),
        };
        out.push(tag);
        out.extend(length.to_le_bytes());
        match table {
            FieldTable::Knots(knots) => knots.iter().for_each(|knot| out.extend(knot.to_le_bytes())),
            FieldTable::Vocabulary(known) => {
                known.symbols().iter().for_each(|symbol| out.extend(symbol.to_le_bytes()));
            }
            FieldTable::Buckets(_) => {}
        }
        out.extend(rates.prior.to_le_bytes());
        out.extend((rates.counts.len() as u32).to_le_bytes());
        for (key, (impressions, hits)) in &rates.counts {
            out.extend(key.to_le_bytes());
            out.extend((*impressions as f32).to_le_bytes());
            out.extend((*hits as f32).to_le_bytes());
        }
    }
    out
}

pub(super) fn read_fitted(bytes: &[u8], list: &FeatureList) -> Result<(Vec<RateTable>, Vec<FieldTable>)> {
    let mut reader = Reader { bytes };
    let (mut all_rates, mut tables) = (Vec::new(), Vec::new());
    for feature in &list.features {
        if reader.bytes.is_empty() && tables.is_empty() {
            break;
        }
        let tag = reader.take::<1>()?[0];
        let length = reader.count()?;
        let table = match tag {
            KNOTS => FieldTable::Knots(reader.many(length, f32::from_le_bytes)?),
            VOCABULARY => {
                let symbols = reader.many(length, u64::from_le_bytes)?;
                if !symbols.is_sorted_by(|a, b| a < b) {
                    return Err(Error::Bundle(format!("the vocabulary of {} is not sorted", feature.name)));
                }
                FieldTable::Vocabulary(Vocabulary::new(symbols))
            }
            BUCKETS if length as u32 <= MAX_BUCKETS => FieldTable::Buckets(length as u32),
            _ => return Err(Error::Bundle("the fitted section has an unknown form".to_owned())),
        };
        let fits = match &table {
            FieldTable::Knots(knots) => {
                !feature.kind.is_symbolic()
                    && knots.iter().all(|knot| knot.is_finite())
                    && knots.is_sorted_by(|a, b| a < b)
            }
            FieldTable::Vocabulary(_) | FieldTable::Buckets(_) => feature.kind.is_symbolic(),
        };
        if !fits {
            return Err(Error::Bundle(format!("the fitted table of {} does not fit it", feature.name)));
        }
        let prior = f64::from_le_bytes(reader.take()?);
        let entries = reader.count()?;
        let mut counts = BTreeMap::new();
        for _ in 0..entries {
            let key = u64::from_le_bytes(reader.take()?);
            let impressions = f32::from_le_bytes(reader.take()?);
            let hits = f32::from_le_bytes(reader.take()?);
            counts.insert(key, (f64::from(impressions), f64::from(hits)));
        }
        let strength = match feature.kind {
            Kind::Rate { strength, .. } => strength,
            _ => 0.0,
        };
        all_rates.push(RateTable { prior, strength, counts });
        tables.push(table);
    }
    reader.end()?;
    Ok((all_rates, tables))
}

pub(super) fn write_tables(tables: &[Vec<f32>]) -> Vec<u8> {
    let mut out = Vec::new();
    for table in tables {
        out.extend((table.len() as u32).to_le_bytes());
        table.iter().for_each(|weight| out.extend(weight.to_le_bytes()));
    }
    out
}

pub(super) fn read_tables(bytes: &[u8]) -> Result<Vec<Vec<f32>>> {
    let mut reader = Reader { bytes };
    let mut tables = Vec::new();
    while !reader.bytes.is_empty() {
        let length = reader.count()?;
        let table = reader.many(length, f32::from_le_bytes)?;
        if table.iter().any(|weight| !weight.is_finite()) {
            return Err(Error::Bundle("an embedding table holds a number that is not finite".to_owned()));
        }
        tables.push(table);
    }
    Ok(tables)
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk::<N>().ok_or_else(truncated)?;
        self.bytes = rest;
        Ok(*head)
    }

    fn count(&mut self) -> Result<usize> {
        self.take().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn many<const N: usize, T>(&mut self, count: usize, read: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
        let bytes = count.checked_mul(N).ok_or_else(truncated)?;
        let (head, rest) = self.bytes.split_at_checked(bytes).ok_or_else(truncated)?;
        self.bytes = rest;
        Ok(head.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect())
    }

    fn end(&self) -> Result<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(truncated()) }
    }
}

fn truncated() -> Error {
    Error::Bundle("a binary section has the wrong length".to_owned())
}
