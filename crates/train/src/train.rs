//! The whole way from data to a bundle.

use std::path::{Path, PathBuf};

use attune::bundle::{Bundle, Card, Declaration};
use attune::effect::HeadKind;
use attune::profile::{Condition, TagRule};
use attune::wire::Term;
use attune::{Candidate, Engine};
use serde::Serialize;
use serde_json::json;

use crate::distil::{self, Fitted, Options, Report};
use crate::encode::{self, Heads};
use crate::error::TrainError;
use crate::export;
use crate::golden;
use crate::network::Progress;
use crate::source::{Observation, Source};
use crate::split::Part;
use crate::survey::Survey;

/// Observations that are encoded again by the finished bundle and compared.
const COMPARED: usize = 256;
/// Largest difference of a logit between bundle and student: they sum in another order.
const TOLERANCE: f32 = 1e-3;

/// What a training run is given.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The model's name, for the card.
    pub name: String,
    /// How models are fitted; its seed is the run's.
    pub options: Options,
    /// Where encoded rows are kept while it runs.
    pub scratch: PathBuf,
    /// What ranking maximises; clicks and ten times conversions when empty.
    pub objective: Vec<Term>,
    /// More limits for the card.
    pub limits: Vec<String>,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Reading everything once; bytes read.
    Survey(u64),
    /// Placing knots, vocabularies and rates; bytes read.
    Features(u64),
    /// Encoding; bytes read.
    Encode(u64),
    /// Fitting a model.
    Fit(distil::Stage, Progress),
    /// Writing the bundle, loading it again and comparing.
    Compare,
}

/// A finished bundle.
#[derive(Debug, Serialize)]
pub struct Trained {
    /// The file's bytes.
    #[serde(skip)]
    pub bytes: Vec<u8>,
    /// The bundle's checksum, hex.
    pub hash: String,
    /// What the data were.
    pub survey: Survey,
    /// What was fitted and what it is worth.
    pub report: Report,
    /// Largest difference of a logit between the reloaded bundle and the student, and rows compared.
    pub reload: (f32, usize),
}

/// Trains, and returns the bundle's bytes once they have been loaded again and compared.
///
/// # Errors
/// [`TrainError`], which says what to mend.
pub fn train(
    source: &Source,
    settings: &Settings,
    progress: &mut dyn FnMut(Stage),
) -> Result<Trained, TrainError> {
    let seed = settings.options.seed;
    let survey = Survey::of(source, seed, |read| progress(Stage::Survey(read)))?;
    let heads = Heads::of(&survey);
    let encoder = encode::fit(source, &survey, &heads, seed, |read| progress(Stage::Features(read)))?;
    let mut kept = Kept::default();
    let table = encode::table(
        source,
        &survey,
        (&encoder, &heads),
        &settings.scratch,
        |row, part| kept.see(row, part),
        |read| progress(Stage::Encode(read)),
    )?;
    let fitted = distil::fit(&table, &settings.options, &mut |stage, at| progress(Stage::Fit(stage, at)))?;
    drop(table);
    progress(Stage::Compare);
    // Items of a log are what the shop shows to everyone; the rows of a table may be people.
    let items = if source.kind() == "table" { &[][..] } else { &kept.items[..] };
    let at = survey.span.map_or(1_764_000_000_000, |(_, last)| last);
    let mut bundle = Bundle {
        card: card(settings, &survey, &fitted, &encoder.list().hash()),
        declaration: Declaration {
            list: encoder.list().clone(),
            heads: heads
                .names
                .iter()
                .zip(&fitted.calibration)
                .map(|(name, calibration)| calibration.head(name, kind(name)))
                .collect(),
            objective: objective(settings, &heads),
            tag_rules: tag_rules(),
            bias: fitted.student.bias().to_vec(),
        },
        tables: fitted.student.tables.clone(),
        onnx: export::onnx(&fitted.student, &encoder.list().hash())?,
        golden: golden::requests(&encoder, items, at),
        encoder,
    };
    let cases = std::mem::take(&mut bundle.golden);
    let engine = Engine::load(&bundle.to_bytes()?)?;
    for mut case in cases {
        case.logits = engine.logits(&case.request)?;
        bundle.golden.push(case);
    }
    let bytes = bundle.to_bytes()?;
    let engine = Engine::load(&bytes)?;
    let reload = compare(&engine, &fitted, &heads, &kept.rows, &settings.scratch)?;
    Ok(Trained { hash: engine.hash().to_owned(), bytes, survey, report: fitted.report, reload })
}

