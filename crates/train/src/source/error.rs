//! What can go wrong while data are opened or read, said so that it can be mended.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Data that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The operating system said no, or the file ends in the middle.
    #[error("{path}: {detail}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What happened, and where.
        detail: String,
    },
    /// There is nothing to read.
    #[error("{path}: {detail}", path = path.display())]
    Nothing {
        /// The file or folder.
        path: PathBuf,
        /// What was looked for.
        detail: String,
    },
    /// The mapping and the data do not fit.
    #[error("{0}")]
    Mapping(String),
    /// The data are readable, but nothing can be learnt from them.
    #[error("{0}")]
    Unlearnable(String),
}

impl LoadError {
    /// A stable, machine-readable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "unreadable",
            Self::Nothing { .. } => "no_data",
            Self::Mapping(_) => "mapping",
            Self::Unlearnable(_) => "unlearnable",
        }
    }

    pub(crate) fn io(path: &Path, line: u64, error: &std::io::Error) -> Self {
        let cut = matches!(error.kind(), std::io::ErrorKind::UnexpectedEof)
            || (path.extension().is_some_and(|end| end == "gz")
                && matches!(
                    error.kind(),
                    std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData
                ));
        let detail = match (cut, line) {
            (true, _) => format!(
                "the file is damaged or ends early, after line {line} ({error}): download or copy it again"
            ),
            (false, 0) => error.to_string(),
            (false, _) => format!("{error}, after line {line}"),
        };
        Self::Read { path: path.to_owned(), detail }
    }
}
