//! `attune data check`: what training would see.

use std::path::PathBuf;

use anyhow::Result;
use attune_train::join::Rules;
use attune_train::source::{Mapping, Source};
use attune_train::survey::Survey;
use clap::Args;

use crate::output::{self, size};
use crate::places;
use crate::progress::Step;

/// Which data, and how to read them.
#[derive(Args)]
pub(crate) struct DataArguments {
    /// A file or folder: Attune's log, Metarank events, or with --mapping a CSV or TSV table; .gz is unpacked.
    #[arg(long, value_name = "PATH")]
    pub(crate) data: PathBuf,
    /// A TOML file that names a table's columns, or a shipped one: obd, online-shoppers, upworthy, hillstrom.
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<String>,
    /// How many days after a decision an outcome counts.
    #[arg(long, value_name = "DAYS", default_value_t = 7.0)]
    pub(crate) window: f64,
}

impl DataArguments {
    /// Whether the data say that a simulated shop wrote them: its truth lies beside them.
    pub(crate) fn is_synthetic(&self) -> bool {
        places::data(&self.data).is_ok_and(|path| path.join("about/truth.json").is_file())
    }

    /// Opens the data.
    pub(crate) fn open(&self) -> Result<Source> {
        anyhow::ensure!(
            self.window > 0.0 && self.window <= 366.0,
            "the attribution window is above 0 and at most 366 days, not {}",
            self.window
        );
        let mapping = self.mapping.as_deref().map(Mapping::read).transpose()?;
        let window = (self.window * 86_400_000.0) as i64;
        Ok(Source::open(&places::data(&self.data)?, mapping.as_ref(), Rules { window, ..Rules::default() })?)
    }
}

#[derive(Args)]
#[command(after_help = "Examples:
  attune data check --data shop
  attune data check --data online_shoppers --mapping online-shoppers --json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    /// Seed of the split where there is no time.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let source = arguments.data.open()?;
    let mut step = Step::begin("check", source.bytes());
    let survey = Survey::of(&source, arguments.seed, |read| step.at(read))?;
    step.end(&format!("{} in {}", size(source.bytes()), source.kind()));
    if arguments.json {
        return output::json(&survey);
    }
    let mut said = format!("{}\n", survey.cleaning);
    for target in &survey.targets {
        let rate = target.rate().map_or_else(|| "unknown".to_owned(), |rate| format!("{rate:.5}"));
        said += &format!(
            "target {}: {} of {} known, weighted rate {rate}\n",
            target.name, target.positive, target.known
        );
    }
    said += &format!("split: {}\n", serde_json::to_string(&survey.split)?);
    let names: Vec<_> = source.features().features.into_iter().map(|feature| feature.name).collect();
    said += &format!("features: {}", names.join(", "));
    output::text(&said)
}
