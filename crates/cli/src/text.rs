//! `attune text`: what a headline or another piece of copy is expected to do.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use attune::bundle::integrity;
use attune_text::{Evidence, Preference, TextEffect, TextModel, choose};
use attune_train::text::{Report, Settings, train};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::output::{self, size};
use crate::places;
use crate::progress::Step;

/// Phrases and style features shown of a text.
const SHOWN: usize = 4;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Learn from headline tests, and write a text model.
    Train(TrainArguments),
    /// Say what texts are expected to do, and choose the best few.
    Score(ScoreArguments),
}

#[derive(Args)]
#[command(after_help = "Examples:
  attune text train --data upworthy/train.csv.gz --out models/text.en.attune-text
  attune text train --data upworthy/train.csv.gz --out text.attune-text --json > figures.json

The last weeks are held out; how strongly the model is held back is chosen on rolling weeks before them. The same data give
the same bytes on the same kind of processor.")]
pub(crate) struct TrainArguments {
    /// The Upworthy Research Archive's table of arms: a CSV file, packed or not, or its name below ATTUNE_DATA.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where the model is written; nothing is written unless it loads again.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The model's name; the file's name when absent.
    #[arg(long)]
    name: Option<String>,
    /// How many of the last weeks are held out for the figures.
    #[arg(long, value_name = "WEEKS", default_value_t = Settings::default().holdout_weeks)]
    holdout: usize,
    /// Seed of the intervals' bootstrap.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  attune text score --model models/text.en.attune-text 'Oak lamps' 'The one lamp you will never want to switch off'
  attune text score --model models/text.en.attune-text --best 3 < candidates.txt
  attune text score --model models/text.en.attune-text --json 'Oak lamps' | jq '.texts[0].effect.percentile'

Effects are relative to comparable copy for the same offer. With --best, duplicates go and the best few that differ are told.")]
pub(crate) struct ScoreArguments {
    /// The text model.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The texts; the lines of standard input when absent.
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    /// Click-through rate of comparable copy, between 0 and 1; the training data's when absent.
    #[arg(long, value_name = "RATE")]
    base: Option<f64>,
    /// Choose so many, de-duplicated and diversified.
    #[arg(long, value_name = "N")]
    best: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Command {
    /// Whether JSON was asked for.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Train(arguments) => arguments.json,
            Self::Score(arguments) => arguments.json,
        }
    }
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Train(arguments) => learn(arguments),
        Command::Score(arguments) => score(arguments),
    }
}

fn learn(arguments: &TrainArguments) -> Result<()> {
    let out = &arguments.out;
    if out.is_dir() {
        bail!(
            "{} is a folder: name the model's file, as in {}",
            out.display(),
            out.join("text.attune-text").display()
        );
    }
    let data = places::data(&arguments.data)?;
    let stem = || out.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let settings = Settings {
        name: arguments.name.clone().or_else(stem).unwrap_or_default(),
        holdout_weeks: arguments.holdout,
        seed: arguments.seed,
    };
    let start = Instant::now();
    let mut step = Step::open("text model");
    let trained = train(&data, &settings, &mut |stage| step.say(stage))?;
    step.end("done");
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("the folder {}", folder.display()))?;
    let beside = out.with_extension("part");
    fs::write(&beside, &trained.bytes).with_context(|| beside.display().to_string())?;
    fs::rename(&beside, out).with_context(|| out.display().to_string())?;
    let seconds = start.elapsed().as_secs_f64();
    if arguments.json {
        return output::json(&json!({
            "model": out,
            "integrity": integrity(&trained.bytes),
            "seconds": seconds,
            "report": trained.report,
        }));
    }
    let mut said = for_people(&trained.report);
    let _ = writeln!(
        said,
        "\n{} written: {}, {} n-grams, {}, in {seconds:.0} s",
        out.display(),
        size(trained.bytes.len() as u64),
        trained.report.grams,
        integrity(&trained.bytes)
    );
    output::text(&said)
}

