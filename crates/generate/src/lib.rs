//! Copy for a shop from a brief of facts, and how true and how good it is.
//!
//! Pure: time, randomness and bytes are arguments; no I/O, no clock, no JavaScript.

pub mod act;
pub mod answer;
pub mod brief;
pub mod delexicalise;
pub mod evaluate;
mod facts;
pub mod guard;
pub mod injection;
pub mod normalise;
pub mod prompt;
mod random;
pub mod repair;
mod scan;
pub mod template;

pub use brief::Brief;
