//! `attune train`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use attune::bundle::integrity;
use attune_train::distil::{self, HeadReport, Options};
use attune_train::metrics::Metrics;
use attune_train::{Settings, Stage, Trained};
use clap::Args;
use serde_json::json;

use crate::output::{self, size};
use crate::progress::Step;
use crate::survey::DataArguments;

#[derive(Args)]
#[command(after_help = "Examples:
  attune simulate --rows 200000 --seed 1 --out shop && attune train --data shop --out shop.attune
  attune train --data online_shoppers --mapping online-shoppers --out visits.attune
  attune train --data clicks.csv --mapping clicks.toml --out clicks.attune --json > figures.json

A logistic baseline, boosted trees and a neural network are fitted; a small student learns from the better of them and is
what the bundle holds. The same data and seed give the same bytes.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    /// Where the bundle is written; nothing is written unless it loads again and answers as it was fitted.
    #[arg(long, value_name = "BUNDLE")]
    out: PathBuf,
    /// The run's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The model's name; the file's name when absent.
    #[arg(long)]
    name: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let out = &arguments.out;
    if out.is_dir() {
        bail!(
            "{} is a folder: name the bundle's file, as in {}",
            out.display(),
            out.join("shop.attune").display()
        );
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("the folder {}", folder.display()))?;
    let source = arguments.data.open()?;
    let name = arguments.name.clone().or_else(|| Some(out.file_stem()?.to_string_lossy().into_owned()));
    let mut limits = Vec::new();
    if arguments.data.is_synthetic() {
        limits.push("Trained on a simulated shop: synthetic data, for demonstration and tests.".to_owned());
    }
    let settings = Settings {
        name: name.unwrap_or_default(),
        options: Options { seed: arguments.seed, ..Options::default() },
        scratch: folder.to_owned(),
        objective: Vec::new(),
        limits,
    };
    let start = Instant::now();
    let mut progress = Stages::new(source.bytes());
    let trained = attune_train::train(&source, &settings, &mut |stage| progress.at(stage))?;
    progress.end();
    write(out, &trained.bytes)?;
    let seconds = start.elapsed().as_secs_f64();
    if arguments.json {
        return output::json(&json!({
            "bundle": out,
            "bytes": trained.bytes.len(),
            "hash": trained.hash,
            "integrity": integrity(&trained.bytes),
            "seconds": seconds,
            "data": trained.survey,
            "report": trained.report,
            "reload": {"rows": trained.reload.1, "largest_difference": trained.reload.0},
        }));
    }
    output::text(&for_people(&trained, out, seconds))
}

/// Writes beside the place and moves, so that a page never loads half a bundle.
fn write(out: &Path, bytes: &[u8]) -> Result<()> {
    let beside = out.with_extension("attune.part");
    fs::write(&beside, bytes).with_context(|| beside.display().to_string())?;
    fs::rename(&beside, out).with_context(|| out.display().to_string())
}

fn for_people(trained: &Trained, out: &Path, seconds: f64) -> String {
    let (survey, report) = (&trained.survey, &trained.report);
    let mut said = format!("{}\n", survey.cleaning);
    for remark in survey.constant() {
        let _ = writeln!(said, "  no head: {remark}");
    }
    for head in &report.heads {
        let _ = writeln!(said, "\n{} (on the test part, {} rows)", head.head, head.student.rows);
        let _ = writeln!(
            said,
            "  {:<10} {:>7} {:>9} {:>6} {:>7} {:>6}",
            "model", "AUC", "log loss", "slope", "error", "NDCG"
        );
        for (name, metrics) in rows(head) {
            let ndcg = metrics.ndcg.map_or_else(|| "-".to_owned(), |ndcg| format!("{ndcg:.4}"));
            let _ = writeln!(
                said,
                "  {name:<10} {:>7.4} {:>9.5} {:>6.2} {:>7.4} {ndcg:>6}",
                metrics.auc, metrics.log_loss, metrics.calibration_slope, metrics.calibration_error
            );
        }
        let kept = head.lift_kept;
        let _ = writeln!(
            said,
            "  the student keeps {:.1} % of the best teacher's lift ({:.1} to {:.1} %)",
            100.0 * kept.value,
            100.0 * kept.low,
            100.0 * kept.high
        );
    }
    let _ = writeln!(
        said,
        "\nstudent {}, teacher {} ({:?}, 1/{:.1})",
        size(report.student_bytes as u64),
        size(report.teacher_bytes as u64),
        report.teacher,
        report.teacher_bytes as f64 / report.student_bytes.max(1) as f64
    );
    let _ = writeln!(
        said,
        "{} written: {}, {}, in {seconds:.0} s; loaded again and equal on {} rows",
        out.display(),
        size(trained.bytes.len() as u64),
        integrity(&trained.bytes),
        trained.reload.1
    );
    said
}

fn rows(head: &HeadReport) -> [(&'static str, &Metrics); 5] {
    [
        ("constant", &head.constant),
        ("logistic", &head.logistic),
        ("boosted", &head.boosted),
        ("neural", &head.neural),
        ("student", &head.student),
    ]
}

/// One step at a time.
struct Stages {
    bytes: u64,
    name: &'static str,
    step: Option<Step>,
    loss: Option<f64>,
}

impl Stages {
    fn new(bytes: u64) -> Self {
        Self { bytes, name: "", step: None, loss: None }
    }

    fn at(&mut self, stage: Stage) {
        let (name, total) = match stage {
            Stage::Survey(_) => ("read", self.bytes),
            Stage::Features(_) => ("features", self.bytes),
            Stage::Encode(_) => ("encode", self.bytes),
            Stage::Fit(distil::Stage::Logistic, _) => ("logistic baseline", 0),
            Stage::Fit(distil::Stage::Boosted, _) => ("boosted trees", 0),
            Stage::Fit(distil::Stage::Neural, _) => ("neural teacher", 0),
            Stage::Fit(distil::Stage::Student, _) => ("student", 0),
            Stage::Fit(distil::Stage::Evaluate, _) => ("calibrate, evaluate", 0),
            Stage::Compare => ("reload, compare", 0),
        };
        if name != self.name {
            self.end();
            self.name = name;
            self.step = Some(if total > 0 { Step::begin(name, total) } else { Step::open(name) });
        }
        let Some(step) = &mut self.step else { return };
        match stage {
            Stage::Survey(read) | Stage::Features(read) | Stage::Encode(read) => step.at(read),
            Stage::Fit(_, at) => {
                self.loss = at.loss;
                let loss = at.loss.map_or_else(String::new, |loss| format!(", validation loss {loss:.5}"));
                step.say(&format!("pass {}, {} rows{loss}", at.epoch + 1, at.rows));
            }
            Stage::Compare => {}
        }
    }

    fn end(&mut self) {
        if let Some(step) = self.step.take() {
            let loss = self.loss.take();
            step.end(&loss.map_or_else(|| "done".to_owned(), |loss| format!("validation loss {loss:.5}")));
        }
    }
}