fn for_people(report: &Report) -> String {
    let figures = &report.figures;
    let percent = |name: &str, interval: &attune_train::metrics::Interval| {
        let (value, low, high) = (100.0 * interval.value, 100.0 * interval.low, 100.0 * interval.high);
        format!("  {name:<44} {value:>6.1} %   {low:>6.1} to {high:.1} %\n")
    };
    let mut said = format!(
        "{} arms of {} tests; held out: weeks {} to {}, {} tests with headlines to compare, {} significant pairs\n\n",
        report.arms, report.tests, report.holdout.0, report.holdout.1, figures.tests, figures.pairs
    );
    said += &format!("  {:<44} {:>8}   95 % interval (bootstrap of tests)\n", "on the weeks held out", "");
    said += &percent("winners named", &figures.winners);
    said += &percent("  by style alone (published 60.1)", &figures.style_only);
    said += &percent("  by length alone (published 55.2)", &figures.longer);
    said += &percent("  lead over length", &figures.lead);
    said += &percent("differences inside the 90 % interval", &figures.coverage);
    let number = |interval: &attune_train::metrics::Interval, digits: usize| {
        format!("{:.digits$} ({:.digits$} to {:.digits$})", interval.value, interval.low, interval.high)
    };
    let _ = writeln!(said, "  calibration slope {}", number(&figures.calibration_slope, 2));
    let _ = writeln!(
        said,
        "  log loss a click {:.5}, constant {:.5}: gain {}",
        figures.log_loss,
        figures.constant_log_loss,
        number(&figures.log_loss_gain, 5)
    );
    said += "\npublished for words (TF-IDF, logistic): 64.9 %; for sentence embeddings: 69 to 70 %\n";
    said
}

fn score(arguments: &ScoreArguments) -> Result<()> {
    if let Some(base) = arguments.base
        && !(base > 0.0 && base < 1.0)
    {
        bail!("--base is {base}: a click-through rate lies between 0 and 1, as 0.02");
    }
    let name = || arguments.model.display().to_string();
    let bytes = fs::read(&arguments.model).with_context(name)?;
    let model = TextModel::from_bytes(&bytes).with_context(name)?;
    let mut texts = arguments.texts.clone();
    if texts.is_empty() {
        for line in io::stdin().lock().lines() {
            texts.extend(Some(line?).filter(|line| !line.trim().is_empty()));
        }
    }
    if texts.is_empty() {
        bail!("no text: name some, or give one a line on standard input");
    }
    let effects: Vec<TextEffect> = texts.iter().map(|text| model.predict(text)).collect();
    let choice = arguments.best.map(|count| {
        let scored: Vec<(&String, f64)> =
            texts.iter().zip(&effects).map(|(text, effect)| (text, effect.log_odds.value)).collect();
        choose(&scored, &Preference { count, ..Preference::default() })
    });
    if arguments.json {
        let texts: Vec<_> = texts
            .iter()
            .zip(&effects)
            .map(|(text, effect)| {
                let rate = arguments.base.map_or(effect.rate, |base| effect.rate_at(base));
                json!({"text": text, "effect": effect, "rate": rate})
            })
            .collect();
        return output::json(&json!({"model": integrity(&bytes), "texts": texts, "choice": choice}));
    }
    let mut said = String::new();
    let order: Vec<usize> = match &choice {
        Some(choice) => choice.chosen.iter().map(|chosen| chosen.index).collect(),
        None => (0..texts.len()).collect(),
    };
    for at in order {
        said += &told(&texts[at], &effects[at], arguments.base);
    }
    if let Some(choice) = &choice {
        for (left, of) in &choice.duplicates {
            let _ = writeln!(said, "left out: {} (like: {})", texts[*left], texts[*of]);
        }
    }
    output::text(&said)
}

fn told(text: &str, effect: &TextEffect, base: Option<f64>) -> String {
    let odds = effect.log_odds;
    let lift = |log_odds: f64| 100.0 * (log_odds.exp() - 1.0);
    let rate = base.map_or(effect.rate, |base| effect.rate_at(base));
    let mut said = format!("{text}\n");
    let _ = writeln!(
        said,
        "  clicks {:+.0} % ({:+.0} to {:+.0} %), rate {:.2} % ({:.2} to {:.2} %), better than {:.0} % of comparable copy",
        lift(odds.value),
        lift(odds.low),
        lift(odds.high),
        100.0 * rate.value,
        100.0 * rate.low,
        100.0 * rate.high,
        effect.percentile
    );
    if effect.evidence == Evidence::Style {
        let _ = writeln!(
            said,
            "  told from style only: {:.0} % of the words are known, so the interval is wide",
            100.0 * effect.familiar
        );
    }
    let mut shares: Vec<(String, f64)> =
        effect.phrases.iter().map(|phrase| (format!("“{}”", phrase.text), phrase.contribution)).collect();
    shares.extend(effect.style.iter().map(|share| (share.name.to_owned(), share.contribution)));
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let list = |shares: &mut dyn Iterator<Item = &(String, f64)>| {
        shares.take(SHOWN).map(|(name, share)| format!("{name} {share:+.2}")).collect::<Vec<_>>().join(", ")
    };
    let helps = list(&mut shares.iter().filter(|share| share.1 >= 0.005));
    let hurts = list(&mut shares.iter().rev().filter(|share| share.1 <= -0.005));
    for (what, list) in [("helps", helps), ("hurts", hurts)] {
        if !list.is_empty() {
            let _ = writeln!(said, "  {what}  {list}");
        }
    }
    said
}
