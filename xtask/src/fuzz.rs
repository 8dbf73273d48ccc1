//! The fuzz targets of `fuzz/`, with libFuzzer on the stable compiler: coverage comes from an LLVM pass that rustc
//! already has; only the sanitizers, which safe code has less use for, would need a nightly one.

use std::{env, fs};

use anyhow::{Context as _, Result};

use crate::{
    context::{Workspace, run},
    steps::Counts,
    test::stems,
};

const HOST: &str = "x86_64-unknown-linux-gnu";
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions=on";

/// Runs every target for `$ATTUNE_FUZZ_SECONDS` (60 in CI, else 10), from `fuzz/seeds/<target>` on.
pub(crate) fn fuzz(ws: &Workspace) -> Result<Counts> {
    let targets = stems(&ws.root.join("fuzz/fuzz_targets"), "rs")?;
    if targets.is_empty() {
        return Ok(Counts::skip("fuzz/fuzz_targets holds no target"));
    }
    let in_ci = env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
    let seconds = match env::var("ATTUNE_FUZZ_SECONDS") {
        Ok(seconds) => seconds.parse::<u32>().context("ATTUNE_FUZZ_SECONDS")?,
        Err(_) => {
            if in_ci {
                60
            } else {
                10
            }
        }
    };
    let mut cargo = ws.cargo();
    // With a target named, the flags reach neither build scripts nor macros.
    cargo.args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", HOST]);
    let target = ws.cache.join("target-fuzz");
    run(cargo.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", COVERAGE))?;
    let mut counts = Counts::default();
    for name in targets {
        let corpus = ws.cache.join("fuzz").join(&name);
        fs::create_dir_all(&corpus)?;
        eprintln!("  {name}, {seconds} s");
        let mut command = ws.command(target.join(HOST).join("release").join(&name));
        command.arg(&corpus).arg(format!("-max_total_time={seconds}")).args(["-timeout=10", "-verbosity=0"]);
        command
            .arg("-print_final_stats=1")
            .arg(format!("-artifact_prefix={}/", corpus.with_extension("").display()));
        let seeds = ws.root.join("fuzz/seeds").join(&name);
        if seeds.is_dir() {
            command.arg(seeds);
        }
        match run(&mut command) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                eprintln!("  {error:#}");
                counts.failed += 1;
            }
        }
    }
    Ok(counts)
}
