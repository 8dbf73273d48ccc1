//! An own small copywriter: a Llama-architecture network of some million weights that turns facts into a sentence.
//!
//! It is trained here, on the CPU: [`corpus`] reads texts, [`vocabulary`] learns their tokens, [`trainer`] the network.
//! [`gguf`] writes it as a file that any engine for such files runs. [`writer`] runs it too, several drafts at once;
//! [`attune_generate::local::acts`] says how it is asked and which draft is served.

mod catalogue;
mod checkpoint;
pub mod corpus;
mod error;
pub mod evaluate;
pub mod gguf;
pub mod network;
pub mod optimiser;
mod random;
pub mod samples;
pub mod shape;
pub mod trainer;
pub mod vocabulary;
pub mod writer;

pub use error::CopywriterError;
