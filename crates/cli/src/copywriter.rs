//! `attune copywriter`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use attune_copywriter::corpus::{self, Corpus};
use attune_copywriter::evaluate::evaluate;
use attune_copywriter::gguf::{self, About};
use attune_copywriter::samples::Sample;
use attune_copywriter::shape::Shape;
use attune_copywriter::trainer::{Advance, Recipe, Trainer};
use attune_copywriter::vocabulary::Vocabulary;
use attune_copywriter::writer::{Drawing, Writer};
use clap::{Args, Subcommand};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::output::{self, size};
use crate::progress::Step;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Train the small copywriter, and write it as GGUF.
    #[command(after_help = "Examples:
  attune copywriter train --data ../shared/data --out models/copywriter.gguf
  attune copywriter train --data ../shared/data --out models/copywriter.gguf --minutes 8
  attune copywriter train --data ../shared/data --out models/copywriter.gguf --resume models/copywriter.run

Reads rnnlg/{laptop,tv}/train.json.gz and catalog/products.yaml.gz below the folder. The run is saved beside the model after each
pass and when the minutes are over, and goes on with --resume as if it had not stopped. The same data and seed give the
same model on any number of threads (RAYON_NUM_THREADS) of the same kind of processor.")]
    Train(Train),
    /// Measure a copywriter on RNNLG files, by RNNLG's BLEU and slot error.
    #[command(after_help = "Examples:
  attune copywriter evaluate --model models/copywriter.gguf ../shared/data/rnnlg/laptop/valid.json.gz
  attune copywriter evaluate --model models/copywriter.gguf --drafts 1 --temperature 0 ../shared/data/rnnlg/tv/valid.json.gz")]
    Evaluate(Evaluate),
}

#[derive(Args)]
pub(crate) struct Train {
    /// The folder of the texts.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the model is written.
    #[arg(long, value_name = "FILE.gguf")]
    out: PathBuf,
    /// A saved run to go on with; its sizes and recipe hold then.
    #[arg(long, value_name = "FILE.run")]
    resume: Option<PathBuf>,
    /// About how many million parameters.
    #[arg(long, default_value_t = 2, value_parser = clap::builder::PossibleValuesParser::new(["1", "2", "5", "15"]).map(|text| text.parse::<usize>().unwrap_or(2)))]
    parameters: usize,
    /// Tokens of the vocabulary.
    #[arg(long, default_value_t = 2048)]
    tokens: usize,
    /// Passes over the texts.
    #[arg(long, default_value_t = Recipe::default().passes)]
    passes: usize,
    /// Texts a step.
    #[arg(long, default_value_t = Recipe::default().batch)]
    batch: usize,
    /// The highest learning rate.
    #[arg(long, default_value_t = Recipe::default().peak)]
    rate: f64,
    /// The probability that a number is dropped in training.
    #[arg(long, default_value_t = Recipe::default().dropout)]
    dropout: f64,
    /// The run's seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop after so many minutes, save the run, and write the best model so far.
    #[arg(long)]
    minutes: Option<f64>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Evaluate {
    /// The RNNLG file.
    #[arg(value_name = "FILE.json.gz")]
    file: PathBuf,
    /// The model.
    #[arg(long, value_name = "FILE.gguf")]
    model: PathBuf,
    /// Drafts of each act, of which the best is served.
    #[arg(long, default_value_t = 10)]
    drafts: usize,
    /// 0 takes the likeliest words; 1 draws as the model says.
    #[arg(long, default_value_t = 0.7)]
    temperature: f32,
    /// The seed of the drafts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the first so many rows.
    #[arg(long)]
    rows: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Train(arguments) => arguments.json,
            Self::Evaluate(arguments) => arguments.json,
        }
    }
}

pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Train(arguments) => train(&arguments),
        Command::Evaluate(arguments) => measure(&arguments),
    }
}

