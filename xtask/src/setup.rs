//! Installs what is missing, says what it does, and does nothing when all is there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    context::{Workspace, chromium, output, run, which},
    steps::minutes,
    toolchain::Toolchain,
    versions,
};

/// What a task cannot do without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A Rust with a wasm library, wasm-bindgen and the npm tools.
    Browser,
    /// The same and worker-build.
    Worker,
    Npm,
    Chromium,
    /// The other two engines that the slots are tested in.
    Firefox,
    WebKit,
    Nextest,
    /// A processor that plays a GPU natively: Mesa's lavapipe.
    Vulkan,
    /// A Python with Vowpal Wabbit, for the benchmarks.
    VowpalWabbit,
    /// llama.cpp and wllama, for the benchmarks.
    Writers,
}

/// Where the surfaces' tools are listed.
const TESTS: &str = "tests";

/// Everything but the peers of the benchmarks.
pub(crate) const ALL: [Need; 8] = [
    Need::Browser,
    Need::Worker,
    Need::Npm,
    Need::Chromium,
    Need::Firefox,
    Need::WebKit,
    Need::Nextest,
    Need::Vulkan,
];

/// The Python that has Vowpal Wabbit, once it is set up.
pub(crate) fn vowpal_wabbit(ws: &Workspace) -> PathBuf {
    ws.tool("vowpal-wabbit", versions::VOWPAL_WABBIT, "python")
}

/// Installs what `needs` lacks. With `talk`, names what was there too.
///
/// # Errors
/// Names the missing piece and the command that mends it.
pub(crate) fn ensure(ws: &Workspace, needs: &[Need], talk: bool) -> Result<()> {
    let has = |need| needs.contains(&need);
    let part = |name: &str, work: &dyn Fn() -> Result<Found>| -> Result<()> {
        let start = Instant::now();
        let found = work().with_context(|| format!("set-up of {name}"))?;
        match found {
            Found::There(place) if talk => eprintln!("✓ {name}: {place}"),
            Found::There(_) => {}
            Found::Installed => eprintln!("✓ {name}: installed, {}", minutes(start.elapsed())),
        }
        Ok(())
    };
    let wasm = has(Need::Browser) || has(Need::Worker);
    if wasm || has(Need::Npm) || has(Need::Chromium) {
        part("node", &|| node(ws))?;
        part("npm tools", &|| npm_tools(ws))?;
    }
    if wasm {
        part("wasm target", &|| Ok(Found::There(Toolchain::choose(ws)?.describe())))?;
        part("wasm-bindgen", &|| {
            locked_version(ws)?;
            // Its lock is behind its own dependencies: without --locked.
            cargo_tool(ws, "wasm-bindgen", "wasm-bindgen-cli", versions::WASM_BINDGEN, "wasm-bindgen", false)
        })?;
    }
    if has(Need::Worker) {
        let version = versions::WORKER_BUILD;
        part("worker-build", &|| {
            cargo_tool(ws, "worker-build", "worker-build", version, "worker-build", true)
        })?;
    }
    if has(Need::Chromium) {
        part("chromium", &|| match chromium() {
            Some(file) if file.is_file() => Ok(Found::There(file.display().to_string())),
            Some(file) => bail!("CHROMIUM names {}, which is not there", file.display()),
            None => apt_install(&["chromium"]).map(|()| Found::Installed),
        })?;
    }
    if has(Need::Firefox) {
        part("firefox", &|| programs(&["firefox-esr"], &["firefox-esr"]))?;
    }
    if has(Need::WebKit) {
        // It draws on a screen that nobody sees.
        part("webkit", &|| programs(&["WebKitWebDriver", "Xvfb"], &["webkit2gtk-driver", "xvfb"]))?;
    }
    if has(Need::Vulkan) {
        part("Vulkan", &|| {
            let drivers = fs::read_dir("/usr/share/vulkan/icd.d").into_iter().flatten().flatten();
            let lavapipe =
                drivers.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("lvp_icd"));
            match lavapipe {
                Some(driver) => Ok(Found::There(driver.display().to_string())),
                None => apt_install(&["mesa-vulkan-drivers", "libvulkan1"]).map(|()| Found::Installed),
            }
        })?;
    }
    if has(Need::VowpalWabbit) {
        part("Vowpal Wabbit", &|| {
            let python = vowpal_wabbit(ws);
            if python.is_file() {
                return Ok(Found::There(python.display().to_string()));
            }
            let folder = python.ancestors().nth(2).context("no folder for Vowpal Wabbit")?;
            let package = format!("vowpalwabbit=={}", versions::VOWPAL_WABBIT);
            let made = run(ws.command("python3").args(["-m", "venv"]).arg(folder))
                .and_then(|()| run(ws.command(&python).args(["-m", "pip", "install", "--quiet", &package])));
            made.inspect_err(|_| _ = fs::remove_dir_all(folder)).map(|()| Found::Installed)
        })?;
    }
    if has(Need::Writers) {
        // llama.cpp's other binaries are optional packages of hundreds of megabytes.
        part("llama.cpp and wllama", &|| npm(ws, "tests/bench", &["--omit=optional"]))?;
    }
    if has(Need::Nextest) {
        part("cargo-nextest", &|| match which("cargo-nextest") {
            Some(file) => Ok(Found::There(file.display().to_string())),
            None => {
                let version = versions::NEXTEST;
                cargo_tool(ws, "cargo-nextest", "cargo-nextest", version, "cargo-nextest", true)
            }
        })?;
    }
    Ok(())
}

