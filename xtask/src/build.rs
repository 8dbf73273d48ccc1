//! The surfaces: cargo, wasm-bindgen, wasm-opt and esbuild in order. Cargo knows what is up to date; what comes
//! after it runs again only when its inputs changed (a stamp beside the output).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest, Sha256};

use crate::{
    context::{Surfaces, WASM, Workspace, hex, output, run},
    toolchain::Toolchain,
    versions,
};

/// The script of `crates/browser` that bundles its JavaScript: `build.mjs OUT BINDGEN_DIR GENERATE_DIR`.
const BUNDLE: &str = "crates/browser/js/build.mjs";
/// The model that is part of the package.
const COPYWRITER: &str = "models/copywriter.gguf";
/// Engines compile a function when it is first called, and whole: what is inlined for its only caller is compiled
/// although it does not run. Without this the first ranking takes 40 % longer and is no faster afterwards.
const SMALL_FUNCTIONS: &str = "--one-caller-inline-max-function-size=1";
/// What rustc emits for this target, simd128, and the exceptions in wasm-bindgen's wrappers. Named one by one, so
/// that a newer wasm-opt adds nothing.
const WASM_FEATURES: [&str; 9] = [
    "--enable-exception-handling",
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-mutable-globals",
    "--enable-multivalue",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// All that is not a surface. Linter, tests, examples and the debug build name the same packages, so that features unify
/// alike and tract is compiled once.
pub(crate) const NATIVE: [&str; 7] = [
    "--workspace",
    "--exclude",
    "attune-browser",
    "--exclude",
    "attune-browser-generate",
    "--exclude",
    "attune-worker",
];

/// The wasm modules of the npm package: the package, its file's name, and the profile it ships in.
const MODULES: [(&str, &str, &str); 2] = [
    ("attune-browser", "attune_browser", "ship"),
    ("attune-browser-generate", "attune_browser_generate", "ship-generate"),
];
/// The profile of what is only tested.
const TESTED: &str = "release";
/// Of what ships, and of what is only tested.
const LEVELS: [&str; 2] = ["-Os", "-O1"];

fn profile(ship: bool) -> &'static str {
    if ship { "ship" } else { TESTED }
}

/// The npm package, as a folder and as it is after packing.
pub(crate) fn browser(ws: &Workspace, ship: bool) -> Result<()> {
    let script = ws.root.join(BUNDLE);
    if !script.is_file() {
        bail!("{BUNDLE} is not there yet: nothing bundles the browser's JavaScript");
    }
    let toolchain = Toolchain::choose(ws)?;
    let folders: Vec<PathBuf> = MODULES
        .iter()
        .map(|(package, name, shipped)| {
            module(ws, &toolchain, package, name, if ship { shipped } else { TESTED }, &[])
        })
        .collect::<Result<_>>()?;
    let out = ws.npm(ship);
    let mut inputs: Vec<PathBuf> = folders
        .iter()
        .zip(MODULES)
        .map(|(folder, (_, name, _))| folder.join(format!("{name}_bg.wasm")))
        .collect();
    files_under(&ws.root.join("crates/browser/js"), &mut inputs)?;
    inputs.extend(Some(ws.root.join(COPYWRITER)).filter(|model| model.is_file()));
    let stamp = Stamp::of(&inputs, &out)?;
    if stamp.fresh() {
        return Ok(());
    }
    clear(&out)?;
    eprintln!("  {BUNDLE}");
    let surfaces = Surfaces { ship, native: "debug" };
    run(ws.node(&surfaces).arg(&script).arg(&out).args(&folders))?;
    pack(ws, &out, &ws.npm_packed(ship))?;
    stamp.write()
}

/// The module that writes without its CPU rung, as it would ship: for its size alone.
pub(crate) fn without_cpu(ws: &Workspace) -> Result<PathBuf> {
    let toolchain = Toolchain::choose(ws)?;
    let (package, name, shipped) = MODULES[1];
    // Without the kernels there is nothing in it that has to be fast.
    let small = format!("profile.{shipped}.package.attune-llama.opt-level=\"z\"");
    let features = ["--no-default-features", "--features", "gpu", "--config", &small];
    Ok(module(ws, &toolchain, package, name, shipped, &features)?.join(format!("{name}_bg.wasm")))
}

