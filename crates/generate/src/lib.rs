//! Copy for a shop from a brief of facts, and how true and how good it is.
//!
//! Pure: time, randomness and bytes are arguments; no I/O, no clock, no JavaScript.

pub mod act;
pub mod brief;
pub mod delexicalise;
pub mod evaluate;
mod facts;
pub mod guard;
pub mod injection;
pub mod ladder;
pub mod local;
pub mod normalise;
pub mod prompt;
pub mod protocol;
mod random;
pub mod remote;
pub mod repair;
pub mod rung;
mod scan;
pub mod template;
#[cfg(test)]
mod testing;

pub use brief::Brief;
