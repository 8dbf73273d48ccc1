//! `cargo xtask test`: every suite as steps, one sum at the end.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    build,
    context::{Surfaces, WASM, Workspace, run},
    direction, fuzz,
    setup::{self, Need},
    size,
    steps::{Counts, Steps, listen},
    toolchain::Toolchain,
};

/// The suites in the order they run.
pub(crate) const SUITES: [&str; 9] =
    ["direction", "native", "docs", "node", "browser", "worker", "faults", "size", "fuzz"];
/// Built for the wasm target only where its linter has it.
const SURFACES: [&str; 6] =
    ["--package", "attune-browser", "--package", "attune-browser-generate", "--package", "attune-worker"];
/// The most that one file of scripted tests may take.
const FILE_MILLISECONDS: u32 = 300_000;
/// A Rust test that cannot run appends `its name: why` to the file this variable names.
const SKIPS: &str = "ATTUNE_SKIPS";

/// Runs the named suites, or all; true when nothing failed and, with `CI=true`, nothing was skipped.
///
/// # Errors
/// When set-up fails; a failing suite is counted instead.
pub(crate) fn test(ws: &Workspace, suites: &[String], ship: bool) -> Result<bool> {
    let wants = |suite: &str| suites.is_empty() || suites.iter().any(|s| s == suite);
    let scripts = |suite: &str| if wants(suite) { test_files(ws, suite) } else { Ok(Vec::new()) };
    let (node, browser, worker, faults) =
        (scripts("node")?, scripts("browser")?, scripts("worker")?, scripts("faults")?);
    let has_browser_module = ws.root.join("crates/browser/js/build.mjs").is_file();

    let mut needs = Vec::new();
    let mut need = |when: bool, what: Need| {
        if when {
            needs.push(what)
        }
    };
    need(wants("native"), Need::Nextest);
    need(wants("native"), Need::Vulkan);
    let any_script = [&node, &browser, &worker, &faults].iter().any(|files| !files.is_empty());
    need(any_script || (wants("size") && has_browser_module), Need::Browser);
    need(!browser.is_empty() || !worker.is_empty() || !faults.is_empty(), Need::Chromium);
    for engine in [Need::Firefox, Need::WebKit] {
        need(!browser.is_empty(), engine);
    }
    let edge = !worker.is_empty() || !faults.is_empty();
    need(edge, Need::Worker);
    let mut steps = Steps::default();
    if !steps.step("set-up", || setup::ensure(ws, &needs, false).map(|()| Counts::default())) {
        steps.report();
        bail!("set-up failed");
    }
    if wants("direction") {
        steps.step("direction", || direction::check(ws));
    }
    if wants("native") {
        steps
            .step("format", || run(ws.cargo().args(["fmt", "--all", "--check"])).map(|()| Counts::passed(1)));
        steps.step("clippy", || clippy(ws));
        steps.step("clippy of the surfaces", || clippy_surfaces(ws));
        steps.step("data", || data(ws));
        steps.step("native", || native(ws));
    }
    if wants("docs") {
        steps.step("documentation examples", || docs(ws));
    }
    let built = |steps: &mut Steps, name: &str, when: bool, work: &dyn Fn() -> Result<()>| {
        !when || steps.step(name, || work().map(|()| Counts::default()))
    };
    let has_page = ws.root.join("www/build.mjs").is_file();
    let mut good = built(&mut steps, "build native", any_script, &|| build::native(ws, false));
    good &=
        built(&mut steps, "build browser", any_script && has_browser_module, &|| build::browser(ws, ship));
    good &= built(&mut steps, "build worker", edge, &|| build::worker(ws, ship));
    // What the storefront does with a ranking is tested with the golden bundle: it needs no training run.
    let golden = ws.root.join("tests/golden/small.attune");
    good &= built(&mut steps, "build www", any_script && has_page && good, &|| {
        build::www(ws, ship, Some(&golden))
    });
    for (name, files) in [("node", node), ("browser", browser), ("worker", worker), ("faults", faults)] {
        if wants(name) {
            steps.step(name, || match files.as_slice() {
                [] => Ok(Counts::skip(format!("tests/{name} has no *.test.mjs"))),
                _ if !good => Ok(Counts::skip("its build failed")),
                files => scripted(ws, name, files, ship),
            });
        }
    }
    if wants("size") {
        steps.step("size", || {
            if has_browser_module {
                size::check(ws)
            } else {
                Ok(Counts::skip("crates/browser/js is not there"))
            }
        });
    }
    if wants("fuzz") {
        steps.step("fuzz", || fuzz::fuzz(ws));
    }

    let sum = steps.report();
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
    let complete = !in_ci || sum.skipped.is_empty();
    if !complete {
        eprintln!("FAILED: in CI nothing may be skipped");
    }
    println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped.len());
    Ok(sum.failed == 0 && complete)
}

