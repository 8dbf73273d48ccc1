//! `attune generate complete`: a model goes on with a text.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use attune_generate::rung::{Failure, Kind};
use attune_llama::backend::Backend as _;
use attune_llama::chat::{Message, Role};
use attune_llama::generation::{Finish, Wanted};
use attune_llama::sample::Sampling;
use clap::Args;
use serde::Serialize;

use super::RungName;
use crate::engine::{Engine, Settings, find};
use crate::output;

/// Tokens of the first step that are told with their logits.
const TOP: usize = 5;

#[derive(Args)]
#[command(after_help = "Examples:
  attune generate complete --model smollm2 --prompt 'The capital of France is' --max-tokens 16 --exact --json
  attune generate complete --model smollm2 --chat --prompt 'Write a headline for a red mug' --temperature 0.8 --seed 3

`prompt_tokens_per_second` counts the prompt's tokens until the first token of the answer is there;
`decode_tokens_per_second` the tokens after it.")]
pub(crate) struct Arguments {
    /// A GGUF file, or `smollm2`; the copywriter that comes with Attune, else SmolLM2, when absent.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// The text to go on with, as it is.
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// Hand the prompt over as a user's message, in the model's chat template.
    #[arg(long)]
    chat: bool,
    /// The most tokens.
    #[arg(long, default_value_t = 64, value_name = "N")]
    max_tokens: usize,
    /// 0 takes the likeliest token each time.
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,
    /// Only the likeliest tokens that make up this probability.
    #[arg(long, default_value_t = 1.0)]
    top_p: f32,
    /// Ends the text; may be given several times.
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Repeats an answer.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where it runs, `gpu` or `cpu`; the GPU goes down to the processor.
    #[arg(long, value_enum)]
    rung: Option<RungName>,
    /// Not on a rung below.
    #[arg(long)]
    only: bool,
    /// On the processor: 32-bit activations, equal to a reference but for rounding.
    #[arg(long)]
    exact: bool,
    /// Threads of the processor; as many as there are cores, at most four, when 0.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is printed.
#[derive(Serialize)]
struct Completed {
    rung: Kind,
    why: String,
    model: String,
    device: String,
    /// The prompt's tokens, then the answer's.
    prompt_ids: Vec<u32>,
    ids: Vec<u32>,
    text: String,
    finish: &'static str,
    /// Ids and logits of the first step, the likeliest first.
    top: Vec<(u32, f32)>,
    prompt_tokens_per_second: f64,
    first_token_ms: f64,
    decode_tokens_per_second: Option<f64>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.max_tokens > 0, "--max-tokens is at least 1");
    ensure!((0.0..=2.0).contains(&arguments.temperature), "--temperature is 0 to 2");
    ensure!(arguments.top_p > 0.0 && arguments.top_p <= 1.0, "--top-p is above 0 and at most 1");
    let mut settings = Settings::new(find(arguments.model.as_deref())?);
    (settings.exact, settings.lanes, settings.threads) = (arguments.exact, 1, arguments.threads);
    let (engine, kind, why) = load(&settings, arguments).await?;
    let completed = complete(engine, arguments, kind, why, settings.name()).await?;
    if arguments.json {
        return output::json(&completed);
    }
    let speed = completed.decode_tokens_per_second.map(|speed| format!(", {speed:.1} tokens/s"));
    output::text(&format!(
        "{}\n\nrung   {} ({})\nmodel  {} on {}\nspeed  first token after {:.0} ms{}",
        completed.text,
        completed.rung.name(),
        completed.why,
        completed.model,
        completed.device,
        completed.first_token_ms,
        speed.unwrap_or_default(),
    ))
}

async fn load(settings: &Settings, arguments: &Arguments) -> Result<(Engine, Kind, String), Failure> {
    let asked = arguments.rung.map_or(Kind::Gpu, Kind::from);
    let failure = match Engine::load(settings, asked, arguments.rung.is_some()).await {
        Ok(engine) => return Ok((engine, asked, format!("{} is the rung that was asked for", asked.name()))),
        Err(failure) if asked == Kind::Gpu && !arguments.only => failure,
        Err(failure) => return Err(failure),
    };
    let why = format!("{}: {}", asked.name(), failure.message);
    Ok((Engine::load(settings, Kind::Cpu, true).await?, Kind::Cpu, why))
}

async fn complete(
    mut engine: Engine,
    arguments: &Arguments,
    rung: Kind,
    why: String,
    model: String,
) -> Result<Completed> {
    let prompt_ids = match arguments.chat {
        true => engine.chat(&[Message { role: Role::User, content: arguments.prompt.clone() }])?,
        false => engine.plain(&arguments.prompt),
    };
    if prompt_ids.is_empty() {
        bail!("the prompt is empty");
    }
    let sampling = Sampling {
        temperature: arguments.temperature,
        top_p: arguments.top_p,
        seed: arguments.seed,
        ..Sampling::default()
    };
    let wanted = Wanted {
        max_tokens: arguments.max_tokens,
        samplings: vec![sampling],
        stop: arguments.stop.clone(),
        ..Wanted::default()
    };
    let (mut ids, mut text, mut finish) = (Vec::new(), String::new(), Finish::Length);
    let began = Instant::now();
    let mut first = None;
    let (writer, ..) = engine.rung.parts();
    let mut generation = writer.begin(&prompt_ids, &wanted).await?;
    loop {
        let pieces = generation.next().await?;
        first = first.or_else(|| Some(began.elapsed().as_secs_f64()));
        let Some(piece) = pieces.into_iter().next() else { break };
        ids.extend(piece.tokens);
        text.push_str(&piece.text);
        finish = piece.finish.unwrap_or(finish);
    }
    drop(generation);
    let whole = began.elapsed().as_secs_f64();
    let first = first.unwrap_or(whole);
    let backend = writer.backend();
    backend.truncate(prompt_ids.len());
    let top = top(&backend.logits(0).await?);
    let later = ids.len().saturating_sub(1);
    Ok(Completed {
        rung,
        why,
        model,
        device: engine.device,
        prompt_tokens_per_second: prompt_ids.len() as f64 / first,
        prompt_ids,
        ids,
        text,
        finish: if finish == Finish::Stop { "stop" } else { "length" },
        top,
        first_token_ms: first * 1000.0,
        decode_tokens_per_second: (later > 0 && whole > first).then(|| later as f64 / (whole - first)),
    })
}

/// The likeliest tokens: by logit, then by id.
fn top(logits: &[f32]) -> Vec<(u32, f32)> {
    let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(TOP);
    all
}
