//! Bundles from files.

use std::path::Path;

use anyhow::{Context, Result};
use attune::Engine;

/// A bundle's bytes.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("the bundle {} cannot be read", path.display()))
}

/// A bundle, checked and ready.
pub(crate) fn engine(path: &Path) -> Result<Engine> {
    Engine::load(&bytes(path)?).with_context(|| path.display().to_string())
}