/// Some observations of the test part, and the first distinct items.
#[derive(Default)]
struct Kept {
    rows: Vec<Observation>,
    items: Vec<Candidate>,
}

impl Kept {
    fn see(&mut self, row: &Observation, part: Part) {
        if part == Part::Test && self.rows.len() < COMPARED {
            self.rows.push(row.clone());
        }
        if self.items.len() < 12 && self.items.iter().all(|item| item.id != row.candidate.id) {
            self.items.push((*row.candidate).clone());
        }
    }
}

/// The largest difference between the bundle's logits and the student's, from the raw observation on.
fn compare(
    engine: &Engine,
    fitted: &Fitted,
    heads: &Heads,
    rows: &[Observation],
    scratch: &Path,
) -> Result<(f32, usize), TrainError> {
    let table = encode::as_served(engine.encoder(), heads, rows, scratch)?;
    let mut students = Vec::new();
    table.scan(Part::Test, |rows| {
        students.extend(fitted.student.predict(&table, rows));
        Ok(())
    })?;
    let mut difference = 0.0_f32;
    for (row, students) in rows.iter().zip(students.chunks(heads.names.len())) {
        let served = engine.run(&engine.encode_at(&row.moment(), &[&row.candidate], 0))?;
        for (served, student) in served.iter().zip(students) {
            let apart = (served - student).abs() / student.abs().max(1.0);
            difference = if apart.is_nan() { f32::INFINITY } else { difference.max(apart) };
        }
    }
    if difference > TOLERANCE {
        return Err(TrainError::Skew { difference, rows: rows.len() });
    }
    Ok((difference, rows.len()))
}

fn kind(name: &str) -> HeadKind {
    match name {
        "conversion" | "purchase" | "buy" | "revenue" | "Revenue" => HeadKind::Conversion,
        "retention" => HeadKind::Retention,
        _ => HeadKind::Click,
    }
}

fn objective(settings: &Settings, heads: &Heads) -> Vec<Term> {
    if !settings.objective.is_empty() {
        return settings.objective.clone();
    }
    let weight = |name: &str| if kind(name) == HeadKind::Conversion { 10.0 } else { 1.0 };
    let term = |name: &String| Term { effect: Some(name.clone()), times: None, weight: weight(name) };
    heads.names.iter().map(term).collect()
}

fn tag_rules() -> Vec<TagRule> {
    let rule = |tag: &str, condition| TagRule { tag: tag.to_owned(), all: vec![condition] };
    vec![
        rule("buyer", Condition::OrdersAtLeast(1)),
        rule("loyal", Condition::OrdersAtLeast(3)),
        rule("returning", Condition::SessionsAtLeast(2)),
        rule("lapsed", Condition::DaysSinceOrderAtLeast(90.0)),
    ]
}

fn card(settings: &Settings, survey: &Survey, fitted: &Fitted, schema: &str) -> Card {
    let mut limits = survey.constant();
    limits.extend(settings.limits.iter().cloned());
    limits.push(
        "Effects hold for the shop, the period and the placements of the data; elsewhere they are an order at best."
            .to_owned(),
    );
    limits.push("Not for prices, credit, employment, housing or health.".to_owned());
    Card {
        name: settings.name.clone(),
        attune: env!("CARGO_PKG_VERSION").to_owned(),
        schema: schema.to_owned(),
        seed: settings.options.seed,
        data: json!({"survey": survey, "boosted_sample_rows": fitted.report.boosted_rows}),
        metrics: json!(fitted.report),
        limits,
    }
}
