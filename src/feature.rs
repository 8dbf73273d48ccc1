//! A declarative feature list and the one encoder that training and serving share.
//!
//! Encoding has two steps. [`Encoder::observe`] reads the raw value of every field for one candidate: a
//! number or a set of 64-bit symbols. [`FieldTable::weigh`] turns a value into weighted rows of the
//! field's embedding table. The network sees, per field, the weighted sum of those rows.

mod list;
mod moment;
mod observe;
mod table;
mod text;
mod vocabulary;

pub use list::{Feature, FeatureList, Kind, Recency, Scale, Source};
pub use moment::{DeviceClass, Moment};
pub use observe::{Encoder, FieldValue, Observation};
pub use table::{FieldTable, RateTable, knots_from_sample};
pub use text::{MAX_GRAMS, grams};
pub use vocabulary::Vocabulary;

/// FNV-1a, 64 bits (Fowler, Noll, Vo): the symbol of a text.
#[must_use]
pub fn symbol(text: &str) -> u64 {
    symbol_of(text.as_bytes(), 0xcbf2_9ce4_8422_2325)
}

/// Continues a symbol with more bytes; `state` is a symbol made before.
#[must_use]
pub fn symbol_of(bytes: &[u8], state: u64) -> u64 {
    bytes.iter().fold(state, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