fn train(arguments: &Train) -> Result<()> {
    let start = Instant::now();
    let out = &arguments.out;
    if out.is_dir() {
        bail!("{} is a folder: name the model's file", out.display());
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("the folder {}", folder.display()))?;
    let corpus = Corpus::read(&arguments.data)?;
    let samples = |vocabulary: &Vocabulary, context| {
        let of = |pairs: &[_]| {
            let samples = pairs.iter().map(|pair| Sample::new(pair, vocabulary, context));
            samples.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
        };
        Ok((of(&corpus.pairs)?, of(&corpus.held_out)?))
    };
    let (mut trainer, vocabulary) = if let Some(saved) = &arguments.resume {
        Trainer::resume(saved, samples)?
    } else {
        let texts = corpus.pairs.iter().flat_map(|pair| [pair.prompt.as_str(), pair.text.as_str()]);
        let vocabulary = Vocabulary::learn(texts, &corpus.placeholders(), arguments.tokens)?;
        let shape = Shape::of_millions(arguments.parameters, vocabulary.len()).context("no such size")?;
        let recipe = Recipe {
            seed: arguments.seed,
            batch: arguments.batch,
            passes: arguments.passes,
            peak: arguments.rate,
            dropout: arguments.dropout,
            ..Recipe::default()
        };
        let (learned, held_out) = samples(&vocabulary, shape.context)?;
        (Trainer::new(shape, recipe, learned, held_out)?, vocabulary)
    };
    let saved = out.with_extension("run");
    let until = arguments.minutes.map(|minutes| Duration::from_secs_f64(60.0 * minutes.max(0.0)));
    let finished = passes(&mut trainer, &|trainer| trainer.save(&saved, &vocabulary), start, until)?;
    trainer.save(&saved, &vocabulary)?;

    let writer = Writer::new(trainer.best()?, vocabulary)?;
    let bytes = gguf::write(&writer, &about())?;
    let beside = out.with_extension("part");
    fs::write(&beside, &bytes).with_context(|| beside.display().to_string())?;
    fs::rename(&beside, out).with_context(|| out.display().to_string())?;
    let sha256 = Sha256::digest(&bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let (shape, progress) = (writer.network().shape(), trainer.progress());
    if arguments.json {
        return output::json(&json!({
            "model": out,
            "bytes": bytes.len(),
            "sha256": sha256,
            "parameters": shape.parameters(),
            "shape": shape,
            "recipe": trainer.recipe(),
            "sources": corpus.sources,
            "learned": corpus.pairs.len(),
            "held_out": corpus.held_out.len(),
            "steps": progress.step,
            "finished": finished,
            "validation_loss": progress.best,
            "validation_losses": progress.losses,
            "seconds": start.elapsed().as_secs_f64(),
            "run": saved,
        }));
    }
    let loss = progress.best.map_or_else(|| "none yet".to_owned(), |loss| format!("{loss:.4} nats a token"));
    output::text(&format!(
        "{}: {} parameters, {}, validation loss {loss}{}",
        out.display(),
        shape.parameters(),
        size(bytes.len() as u64),
        if finished { String::new() } else { format!("; go on with --resume {}", saved.display()) }
    ))
}

/// Trains until all is done or the time is over; says which.
fn passes(
    trainer: &mut Trainer,
    save: &dyn Fn(&Trainer) -> Result<(), attune_copywriter::CopywriterError>,
    start: Instant,
    until: Option<Duration>,
) -> Result<bool> {
    let steps = trainer.steps();
    let mut told = Step::open("train");
    let mut mean = 0.0;
    let finished = loop {
        if until.is_some_and(|until| start.elapsed() >= until) {
            break false;
        }
        match trainer.advance()? {
            Advance::Step { loss, rate } => {
                mean = if mean == 0.0 { loss } else { 0.98 * mean + 0.02 * loss };
                let step = trainer.progress().step;
                told.say(&format!("step {step} of {steps}, loss {mean:.4}, rate {rate:.2e}"));
            }
            Advance::Pass { validation, better } => {
                let pass = trainer.progress().losses.len();
                let mark = if better { "" } else { ", no better" };
                told.end(&format!("pass {pass}, loss {mean:.4}, validation loss {validation:.4}{mark}"));
                save(trainer)?;
                told = Step::open("train");
            }
            Advance::Done => break true,
        }
    };
    told.end(if finished { "done" } else { "the time is over" });
    Ok(finished)
}

fn about() -> About {
    About {
        name: "Attune copywriter".to_owned(),
        description: "Writes a product sentence from facts given as a dialogue act. Trained from scratch on RNNLG (Wen et al., \
                      Apache-2.0; laptop and TV, training parts) and a retail demo catalogue (MIT-style)."
            .to_owned(),
        licence: "apache-2.0".to_owned(),
    }
}

fn measure(arguments: &Evaluate) -> Result<()> {
    let bytes = fs::read(&arguments.model).with_context(|| arguments.model.display().to_string())?;
    let writer = gguf::read(&bytes).with_context(|| arguments.model.display().to_string())?;
    let mut rows = corpus::rows(&arguments.file)?;
    rows.truncate(arguments.rows.unwrap_or(usize::MAX));
    let by = Drawing {
        texts: arguments.drafts.max(1),
        temperature: arguments.temperature,
        seed: arguments.seed,
        most: 120,
    };
    let start = Instant::now();
    let step = std::sync::Mutex::new(Step::rows("write", rows.len() as u64));
    let scores = evaluate(&writer, &rows, by, &|done| {
        if let Ok(mut step) = step.lock() {
            step.at(done as u64);
        }
    })?;
    if let Ok(step) = step.into_inner() {
        step.end(&format!("{} rows", rows.len()));
    }
    if arguments.json {
        return output::json(&json!({
            "model": arguments.model,
            "file": arguments.file,
            "drafts": by.texts,
            "temperature": by.temperature,
            "seconds": start.elapsed().as_secs_f64(),
            "scores": scores,
        }));
    }
    output::text(&format!(
        "BLEU {:.4}, slot error {:.2} % ({} of {} slots), {} rows, {} silent",
        scores.bleu,
        100.0 * scores.slot_error.unwrap_or(0.0),
        scores.wrong,
        scores.slots,
        scores.rows,
        scores.silent
    ))
}
