//! From logs to a bundle.

pub mod clean;
pub mod join;
pub mod source;
pub mod split;
pub mod survey;
