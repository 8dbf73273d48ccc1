//! The Rust that builds for wasm: rustup's, or Debian's with a standard library built here once.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    context::{WASM, Workspace, output, run, which},
    setup::apt_install,
    versions,
};

/// Features of the wasm that both surfaces run on. Not relaxed-simd: its results differ between machines.
const FEATURES: &str = "-C target-feature=+simd128";
/// A refused `rustup target add` is believed this long.
const BELIEVED: Duration = Duration::from_secs(7 * 24 * 3600);

/// A Rust that has a wasm standard library.
pub(crate) enum Toolchain {
    /// The toolchain that runs this task.
    Rustup,
    /// `/usr/bin/rustc` with the sysroot made here.
    Debian { sysroot: PathBuf, linker: PathBuf },
}

impl Toolchain {
    /// `$ATTUNE_WASM` (`rustup` or `debian`) decides; else rustup where it can, else Debian.
    ///
    /// # Errors
    /// When neither is to be had; the message names the command that mends it.
    pub(crate) fn choose(ws: &Workspace) -> Result<Self> {
        let asked = env::var("ATTUNE_WASM").ok();
        match asked.as_deref() {
            Some("debian") => return debian(ws),
            None | Some("rustup" | "") => {}
            Some(other) => bail!("ATTUNE_WASM is {other:?}; it can be rustup or debian"),
        }
        if rustup_has_wasm(ws) || rustup_add(ws)? {
            return Ok(Self::Rustup);
        }
        if asked.as_deref() == Some("rustup") {
            bail!("rustup has no {WASM} here; mend it with: rustup target add {WASM}");
        }
        debian(ws)
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Rustup => "the rustup toolchain has it".into(),
            Self::Debian { sysroot, .. } => format!("Debian's Rust with {}", sysroot.display()),
        }
    }

    /// `cargo` for the wasm target.
    pub(crate) fn cargo(&self, ws: &Workspace) -> Command {
        let mut command = match self {
            Self::Rustup => ws.cargo(),
            Self::Debian { .. } => ws.command("/usr/bin/cargo"),
        };
        self.apply(ws, &mut command);
        command
    }

    /// Makes `command`, or a program that calls `cargo` and `rustc` by name, build with this toolchain.
    pub(crate) fn apply(&self, ws: &Workspace, command: &mut Command) {
        command.env("CARGO_TARGET_DIR", &ws.target_wasm);
        let mut flags = FEATURES.to_owned();
        let home = env::var_os("CARGO_HOME").map(PathBuf::from);
        let home =
            home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"))).unwrap_or_default();
        let sources = home.join("registry/src").display().to_string();
        // Panic messages name source files: one name on every machine, and nobody's home folder.
        if !sources.contains(' ') {
            flags = format!("{flags} --remap-path-prefix={sources}=crates");
        }
        if let Self::Debian { sysroot, linker } = self {
            flags = format!("--sysroot={} {flags}", sysroot.display());
            let path = env::var_os("PATH").unwrap_or_default();
            let folders = [sysroot.join("bin")].into_iter().chain(env::split_paths(&path));
            if let Ok(path) = env::join_paths(folders) {
                command.env("PATH", path);
            }
            command
                .env("RUSTC", "/usr/bin/rustc")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                .env_remove("RUSTUP_TOOLCHAIN")
                // `cargo run` put the rustup toolchain's libraries in it.
                .env_remove("LD_LIBRARY_PATH");
        }
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags);
    }
}

fn rustup_has_wasm(ws: &Workspace) -> bool {
    let ask = output(ws.command("rustc").args(["--print", "target-libdir", "--target", WASM]));
    ask.is_ok_and(|folder| has_std(Path::new(&folder)))
}

