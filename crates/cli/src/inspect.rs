//! `attune inspect`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use attune::Engine;
use attune::bundle::{Bundle, integrity};
use attune::feature::FieldTable;
use clap::Args;
use serde_json::{Value, json};

use crate::output::{self, size};

#[derive(Args)]
#[command(after_help = "Examples:
  attune inspect shop.attune
  attune inspect shop.attune --json | jq .integrity

The bundle is checked whole: checksum, schema, network, golden cases. One that a page would refuse fails here too.")]
pub(crate) struct Arguments {
    /// The bundle.
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let bytes = crate::bundle::bytes(&arguments.bundle)?;
    let name = || arguments.bundle.display().to_string();
    let engine = Engine::load(&bytes).with_context(name)?;
    let bundle = Bundle::from_bytes(&bytes).with_context(name)?;
    let said = describe(&engine, &bundle, &bytes)?;
    if arguments.json { output::json(&said) } else { output::text(&for_people(&said)) }
}

fn describe(engine: &Engine, bundle: &Bundle, bytes: &[u8]) -> Result<Value> {
    let columns = engine.heads().len() + engine.model().embedding_width() / bundle.tables.len().max(1);
    let features =
        bundle.declaration.list.features.iter().zip(bundle.encoder.tables()).zip(bundle.encoder.rates());
    let features = features
        .map(|((feature, table), rates)| {
            let mut said = serde_json::to_value(feature)?;
            let form = match table {
                FieldTable::Knots(knots) => json!({"knots": knots.len()}),
                FieldTable::Vocabulary(known) => json!({"vocabulary": known.symbols().len()}),
                FieldTable::Buckets(buckets) => json!({"buckets": buckets}),
            };
            said["table"] = form;
            said["rows"] = json!(table.rows());
            said["columns"] = json!(columns);
            if !rates.counts.is_empty() {
                said["rate_keys"] = json!(rates.counts.len());
            }
            Ok(said)
        })
        .collect::<Result<Vec<_>>>()?;
    let sections: Vec<Value> = Bundle::section_sizes(bytes)?
        .into_iter()
        .map(|(name, bytes)| json!({"name": name, "bytes": bytes}))
        .collect();
    Ok(json!({
        "bytes": bytes.len(),
        "hash": engine.hash(),
        "integrity": integrity(bytes),
        "schema": engine.schema(),
        "card": engine.card(),
        "heads": engine.heads(),
        "objective": engine.objective(),
        "tag_rules": engine.tag_rules(),
        "features": features,
        "sections": sections,
        "golden": {"cases": bundle.golden.len(), "equal": true},
    }))
}

fn for_people(said: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let each = |name: &str| said[name].as_array().cloned().unwrap_or_default();
    let mut out = String::new();
    let card = &said["card"];
    let _ = writeln!(
        out,
        "{} ({}), written by Attune {}",
        text(&card["name"]),
        size(said["bytes"].as_u64().unwrap_or(0)),
        text(&card["attune"])
    );
    let _ = writeln!(out, "  hash       {}", text(&said["hash"]));
    let _ = writeln!(out, "  integrity  {}", text(&said["integrity"]));
    let _ = writeln!(out, "  schema     {}", text(&said["schema"]));
    let _ = writeln!(out, "  seed       {}", text(&card["seed"]));
    let _ = writeln!(out, "  golden     {} cases, equal", said["golden"]["cases"]);
    let _ = writeln!(out, "\nHeads");
    for head in each("heads") {
        let knots = head["intervals"].as_array().map_or(0, Vec::len);
        let (slope, intercept) =
            (head["slope"].as_f64().unwrap_or(1.0), head["intercept"].as_f64().unwrap_or(0.0));
        let _ = writeln!(
            out,
            "  {:<12} {:<12} calibrated logit = {slope:.4} · logit {intercept:+.4}, {knots} interval knots",
            text(&head["name"]),
            text(&head["kind"]),
        );
    }
    let _ = writeln!(out, "\nFeatures");
    for feature in each("features") {
        let table: Vec<String> = feature["table"]
            .as_object()
            .map(|table| table.iter().map(|(kind, n)| format!("{n} {kind}")).collect())
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "  {:<24} {:<12} {}",
            text(&feature["name"]),
            text(&feature["kind"]),
            table.join(", ")
        );
    }
    let _ = writeln!(out, "\nSections");
    for section in each("sections") {
        let _ = writeln!(
            out,
            "  {:<12} {:>12}",
            text(&section["name"]),
            size(section["bytes"].as_u64().unwrap_or(0))
        );
    }
    for (title, part) in [("Data", &card["data"]), ("Metrics", &card["metrics"])] {
        if !part.is_null() {
            let _ = writeln!(out, "\n{title}\n{}", serde_json::to_string_pretty(part).unwrap_or_default());
        }
    }
    let limits = card["limits"].as_array().cloned().unwrap_or_default();
    if !limits.is_empty() {
        let _ = writeln!(out, "\nLimits");
        limits.iter().for_each(|limit| {
            let _ = writeln!(out, "  - {}", text(limit));
        });
    }
    out
}
