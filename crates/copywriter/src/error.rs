//! Why nothing was trained, written or read.

use std::io;
use std::path::{Path, PathBuf};

/// Why a copywriter was not trained, saved, loaded or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopywriterError {
    /// The sizes do not fit each other.
    #[error("the network's sizes do not fit: {0}")]
    Shape(&'static str),
    /// Nothing to learn from, or not enough.
    #[error("the texts: {0}")]
    Texts(String),
    /// The vocabulary could not be learned or read.
    #[error("the vocabulary: {0}")]
    Vocabulary(String),
    /// A file of weights that no writer can be made of.
    #[error("the model: {0}")]
    Model(String),
    /// A file that is not what it should be.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file system.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The loss is no longer a number: the learning rate is too high for the network.
    #[error("the loss is {loss} at step {step}: try a lower learning rate")]
    Diverged {
        /// The step.
        step: usize,
        /// The loss.
        loss: f32,
    },
    /// The tensor library.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl CopywriterError {
    /// A stable, machine-readable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape(_) => "shape",
            Self::Texts(_) => "unlearnable",
            Self::Vocabulary(_) => "vocabulary",
            Self::Model(_) => "model",
            Self::File { .. } => "file",
            Self::Io { .. } => "io",
            Self::Diverged { .. } => "diverged",
            Self::Tensor(_) => "tensor",
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn file(path: &Path, problem: impl ToString) -> Self {
        Self::File { path: path.to_owned(), problem: problem.to_string() }
    }
}
