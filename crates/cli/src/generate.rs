//! `attune generate`: copy from briefs, and a model on its own.

mod answer;
mod catalogue;
mod complete;
mod compose;
mod evaluate;
mod learn;
mod rows;
mod rungs;
mod sentences;

use anyhow::Result;
use attune_generate::rung::Kind;
use clap::{Args, Subcommand, ValueEnum};

pub(crate) use self::rungs::{Model, RungArguments, Rungs};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:
  attune generate --brief brief.json
  attune generate --brief brief.json --rung template --n 5 --seed 7 --json
  attune generate --brief brief.json --rung remote --only --server https://llm.example --server-model gpt-oss-20b
  attune generate --catalogue products.jsonl --segments segments.json --out copy.jsonl
  attune generate complete --model smollm2 --prompt 'Once upon a time' --max-tokens 16
  attune generate evaluate --format rnnlg valid.json.gz --rung template

A brief: {\"facts\":{\"name\":\"Apollo backpack\",\"attributes\":{\"volume\":{\"value\":20,\"unit\":\"l\"}}},\"channel\":\"headline\"}
It has facts (name, brand, category, price, attributes, claims, description), audience (segment, interests), tone (plain,
friendly, elegant, energetic), channel (headline, product_description, email_subject, banner, article), language (en, zh),
length (min, max), required and forbidden phrases. What the facts do not say, no text says.
A segment: {\"name\":\"commuters\",\"interests\":[\"cycling\"],\"tone\":\"friendly\",\"channel\":\"email_subject\"}

Rungs are tried from --rung down: gpu, cpu, remote, template. The answer says which one served and why. The key of the
server comes by ATTUNE_SERVER_KEY, its address by --server or ATTUNE_SERVER. With --catalogue, rows of --out that are
done stay: the same call goes on where it was stopped.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compose: compose::Arguments,
}

#[derive(Subcommand)]
enum Command {
    /// Let a model go on with a text: no brief, no checks, no fallback to other writers.
    Complete(complete::Arguments),
    /// Score a rung on public data: RNNLG or AdvertiseGen.
    Evaluate(evaluate::Arguments),
    /// Learn sentences for dialogue acts from RNNLG's training part.
    Learn(learn::Arguments),
}

impl Arguments {
    /// Whether JSON was asked for.
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            Some(Command::Complete(arguments)) => arguments.json,
            Some(Command::Evaluate(arguments)) => arguments.json,
            Some(Command::Learn(arguments)) => arguments.json,
            None => self.compose.json,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match &arguments.command {
        Some(Command::Complete(arguments)) => runtime.block_on(complete::run(arguments)),
        Some(Command::Evaluate(arguments)) => evaluate::run(arguments, &runtime),
        Some(Command::Learn(arguments)) => learn::run(arguments),
        None => runtime.block_on(compose::run(&arguments.compose)),
    }
}

/// A rung by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RungName {
    /// A language model on the GPU.
    Gpu,
    /// A language model on the processor.
    Cpu,
    /// A server that speaks OpenAI's chat completions.
    Remote,
    /// Templates.
    Template,
}

impl From<RungName> for Kind {
    fn from(name: RungName) -> Self {
        match name {
            RungName::Gpu => Self::Gpu,
            RungName::Cpu => Self::Cpu,
            RungName::Remote => Self::Remote,
            RungName::Template => Self::Template,
        }
    }
}
