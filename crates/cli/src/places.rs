//! Where data and caches are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// `$ATTUNE_CACHE`, else `~/.cache/attune`.
pub(crate) fn cache() -> Result<PathBuf> {
    match env::var_os("ATTUNE_CACHE") {
        Some(path) => Ok(path.into()),
        None => {
            let home = env::var_os("HOME").context("neither ATTUNE_CACHE nor HOME is set")?;
            Ok(PathBuf::from(home).join(".cache/attune"))
        }
    }
}

/// Where fetched data sets are.
pub(crate) fn fetched() -> Result<PathBuf> {
    Ok(cache()?.join("data"))
}

/// `$ATTUNE_DATA`, else `../shared/data`.
pub(crate) fn shared() -> PathBuf {
    env::var_os("ATTUNE_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from)
}

/// The data a user means: a path as it is, or a name below `$ATTUNE_DATA` or among what was fetched.
pub(crate) fn data(named: &Path) -> Result<PathBuf> {
    let fetched = fetched()?;
    let places = [named.to_owned(), shared().join(named), fetched.join(named)];
    if let Some(found) = places.iter().find(|path| path.exists()) {
        return Ok(found.clone());
    }
    let first = named.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    if let Some(set) = first.and_then(|name| crate::data::find(&name)) {
        bail!("the data set {} is not here yet: attune data fetch {}", named.display(), set.name);
    }
    bail!(
        "no data at {}, nor under {}, nor under {}",
        named.display(),
        shared().display(),
        fetched.display()
    );
}
