//! From logs to a bundle.

pub mod boosted;
pub mod calibrate;
pub mod clean;
pub mod distil;
pub mod export;
pub mod join;
pub mod metrics;
pub mod network;
pub mod source;
pub mod split;
pub mod survey;
pub mod table;
