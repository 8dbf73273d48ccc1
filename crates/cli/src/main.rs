//! `attune`, the command line.
//!
//! Answers go to standard output, everything else to standard error. Exit code 0 is success, 1 a failure that the
//! message explains, 2 a wrong call.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bundle;
mod clock;
mod copywriter;
mod data;
mod engine;
mod evaluate;
mod generate;
mod inspect;
mod network;
mod output;
mod places;
mod prediction;
mod progress;
mod rank;
mod report;
mod serve;
mod simulate;
mod survey;
mod text;
mod train;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Ranks shop content for one shopper, with calibrated effects, the same in browser, Worker and native.
#[derive(Parser)]
#[command(name = "attune", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Examples:
  attune simulate --rows 200000 --seed 1 --out shop
  attune train --data shop --out shop.attune
  attune report --log next --bundle shop.attune
  attune data fetch obd
  attune data check --data obd/random/all --mapping obd
  attune train --data obd/random/all --mapping obd --out obd.attune
  attune generate --brief brief.json --n 3
  echo '{\"id\":\"r1\",\"timestamp\":\"1764000000000\",\"items\":[{\"id\":\"p1\"},{\"id\":\"p2\"}]}' | attune rank --bundle shop.attune")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch public data sets, list them, or look at data before training.
    #[command(subcommand)]
    Data(data::Command),
    /// Make a shop with known truth and play it, with or without a bundle.
    Simulate(simulate::Arguments),
    /// Learn from a log or a table, and write a bundle.
    Train(train::Arguments),
    /// Measure a bundle on data.
    Evaluate(evaluate::Arguments),
    /// Tell what a log says, as a page: predicted and observed effects, the hold-out, what moved and why.
    Report(report::Arguments),
    /// Learn what headlines do, score texts, and choose the best few.
    #[command(subcommand)]
    Text(text::Command),
    /// Train or measure the small copywriter.
    #[command(subcommand)]
    Copywriter(copywriter::Command),
    /// Rank candidates: one request a line in, one answer a line out.
    Rank(rank::Arguments),
    /// Write copy from a brief of facts, or from a catalogue; or let a model go on with a text.
    Generate(Box<generate::Arguments>),
    /// Serve models and copy over HTTP, as OpenAI's clients know it.
    Serve(Box<serve::Arguments>),
    /// Show what a bundle is, and check it.
    Inspect(inspect::Arguments),
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example:\n  attune completions bash > ~/.local/share/bash-completion/completions/attune"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    settle_candle();
    let cli = Cli::parse();
    let (json, result) = match cli.command {
        Command::Data(command) => (command.json(), data::run(command)),
        Command::Simulate(arguments) => (arguments.json, simulate::run(&arguments)),
        Command::Train(arguments) => (arguments.json, train::run(&arguments)),
        Command::Evaluate(arguments) => (arguments.json, evaluate::run(&arguments)),
        Command::Report(arguments) => (arguments.json, report::run(&arguments)),
        Command::Text(command) => (command.json(), text::run(&command)),
        Command::Copywriter(command) => (command.json(), copywriter::run(command)),
        Command::Rank(arguments) => (false, rank::run(&arguments)),
        Command::Generate(arguments) => (arguments.json(), generate::run(&arguments)),
        Command::Serve(arguments) => (false, serve::run(&arguments)),
        Command::Inspect(arguments) => (arguments.json, inspect::run(&arguments)),
        Command::Completions { shell } => {
            // Into memory first: the generator panics when the reader of its output goes away.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "attune", &mut script);
            (false, output::text(&String::from_utf8_lossy(&script)))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attune: {error:#}");
            if json {
                let _ = output::json(&output::failure(&error));
            }
            ExitCode::FAILURE
        }
    }
}

/// candle spreads every larger tensor over all cores through one pool that callers take turns at. The copywriter's trainer has a
/// shard of a batch on every core already: they would wait for each other half of the time.
#[allow(unsafe_code, reason = "the only way to tell candle")]
fn settle_candle() {
    // SAFETY: no other thread has started that could read the environment.
    unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
}
