//! A shop whose truth is known: a catalogue, shoppers with tastes, a logging policy, and what comes of it.
//!
//! Everything is drawn from one seed, streams, and is synthetic: no product, brand, price or person is real. The
//! truth behind the clicks ([`Truth`]) is written beside the log, so that a model can be held against it.

pub mod catalogue;
mod log;
mod picture;
mod play;
pub mod shopper;
pub mod truth;

pub use catalogue::Catalogue;
pub use play::{ArmTruth, Arms, Options, SimulateError, Summary, simulate};
pub use truth::Truth;

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Attune's own log: items, decisions, outcomes as JSON lines.
    #[default]
    Attune,
    /// Metarank's events as JSON lines.
    Metarank,
    /// One row per impression, with a mapping file beside it.
    Csv,
}
