//! How good copy is, on public data with published figures: RNNLG (English) and AdvertiseGen (Chinese).
//!
//! A rung is a closure from a [`Brief`] to its texts; all texts it gives are scored, as RNNLG does with its best five.

pub mod advertisegen;
pub mod bleu;
pub mod rnnlg;
pub mod slots;

use serde::Serialize;
use thiserror::Error;

use crate::brief::Brief;

/// A way to write: a brief to its texts.
pub type Rung<'a> = dyn FnMut(&Brief) -> Vec<String> + 'a;

/// Why a data file cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// Not the JSON that the format says.
    #[error("line {line}: {reason}")]
    Json {
        /// Counted from 1, in the file with its comment lines.
        line: usize,
        /// What the JSON reader says.
        reason: String,
    },
    /// A row's dialogue act or attributes cannot be read.
    #[error("row {row}: {reason}")]
    Row {
        /// Counted from 1.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file without rows.
    #[error("no rows")]
    Empty,
}

/// What an evaluation says; a figure that the format does not have is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Rows read.
    pub rows: usize,
    /// Texts scored.
    pub outputs: usize,
    /// Rows for which the rung gave nothing; their slots count as wrong.
    pub silent: usize,
    /// Corpus BLEU-4, 0 to 1: over RNNLG's words with all references of an act, over characters for Chinese.
    pub bleu: f64,
    /// Wrong slots per slot, a fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_error: Option<f64>,
    /// Attribute values that stand in the text, a fraction of all attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Slots or attributes counted.
    pub slots: usize,
    /// Of them, wrong or missing.
    pub wrong: usize,
    /// The same figures for the people who wrote the references, where that means something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub human: Option<Beside>,
    /// The same figures for the file's own baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Beside>,
}

/// Figures to stand beside the rung's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Beside {
    /// As in [`Scores`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bleu: Option<f64>,
    /// As in [`Scores`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_error: Option<f64>,
    /// As in [`Scores`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
}

/// A share of a whole that may be empty.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
