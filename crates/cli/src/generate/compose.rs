//! `attune generate --brief`, and with `--catalogue` the same for every product and segment.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use attune_generate::Brief;
use attune_generate::brief::BriefError;
use attune_generate::rung::Failure;
use clap::Args;
use serde_json::json;

use super::rows::{self, Rows};
use super::{RungArguments, Rungs, answer, catalogue};
use crate::output;

/// The most texts of one brief.
const MOST: usize = 64;

#[derive(Args)]
pub(super) struct Arguments {
    /// The brief; `-` reads it from standard input.
    #[arg(long, value_name = "FILE", required_unless_present = "catalogue", conflicts_with = "catalogue")]
    brief: Option<PathBuf>,
    /// Products instead of one brief: JSON lines, JSON or YAML.
    #[arg(long, value_name = "FILE", requires_all = ["segments", "out"])]
    catalogue: Option<PathBuf>,
    /// For whom each product's copy is written: a JSON list.
    #[arg(long, value_name = "FILE", requires = "catalogue")]
    segments: Option<PathBuf>,
    /// Where the rows go, a line of JSON each. What is done there stays.
    #[arg(long, value_name = "FILE", requires = "catalogue")]
    out: Option<PathBuf>,
    /// The currency of prices that are bare numbers; without it they are not told.
    #[arg(long, value_name = "CODE", requires = "catalogue")]
    currency: Option<String>,
    /// Texts of each brief.
    #[arg(long, default_value_t = 3)]
    n: usize,
    /// The same seed gives the same texts, where a rung can promise that.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    rungs: RungArguments,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(arguments: &Arguments) -> Result<()> {
    ensure!((1..=MOST).contains(&arguments.n), "--n is 1 to {MOST}");
    match (&arguments.brief, &arguments.catalogue, &arguments.segments, &arguments.out) {
        (Some(path), ..) => one(arguments, path).await,
        (None, Some(catalogue), Some(segments), Some(out)) => all(arguments, catalogue, segments, out).await,
        _ => bail!("--brief, or --catalogue with --segments and --out"),
    }
}

async fn one(arguments: &Arguments, path: &Path) -> Result<()> {
    let (brief, notes) = Brief::parse(&text(path)?).map_err(|error| {
        let code = match &error {
            BriefError::Empty => "brief_empty",
            BriefError::Json(_) | BriefError::Size(_) => "brief_malformed",
            _ => "brief_unusable",
        };
        Failure::new(code, format!("{}: {error}", path.display()))
    })?;
    let mut rungs = Rungs::new(&arguments.rungs, |_| {})?;
    let wanted = arguments.rungs.wanted(arguments.n, arguments.seed);
    rungs.warm(wanted.from, wanted.descend).await;
    let composed = rungs.compose(&brief, wanted, &mut |_| {}).await;
    let copy = composed.map_err(|left| {
        let code = left.last().map_or("rung_absent", |left| left.failure.code);
        Failure::new(code, answer::refusal(&left))
    })?;
    if arguments.json {
        let mut said = serde_json::to_value(&copy)?;
        if !notes.is_empty() {
            said["notes"] = json!(notes);
        }
        return output::json(&said);
    }
    output::text(&answer::text(&copy, &notes))
}

async fn all(arguments: &Arguments, catalogue: &Path, segments: &Path, out: &Path) -> Result<()> {
    let products = catalogue::products(catalogue, arguments.currency.as_deref())?;
    let segments = catalogue::segments(segments)?;
    let mut rungs = Rungs::new(&arguments.rungs, |_| {})?;
    let wanted = arguments.rungs.wanted(arguments.n, arguments.seed);
    rungs.warm(wanted.from, wanted.descend).await;
    let plan = rows::plan(&products, &segments, wanted)?;
    let written = Rows::open(out, &plan)?.write(&products, &segments, &mut rungs, wanted).await?;
    if arguments.json {
        return output::json(&written);
    }
    output::text(&written.text(out))
}

fn text(path: &Path) -> Result<String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().take(16 << 20).read_to_string(&mut text).context("standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("the brief {} cannot be read", path.display()))
}