enum Found {
    There(String),
    Installed,
}

/// `cargo-nextest` on PATH, else the one installed here.
pub(crate) fn nextest(ws: &Workspace) -> PathBuf {
    which("cargo-nextest").unwrap_or_else(|| ws.tool("cargo-nextest", versions::NEXTEST, "cargo-nextest"))
}

fn node(ws: &Workspace) -> Result<Found> {
    let mend = format!("install Node.js {} or newer (https://nodejs.org)", versions::NODE_MAJOR);
    let version = output(ws.command("node").arg("--version")).with_context(|| mend.clone())?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    if major < versions::NODE_MAJOR {
        bail!("node is {version}: {mend}");
    }
    Ok(Found::There(version))
}

/// The packages of a folder's lock, in the cache.
fn npm(ws: &Workspace, of: &str, more: &[&str]) -> Result<Found> {
    let folder = ws.npm_packages(of)?;
    if folder.join("node_modules").is_dir() {
        return Ok(Found::There(folder.display().to_string()));
    }
    let partial = folder.with_extension("partial");
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(ws.root.join(of).join(file), partial.join(file))?;
    }
    let mend =
        || format!("npm is needed to install {of}/package.json (it comes with Node.js: https://nodejs.org)");
    // Every binary comes as a package of its own: no install script has to run.
    let quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit-lockfile-registry-resolved=true"];
    run(ws.command("npm").arg("ci").args(quiet).args(more).current_dir(&partial)).with_context(mend)?;
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&partial, &folder)?;
    Ok(Found::Installed)
}

/// The tools of the surfaces' builds and tests, linked where Node.js looks for them.
fn npm_tools(ws: &Workspace) -> Result<Found> {
    let found = npm(ws, TESTS, &[])?;
    let link = ws.root.join("node_modules");
    let inside = ws.npm_packages(TESTS)?.join("node_modules");
    if fs::read_link(&link).ok().as_deref() != Some(inside.as_path()) {
        if link.is_symlink() {
            fs::remove_file(&link)?;
        } else if link.exists() {
            bail!(
                "{0} is in the way of a link to {1}; mend it with: rm -r {0}",
                link.display(),
                inside.display()
            );
        }
        std::os::unix::fs::symlink(&inside, &link)?;
    }
    Ok(found)
}

fn cargo_tool(
    ws: &Workspace,
    folder: &str,
    package: &str,
    version: &str,
    binary: &str,
    locked: bool,
) -> Result<Found> {
    let file = ws.tool(folder, version, binary);
    if file.is_file() {
        return Ok(Found::There(file.display().to_string()));
    }
    let root = ws.cache.join(format!("tools/{folder}-{version}"));
    eprintln!("  cargo install {package} {version} (some minutes)");
    let mut command = ws.cargo();
    command.args(["install", package, "--version", version, "--root"]).arg(root);
    if locked {
        command.arg("--locked");
    }
    run(command.env("CARGO_TARGET_DIR", ws.cache.join("target-tools")))?;
    Ok(Found::Installed)
}

/// wasm-bindgen's tool and library must be of one version.
fn locked_version(ws: &Workspace) -> Result<()> {
    let lock = fs::read_to_string(ws.root.join("Cargo.lock")).context("Cargo.lock")?;
    let Some((_, after)) = lock.split_once("name = \"wasm-bindgen\"\nversion = \"") else { return Ok(()) };
    let version = after.split('"').next().unwrap_or_default();
    let pinned = versions::WASM_BINDGEN;
    if version != pinned {
        bail!(
            "Cargo.lock has wasm-bindgen {version}, xtask/src/versions.rs pins {pinned}; mend it with: \
             cargo update -p wasm-bindgen --precise {pinned}"
        );
    }
    Ok(())
}

/// Programs on PATH, from these Debian packages where they are not there.
fn programs(names: &[&str], packages: &[&str]) -> Result<Found> {
    let there: Option<Vec<_>> = names.iter().map(|name| which(name)).collect();
    match there.as_deref() {
        Some([first, ..]) => Ok(Found::There(first.display().to_string())),
        _ => apt_install(packages).map(|()| Found::Installed),
    }
}

/// Installs Debian packages when run by root, else names the command.
pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    let install = ["install", "--no-install-recommends", "--yes"];
    let mend = format!("sudo apt-get {} {}", install.join(" "), packages.join(" "));
    if which("apt-get").is_none() {
        bail!("missing: {} (on Debian: {mend})", packages.join(" "));
    }
    let root = Path::new("/root").exists() && output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    if !root {
        bail!("missing Debian packages; mend it with: {mend}");
    }
    eprintln!("  apt-get {} {}", install.join(" "), packages.join(" "));
    let apt =
        |args: &[&str]| run(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"));
    let all = [&install[..], packages].concat();
    if apt(&all).is_err() {
        apt(&["update"])?;
        apt(&all).with_context(|| format!("mend it with: {mend}"))?;
    }
    Ok(())
}
