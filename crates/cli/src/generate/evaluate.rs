//! `attune generate evaluate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use attune_generate::Brief;
use attune_generate::evaluate::{Scores, advertisegen, rnnlg};
use attune_generate::rung::Kind;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::{RungArguments, Rungs, sentences};
use crate::output;
use crate::progress::Step;

#[derive(Args)]
#[command(after_help = "Examples:
  attune generate evaluate --format rnnlg ../shared/data/rnnlg/tv/valid.json.gz --rung template
  attune generate evaluate --format advertisegen ../shared/data/advertisegen/train_5000.jsonl.gz --last 500 --rung template --json

BLEU and slot error are RNNLG's own, with all references of an act. Coverage is the share of attribute values that stand in
the text. BLEU of Chinese is over characters. Texts are scored as they would be served, after guard and repair; where a rung has none for a
row the rung below writes it, and is counted, unless --only is given.")]
pub(super) struct Arguments {
    /// The file's format.
    #[arg(long, value_enum)]
    format: Format,
    /// The file; it may be gzip.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    rungs: RungArguments,
    /// How many texts a row, all of them scored.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    n: u16,
    /// The seed of every choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the file's last rows.
    #[arg(long, value_name = "ROWS")]
    last: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Dialogue acts and English sentences.
    Rnnlg,
    /// Attributes and Chinese copy.
    #[value(name = "advertisegen")]
    AdvertiseGen,
}

#[derive(Serialize)]
struct Said {
    format: Format,
    /// The rung that was asked for.
    rung: Kind,
    /// Rows by the rung that wrote them.
    rungs: BTreeMap<&'static str, usize>,
    #[serde(flatten)]
    scores: Scores,
}

pub(super) fn run(arguments: &Arguments, runtime: &Runtime) -> Result<()> {
    let name = || arguments.file.display().to_string();
    let text = sentences::read(&arguments.file)?;
    let mut rungs = Rungs::new(&arguments.rungs, |_| {})?.without_effects();
    let wanted = arguments.rungs.wanted(usize::from(arguments.n), arguments.seed);
    let (mut failed, mut by, mut step) = (None, BTreeMap::new(), Step::open("evaluate"));
    let mut rung = |brief: &Brief| match runtime.block_on(rungs.compose(brief, wanted, &mut |_| {})) {
        Ok(copy) => {
            *by.entry(copy.rung.name()).or_default() += 1;
            step.say(&format!("{} rows", by.values().sum::<usize>()));
            copy.candidates.into_iter().map(|candidate| candidate.text).collect()
        }
        Err(left) => {
            failed = left.into_iter().next_back();
            Vec::new()
        }
    };
    let scores = match arguments.format {
        Format::Rnnlg => {
            rnnlg::evaluate(last(&rnnlg::read(&text).with_context(name)?, arguments.last)?, &mut rung)
        }
        Format::AdvertiseGen => advertisegen::evaluate(
            last(&advertisegen::read(&text).with_context(name)?, arguments.last)?,
            &mut rung,
        ),
    };
    let rows: usize = by.values().sum();
    step.end(&format!("{rows} rows"));
    if let (0, Some(left)) = (rows, failed) {
        return Err(left.failure.into());
    }
    let said = Said { format: arguments.format, rung: wanted.from, rungs: by, scores };
    if arguments.json { output::json(&said) } else { output::text(&for_people(&said)) }
}

fn last<T>(rows: &[T], count: Option<usize>) -> Result<&[T]> {
    match count {
        Some(0) => bail!("--last 0 leaves no rows"),
        Some(count) => Ok(&rows[rows.len().saturating_sub(count)..]),
        None => Ok(rows),
    }
}

fn for_people(said: &Said) -> String {
    let scores = &said.scores;
    let by: Vec<String> = said.rungs.iter().map(|(rung, rows)| format!("{rows} by {rung}")).collect();
    let mut lines = vec![
        format!("written     {}", by.join(", ")),
        format!("rows        {:>8}   texts {}", scores.rows, scores.outputs),
        format!("BLEU-4      {:>8.4}", scores.bleu),
    ];
    if let Some(error) = scores.slot_error {
        lines.push(format!("slot error  {:>7.2} %  {} of {}", error * 100.0, scores.wrong, scores.slots));
    }
    if let Some(coverage) = scores.coverage {
        lines.push(format!(
            "coverage    {coverage:>8.3}   {} of {}",
            scores.slots - scores.wrong,
            scores.slots
        ));
    }
    for (name, beside) in [("people", scores.human), ("baseline", scores.baseline)] {
        let Some(beside) = beside else { continue };
        let figures =
            [("BLEU", beside.bleu), ("slot error", beside.slot_error), ("coverage", beside.coverage)];
        let said: Vec<String> = figures
            .iter()
            .filter_map(|(figure, value)| value.map(|value| format!("{figure} {value:.4}")))
            .collect();
        lines.push(format!("{name:<12}{}", said.join(", ")));
    }
    lines.join("\n")
}
