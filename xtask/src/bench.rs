//! `cargo xtask bench`: ours beside the peer's. The measuring is in `tests/bench`, training is measured here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use crate::{
    build,
    context::{Surfaces, Workspace, output, run},
    setup::{self, Need},
    size,
};

/// The benchmarks there are.
pub(crate) const NAMES: [&str; 6] = ["rank", "worker", "html", "soak", "train", "generate"];
/// Those that are scripts around the Worker.
const OF_WORKER: [&str; 3] = ["worker", "html", "soak"];
/// Rows of the timed run, and of the run whose memory is held against it.
const ROWS: [u64; 2] = [1_000_000, 4_000_000];
const SEED: &str = "1";
/// Splits of Online Shoppers that are learnt from.
const FOLDS: u32 = 5;

/// Runs the named benchmarks, or all. With `json`, standard output is one object with a member for each.
pub(crate) fn bench(ws: &Workspace, names: &[String], json: bool) -> Result<()> {
    // The soak takes an hour: only by name.
    let wants = |name: &str| match names {
        [] => name != "soak",
        names => names.iter().any(|n| n == name),
    };
    let of_worker: Vec<&str> = OF_WORKER.into_iter().filter(|name| wants(name)).collect();
    for name in ["rank"].into_iter().filter(|name| wants(name)).chain(of_worker.iter().copied()) {
        if !ws.root.join(script(name)).is_file() {
            bail!("{} is not there yet: nothing measures {name}", script(name));
        }
    }
    if wants("rank") || !of_worker.is_empty() {
        setup::ensure(ws, &[Need::Browser, Need::Worker, Need::Chromium], false)?;
    }
    if wants("rank")
        && let Err(error) = setup::ensure(ws, &[Need::VowpalWabbit], false)
    {
        eprintln!("  {error:#}: its row is left out");
    }
    if wants("rank") || wants("train") || wants("generate") {
        build::native(ws, true)?;
    }
    let mut answer = Map::new();
    if wants("rank") {
        build::browser(ws, true)?;
        answer.insert("rank".into(), scripted(ws, "rank", json)?);
    }
    if !of_worker.is_empty() {
        build::worker(ws, true)?;
    }
    for name in of_worker {
        answer.insert(name.into(), scripted(ws, name, json)?);
    }
    if wants("train") {
        answer.insert("train".into(), train(ws)?);
        if !json {
            println!("train {}", answer["train"]);
        }
    }
    if wants("generate") {
        answer.insert("generate".into(), generate(ws, json)?);
    }
    if json {
        println!("{}", Value::Object(answer));
    }
    Ok(())
}

fn script(name: &str) -> String {
    format!("tests/bench/{name}.mjs")
}

/// Copy: what is written, how fast, beside its peers; and what a page downloads for it.
fn generate(ws: &Workspace, json: bool) -> Result<Value> {
    setup::ensure(ws, &[Need::Browser, Need::Chromium, Need::Vulkan, Need::Writers], false)?;
    let (examples, wasm) = build::writers(ws)?;
    let mut node = ws.node(&Surfaces { ship: true, native: "release" });
    node.arg(script("generate")).env("ATTUNE_EXAMPLES", examples).env("ATTUNE_LLAMA_WASM", wasm);
    node.env("ATTUNE_PEERS", ws.npm_packages("tests/bench")?);
    let mut answer = answered(node, "generate", json)?;
    let sizes = size::measured(ws)?;
    let bytes = |name: &str| sizes[name]["brotli"].clone();
    let size = json!({
        "brotli": { "whole": bytes("generate"), "without_cpu": bytes("generate without CPU") },
        "bar": { "whole": size::GENERATE_BROTLI.0, "without_cpu": size::GENERATE_BROTLI.1 },
    });
    if json {
        answer["size"] = size;
    } else {
        println!("size {size}");
    }
    Ok(answer)
}

/// A script with what it may ask for; see [`answered`].
fn scripted(ws: &Workspace, name: &str, json: bool) -> Result<Value> {
    let mut node = ws.node(&Surfaces { ship: true, native: "release" });
    node.arg(script(name));
    if setup::vowpal_wabbit(ws).is_file() {
        node.env("ATTUNE_VW", setup::vowpal_wabbit(ws));
    }
    answered(node, name, json)
}

/// With `json`, a script's last line is its answer; without, it talks to the reader.
fn answered(mut node: Command, name: &str, json: bool) -> Result<Value> {
    if !json {
        let status = node.status().context("node could not be started")?;
        if !status.success() {
            bail!("{} ended with {status}", script(name));
        }
        return Ok(Value::Null);
    }
    let done = node.arg("--json").stderr(Stdio::inherit()).output().context("node could not be started")?;
    let said = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        bail!("{} ended with {}: {}", script(name), done.status, said.trim());
    }
    let last = said.lines().last().with_context(|| format!("{} said nothing", script(name)))?;
    serde_json::from_str(last).with_context(|| format!("the last line of {}", script(name)))
}

