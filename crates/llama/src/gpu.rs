//! Language models on the GPU, through wgpu: WebGPU in the browser, Vulkan, Metal and Direct3D 12 natively.
//!
//! A [`Loader`] repacks a file's blocks into the [`layout`] that the kernels read; a [`Model`] runs five dispatches a layer. Kernels
//! are made for a model's shape: all lengths are constants in their text.

mod check;
mod device;
mod kernel;
mod layout;
mod loader;
mod memory;
mod model;
mod profile;
mod source;

pub use check::{Check, check};
pub use device::{Device, DeviceOptions};
pub use loader::Loader;
pub use model::Model;
pub use profile::{KernelTime, Profile};

use crate::{Config, Error, Result};

/// How much a model on a device remembers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ModelOptions {
    /// Tokens of a lane; at most the model's context.
    pub capacity: usize,
    /// Lanes that decode together.
    pub lanes: usize,
    /// Tokens that a lane but the first may have of its own.
    pub branch: usize,
    /// Bytes of the device that may be used, where the caller knows a limit.
    pub memory: Option<u64>,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self { capacity: 1024, lanes: 1, branch: 256, memory: None }
    }
}

impl ModelOptions {
    /// Tokens that the cache holds.
    fn slots(&self) -> usize {
        self.capacity + (self.lanes - 1) * self.branch
    }

    /// Bytes of the sequences.
    fn bytes(&self, config: &Config) -> u64 {
        (self.slots() * config.layers * config.kv_width() * 8) as u64
    }

    fn check(&self, config: &Config) -> Result<()> {
        if self.capacity == 0 || self.lanes == 0 || self.lanes > model::DECODING {
            return Err(Error::Input(
                "a model has at least one token of capacity, and one to 16 lanes".into(),
            ));
        }
        if config.head_dim % 4 != 0 {
            return Err(Error::Unsupported(format!("heads of {} numbers", config.head_dim)));
        }
        Ok(())
    }
}
