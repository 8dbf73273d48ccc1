//! From logs to a bundle.
//!
//! [`train`] is the whole way: load, clean, encode, split by time, fit a baseline and teachers, distil a student,
//! calibrate, measure, export, reload and compare. [`evaluate`] measures a bundle on other data.

pub mod boosted;
pub mod calibrate;
pub mod clean;
pub mod distil;
pub mod encode;
mod error;
mod evaluate;
pub mod export;
mod golden;
pub mod join;
pub mod metrics;
pub mod network;
pub mod source;
pub mod split;
pub mod survey;
pub mod table;
pub mod text;
mod train;

pub use error::TrainError;
pub use evaluate::{Evaluation, HeadEvaluation, evaluate, trained_on};
pub use train::{Settings, Stage, Trained, train};
