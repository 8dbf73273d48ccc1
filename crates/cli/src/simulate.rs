//! `attune simulate`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use attune_simulate::{Catalogue, Format, Options};
use clap::{Args, ValueEnum};

use crate::output;
use crate::progress::Step;

/// The log's form.
#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// Attune's own log.
    Attune,
    /// Metarank's events.
    Metarank,
    /// A table, with its mapping file.
    Csv,
}

#[derive(Args)]
#[command(after_help = "Examples:
  attune simulate --rows 200000 --seed 1 --out shop
  attune simulate --rows 50000 --seed 2 --out next --bundle shop.attune --holdout 0.2
  attune simulate --rows 10000 --seed 1 --out table --format csv

Products, shoppers and what they do are synthetic, and drawn from the seed: the same call gives the same bytes.
With --bundle the bundle chooses the order, with exploration, and its own decisions are logged. OUT/about/ holds the
truth behind the clicks, a summary of what happened, and the catalogue with its pictures.")]
pub(crate) struct Arguments {
    /// How many impressions, rounded up to whole pages of 8.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The log's form.
    #[arg(long, value_enum, default_value = "attune")]
    format: Form,
    /// A bundle that chooses the order; the shop's own policy when absent.
    #[arg(long, value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    /// Products of the shop.
    #[arg(long, default_value_t = 240)]
    products: usize,
    /// Temperature of the exploration.
    #[arg(long, default_value_t = 0.35)]
    temperature: f64,
    /// Share of the shoppers who keep the page's own order (best rated first), for `attune report` to compare with.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    holdout: f64,
    /// Write only the catalogue of the page, to this file.
    #[arg(long, value_name = "FILE", hide = true)]
    catalogue: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let options = Options {
        format: match arguments.format {
            Form::Attune => Format::Attune,
            Form::Metarank => Format::Metarank,
            Form::Csv => Format::Csv,
        },
        products: arguments.products,
        temperature: arguments.temperature,
        holdout: arguments.holdout,
        ..Options::new(arguments.rows, arguments.seed, arguments.out.clone())
    };
    if let Some(path) = &arguments.catalogue {
        let file = std::fs::File::create(path).with_context(|| path.display().to_string())?;
        let catalogue = Catalogue::new(options.seed, options.products, options.start);
        return catalogue.write_web(std::io::BufWriter::new(file)).context("the catalogue");
    }
    let engine = arguments.bundle.as_deref().map(crate::bundle::engine).transpose()?;
    let mut step = Step::rows("simulate", options.rows);
    let summary = attune_simulate::simulate(&options, engine.as_ref(), |rows| step.at(rows))?;
    step.end(&format!("{} impressions on {} pages", summary.rows, summary.decisions));
    if arguments.json {
        return output::json(&summary);
    }
    let share = |n: u64| 100.0 * n as f64 / summary.rows as f64;
    output::text(&format!(
        "{} (synthetic)\n  {} shoppers, {} pages, {} impressions\n  {} clicks ({:.2} %), {} purchases ({:.2} %), {} sent back\n  \
         order chosen by {}; true click probability of what was shown {:.5}, purchase {:.5}\n\
         next: attune train --data {} --out shop.attune",
        arguments.out.display(),
        summary.shoppers,
        summary.decisions,
        summary.rows,
        summary.clicks,
        share(summary.clicks),
        summary.conversions,
        share(summary.conversions),
        summary.returns,
        summary.policy,
        summary.click_probability,
        summary.conversion_probability,
        arguments.out.display(),
    ))
}