fn has_std(folder: &Path) -> bool {
    let Ok(files) = fs::read_dir(folder) else { return false };
    files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

/// Asks rustup for the target, within a time limit, and remembers a refusal.
fn rustup_add(ws: &Workspace) -> Result<bool> {
    let Some(rustup) = which("rustup") else { return Ok(false) };
    let version = output(ws.command("rustc").arg("--version"))?.replace(' ', "-");
    let refusal = ws.cache.join(format!("rustup-has-no-wasm-{}", version.replace(['(', ')'], "")));
    let age = fs::metadata(&refusal).and_then(|m| m.modified()).ok();
    if age.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age < BELIEVED) {
        return Ok(false);
    }
    eprintln!("  rustup target add {WASM} (at most {} s)", versions::RUSTUP_SECONDS);
    let mut child = ws
        .command(rustup)
        .args(["target", "add", WASM])
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .spawn()?;
    let start = Instant::now();
    let added = loop {
        if let Some(status) = child.try_wait()? {
            break status.success();
        }
        if start.elapsed().as_secs() >= versions::RUSTUP_SECONDS {
            child.kill()?;
            child.wait()?;
            break false;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    if added && rustup_has_wasm(ws) {
        return Ok(true);
    }
    fs::write(&refusal, "`rustup target add` failed; delete this file to ask again\n")?;
    Ok(false)
}

fn debian(ws: &Workspace) -> Result<Toolchain> {
    let present = Path::new("/usr/bin/rustc").exists()
        && Path::new("/usr/bin/cargo").exists()
        && Path::new("/usr/lib/rustlib/src/rust/library/Cargo.lock").exists();
    if !present {
        apt_install(&versions::DEBIAN_RUST).with_context(|| {
            format!(
                "no Rust here can build for {WASM}, and rustup would not add it (rustup target add {WASM})"
            )
        })?;
    }
    let said = output(ws.command("/usr/bin/rustc").arg("--version").env_remove("LD_LIBRARY_PATH"))?;
    let version = said.split(' ').nth(1).context("rustc names no version")?.to_owned();
    let linker = linker(ws)?;
    let sysroot = ws.cache.join(format!("sysroot-{version}-lto"));
    if !has_std(&sysroot.join(format!("lib/rustlib/{WASM}/lib"))) {
        build_std(ws, &version, &sysroot, &linker)?;
    }
    name_programs(&sysroot)?;
    Ok(Toolchain::Debian { sysroot, linker })
}

/// worker-build asks the `rustc` on PATH where the wasm library is.
fn name_programs(sysroot: &Path) -> Result<()> {
    let bin = sysroot.join("bin");
    let rustc = bin.join("rustc");
    if rustc.exists() {
        return Ok(());
    }
    fs::create_dir_all(&bin)?;
    let cargo = bin.join("cargo");
    if !cargo.exists() {
        std::os::unix::fs::symlink("/usr/bin/cargo", cargo)?;
    }
    let script = format!("#!/bin/sh\nexec /usr/bin/rustc --sysroot '{}' \"$@\"\n", sysroot.display());
    fs::write(&rustc, script)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&rustc, mode)?;
    Ok(())
}

fn linker(ws: &Workspace) -> Result<PathBuf> {
    if let Ok(sysroot) = output(ws.command("rustc").args(["--print", "sysroot"])) {
        let lld = Path::new(&sysroot).join("lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld");
        if lld.exists() {
            return Ok(lld);
        }
    }
    let found = || ["wasm-ld", "wasm-ld-19", "wasm-ld-22"].into_iter().find_map(which);
    if let Some(lld) = found() {
        return Ok(lld);
    }
    apt_install(&[versions::DEBIAN_LLD])?;
    found().with_context(|| format!("{} brought no wasm-ld", versions::DEBIAN_LLD))
}

fn build_std(ws: &Workspace, version: &str, sysroot: &Path, linker: &Path) -> Result<()> {
    eprintln!("  the standard library of Rust {version} for {WASM}, once (about 2 minutes)");
    let empty = ws.cache.join(format!("std-{version}"));
    fs::create_dir_all(empty.join("src"))?;
    let manifest = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(empty.join("Cargo.toml"), manifest)?;
    fs::write(empty.join("src/lib.rs"), "")?;
    run(ws
        .command("/usr/bin/cargo")
        .current_dir(&empty)
        .args(["build", "--release", "--target", WASM, "-Zbuild-std=std,panic_abort"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", "/usr/bin/rustc")
        .env("CARGO_TARGET_DIR", empty.join("target"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
        // Without bitcode in its libraries nothing can be linked with LTO; cargo leaves it out by default.
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-C embed-bitcode=yes")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("LD_LIBRARY_PATH"))?;
    let partial = ws.cache.join(format!("sysroot-{version}-lto.partial"));
    let _ = fs::remove_dir_all(&partial);
    let lib = partial.join(format!("lib/rustlib/{WASM}/lib"));
    fs::create_dir_all(&lib)?;
    for file in fs::read_dir(empty.join(format!("target/{WASM}/release/deps")))? {
        let (path, name) = {
            let file = file?;
            (file.path(), file.file_name())
        };
        if path.extension().is_some_and(|e| e == "rlib") && !name.to_string_lossy().starts_with("libempty-") {
            fs::copy(&path, lib.join(name))?;
        }
    }
    let host = "lib/rustlib/x86_64-unknown-linux-gnu";
    std::os::unix::fs::symlink(Path::new("/usr").join(host), partial.join(host))?;
    let _ = fs::remove_dir_all(sysroot);
    fs::rename(&partial, sysroot)?;
    // Cargo does not see that the library under old output is another one now.
    let _ = fs::remove_dir_all(ws.target_wasm.join(WASM));
    fs::remove_dir_all(&empty)?;
    Ok(())
}