/// One module through cargo, wasm-bindgen and wasm-opt: the folder of wasm-bindgen's output. `more` is for cargo, and makes it
/// a module beside the usual one.
fn module(
    ws: &Workspace,
    toolchain: &Toolchain,
    package: &str,
    name: &str,
    profile: &str,
    more: &[&str],
) -> Result<PathBuf> {
    let build = ["build", "--package", package, "--lib", "--target", WASM, "--profile", profile];
    run(toolchain.cargo(ws).args(build).args(more))?;
    let wasm = ws.target_wasm.join(WASM).join(profile).join(format!("{name}.wasm"));
    let ship = profile != TESTED;
    let variant = if more.is_empty() { "" } else { "-part" };
    let out = ws.build.join(format!("bindgen{}-{name}{variant}", if ship { "-ship" } else { "" }));
    let stamp = Stamp::of(std::slice::from_ref(&wasm), &out)?;
    if !stamp.fresh() {
        clear(&out)?;
        eprintln!("  wasm-bindgen {name}");
        run(ws.command(ws.wasm_bindgen()).args(["--target", "web", "--out-dir"]).arg(&out).arg(&wasm))?;
        optimise(ws, &out.join(format!("{name}_bg.wasm")), LEVELS[usize::from(!ship)])?;
        stamp.write()?;
    }
    Ok(out)
}

/// `npm pack`, then unpacked: files missing from `package.json` are missing here too.
fn pack(ws: &Workspace, package: &Path, unpacked: &Path) -> Result<()> {
    let beside = package.parent().context("the package has no parent folder")?;
    let quiet = ["--pack-destination", ".", "--ignore-scripts", "--loglevel", "error"];
    let said = output(ws.command("npm").arg("pack").arg(package).args(quiet).current_dir(beside))?;
    let archive = said.lines().last().context("npm pack named no file")?;
    let _ = fs::remove_dir_all(unpacked);
    // Every npm archive holds one folder named `package`.
    run(ws.command("tar").args(["-xzf", archive]).current_dir(beside))
}

/// What workerd runs: `guard.js` before what worker-build writes, `index.js` and `index_bg.wasm`.
pub(crate) fn worker(ws: &Workspace, ship: bool) -> Result<()> {
    let toolchain = Toolchain::choose(ws)?;
    let configure = |command: &mut std::process::Command| {
        // worker-build sets it; set here too, so that its build finds this one fresh.
        command.env("WASM_BINDGEN_USE_JS_SYS", "1");
    };
    let mut cargo = toolchain.cargo(ws);
    configure(&mut cargo);
    run(cargo
        .args(["build", "--lib", "--target", WASM, "--profile", profile(ship)])
        .current_dir(worker_crate(ws)))?;
    let wasm = ws.target_wasm.join(WASM).join(profile(ship)).join("attune_worker.wasm");
    let out = ws.worker(ship);
    let stamp = Stamp::of(&[wasm], &out)?;
    if !stamp.fresh() {
        clear(&out)?;
        let mut command = ws.command(ws.tool("worker-build", versions::WORKER_BUILD, "worker-build"));
        toolchain.apply(ws, &mut command);
        configure(&mut command);
        // wasm-opt runs below, with the features that worker-build does not know of.
        command
            .args(["--profile", profile(ship), "--no-opt", "--out-dir"])
            .arg(&out)
            .current_dir(worker_crate(ws));
        command.env("WASM_BINDGEN_BIN", ws.wasm_bindgen()).env("WASM_OPT_BIN", ws.npm_bin("wasm-opt"));
        run(command.env("ESBUILD_BIN", ws.npm_bin("esbuild")))?;
        optimise(ws, &out.join("index_bg.wasm"), if ship { "-O3" } else { "-O1" })?;
        stamp.write()?;
    }
    let entry = "guard.js";
    fs::copy(worker_crate(ws).join("src").join(entry), out.join(entry))?;
    link(&out, &worker_crate(ws).join("build"))
}

fn worker_crate(ws: &Workspace) -> PathBuf {
    ws.root.join("crates/worker")
}

