//! `attune generate learn`.

use std::path::PathBuf;
use std::{fs, io::Write as _};

use anyhow::{Context, Result};
use attune_generate::evaluate::rnnlg;
use attune_generate::template::Learnt;
use clap::Args;
use flate2::{Compression, GzBuilder};
use serde_json::json;

use super::sentences;
use crate::output::{self, size};

#[derive(Args)]
#[command(after_help = "Example:
  attune generate learn --out models/sentences.tsv.gz ../shared/data/rnnlg/laptop/train.json.gz ../shared/data/rnnlg/tv/train.json.gz

For each set of slots the references most like all others are kept, if their slots are right and the guard lets them pass.
The same files give the same bytes.")]
pub(super) struct Arguments {
    /// RNNLG training files; they may be gzip.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Sentences to keep for each set of slots.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    keep: u8,
    /// Where the table goes, packed.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut rows = Vec::new();
    for file in &arguments.files {
        rows.extend(rnnlg::read(&sentences::read(file)?).with_context(|| file.display().to_string())?);
    }
    let learnt = Learnt::learn(&rows, usize::from(arguments.keep));
    // No time and no name in the header.
    let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    packed.write_all(learnt.to_text().as_bytes())?;
    let bytes = packed.finish()?;
    fs::write(&arguments.out, &bytes).with_context(|| arguments.out.display().to_string())?;
    if arguments.json {
        return output::json(&json!({"rows": rows.len(), "sentences": learnt.len(), "bytes": bytes.len()}));
    }
    output::text(&format!("{} sentences of {} rows, {}", learnt.len(), rows.len(), size(bytes.len() as u64)))
}
