//! Model files: which one, and how it is read.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use attune_generate::rung::Failure;
use attune_llama::checkpoint::gguf::Reader;
use attune_llama::checkpoint::{Limits, Loaded, Sink};

use crate::places;
use crate::progress::Step;

/// The copywriter that comes with Attune.
const OWN: &str = "models/copywriter.gguf";
/// The larger one, as `attune data fetch` names it.
const FETCHED: &str = "smollm2";
/// Bytes that are read at a time.
const PART: usize = 1 << 20;
/// Files from so many bytes on show how far they are.
const LARGE: u64 = 16 << 20;

/// The file that is meant: the one that is named, else the copywriter, else what was fetched.
///
/// # Errors
/// `model_absent` where there is none.
pub(crate) fn find(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let absent = |what: String| Failure::new("model_absent", what);
    if let Some(path) = named {
        if path.is_file() {
            return Ok(path.to_owned());
        }
        if path.as_os_str() == FETCHED {
            return fetched()
                .ok_or_else(|| absent(format!("{FETCHED} is not here yet: attune data fetch {FETCHED}")));
        }
        let what = format!(
            "there is no model at {}: give a GGUF file, or get one with attune data fetch {FETCHED}",
            path.display()
        );
        return Err(absent(what));
    }
    let own = Path::new(OWN).is_file().then(|| PathBuf::from(OWN));
    own.or_else(fetched).ok_or_else(|| {
        absent(format!(
            "no model is here: get one with attune data fetch {FETCHED}, or name a GGUF file with --model"
        ))
    })
}

fn fetched() -> Option<PathBuf> {
    let folder = places::fetched().ok()?.join(FETCHED);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "gguf"))
        .collect();
    files.sort();
    files.into_iter().next()
}

/// Reads a GGUF file into a backend's memory.
///
/// # Errors
/// `model_unreadable` where the file cannot be read; else what [`Reader::push`] says of it.
pub(crate) fn read<S: Sink>(path: &Path, sink: S) -> Result<Loaded<S::Model>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new("model_unreadable", format!("{}: {error}", path.display()));
    let wrong =
        |error: attune_llama::Error| Failure::new(error.code(), format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut step = (size >= LARGE).then(|| Step::begin("load", size));
    let mut reader = Reader::new(Limits::default(), sink);
    let mut buffer = vec![0; PART];
    loop {
        let count = file.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        reader.push(&buffer[..count]).map_err(wrong)?;
        if let Some(step) = &mut step {
            step.at(reader.received());
        }
    }
    let loaded = reader.finish().map_err(wrong)?;
    if let Some(step) = step {
        step.end(&path.display().to_string());
    }
    Ok(loaded)
}
