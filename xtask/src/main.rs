//! Set-up, build, test, demo, bench and size of the whole workspace: `cargo xtask --help`.

mod bench;
mod build;
mod context;
mod demo;
mod direction;
mod fuzz;
mod setup;
mod size;
mod steps;
mod test;
mod toolchain;
mod versions;

use std::process::ExitCode;

use anyhow::{Result, bail};
use context::Workspace;

const HELP: &str = "\
cargo xtask setup                         install what is missing, name what is there
cargo xtask demo [--once] [--ship]        storefront and Worker at http://127.0.0.1:8787
cargo xtask test [SUITE…] [--ship]        direction native docs node browser worker faults size fuzz; without a name, all
cargo xtask build [SURFACE…] [--ship]     native browser www worker; without a name, all
cargo xtask bench [NAME…] [--json]        rank worker html train generate, and soak (an hour), which
                                          runs by name only; without a name, all others
cargo xtask size [--json]                 bytes of what ships: raw, gzip, brotli

--ship takes the profile of what a shop downloads (fat LTO); without it, thin LTO, which builds faster.

Examples
  cargo xtask demo                        the shop; press Ctrl-C to stop it
  cargo xtask demo --once | tail -1       one request through three runtimes, as JSON
  cargo xtask test native docs            what needs neither wasm nor a browser
  cargo xtask size --json

Environment
  ATTUNE_CACHE          build output, tools, data (default ~/.cache/attune)
  ATTUNE_DATA           data sets for tests (default ../shared/data)
  ATTUNE_WASM           rustup or debian: the Rust that builds wasm (default: the first that can)
  ATTUNE_FUZZ_SECONDS   seconds for each fuzz target (default 10, in CI 60)
  CHROMIUM              the browser (default: the one on PATH)
  CARGO_TARGET_DIR      native build output (default ATTUNE_CACHE/target)
  CI=true               a skipped test is a failure
";

fn main() -> ExitCode {
    match task(std::env::args().skip(1).collect()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn task(mut args: Vec<String>) -> Result<bool> {
    if args.is_empty() || args.iter().any(|a| a == "--help" || a == "-h" || a == "help") {
        print!("{HELP}");
        return Ok(true);
    }
    let name = args.remove(0);
    let mut flag = |flag: &str| {
        let before = args.len();
        args.retain(|a| a != flag);
        args.len() < before
    };
    let (ship, once, json) = match name.as_str() {
        "test" | "build" => (flag("--ship"), false, false),
        "demo" => (flag("--ship"), flag("--once"), false),
        "bench" | "size" => (false, false, flag("--json")),
        _ => (false, false, false),
    };
    let only = |known: &[&str]| match args.iter().find(|a| !known.contains(&a.as_str())) {
        Some(other) => bail!("cargo xtask {name} does not know {other:?}; see cargo xtask --help"),
        None => Ok(()),
    };
    let ws = Workspace::find()?;
    match name.as_str() {
        "setup" => {
            only(&[])?;
            setup::ensure(&ws, &setup::ALL, true)?;
        }
        "build" => {
            only(&["native", "browser", "www", "worker"])?;
            let wants = |surface: &str| args.is_empty() || args.iter().any(|a| a == surface);
            let needs: &[_] = match (wants("browser"), wants("worker"), wants("www")) {
                (_, true, _) => &[setup::Need::Browser, setup::Need::Worker],
                (true, ..) => &[setup::Need::Browser],
                (.., true) => &[setup::Need::Npm],
                _ => &[],
            };
            setup::ensure(&ws, needs, false)?;
            if wants("native") {
                build::native(&ws, true)?;
            }
            if wants("browser") {
                build::browser(&ws, ship)?;
            }
            if wants("www") {
                build::www(&ws, ship, None)?;
            }
            if wants("worker") {
                build::worker(&ws, ship)?;
            }
        }
        "test" => {
            only(&test::SUITES)?;
            return test::test(&ws, &args, ship);
        }
        "demo" => return demo::demo(&ws, once, ship, &args),
        "bench" => {
            only(&bench::NAMES)?;
            bench::bench(&ws, &args, json)?;
        }
        "size" => {
            only(&[])?;
            size::size(&ws, json)?;
        }
        other => bail!("cargo xtask does not know {other:?}; see cargo xtask --help"),
    }
    Ok(true)
}
