//! Models on the processor: in WebAssembly and natively, by threads.
//!
//! Weights are packed as they come ([`Loader`]), eight rows side by side, in about the file's bytes; one set of kernels, written over a
//! few vector operations, multiplies all formats with one or more tokens at once. Keys and values are 32-bit numbers.

mod cache;
mod forward;
mod input;
mod kernel;
mod loader;
mod matrix;
mod model;
mod pool;

pub use self::loader::{Loader, Mode, Options};
pub use self::model::Model;
