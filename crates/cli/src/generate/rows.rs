//! The rows of a catalogue's copy: a line of JSON for every product and segment. A file that was left half-way is gone on with.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use attune_generate::Brief;
use attune_generate::ladder::{Copy, Wanted};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::catalogue::{Product, Segment};
use super::{Rungs, answer};
use crate::progress::Step;

/// The longest row that is read back.
const LONGEST: u64 = 64 << 20;

/// What is read of a row that is there.
#[derive(Deserialize)]
struct Known {
    product: String,
    segment: String,
    /// A hash of what it was written from.
    #[serde(default)]
    brief: String,
    #[serde(default)]
    error: Option<Value>,
}

/// The hash of each row's brief, by product and segment.
pub(super) type Plan = HashMap<(String, String), String>;

/// What the rows are to be written from.
pub(super) fn plan(products: &[Product], segments: &[Segment], wanted: Wanted) -> Result<Plan> {
    let pairs = products.iter().flat_map(|product| segments.iter().map(move |segment| (product, segment)));
    pairs.map(|(product, segment)| Ok((key(product, segment), hash(product, segment, wanted)?))).collect()
}

fn key(product: &Product, segment: &Segment) -> (String, String) {
    (product.id.clone(), segment.name.clone())
}

/// A file of rows.
pub(super) struct Rows {
    path: PathBuf,
    file: File,
    /// Rows that are there.
    known: Plan,
}

/// What came of a run.
#[derive(Debug, Default, Serialize)]
pub(super) struct Written {
    rows: usize,
    /// Were there already.
    kept: usize,
    written: usize,
    failed: usize,
    /// Rows of this run by the rung that wrote them.
    rungs: BTreeMap<&'static str, usize>,
    /// Whether it was stopped before the end.
    stopped: bool,
}

impl Written {
    pub(super) fn text(&self, out: &Path) -> String {
        let rungs: Vec<String> = self.rungs.iter().map(|(rung, n)| format!("{n} by {rung}")).collect();
        let by = if rungs.is_empty() { String::new() } else { format!(" ({})", rungs.join(", ")) };
        let stopped = if self.stopped { "\nstopped: the same call goes on from here" } else { "" };
        format!(
            "{}: {} rows; {} were there, {} written{by}, {} failed{stopped}",
            out.display(),
            self.rows,
            self.kept,
            self.written,
            self.failed
        )
    }
}

impl Rows {
    /// Opens the file, or makes it. Whole rows stay; a torn one, rows that say an error, and rows of the plan that were written from
    /// something else go.
    pub(super) fn open(path: &Path, plan: &Plan) -> Result<Self> {
        let place = || format!("{} cannot be written", path.display());
        let append = || OpenOptions::new().create(true).append(true).open(path).with_context(place);
        let lock = |file: &File| {
            file.try_lock().with_context(|| format!("{} is being written by another run", path.display()))
        };
        // Held until the file that takes its place is locked, too.
        let there = append()?;
        lock(&there)?;
        let beside = beside(path);
        let mut kept = BufWriter::new(File::create(&beside).with_context(place)?);
        let mut known = Plan::new();
        let sifted = sift(path, plan, &mut known, &mut kept);
        let done = sifted.and_then(|gone| {
            kept.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            Ok(gone)
        });
        let gone = done
            .inspect_err(|_| drop(fs::remove_file(&beside)))
            .with_context(|| path.display().to_string())?;
        if gone == 0 {
            fs::remove_file(&beside).with_context(place)?;
            return Ok(Self { path: path.to_owned(), file: there, known });
        }
        fs::rename(&beside, path).with_context(place)?;
        let file = append()?;
        lock(&file)?;
        Ok(Self { path: path.to_owned(), file, known })
    }

