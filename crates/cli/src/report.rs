//! `attune report`: what a log says, as one page for people who look after the shop.

mod effects;
mod figures;
mod holdout;
mod movers;
mod naming;
mod observe;
mod page;
mod picture;
mod style;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use attune::Engine;
use attune::feature::Feature;
use attune_insight::{Limits, Report, Survey, Tally};
use attune_train::TrainError;
use attune_train::clean::Cleaning;
use attune_train::join::Rules;
use attune_train::source::Source;
use clap::Args;
use serde::Serialize;

use crate::output::{self, size};
use crate::places;
use crate::progress::Step;
use observe::{Bundles, Known, Observer, Predictor, Wanted};
use words::Language;

/// One row in so many tells what attributions are counted from.
const SAMPLED: u64 = 37;
/// The most segment fields at once.
const MOST_SEGMENTS: usize = 8;

#[derive(Args)]
#[command(after_help = "Examples:
  attune report --log shop --bundle shop.attune
  attune report --log next --bundle shop.attune --out next.html --segment device --segment language
  attune report --log next --bundle shop.attune --by category --language zh --out next.html
  attune report --log next --bundle shop.attune --json | jq .report.arms.comparisons

A segment is what is known when deciding: `device`, a field of the page's context by name, `tag` for the tags of a logged
profile, `shopper.NAME` for what shoppers said of themselves. An item's field groups the lines: --by category.
The page is one file, asks nothing of the network, and replaces what was at its place.")]
pub(crate) struct Arguments {
    /// A file or folder: Attune's decision log or Metarank's events; .gz is unpacked.
    #[arg(long, value_name = "PATH")]
    log: PathBuf,
    /// The bundle whose predictions stand beside what happened.
    #[arg(long, value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Where the page is written.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
    /// The page's language.
    #[arg(long, value_enum, default_value = "en")]
    language: Language,
    /// A segment field; may be given more than once. `device` when absent.
    #[arg(long, value_name = "FIELD")]
    segment: Vec<String>,
    /// An item field to group lines by, instead of the item itself.
    #[arg(long, value_name = "FIELD")]
    by: Option<String>,
    /// How many lines a table has, the most shown first; the rest is gathered in one.
    #[arg(long, value_name = "N", default_value_t = 20)]
    items: usize,
    /// How many days after a decision an outcome counts.
    #[arg(long, value_name = "DAYS", default_value_t = 7.0)]
    window: f64,
    /// Print the numbers as one JSON object, too.
    #[arg(long)]
    pub(crate) json: bool,
}

/// All that the page tells.
#[derive(Serialize)]
struct Findings {
    log: String,
    bundle: BundleFacts,
    /// Days after a decision in which an outcome counts.
    window: f64,
    by: Option<String>,
    cleaning: Cleaning,
    /// The features, in the order that the parts of a change name them by.
    features: Vec<Feature>,
    report: Report,
}

#[derive(Serialize)]
struct BundleFacts {
    name: String,
    hash: String,
    /// Whether it was trained on this log.
    trained_on: bool,
    /// Decisions of this log that it made.
    decided: u64,
    /// Hash and number of decisions of every bundle in the log; an empty hash is none.
    in_log: Vec<(String, u64)>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let out = &arguments.out;
    if out.is_dir() {
        bail!(
            "{} is a folder: name the page's file, as in {}",
            out.display(),
            out.join("report.html").display()
        );
    }
    ensure!(
        arguments.window > 0.0 && arguments.window <= 366.0,
        "the attribution window is above 0 and at most 366 days, not {}",
        arguments.window
    );
    ensure!((1..=500).contains(&arguments.items), "--items: from 1 to 500 lines, not {}", arguments.items);
    let most = arguments.segment.len() <= MOST_SEGMENTS;
    ensure!(most, "at most {MOST_SEGMENTS} segment fields, not {}", arguments.segment.len());
    let engine = crate::bundle::engine(&arguments.bundle)?;
    let window = (arguments.window * 86_400_000.0) as i64;
    let source = Source::open(&places::data(&arguments.log)?, None, Rules { window, ..Rules::default() })?;
    let findings = find(arguments, &engine, &source)?;
    let page = page::render(&findings, arguments.language);
    write(out, page.as_bytes())?;
    if arguments.json {
        return output::json(&findings);
    }
    let report = &findings.report;
    output::text(&format!(
        "{} written: {}, {} decisions, {} impressions\n{}",
        out.display(),
        size(page.len() as u64),
        figures::count(report.decisions),
        figures::count(report.rows),
        page::headline(&findings, Language::En.words())
    ))
}

