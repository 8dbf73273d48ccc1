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

/// What the kernels multiply, and keep of keys and values. Sums, norms and the softmax are of 32 bits either way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    #[default]
    Single,
    /// 16 bits, for devices that have them ([`Device::has_half`]): half the cache, and on many twice the speed. A model whose
    /// activations exceed 65504 comes to no number, which is an error when it draws.
    Half,
}

/// How a model is laid out on a device, and how much it remembers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ModelOptions {
    /// Tokens of a lane; at most the model's context.
    pub capacity: usize,
    /// Lanes that decode together.
    pub lanes: usize,
    /// Bytes that the lanes' keys and values may take together, one lane's capacity at the least. Lanes share them by what they
    /// need: see [`crate::backend::Backend::room`].
    pub cache: u64,
    /// Bits of its numbers.
    pub precision: Precision,
    /// Bytes of the device that may be used, where the caller knows a limit.
    pub memory: Option<u64>,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self { capacity: 1024, lanes: 1, cache: 192 << 20, precision: Precision::Single, memory: None }
    }
}

impl ModelOptions {
    /// Bytes of a number in the cache.
    fn number_bytes(&self) -> u64 {
        if self.precision == Precision::Half { 2 } else { 4 }
    }

    /// Tokens that the cache holds beside so many bytes of weights, where one binding has so many bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where not even one lane has room.
    fn slots(&self, config: &Config, weights: u64, binding: u64) -> Result<usize> {
        let in_a_layer = 2 * self.number_bytes() * config.kv_width() as u64;
        let in_all = in_a_layer * config.layers as u64;
        let one_lane = self.capacity as u64;
        if one_lane > binding / in_a_layer {
            let what = "a layer's keys and values".into();
            return Err(Error::TooLarge { what, needed: one_lane * in_a_layer, available: binding });
        }
        let available = self.memory.unwrap_or(u64::MAX);
        let left = available.saturating_sub(weights);
        if one_lane > left / in_all {
            let needed = weights + one_lane * in_all;
            return Err(Error::TooLarge { what: "weights and sequences".into(), needed, available });
        }
        let most =
            (self.cache.min(left) / in_all).min(binding / in_a_layer).min(one_lane * self.lanes as u64);
        Ok(most.max(one_lane) as usize)
    }

    fn check(&self, config: &Config) -> Result<()> {
        if self.capacity == 0 || self.lanes == 0 || self.lanes > model::DECODING {
            return Err(Error::Input(
                "a model has at least one token of capacity, and one to 16 lanes".into(),
            ));
        }
        if !config.head_dim.is_multiple_of(4) {
            return Err(Error::Unsupported(format!("heads of {} numbers", config.head_dim)));
        }
        Ok(())
    }
}
