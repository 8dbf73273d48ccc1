//! The one-file bundle: a card, the feature list, fitted tables, the network, calibration and golden cases.
//!
//! Layout, all integers little-endian: magic (8 bytes), header length (u32), header JSON with the sections'
//! names and lengths, the sections, and the sha256 of everything before it (32 bytes).

mod binary;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::effect::Head;
use crate::error::{Error, Result};
use crate::feature::{Encoder, FeatureList};
use crate::profile::TagRule;
use crate::wire::{Request, Term};

const MAGIC: &[u8; 8] = b"ATTUNE\0\x01";
const DIGEST: usize = 32;
const SECTIONS: [&str; 6] = ["card", "features", "fitted", "tables", "onnx", "golden"];
/// The largest bundle that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// What a bundle is, for people and audits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Card {
    /// The model's name.
    pub name: String,
    /// The version of Attune that wrote it.
    pub attune: String,
    /// sha256 of the feature list, hex.
    pub schema: String,
    /// Seed of the training run.
    #[serde(default, with = "crate::wire::seed")]
    pub seed: u64,
    /// What it was trained on: source, hashes, rows, what was dropped.
    #[serde(default)]
    pub data: serde_json::Value,
    /// Measured on the test split: per head, per model.
    #[serde(default)]
    pub metrics: serde_json::Value,
    /// What it must not be used for, in words.
    #[serde(default)]
    pub limits: Vec<String>,
}

/// The features section: everything declarative.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Declaration {
    /// The features.
    #[serde(flatten)]
    pub list: FeatureList,
    /// The heads, in the network's order, with their calibration.
    pub heads: Vec<Head>,
    /// What ranking maximises unless a request says otherwise.
    pub objective: Vec<Term>,
    /// Tags by rule.
    #[serde(default)]
    pub tag_rules: Vec<TagRule>,
    /// The network's constant term per head: what `bias` means in attributions.
    pub bias: Vec<f32>,
}

/// A request and the logits it must give, bit for bit: checked whenever a bundle is loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    /// The request.
    pub request: Request,
    /// Per slot, per candidate in the page's order, per head.
    pub logits: Vec<Vec<Vec<f32>>>,
}

/// A bundle in parts. [`crate::Engine`] is the loaded form.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bundle {
    /// The card.
    pub card: Card,
    /// Features, heads, objective, rules.
    pub declaration: Declaration,
    /// The fitted encoder.
    pub encoder: Encoder,
    /// Per field, row-major `rows × (H + K)`: H additive columns, then K interaction columns.
    pub tables: Vec<Vec<f32>>,
    /// The network.
    pub onnx: Vec<u8>,
    /// Golden cases.
    pub golden: Vec<Golden>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    sections: Vec<(String, usize)>,
}

impl Bundle {
    /// The file's bytes. The same parts give the same bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a part cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let json = |what, value: std::result::Result<Vec<u8>, serde_json::Error>| {
            value.map_err(|error| Error::json(what, &error))
        };
        let parts = [
            json("card", serde_json::to_vec(&self.card))?,
            json("features", serde_json::to_vec(&self.declaration))?,
            binary::write_fitted(&self.encoder),
            binary::write_tables(&self.tables),
            self.onnx.clone(),
            json("golden", serde_json::to_vec(&self.golden))?,
        ];
        let sections =
            SECTIONS.iter().zip(&parts).map(|(name, part)| ((*name).to_owned(), part.len())).collect();
        let header = json("header", serde_json::to_vec(&Header { sections }))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend((header.len() as u32).to_le_bytes());
        bytes.extend(header);
        bytes.extend(parts.concat());
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        Ok(bytes)
    }

    /// Reads a bundle's bytes.
    ///
    /// # Errors
    /// [`Error::Bundle`] when they are not a bundle, are incomplete or damaged, or a part does not fit the
    /// others; [`Error::Malformed`] when a JSON part cannot be read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let parts = sections(bytes)?;
        let part = |name: &str| {
            parts.get(name).copied().ok_or_else(|| Error::Bundle(format!("the section {name} is missing")))
        };
        let card: Card = json("card", part("card")?)?;
        let declaration: Declaration = json("features", part("features")?)?;
        if card.schema != declaration.list.hash() {
            return Err(Error::Bundle("the feature list is not the one the card names".to_owned()));
        }
        let (rates, tables) = binary::read_fitted(part("fitted")?, &declaration.list)?;
        let encoder = Encoder::from_parts(declaration.list.clone(), rates, tables);
        let golden = json("golden", part("golden")?)?;
        Ok(Self {
            card,
            declaration,
            encoder,
            tables: binary::read_tables(part("tables")?)?,
            onnx: part("onnx")?.to_vec(),
            golden,
        })
    }

    /// Sizes of the file's sections in bytes, in file order.
    ///
    /// # Errors
    /// As [`Bundle::from_bytes`].
    pub fn section_sizes(bytes: &[u8]) -> Result<Vec<(String, usize)>> {
        Ok(sections(bytes)?.into_iter().map(|(name, part)| (name, part.len())).collect())
    }
}

