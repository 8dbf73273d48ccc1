//! Why a file is no text model.

use thiserror::Error;

/// Why a text model was not read or written.
///
/// [`Error::code`] is stable across releases; messages are for people and may change.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The card is not JSON of the expected form.
    #[error("the text model's card is not valid: {0}")]
    Card(#[from] serde_json::Error),
    /// Bytes or numbers that are damaged, incomplete or no text model.
    #[error("the text model cannot be used: {0}")]
    Unusable(String),
    /// Written by a newer version of Attune than this one.
    #[error("the text model has version {found}, and this Attune reads up to {supported}: update Attune")]
    Newer {
        /// Its version.
        found: u32,
        /// The newest version understood here.
        supported: u32,
    },
    /// More bytes than a text model may have.
    #[error("too many bytes of a text model: {found}, at most {limit}")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
}

impl Error {
    /// A stable, machine-readable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Card(_) => "malformed",
            Self::Unusable(_) => "text_model_unusable",
            Self::Newer { .. } => "newer_version",
            Self::TooMany { .. } => "too_many",
        }
    }
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