/// The command line, in `debug` or `release`.
pub(crate) fn native(ws: &Workspace, release: bool) -> Result<()> {
    let mut command = ws.cargo();
    if release {
        command.args(["build", "--package", "attune-cli", "--release"]);
    } else {
        command.args(["build", "--bins"]).args(NATIVE);
    }
    run(&mut command)
}

/// The examples of the language models that the benchmarks run: their folder, and the wasm module among them.
pub(crate) fn writers(ws: &Workspace) -> Result<(PathBuf, PathBuf)> {
    let of = ["build", "--package", "attune-llama", "--release"];
    let native = ["--features", "gpu", "--example", "agreement", "--example", "complete", "--example", "gpu"];
    run(ws.cargo().args(of).args(native).args(["--example", "requantise"]))?;
    run(Toolchain::choose(ws)?.cargo(ws).args(of).args(["--target", WASM, "--example", "wasm"]))?;
    let wasm = ws.target_wasm.join(WASM).join("release/examples/wasm.wasm");
    Ok((ws.target.join("release/examples"), wasm))
}

/// The storefront, bundled by `node www/build.mjs OUT`, with this bundle or the shipped one.
pub(crate) fn www(ws: &Workspace, ship: bool, bundle: Option<&Path>) -> Result<()> {
    let script = ws.root.join("www/build.mjs");
    if !script.is_file() {
        bail!("www/build.mjs is not there yet: nothing builds the storefront");
    }
    let out = ws.build.join("www");
    fs::create_dir_all(&out)?;
    let mut command = ws.node(&Surfaces { ship, native: "release" });
    if let Some(bundle) = bundle {
        command.env("ATTUNE_BUNDLE", bundle);
    }
    run(command.arg(script).arg(out))
}

fn optimise(ws: &Workspace, wasm: &Path, level: &str) -> Result<()> {
    eprintln!("  wasm-opt {level}");
    let small = wasm.with_extension("opt");
    let mut command = ws.command(ws.npm_bin("wasm-opt"));
    run(command.arg(level).arg(SMALL_FUNCTIONS).args(WASM_FEATURES).arg(wasm).arg("-o").arg(&small))?;
    fs::rename(&small, wasm)?;
    Ok(())
}

/// The hash of what an output was made from, kept beside it.
struct Stamp {
    file: PathBuf,
    hash: String,
}

impl Stamp {
    fn of(inputs: &[PathBuf], out: &Path) -> Result<Self> {
        let mut hash = Sha256::new();
        hash.update(versions::WASM_BINDGEN);
        hash.update(versions::WORKER_BUILD);
        hash.update(include_bytes!("build.rs"));
        for file in inputs {
            hash.update(file.to_string_lossy().as_bytes());
            hash.update(Sha256::digest(fs::read(file).with_context(|| file.display().to_string())?));
        }
        let mut file = out.as_os_str().to_owned();
        file.push(".stamp");
        Ok(Self { file: file.into(), hash: hex(&hash.finalize()) })
    }

    fn fresh(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|hash| hash == self.hash)
    }

    fn write(&self) -> Result<()> {
        Ok(fs::write(&self.file, &self.hash)?)
    }
}

fn clear(folder: &Path) -> Result<()> {
    let mut stamp = folder.as_os_str().to_owned();
    stamp.push(".stamp");
    let _ = fs::remove_file(PathBuf::from(stamp));
    let _ = fs::remove_dir_all(folder);
    Ok(fs::create_dir_all(folder)?)
}

/// All files of a folder in the order of their names.
pub(crate) fn files_under(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(|| folder.display().to_string())?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type()?.is_dir() {
            files_under(&entry.path(), into)?;
        } else {
            into.push(entry.path());
        }
    }
    Ok(())
}

fn link(to: &Path, at: &Path) -> Result<()> {
    if fs::read_link(at).ok().as_deref() == Some(to) {
        return Ok(());
    }
    if at.is_symlink() {
        fs::remove_file(at)?;
    } else if at.is_dir() {
        fs::remove_dir_all(at)?;
    }
    Ok(std::os::unix::fs::symlink(to, at)?)
}
