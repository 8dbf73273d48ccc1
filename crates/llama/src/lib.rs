//! Language models of the Llama architecture: SmolLM2, TinyLlama, Llama 3.2, Qwen2.5 and Qwen3 shapes.
//!
//! A file's bytes stream through [`checkpoint`] straight into a backend's memory; a [`backend::Backend`] appends tokens to
//! a sequence and samples the next ones. There are two: `cpu` and, behind the feature of that name, `gpu`.

pub mod agreement;
pub mod backend;
pub mod chat;
pub mod checkpoint;
pub mod config;
pub mod constrain;
#[cfg(feature = "cpu")]
pub mod cpu;
mod error;
pub mod generation;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod order;
pub mod sample;
pub mod tokenizer;
pub mod vocabulary;

pub use crate::config::Config;
pub use crate::error::{Error, Result};