fn sections(bytes: &[u8]) -> Result<BTreeMap<String, &[u8]>> {
    let broken = |why: &str| Error::Bundle(why.to_owned());
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooMany { what: "bundle bytes", found: bytes.len(), limit: MAX_BYTES });
    }
    if bytes.get(..6) != Some(&MAGIC[..6]) {
        return Err(broken("these bytes are not an Attune bundle"));
    }
    if bytes.get(..8) != Some(&MAGIC[..]) {
        let found = u32::from(bytes.get(7).copied().unwrap_or(0));
        return Err(Error::Newer { what: "bundle", found, supported: u32::from(MAGIC[7]) });
    }
    let short = || broken("the file is incomplete: download it again");
    let end = bytes.len().checked_sub(DIGEST).ok_or_else(short)?;
    let (body, digest) = bytes.split_at(end);
    let length = body.get(8..12).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or_else(short)?;
    let start = 12_usize.checked_add(length as usize).ok_or_else(short)?;
    let header = body.get(12..start).ok_or_else(short)?;
    if Sha256::digest(body).as_slice() != digest {
        return Err(broken("the checksum does not match: the file is incomplete or was changed"));
    }
    let header: Header = json("bundle header", header)?;
    let mut parts = BTreeMap::new();
    let mut at = start;
    for (name, length) in header.sections {
        let next = at.checked_add(length).ok_or_else(short)?;
        parts.insert(name, body.get(at..next).ok_or_else(short)?);
        at = next;
    }
    Ok(parts)
}

/// Reads a JSON part. As text, as requests are read: so the code that reads them is the same, and a page compiles it
/// once.
fn json<'a, T: Deserialize<'a>>(what: &'static str, part: &'a [u8]) -> Result<T> {
    let text = str::from_utf8(part).map_err(|_| Error::Bundle(format!("the {what} is not UTF-8")))?;
    serde_json::from_str(text).map_err(|e| Error::json(what, &e))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// A subresource-integrity value, `sha256-…`, of these bytes.
#[must_use]
pub fn integrity(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = "sha256-".to_owned();
    for chunk in Sha256::digest(bytes).chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..4 {
            if place <= chunk.len() {
                text.push(char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrity_is_what_browsers_compute() {
        // sha256 of the empty string, as published in FIPS 180 examples, in base64.
        assert_eq!(integrity(b""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }

    #[test]
    fn damage_is_named() {
        let bytes = Bundle {
            card: Card { schema: FeatureList::default().hash(), ..Card::default() },
            ..Bundle::default()
        }
        .to_bytes()
        .unwrap();
        assert!(Bundle::from_bytes(&bytes).is_ok());
        for cut in 0..bytes.len() {
            assert!(Bundle::from_bytes(&bytes[..cut]).is_err());
            let mut changed = bytes.clone();
            changed[cut] ^= 1;
            assert!(Bundle::from_bytes(&changed).is_err());
        }
    }
}
