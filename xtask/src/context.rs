//! Where things are: the repository, the cache folder, the target directories, the tools.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest, Sha256};

use crate::versions;

/// The wasm target of both surfaces.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// The folders of one run. Every path is absolute.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// `$ATTUNE_CACHE`, else `$HOME/.cache/attune`.
    pub(crate) cache: PathBuf,
    /// Native build output: `$CARGO_TARGET_DIR`, else `<cache>/target`.
    pub(crate) target: PathBuf,
    /// Wasm build output: the native folder's name with `-wasm`.
    pub(crate) target_wasm: PathBuf,
    /// Packages and pages made of the build output.
    pub(crate) build: PathBuf,
    /// `$ATTUNE_DATA`, else `../shared/data`; may be absent.
    pub(crate) data: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        // Asked when it runs: a program left in a shared target folder may come from another checkout.
        let xtask = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = xtask.parent().context("xtask has no parent folder")?.to_path_buf();
        let here = env::current_dir()?;
        let absolute = |p: PathBuf| if p.is_absolute() { p } else { here.join(p) };
        let cache = match env::var_os("ATTUNE_CACHE") {
            Some(folder) => absolute(folder.into()),
            None => PathBuf::from(env::var_os("HOME").context("neither ATTUNE_CACHE nor HOME is set")?)
                .join(".cache/attune"),
        };
        fs::create_dir_all(&cache).with_context(|| format!("{} cannot be made", cache.display()))?;
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| cache.join("target"), |t| absolute(t.into()));
        let mut wasm = target.clone().into_os_string();
        wasm.push("-wasm");
        let data =
            env::var_os("ATTUNE_DATA").map_or_else(|| root.join("../shared/data"), |d| absolute(d.into()));
        let build = cache.join("build");
        let ws = Self { target_wasm: wasm.into(), root, cache, target, build, data };
        ws.claim(&ws.target, &["debug", "release"])?;
        ws.claim(
            &ws.target_wasm,
            &["debug", "release", "ship", "ship-generate"].map(|profile| format!("{WASM}/{profile}")),
        )?;
        Ok(ws)
    }

    /// Cargo tells two checkouts in one target folder apart by nothing but the age of their files. When the last
    /// one to build here was another, its crates (not the registry's) are built again.
    fn claim(&self, target: &Path, profiles: &[impl AsRef<Path>]) -> Result<()> {
        let owner = target.join("checkout.txt");
        let root = self.root.display().to_string();
        if fs::read_to_string(&owner).is_ok_and(|last| last == root) {
            return Ok(());
        }
        for profile in profiles {
            let Ok(marks) = fs::read_dir(target.join(profile).join(".fingerprint")) else { continue };
            for mark in marks.flatten() {
                if mark.file_name().to_string_lossy().starts_with("attune") {
                    fs::remove_dir_all(mark.path())?;
                }
            }
        }
        fs::create_dir_all(target)?;
        Ok(fs::write(owner, root)?)
    }

    /// The `cargo` that runs this task.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        self.settle(&mut command).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// A program started in the repository's root, without what `cargo run` set for this task alone.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        self.settle(&mut command);
        command
    }

    fn settle<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.root)
    }

    /// `node` with everything a test, demo or bench script may ask for:
    /// `ATTUNE_CACHE`, `ATTUNE_BUILD`, `ATTUNE_DATA`, `ATTUNE_NPM`, `ATTUNE_NPM_PACKED`, `ATTUNE_WORKER`,
    /// `ATTUNE_WWW`, `ATTUNE_BIN`, `CHROMIUM`.
    pub(crate) fn node(&self, surfaces: &Surfaces) -> Command {
        let mut command = self.command("node");
        command
            .env("ATTUNE_CACHE", &self.cache)
            .env("ATTUNE_BUILD", &self.build)
            .env("ATTUNE_DATA", &self.data)
            .env("ATTUNE_NPM", self.npm(surfaces.ship))
            .env("ATTUNE_NPM_PACKED", self.npm_packed(surfaces.ship))
            .env("ATTUNE_WORKER", self.worker(surfaces.ship))
            .env("ATTUNE_WWW", self.build.join("www"))
            .env("ATTUNE_BIN", self.target.join(surfaces.native).join("attune"));
        if let Some(chromium) = chromium() {
            command.env("CHROMIUM", chromium);
        }
        command
    }

    /// The npm package as a folder.
    pub(crate) fn npm(&self, ship: bool) -> PathBuf {
        self.build.join(if ship { "npm-ship/attune" } else { "npm/attune" })
    }

    /// The npm package after `npm pack` and unpacking: what a shop installs.
    pub(crate) fn npm_packed(&self, ship: bool) -> PathBuf {
        self.build.join(if ship { "npm-ship/package" } else { "npm/package" })
    }

    /// `guard.js`, and what worker-build wrote: `index.js` and `index_bg.wasm`.
    pub(crate) fn worker(&self, ship: bool) -> PathBuf {
        self.build.join(if ship { "worker-ship" } else { "worker" })
    }

    /// A tool installed by set-up into `<cache>/tools/<name>-<version>/bin`.
    pub(crate) fn tool(&self, folder: &str, version: &str, binary: &str) -> PathBuf {
        self.cache.join(format!("tools/{folder}-{version}/bin/{binary}"))
    }

    pub(crate) fn wasm_bindgen(&self) -> PathBuf {
        self.tool("wasm-bindgen", versions::WASM_BINDGEN, "wasm-bindgen")
    }

    /// An executable of the npm tools, through the `node_modules` link at the root.
    pub(crate) fn npm_bin(&self, name: &str) -> PathBuf {
        self.root.join("node_modules/.bin").join(name)
    }

    /// The folder of the npm packages that `of`, a folder of the repository, locks: by the lock's hash.
    pub(crate) fn npm_packages(&self, of: &str) -> Result<PathBuf> {
        let mut hash = Sha256::new();
        for file in ["package.json", "package-lock.json"] {
            hash.update(fs::read(self.root.join(of).join(file)).with_context(|| format!("{of}/{file}"))?);
        }
        Ok(self.cache.join(format!("npm-{}", &hex(&hash.finalize())[..12])))
    }
}

/// Which builds a script should look at.
#[derive(Clone, Copy)]
pub(crate) struct Surfaces {
    pub(crate) ship: bool,
    /// `debug` or `release`.
    pub(crate) native: &'static str,
}

/// The first file of that name on PATH.
pub(crate) fn which(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// `$CHROMIUM`, else the first Chromium or Chrome on PATH.
pub(crate) fn chromium() -> Option<PathBuf> {
    match env::var_os("CHROMIUM") {
        Some(file) => Some(file.into()),
        None => ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(which),
    }
}

/// Standard output of a program that must succeed, without the last newline.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.output().with_context(|| format!("{name} could not be started"))?;
    if !done.status.success() {
        bail!("{name} ended with {}: {}", done.status, String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
}

/// Runs a program; its standard output goes to standard error, so that a task's own answer stays alone.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status =
        command.stdout(std::io::stderr()).status().with_context(|| format!("{name} could not be started"))?;
    if !status.success() {
        let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        bail!("{name} {} ended with {status}", args.join(" "));
    }
    Ok(())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