fn clippy(ws: &Workspace) -> Result<Counts> {
    let mut command = ws.cargo();
    command.args(["clippy", "--all-targets"]).args(build::NATIVE).args(["--", "-D", "warnings"]);
    run(&mut command).map(|()| Counts::passed(1))
}

fn clippy_surfaces(ws: &Workspace) -> Result<Counts> {
    let toolchain = Toolchain::choose(ws)?;
    // Debian's Rust has no clippy of its own: there the surfaces are looked at as native code.
    let mut command = match toolchain {
        Toolchain::Rustup => toolchain.cargo(ws),
        Toolchain::Debian { .. } => ws.cargo(),
    };
    command.arg("clippy").args(SURFACES);
    if matches!(toolchain, Toolchain::Rustup) {
        command.args(["--target", WASM]);
    }
    run(command.args(["--", "-D", "warnings"])).map(|()| Counts::passed(1))
}

/// Data sets of the package registry that tests read. Without a network their tests are skipped, and say so.
fn data(ws: &Workspace) -> Result<Counts> {
    if !ws.cache.join("data/obd").is_dir() {
        build::native(ws, false)?;
        let attune = ws.target.join("debug/attune");
        if let Err(error) =
            run(ws.command(attune).args(["data", "fetch", "obd"]).env("ATTUNE_CACHE", &ws.cache))
        {
            eprintln!("  obd could not be fetched: {error:#}");
        }
    }
    Ok(Counts::default())
}

fn native(ws: &Workspace) -> Result<Counts> {
    let skips = ws.cache.join("skips.txt");
    let _ = fs::remove_file(&skips);
    let mut command = ws.command(setup::nextest(ws));
    command.args(["nextest", "run"]).args(build::NATIVE);
    command.args(["--no-fail-fast", "--no-tests", "pass"]);
    command.env("CARGO_TARGET_DIR", &ws.target).env("ATTUNE_DATA", &ws.data).env(SKIPS, &skips);
    let (success, said) = listen(&mut command)?;
    let mut counts = nextest_counts(&said).context("the tests did not run (see above)")?;
    if !success && counts.failed == 0 {
        bail!("nextest failed (see above)");
    }
    for line in fs::read_to_string(&skips).unwrap_or_default().lines() {
        counts.passed = counts.passed.saturating_sub(1);
        counts.skipped.push(line.to_owned());
    }
    Ok(counts)
}

/// From `Summary [ 1.2s] 5 tests run: 3 passed (1 slow), 2 failed, 1 skipped`.
fn nextest_counts(said: &str) -> Option<Counts> {
    let line = said.lines().rev().find(|line| line.contains(" run: ") && line.contains("Summary ["))?;
    let mut counts = Counts::default();
    for part in line.split_once(" run: ")?.1.split(',') {
        let mut words = part.trim().split(' ');
        let Some(n) = words.next().and_then(|n| n.parse().ok()) else { continue };
        match words.next() {
            Some("passed") => counts.passed += n,
            Some("failed" | "timed" | "exec") => counts.failed += n,
            Some("skipped") => counts.skipped.extend((0..n).map(|_| "a test marked #[ignore]".to_owned())),
            _ => {}
        }
    }
    Some(counts)
}

fn docs(ws: &Workspace) -> Result<Counts> {
    let mut command = ws.cargo();
    command.args(["test", "--doc"]).args(build::NATIVE);
    let (success, said) = listen(command.arg("--no-fail-fast"))?;
    let counts = libtest_counts(&said);
    if !success && counts.failed == 0 {
        bail!("cargo test --doc failed (see above)");
    }
    Ok(counts)
}

/// The sum of lines like `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn libtest_counts(said: &str) -> Counts {
    let mut counts = Counts::default();
    for line in said.lines().filter_map(|line| line.strip_prefix("test result: ")) {
        for part in line.split(['.', ';']) {
            match part.trim().split_once(' ') {
                Some((n, "passed")) => counts.passed += n.parse::<u64>().unwrap_or(0),
                Some((n, "failed")) => counts.failed += n.parse::<u64>().unwrap_or(0),
                _ => {}
            }
        }
    }
    let ignored = said.lines().filter(|line| line.starts_with("test ") && line.ends_with("... ignored"));
    counts.skipped.extend(ignored.map(str::to_owned));
    counts
}