fn find(arguments: &Arguments, engine: &Engine, source: &Source) -> Result<Findings> {
    let pairs = pairs(engine, source)?;
    let mut segments = arguments.segment.clone();
    let mut told = std::collections::BTreeSet::new();
    segments.retain(|field| told.insert(field.clone()));
    if segments.is_empty() {
        segments.push("device".to_owned());
    }
    let by = arguments.by.as_deref();
    let wanted = || Wanted { segments: &segments, by, names: arguments.language.names() };

    let mut step = Step::begin("read", source.bytes());
    let (mut survey, mut known, mut observer) =
        (Survey::new(&segments), Known::default(), Observer::new(wanted()));
    let mut predictor = Predictor::new(engine, &pairs);
    let mut rows = source.rows()?;
    while let Some(seen) = rows.next_row()? {
        let heads = if survey.rows().is_multiple_of(SAMPLED) { predictor.heads(&seen)? } else { Vec::new() };
        survey.add(&observer.row(&seen, &heads));
        known.add(&seen);
        if survey.rows().is_multiple_of(4096) {
            step.at(rows.bytes_read());
        }
    }
    ensure!(survey.rows() > 0, "nothing in {} can be reported: {}", arguments.log.display(), rows.cleaning());
    step.end(&format!("{} impressions in {}", survey.rows(), size(source.bytes())));
    check(&survey, &known, arguments)?;
    let limits = Limits { items: arguments.items, ..Limits::default() };
    let plan = survey.plan(limits);
    drop(survey);

    let mut step = Step::begin("predict", source.bytes());
    let heads: Vec<String> = pairs.iter().map(|(head, _)| engine.heads()[*head].name.clone()).collect();
    let (mut tally, mut bundles) = (Tally::new(plan, &heads), Bundles::default());
    let (mut observer, mut predictor) = (Observer::new(wanted()), Predictor::new(engine, &pairs));
    let (mut rows, mut read) = (source.rows()?, 0_u64);
    while let Some(seen) = rows.next_row()? {
        let heads = predictor.heads(&seen)?;
        tally.add(&observer.row(&seen, &heads));
        bundles.add(&seen);
        read += 1;
        if read.is_multiple_of(1024) {
            step.at(rows.bytes_read());
        }
    }
    let report = tally.report();
    step.end(&format!("{} decisions", report.decisions));
    let in_log = bundles.counts();
    Ok(Findings {
        log: arguments.log.file_name().unwrap_or(arguments.log.as_os_str()).to_string_lossy().into_owned(),
        bundle: BundleFacts {
            name: engine.card().name.clone(),
            hash: engine.hash().to_owned(),
            trained_on: attune_train::trained_on(engine, source)?,
            decided: in_log.iter().find(|(hash, _)| hash == engine.hash()).map_or(0, |(_, n)| *n),
            in_log,
        },
        window: arguments.window,
        by: arguments.by.clone(),
        cleaning: rows.cleaning().clone(),
        features: engine.encoder().list().features.clone(),
        report,
    })
}

/// Heads of the bundle that the log has a target for.
fn pairs(engine: &Engine, source: &Source) -> Result<Vec<(usize, usize)>> {
    let targets = source.targets();
    let heads = engine.heads().iter().enumerate();
    let pairs: Vec<(usize, usize)> = heads
        .filter_map(|(head, of)| targets.iter().position(|name| *name == of.name).map(|at| (head, at)))
        .collect();
    if pairs.is_empty() {
        let wanted: Vec<_> = engine.heads().iter().map(|head| head.name.as_str()).collect();
        return Err(TrainError::Targets { found: targets.join(", "), wanted: wanted.join(", ") }.into());
    }
    Ok(pairs)
}

/// Whether the fields asked for are there.
fn check(survey: &Survey, known: &Known, arguments: &Arguments) -> Result<()> {
    let list = |names: &std::collections::BTreeSet<String>| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.iter().cloned().collect::<Vec<_>>().join(", ")
        }
    };
    if let Some(by) = &arguments.by
        && survey.is_keyless()
    {
        bail!(
            "no item in the log has the field {by:?} with a text or number; --by can be: {}",
            list(&known.item)
        );
    }
    // The default asks for nothing: a log without devices has one column for what is not stated.
    let Some(absent) = survey.absent().into_iter().find(|name| *name != "device").map(str::to_owned) else {
        return Ok(());
    };
    if absent == "tag" {
        bail!(
            "no decision in the log has a profile with tags: the shopper's consent to log the profile is needed"
        );
    }
    if known.item.contains(&absent) {
        bail!(
            "{absent:?} is a field of items, not of the page or shopper: group lines by it with --by {absent}"
        );
    }
    let attributes: Vec<String> = known.attributes.iter().map(|name| format!("shopper.{name}")).collect();
    bail!(
        "no decision in the log has the field {absent:?}; --segment can be: device, tag, {}{}{}",
        list(&known.context),
        if attributes.is_empty() { "" } else { ", " },
        attributes.join(", ")
    )
}

/// Writes beside the place and moves, so that nobody opens half a page.
fn write(out: &Path, bytes: &[u8]) -> Result<()> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("the folder {}", folder.display()))?;
    let beside = out.with_extension("html.part");
    fs::write(&beside, bytes).with_context(|| beside.display().to_string())?;
    fs::rename(&beside, out).with_context(|| out.display().to_string())
}