fn train(ws: &Workspace) -> Result<Value> {
    let attune = ws.target.join("release/attune");
    let mut runs = Vec::new();
    for rows in ROWS {
        let data = simulated(ws, &attune, rows)?;
        let bundle = ws.cache.join(format!("bench/trained-{rows}.attune"));
        eprintln!("▸ attune train on {rows} simulated impressions");
        let mut command = ws.command(&attune);
        command.args(["train", "--seed", SEED, "--json", "--data"]).arg(&data).arg("--out").arg(&bundle);
        let (took, peak) = measured(&mut command)?;
        eprintln!("  {:.1} min, at most {:.0} MiB", took.as_secs_f64() / 60.0, peak as f64 / 1024.0);
        let worth = worth(ws, &attune, &bundle)?;
        runs.push(json!({ "rows": rows, "seconds": took.as_secs_f64(), "peak_kib": peak, "worth": worth }));
    }
    let peak = |run: &Value| run["peak_kib"].as_f64().unwrap_or(f64::NAN);
    let growth = peak(&runs[1]) / peak(&runs[0]);
    let shoppers = ws.data.join("online_shoppers");
    let shoppers = if shoppers.is_dir() {
        eprintln!("▸ attune train on Online Shoppers, {FOLDS} splits");
        let folds = (1..=FOLDS).map(|seed| {
            let bundle = ws.cache.join(format!("bench/shoppers-{seed}.attune"));
            let mut command = ws.command(&attune);
            command.args([
                "train",
                "--mapping",
                "online-shoppers",
                "--seed",
                &seed.to_string(),
                "--json",
                "--data",
            ]);
            let (took, _) = measured(command.arg(&shoppers).arg("--out").arg(&bundle))?;
            Ok(json!({ "seconds": took.as_secs_f64(), "worth": self::worth(ws, &attune, &bundle)? }))
        });
        Value::Array(folds.collect::<Result<_>>()?)
    } else {
        eprintln!("  Online Shoppers: left out, {} is not there", shoppers.display());
        Value::Null
    };
    Ok(json!({ "runs": runs, "memory_growth": growth, "online_shoppers": shoppers }))
}

/// What a bundle's card says of student and teachers: AUC of each, share of the lift kept with its interval, bytes.
fn worth(ws: &Workspace, attune: &Path, bundle: &Path) -> Result<Value> {
    let said = output(ws.command(attune).args(["inspect", "--json"]).arg(bundle))?;
    let metrics = serde_json::from_str::<Value>(&said)?["card"]["metrics"].take();
    let heads = metrics["heads"].as_array().context("the card tells no heads")?.iter().map(|head| {
        let auc = |model: &str| head[model]["auc"].clone();
        json!({
            "head": head["head"], "lift_kept": head["lift_kept"], "logistic": auc("logistic"),
            "boosted": auc("boosted"), "neural": auc("neural"), "student": auc("student"),
        })
    });
    let bytes = |of: &str| metrics[of].as_f64().unwrap_or(f64::NAN);
    let share = bytes("student_bytes") / bytes("teacher_bytes");
    Ok(json!({ "heads": heads.collect::<Vec<_>>(), "student_bytes_of_teacher": share }))
}

/// A simulated log in the cache, made once for each build of `attune` (by its size and time).
fn simulated(ws: &Workspace, attune: &Path, rows: u64) -> Result<PathBuf> {
    let data = ws.cache.join(format!("bench/simulated-{rows}"));
    let meta = fs::metadata(attune).context("the command line is not built")?;
    let mark = format!("{} {:?}", meta.len(), meta.modified()?);
    let marker = data.with_extension("made-by");
    if fs::read_to_string(&marker).is_ok_and(|m| m == mark) {
        return Ok(data);
    }
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(data.parent().context("no folder")?)?;
    eprintln!("▸ attune simulate, {rows} rows");
    run(ws
        .command(attune)
        .args(["simulate", "--seed", SEED, "--rows", &rows.to_string(), "--out"])
        .arg(&data))?;
    fs::write(marker, mark)?;
    Ok(data)
}

/// Time and the highest resident memory (KiB), read from the kernel's own high-water mark ten times a second.
fn measured(command: &mut Command) -> Result<(Duration, u64)> {
    let start = Instant::now();
    let mut child = command.stdout(std::io::stderr()).spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(&status_file).unwrap_or_default();
        let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let mark = mark.and_then(|m| m.split_whitespace().next()?.parse().ok());
        peak = peak.max(mark.unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("{} ended with {status}", command.get_program().to_string_lossy());
            }
            return Ok((start.elapsed(), peak));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
