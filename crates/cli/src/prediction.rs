//! What copy is expected to bring: the text model.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use attune_text::TextModel;

/// The text model that comes with Attune.
const OWN: &str = "models/text.en.attune-text";

/// The text model that is named, else the one that comes with Attune, where it is here.
pub(crate) fn load(named: Option<&Path>) -> Result<Option<TextModel>> {
    let own = || Some(PathBuf::from(OWN)).filter(|path| path.is_file());
    let Some(path) = named.map(Path::to_owned).or_else(own) else { return Ok(None) };
    let place = || format!("the text model {}", path.display());
    TextModel::from_bytes(&std::fs::read(&path).with_context(place)?).with_context(place).map(Some)
}
