//! Copy for a shop from a brief of facts, and how true and how good it is.
//!
//! Pure: time, randomness and bytes are arguments; no I/O, no clock, no JavaScript.

pub mod act;
pub mod brief;
pub mod delexicalise;
pub mod evaluate;
mod facts;
pub mod guard;
pub mod normalise;
mod random;
mod scan;
pub mod template;

pub use brief::Brief;