    /// Writes what is not there yet, until all is or the user stops it.
    pub(super) async fn write(
        mut self,
        products: &[Product],
        segments: &[Segment],
        rungs: &mut Rungs,
        wanted: Wanted,
    ) -> Result<Written> {
        let rows = products.len() * segments.len();
        let mut written = Written { rows, ..Written::default() };
        let mut step = Step::rows("generate", rows as u64);
        let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
        let pairs =
            products.iter().flat_map(|product| segments.iter().map(move |segment| (product, segment)));
        for (index, (product, segment)) in pairs.enumerate() {
            step.at(index as u64);
            if self.known.contains_key(&key(product, segment)) {
                written.kept += 1;
                continue;
            }
            let row = tokio::select! {
                biased;
                _ = &mut stop => {
                    written.stopped = true;
                    break;
                }
                row = row(product, segment, rungs, wanted) => row,
            };
            let hash = hash(product, segment, wanted)?;
            let mut line = json!({ "product": product.id, "segment": segment.name, "brief": hash });
            match row {
                Ok(copy) => {
                    *written.rungs.entry(copy.rung.name()).or_default() += 1;
                    written.written += 1;
                    for (name, value) in serde_json::to_value(&copy)?.as_object_mut().into_iter().flatten() {
                        line[name] = value.take();
                    }
                }
                Err(error) => {
                    written.failed += 1;
                    line["error"] = json!(error);
                }
            }
            // One write for a row: a stop falls between two of them.
            self.file
                .write_all(format!("{line}\n").as_bytes())
                .with_context(|| format!("{} cannot be written", self.path.display()))?;
            tokio::task::yield_now().await;
        }
        self.file.sync_all().with_context(|| self.path.display().to_string())?;
        step.end(&format!("{} of {rows} rows", written.kept + written.written + written.failed));
        Ok(written)
    }
}

/// Why a row has no copy.
#[derive(Serialize)]
struct Fault {
    code: &'static str,
    message: String,
}

async fn row(product: &Product, segment: &Segment, rungs: &mut Rungs, wanted: Wanted) -> Result<Copy, Fault> {
    let facts = product.facts.clone().map_err(|message| Fault { code: "product", message })?;
    let bounded = segment.brief(facts).bounded();
    let (brief, _): (Brief, _) =
        bounded.map_err(|error| Fault { code: "brief", message: error.to_string() })?;
    let composed = rungs.compose(&brief, wanted, &mut |_| {}).await;
    composed.map_err(|left| Fault { code: "refused", message: answer::refusal(&left) })
}

/// What a row is written from: when that changes it is written again.
fn hash(product: &Product, segment: &Segment, wanted: Wanted) -> Result<String> {
    let facts = match &product.facts {
        Ok(facts) => serde_json::to_string(&segment.brief(facts.clone()))?,
        Err(error) => error.clone(),
    };
    let asked = format!("{facts}\n{} {} {}", wanted.n, wanted.seed, wanted.from.name());
    let hash = Sha256::digest(asked);
    Ok(hash[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The file that is written beside, until it takes the other's place.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    path.with_file_name(name)
}

/// Copies rows that stay, and notes them; answers how many do not.
fn sift(path: &Path, plan: &Plan, known: &mut Plan, kept: &mut impl io::Write) -> Result<usize> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut line, mut gone) = (Vec::new(), 0);
    loop {
        line.clear();
        let count = io::Read::take(&mut reader, LONGEST).read_until(b'\n', &mut line)?;
        if count == 0 {
            return Ok(gone);
        }
        let whole = line.last() == Some(&b'\n');
        let Ok(row) = serde_json::from_slice::<Known>(&line) else {
            // Only the last row can have been torn.
            let last = reader.fill_buf()?.is_empty();
            ensure!(last && !whole, "it has lines that are no rows of copy: give a file of its own to --out");
            gone += 1;
            continue;
        };
        let key = (row.product, row.segment);
        let current = plan.get(&key).is_none_or(|hash| *hash == row.brief);
        if whole && current && row.error.is_none() && !known.contains_key(&key) {
            kept.write_all(&line)?;
            known.insert(key, row.brief);
        } else {
            gone += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(product: &str, more: &str) -> String {
        format!("{{\"product\":\"{product}\",\"segment\":\"s\",\"brief\":\"b\"{more}}}\n")
    }

    #[test]
    fn whole_rows_stay_and_torn_or_outdated_ones_go() {
        let path = std::env::temp_dir().join(format!("attune-rows-{}", std::process::id()));
        let key = |product: &str| (product.to_owned(), "s".to_owned());
        let plan = Plan::from([(key("a"), "b".to_owned()), (key("e"), "changed".to_owned())]);
        let whole = row("a", ",\"candidates\":[]") + &row("c", "");
        let gone = row("b", ",\"error\":{}") + &row("e", "") + &row("a", "") + &row("d", "")[..20];
        fs::write(&path, whole.clone() + &gone).unwrap();
        let rows = Rows::open(&path, &plan).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap(), rows.known.len()), (whole, 2));
        assert!(Rows::open(&path, &plan).err().unwrap().to_string().contains("another run"));
        drop(rows);
        for other in ["a,b,c\n1,2,3\n", "a,b,c\n"] {
            fs::write(&path, other).unwrap();
            assert!(Rows::open(&path, &plan).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), other);
        }
        fs::remove_file(&path).unwrap();
    }
}
