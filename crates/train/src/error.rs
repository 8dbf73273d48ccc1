//! Why nothing was trained or evaluated.

use crate::source::LoadError;
use crate::table::TableError;

/// Why training or evaluation stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The data.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The encoded rows, or the fits.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The bundle.
    #[error(transparent)]
    Bundle(#[from] attune::Error),
    /// The text model.
    #[error(transparent)]
    Text(#[from] attune_text::Error),
    /// The bundle answers otherwise than the student that was fitted: nothing is written.
    #[error(
        "the bundle's logits differ by {difference} from the student's on {rows} rows: nothing was written, please report this"
    )]
    Skew {
        /// Largest difference of a logit.
        difference: f32,
        /// Rows compared.
        rows: usize,
    },
    /// The data have no target that the bundle predicts.
    #[error(
        "the data have the targets {found}, the bundle predicts {wanted}: name them alike in the mapping"
    )]
    Targets {
        /// The data's.
        found: String,
        /// The bundle's.
        wanted: String,
    },
}

impl TrainError {
    /// A stable, machine-readable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Load(error) => error.code(),
            Self::Table(TableError::Empty(_)) => "unlearnable",
            Self::Table(_) => "table",
            Self::Bundle(error) => error.code(),
            Self::Text(error) => error.code(),
            Self::Skew { .. } => "skew",
            Self::Targets { .. } => "targets",
        }
    }
}
