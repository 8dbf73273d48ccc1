//! `attune generate`.

mod evaluate;
mod learn;
mod sentences;

use std::path::PathBuf;
use std::{fs, io::Read as _};

use anyhow::{Context, Result, bail};
use attune_generate::answer::{Answer, Candidate, Rung};
use attune_generate::guard::Guard;
use attune_generate::{Brief, template};
use clap::{Args, Subcommand, ValueEnum};

use crate::output;

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  attune generate --brief brief.json
  attune generate --brief brief.json --n 5 --seed 7 --json | jq -r '.candidates[].text'
  echo '{\"facts\":{\"name\":\"Dome Tent\",\"attributes\":{\"sleeps\":3}},\"channel\":\"headline\"}' | attune generate --brief -
  attune generate evaluate --format rnnlg valid.json.gz --rung template

A brief has facts (name, brand, category, price, attributes, claims, description), audience (segment, interests), tone
(plain, friendly, elegant, energetic), channel (headline, product_description, email_subject, banner, article), language
(en, zh), length (min, max), required and forbidden phrases. What the facts do not say, no text says."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The brief, as JSON; `-` for standard input.
    #[arg(long, value_name = "FILE", required = true)]
    brief: Option<PathBuf>,
    /// Who writes; the best one at hand when absent.
    #[arg(long, value_enum)]
    rung: Option<Writer>,
    /// How many different texts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    n: u16,
    /// The seed of every choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Score a rung on public data: RNNLG or AdvertiseGen.
    Evaluate(evaluate::Arguments),
    /// Learn sentences for dialogue acts from RNNLG's training part.
    Learn(learn::Arguments),
}

/// The rungs that this build has.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Writer {
    /// Grammars, without a model.
    Template,
}

impl Writer {
    /// As answers name it.
    fn rung(self) -> Rung {
        match self {
            Self::Template => Rung::Template,
        }
    }

    /// Texts before the guard.
    fn write(self, brief: &Brief, n: usize, seed: u64) -> Result<Vec<String>> {
        match self {
            Self::Template => Ok(template::write(brief, n, seed, Some(sentences::shipped()?))),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Some(Command::Evaluate(evaluate)) => evaluate::run(evaluate, arguments.json),
        Some(Command::Learn(learn)) => learn::run(learn, arguments.json),
        None => write(arguments),
    }
}

fn write(arguments: &Arguments) -> Result<()> {
    let Some(path) = &arguments.brief else { bail!("--brief FILE is missing") };
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(16 << 20).read_to_string(&mut text)?;
    } else {
        text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    }
    let (brief, notes) = Brief::parse(&text).with_context(|| path.display().to_string())?;
    let (writer, why) = match arguments.rung {
        Some(writer) => (writer, "asked for"),
        None => (Writer::Template, "no model was given"),
    };
    let guard = Guard::new(&brief);
    let texts = writer.write(&brief, usize::from(arguments.n), arguments.seed)?;
    let candidates: Vec<Candidate> =
        texts.iter().filter_map(|text| Candidate::of(text, &brief, &guard)).collect();
    if candidates.is_empty() {
        let findings = texts.first().map(|text| guard.check(text).findings).unwrap_or_default();
        let reasons: Vec<String> = findings.iter().map(|f| format!("{} ({})", f.reason, f.what)).collect();
        bail!("no text within the brief's bounds: {}", reasons.join("; "));
    }
    let answer =
        Answer { rung: writer.rung(), why: why.to_owned(), candidates, tokens_per_second: None, notes };
    if arguments.json { output::json(&answer) } else { output::text(&for_people(&answer)) }
}

fn for_people(answer: &Answer) -> String {
    let mut lines: Vec<String> = answer.notes.iter().map(|note| format!("note: {note}")).collect();
    for candidate in &answer.candidates {
        lines.push(candidate.text.clone());
        if !candidate.facts.unsaid.is_empty() {
            lines.push(format!("  left out: {}", candidate.facts.unsaid.join(", ")));
        }
        for repair in &candidate.repairs {
            lines.push(format!("  repaired: {:?} → {:?}", repair.before, repair.after));
        }
    }
    lines.join("\n")
}
