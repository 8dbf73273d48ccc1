//! The texts: RNNLG's acts and sentences, and what a catalogue says of its products.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use attune_generate::act::Act;
use attune_generate::delexicalise::{Marks, delexicalise, is_whole};
use attune_generate::evaluate::rnnlg::{self, Row};
use attune_generate::normalise;
use flate2::read::GzDecoder;
use serde::Serialize;

use crate::CopywriterError;
use crate::catalogue;
use crate::samples::Pair;
use attune_generate::local::acts::{marks, prompt};

/// The most that a data file may unpack to.
const MOST_BYTES: u64 = 256 << 20;

/// RNNLG's files of which a part is learned, and their licence.
const RNNLG: [&str; 2] = ["rnnlg/laptop/train.json.gz", "rnnlg/tv/train.json.gz"];

/// The catalogue.
const CATALOGUE: &str = "catalog/products.yaml.gz";

/// What is learned from, what is held out, and what there was.
#[derive(Debug)]
pub struct Corpus {
    /// To learn from.
    pub pairs: Vec<Pair>,
    /// Held out: every twentieth prompt with all its texts, so that nothing of it was seen.
    pub held_out: Vec<Pair>,
    /// A line a file.
    pub sources: Vec<Source>,
}

/// What a file gave.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// Below the data's folder.
    pub file: &'static str,
    /// SPDX, or as the publisher calls it.
    pub licence: &'static str,
    /// Rows in it.
    pub rows: usize,
    /// Pairs that are learned from or held out.
    pub pairs: usize,
}

impl Corpus {
    /// Reads the files below `data`.
    ///
    /// # Errors
    /// When a file is missing or is not what it should be.
    pub fn read(data: &Path) -> Result<Self, CopywriterError> {
        let mut sources = Vec::new();
        let mut all = Vec::new();
        for file in RNNLG {
            let rows = rows(&data.join(file))?;
            let pairs: Vec<Pair> = rows.iter().filter_map(pair).collect();
            sources.push(Source { file, licence: "Apache-2.0", rows: rows.len(), pairs: pairs.len() });
            all.extend(pairs);
        }
        let path = data.join(CATALOGUE);
        let (products, pairs) =
            catalogue::pairs(&unpacked(&path)?).map_err(|problem| CopywriterError::file(&path, problem))?;
        sources.push(Source { file: CATALOGUE, licence: "MIT-style", rows: products, pairs: pairs.len() });
        all.extend(pairs);

        let mut by_prompt: BTreeMap<String, Vec<Pair>> = BTreeMap::new();
        for pair in all {
            by_prompt.entry(pair.prompt.clone()).or_default().push(pair);
        }
        let (mut pairs, mut held_out) = (Vec::new(), Vec::new());
        for (prompt, of) in by_prompt {
            if fnv(&prompt).is_multiple_of(20) { held_out.extend(of) } else { pairs.extend(of) }
        }
        Ok(Self { pairs, held_out, sources })
    }

    /// Every mark of the texts and prompts, sorted.
    #[must_use]
    pub fn placeholders(&self) -> Vec<String> {
        let pairs = self.pairs.iter().chain(&self.held_out);
        let mut found: Vec<String> =
            pairs.flat_map(|pair| marks(&pair.prompt).chain(marks(&pair.text))).map(str::to_owned).collect();
        // A longer mark must be met before one that it begins with.
        found.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        found.dedup();
        found
    }
}

/// The rows of an RNNLG file, packed by gzip.
///
/// # Errors
/// When it is missing or is not such a file.
pub fn rows(path: &Path) -> Result<Vec<Row>, CopywriterError> {
    rnnlg::read(&unpacked(path)?).map_err(|problem| CopywriterError::file(path, problem))
}

/// A row as prompt and template, or nothing where the sentence does not say the act's values.
fn pair(row: &Row) -> Option<Pair> {
    let text = delexicalise(&normalise::reference(&row.reference), &row.act, Marks::Numbered);
    says_all(&text, &row.act).then(|| Pair { prompt: prompt(&row.act), text })
}

fn says_all(text: &str, act: &Act) -> bool {
    !text.trim().is_empty() && is_whole(text, act)
}

fn unpacked(path: &Path) -> Result<String, CopywriterError> {
    let file = File::open(path).map_err(CopywriterError::io(path))?;
    let mut text = String::new();
    let mut unpacked = GzDecoder::new(file).take(MOST_BYTES + 1);
    unpacked.read_to_string(&mut text).map_err(CopywriterError::io(path))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(CopywriterError::file(path, format!("it unpacks to more than {MOST_BYTES} bytes")));
    }
    Ok(text)
}

/// FNV-1a, 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
