//! One error type with a stable code.

use thiserror::Error;

/// Everything that can go wrong while loading or reading input.
///
/// [`Error::code`] is stable across releases; messages are for people and may change.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not JSON, or not JSON of the expected form.
    #[error("the {what} is not valid: {detail}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// Where and why reading stopped.
        detail: String,
    },
    /// A bundle's bytes are damaged, incomplete or not a bundle.
    #[error("the bundle cannot be used: {0}")]
    Bundle(String),
    /// The bytes do not have the hash the page or Worker was told to expect.
    #[error("the bundle's hash is {found}, not {expected}: load the file the page names, or update the page")]
    Integrity {
        /// The expected `sha256-…` value.
        expected: String,
        /// The hash of the bytes received.
        found: String,
    },
    /// Written by a newer version of Attune than this one.
    #[error("the {what} has version {found}, and this Attune reads up to {supported}: update Attune")]
    Newer {
        /// What was being read.
        what: &'static str,
        /// Its version.
        found: u32,
        /// The newest version understood here.
        supported: u32,
    },
    /// Input that is larger than a stated limit.
    #[error("too many {what}: {found}, at most {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The network inside the bundle was refused or failed.
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
}

impl Error {
    /// A stable, machine-readable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::Bundle(_) => "bundle_unusable",
            Self::Integrity { .. } => "bundle_integrity",
            Self::Newer { .. } => "newer_version",
            Self::TooMany { .. } => "too_many",
            Self::Model(error) => error.code(),
        }
    }

    pub(crate) fn json(what: &'static str, error: &serde_json::Error) -> Self {
        Self::Malformed { what, detail: error.to_string() }
    }
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
