//! Where a file's weights go.

use std::collections::BTreeMap;

use super::cache::Cache;
use super::input::Input;
use super::kernel::Kernels;
use super::matrix::Matrix;
use super::model::{Layer, Model, Weights};
use super::pool::{Pool, default_threads};
use crate::checkpoint::{Part, Role, Sink, TensorInfo};
use crate::{Config, Error, Result};

/// How products are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Activations as 32-bit numbers: equal to a reference but for rounding.
    Exact,
    /// Activations in 8 bits where weights are in blocks: several times faster; logits move by some tenths.
    #[default]
    Fast,
}

/// How a model is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How products are computed.
    pub mode: Mode,
    /// The most tokens of a lane; the model's own context where that is less.
    pub capacity: usize,
    /// The most lanes that decode together.
    pub lanes: usize,
    /// Threads with the caller's; 0 is as many as there are cores, at most four. WebAssembly has one.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { mode: Mode::default(), capacity: 2048, lanes: 1, threads: 0 }
    }
}

/// Packs a file's weights for the processor as they come.
pub struct Loader {
    options: Options,
    config: Option<Config>,
    tensors: Vec<(Role, Matrix)>,
}

impl Loader {
    /// A model that will run by `options`.
    pub fn new(options: Options) -> Self {
        Self { options, config: None, tensors: Vec::new() }
    }
}

impl Sink for Loader {
    type Model = Model;

    fn begin(&mut self, config: &Config, tensors: &[TensorInfo]) -> Result<()> {
        if self.options.lanes == 0 || self.options.capacity == 0 {
            return Err(Error::Input("a model needs a lane and room for a token".into()));
        }
        self.config = Some(config.clone());
        self.tensors =
            tensors.iter().map(|tensor| Ok((tensor.role, Matrix::new(tensor)?))).collect::<Result<_>>()?;
        Ok(())
    }

    fn blocks(&mut self, tensor: usize, first: usize, blocks: &[u8]) -> Result<()> {
        let (_, matrix) = self
            .tensors
            .get_mut(tensor)
            .ok_or_else(|| Error::Malformed(format!("there is no tensor {tensor}")))?;
        for (at, block) in (first..).zip(blocks.chunks_exact(matrix.format.block_bytes())) {
            matrix.put(at, block);
        }
        Ok(())
    }

    fn end(self) -> Result<Model> {
        let config = self.config.ok_or_else(|| Error::Malformed("it has no header".into()))?;
        let mut tensors = Tensors(self.tensors.into_iter().collect());
        let layers = (0..config.layers).map(|layer| tensors.layer(layer)).collect::<Result<_>>()?;
        let weights = Weights {
            embedding: tensors.matrix(Role::Embedding)?,
            output: if config.tied { None } else { Some(tensors.matrix(Role::Output)?) },
            output_norm: tensors.vector(Role::OutputNorm)?,
            layers,
        };
        let Options { mode, capacity, lanes, threads } = self.options;
        let capacity = capacity.min(config.context);
        let cache = Cache::new(&config, capacity, lanes)?;
        let threads = if threads == 0 { default_threads() } else { threads };
        let input = Input { fast: mode == Mode::Fast, ..Input::default() };
        Ok(Model::new(config, weights, cache, capacity, lanes, Kernels::best(), Pool::new(threads), input))
    }
}

struct Tensors(BTreeMap<Role, Matrix>);

impl Tensors {
    fn matrix(&mut self, role: Role) -> Result<Matrix> {
        self.0.remove(&role).ok_or_else(|| Error::Malformed(format!("{role:?} is not there")))
    }

    fn vector(&mut self, role: Role) -> Result<Vec<f32>> {
        self.matrix(role).map(|matrix| vector(&matrix))
    }

    fn layer(&mut self, layer: usize) -> Result<Layer> {
        let role = |part| Role::Layer(layer, part);
        let optional = |tensors: &mut Self, part| tensors.0.remove(&role(part)).map(|matrix| vector(&matrix));
        Ok(Layer {
            attention_norm: self.vector(role(Part::AttentionNorm))?,
            query: self.matrix(role(Part::Query))?,
            key: self.matrix(role(Part::Key))?,
            value: self.matrix(role(Part::Value))?,
            query_bias: optional(self, Part::QueryBias),
            key_bias: optional(self, Part::KeyBias),
            value_bias: optional(self, Part::ValueBias),
            query_norm: optional(self, Part::QueryNorm),
            key_norm: optional(self, Part::KeyNorm),
            attention_output: self.matrix(role(Part::AttentionOutput))?,
            feed_forward_norm: self.vector(role(Part::FeedForwardNorm))?,
            gate: self.matrix(role(Part::Gate))?,
            up: self.matrix(role(Part::Up))?,
            down: self.matrix(role(Part::Down))?,
        })
    }
}

fn vector(matrix: &Matrix) -> Vec<f32> {
    let mut numbers = vec![0.0; matrix.columns];
    matrix.row(0, &mut numbers);
    numbers
}