fn test_files(ws: &Workspace, suite: &str) -> Result<Vec<PathBuf>> {
    let folder = ws.root.join("tests").join(suite);
    let mut files = Vec::new();
    if folder.is_dir() {
        build::files_under(&folder, &mut files)?;
    }
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    Ok(files)
}

/// `node --test`: its readable report for the eye, TAP in a file for the counts.
fn scripted(ws: &Workspace, name: &str, files: &[PathBuf], ship: bool) -> Result<Counts> {
    let tap = ws.cache.join(format!("{name}.tap"));
    let _ = fs::remove_file(&tap);
    let mut command = ws.node(&Surfaces { ship, native: "debug" });
    // A file that leaves a runtime open, or waits for one for ever, ends as a failure.
    command.arg(format!("--test-timeout={FILE_MILLISECONDS}"));
    command.args([
        "--test",
        "--test-concurrency=1",
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
    ]);
    command.args(["--test-reporter=tap", &format!("--test-reporter-destination={}", tap.display())]);
    let status =
        command.args(files).stdout(std::io::stderr()).status().context("node could not be started")?;
    let tap = fs::read_to_string(&tap).context("node reported nothing")?;
    if !tap.contains("\n# pass ") {
        bail!("node's report has no sum: it ended with {status}");
    }
    let counts = tap_counts(&tap);
    if !status.success() && counts.failed == 0 {
        bail!("node ended with {status}");
    }
    if counts.passed + counts.failed == 0 && counts.skipped.is_empty() {
        bail!("no test ran");
    }
    Ok(counts)
}

/// From TAP: `# pass 3`, `# fail 0`, `# cancelled 0`, and `ok 2 - name # SKIP why`.
fn tap_counts(tap: &str) -> Counts {
    let number = |key: &str| -> u64 {
        let line = tap.lines().rev().find_map(|line| line.strip_prefix(key));
        line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
    };
    let marked = tap.lines().filter_map(|line| {
        let (name, why) = line.split_once("# SKIP").or_else(|| line.split_once("# TODO"))?;
        let name = name.split_once(" - ").map_or(name, |(_, name)| name);
        Some(format!("{}: {}", name.trim(), why.trim()))
    });
    let mut skipped: Vec<String> = marked.collect();
    let told = number("# skipped ") + number("# todo ");
    while (skipped.len() as u64) < told {
        skipped.push("a test that did not say why".into());
    }
    Counts { passed: number("# pass "), failed: number("# fail ") + number("# cancelled "), skipped }
}

/// The files directly in a folder with this extension, without it.
pub(crate) fn stems(folder: &Path, extension: &str) -> Result<Vec<String>> {
    let mut files = Vec::new();
    if folder.is_dir() {
        build::files_under(folder, &mut files)?;
    }
    files.retain(|file| file.extension().is_some_and(|e| e == extension));
    Ok(files.iter().filter_map(|f| f.file_stem()).map(|s| s.to_string_lossy().into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_is_understood() {
        let said = "    PASS [ 0.1s] a b\n------\n     Summary [   0.007s] 6 tests run: 3 passed (1 slow, 1 flaky), \
                    2 failed, 1 timed out, 2 skipped\n        FAIL [ 0.0s] a c\n";
        let counts = nextest_counts(said).unwrap();
        assert_eq!((counts.passed, counts.failed, counts.skipped.len()), (3, 3, 2));
        assert!(nextest_counts("error: could not compile\n").is_none());
    }

    #[test]
    fn documentation_tests_are_added_up() {
        let said = "test src/lib.rs - (line 3) ... ok\ntest src/lib.rs - x (line 9) ... ignored\n\
                    test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.61s\n\
                    test result: FAILED. 1 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let counts = libtest_counts(said);
        assert_eq!((counts.passed, counts.failed, counts.skipped.len()), (3, 4, 1));
    }

    #[test]
    fn tap_is_understood() {
        let tap = "TAP version 13\nok 1 - a\n    ok 1 - b # SKIP no data\n# tests 5\n# pass 2\n# fail 1\n\
                   # cancelled 1\n# skipped 2\n# todo 0\n";
        let counts = tap_counts(tap);
        assert_eq!((counts.passed, counts.failed), (2, 2));
        assert_eq!(counts.skipped, ["b: no data", "a test that did not say why"]);
    }
}
