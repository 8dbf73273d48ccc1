//! What a visitor downloads, and the budgets for it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use crate::{
    build::{self, files_under},
    context::{Surfaces, Workspace, output},
    setup::{self, Need},
    steps::Counts,
};

/// Brotli bytes of the storefront's wasm.
const BROWSER_BROTLI: u64 = 650_000;
/// Brotli bytes of the wasm that writes: whole, and without the CPU rung.
pub(crate) const GENERATE_BROTLI: (u64, u64) = (900_000, 500_000);
/// Bytes of the model that is part of the package.
const MODEL: u64 = 3_000_000;
/// Gzip bytes of the JavaScript around it: the module's own.
const GLUE_GZIP: u64 = 12_000;
/// Gzip bytes of the scripts that a page with slots by attributes has besides.
const SLOTS_GZIP: u64 = 7_600;
/// Gzip bytes of the script that tells the shop, for a shopper who agreed to it.
const LOG_GZIP: u64 = 3_000;
/// Gzip bytes of the developer's panel.
const DEBUG_GZIP: u64 = 5_000;
/// Gzip bytes of the script around the wasm that writes: wasm-bindgen's half of WebGPU is most of it.
const GENERATE_GZIP: u64 = 20_000;
/// Scripts that are not the module's own, by what they are for, and their budgets.
const SCRIPTS: [(&str, &[&str], u64); 4] = [
    ("slots by attributes", &["attune.slots.js", "attune.early.js"], SLOTS_GZIP),
    ("slots' log", &["attune.log.js"], LOG_GZIP),
    ("developer's panel", &["attune.debug.js"], DEBUG_GZIP),
    ("writing", &["attune.generate.js", "attune.generate.worker.js"], GENERATE_GZIP),
];
/// Bytes of one bundle for a page.
const BUNDLE: u64 = 1_500_000;
/// The package's modules.
const MODULES: [&str; 2] = ["attune_bg.wasm", "attune_generate_bg.wasm"];
/// The first bytes of a bundle.
const MAGIC: &[u8] = b"ATTUNE\0";

/// Node's zlib at its strongest, so that no compressor has to be compiled here.
const MEASURE: &str = "
const { readFileSync } = require('node:fs'), { gzipSync, brotliCompressSync } = require('node:zlib');
console.log(JSON.stringify(process.argv.slice(1).map((path) => {
  const bytes = readFileSync(path);
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes).length };
})));";

/// `cargo xtask size [--json]`: builds what ships and measures it.
pub(crate) fn size(ws: &Workspace, json: bool) -> Result<()> {
    let answer = measured(ws)?;
    if json {
        println!("{}", Value::Object(answer));
        return Ok(());
    }
    println!("{:<22}{:>12}{:>12}{:>12}  path", "", "raw", "gzip", "brotli");
    for (name, size) in &answer {
        let path = size["path"].as_str().unwrap_or_default();
        println!("{name:<22}{:>12}{:>12}{:>12}  {path}", size["raw"], size["gzip"], size["brotli"]);
    }
    Ok(())
}

/// Builds what ships: by name, its path and its bytes raw and packed.
///
/// # Errors
/// When a build fails.
pub(crate) fn measured(ws: &Workspace) -> Result<Map<String, Value>> {
    setup::ensure(ws, &[Need::Browser, Need::Worker], false)?;
    build::browser(ws, true)?;
    build::worker(ws, true)?;
    let [browser, generate] = MODULES.map(|name| ws.npm(true).join(name));
    let names = ["browser", "generate", "generate without CPU", "worker"];
    let paths = [browser, generate, build::without_cpu(ws)?, wasm_of(&ws.worker(true))?];
    let mut answer = Map::new();
    for ((name, path), size) in names.into_iter().zip(&paths).zip(measure(ws, &paths)?) {
        let mut entry = json!({ "path": path });
        for (key, value) in size.as_object().into_iter().flatten() {
            entry[key] = value.clone();
        }
        answer.insert(name.into(), entry);
    }
    Ok(answer)
}

/// The budgets, on a shipping build of the browser module and the bundles in `models/`.
pub(crate) fn check(ws: &Workspace) -> Result<Counts> {
    build::browser(ws, true)?;
    let package = ws.npm(true);
    let mut scripts = Vec::new();
    files_under(&package, &mut scripts)?;
    scripts.retain(|path| path.extension().is_some_and(|e| e == "js" || e == "mjs"));
    let sum = |sizes: Vec<Value>, key: &str| sizes.iter().filter_map(|s| s[key].as_u64()).sum::<u64>();
    let brotli = |path: PathBuf| Ok::<_, anyhow::Error>(sum(measure(ws, &[path])?, "brotli"));
    let wasm = brotli(package.join(MODULES[0]))?;
    let generate = (brotli(package.join(MODULES[1]))?, brotli(build::without_cpu(ws)?)?);
    let mut parts = Vec::new();
    for (what, names, most) in SCRIPTS {
        let own: Vec<_> =
            scripts.extract_if(.., |path| names.iter().any(|name| path.ends_with(name))).collect();
        parts.push((format!("{what}, gzip"), sum(measure(ws, &own)?, "gzip"), most));
    }
    let glue = sum(measure(ws, &scripts)?, "gzip");
    let mut counts = Counts::default();
    let mut budget = |name: String, bytes: u64, most: u64| {
        let good = bytes <= most;
        eprintln!("  {} {name}: {bytes} of {most} bytes", if good { "✓" } else { "✗" });
        if good { counts.passed += 1 } else { counts.failed += 1 }
    };
    budget("browser wasm, brotli".into(), wasm, BROWSER_BROTLI);
    budget("wasm that writes, brotli".into(), generate.0, GENERATE_BROTLI.0);
    budget("the same without the CPU rung, brotli".into(), generate.1, GENERATE_BROTLI.1);
    budget("browser JavaScript, gzip".into(), glue, GLUE_GZIP);
    if let Ok(model) = fs::metadata(package.join("copywriter.gguf")) {
        budget("models/copywriter.gguf".into(), model.len(), MODEL);
    }
    for (name, bytes, most) in parts {
        budget(name, bytes, most);
    }
    let bundles = bundles(&ws.root.join("models"))?;
    for path in &bundles {
        let name = path.strip_prefix(&ws.root).unwrap_or(path).display().to_string();
        budget(name, fs::metadata(path)?.len(), BUNDLE);
    }
    if bundles.is_empty() {
        counts.add(Counts::skip("models/ holds no bundle"));
    }
    Ok(counts)
}

fn bundles(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if folder.is_dir() {
        files_under(folder, &mut files)?;
    }
    let mut bundles = Vec::new();
    for path in files {
        if fs::read(&path)?.starts_with(MAGIC) {
            bundles.push(path);
        }
    }
    Ok(bundles)
}

/// The one wasm file of a folder.
fn wasm_of(folder: &Path) -> Result<PathBuf> {
    let mut files = Vec::new();
    files_under(folder, &mut files)?;
    files.retain(|path| path.extension().is_some_and(|e| e == "wasm"));
    match files.as_slice() {
        [one] => Ok(one.clone()),
        files => bail!("{} holds {} wasm files where one is expected", folder.display(), files.len()),
    }
}

fn measure(ws: &Workspace, paths: &[PathBuf]) -> Result<Vec<Value>> {
    let surfaces = Surfaces { ship: true, native: "release" };
    let said = output(ws.node(&surfaces).args(["-e", MEASURE, "--"]).args(paths))?;
    serde_json::from_str(&said).context("sizes")
}
