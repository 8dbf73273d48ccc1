//! What can go wrong with a model.

/// Why a model could not be read, loaded or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not what it says, is cut off, or asks for what no file needs.
    #[error("this is not a readable model: {0}")]
    Malformed(String),
    /// The file is in order, and this runtime does not know its kind.
    #[error("this model is of a kind that does not run here: {0}")]
    Unsupported(String),
    /// More memory is needed than the device or the limit gives.
    #[error("this model needs {needed} bytes, and {available} are to be had: {what}")]
    TooLarge {
        /// What does not fit.
        what: String,
        /// Bytes.
        needed: u64,
        /// Bytes.
        available: u64,
    },
    /// The sequence is at its end.
    #[error("the sequence is full at {capacity} tokens")]
    Full {
        /// Tokens.
        capacity: usize,
    },
    /// A token, a lane or a setting that there is none of.
    #[error("{0}")]
    Input(String),
    /// The device is gone, or gave something else than numbers.
    #[error("the device failed: {0}")]
    Device(String),
}

impl Error {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "model_malformed",
            Self::Unsupported(_) => "model_unsupported",
            Self::TooLarge { .. } => "model_too_large",
            Self::Full { .. } => "sequence_full",
            Self::Input(_) => "model_input",
            Self::Device(_) => "device_failed",
        }
    }
}

/// What a fallible function of this crate answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;
