//! The training loop.
//!
//! A batch is cut into shards of a few samples. Each shard's gradients are derived by itself, on whatever thread is free,
//! and added up in the shards' order: the same seed gives the same weights on any number of threads, and a run that was
//! interrupted goes on as if it had not been.

use std::collections::HashMap;
use std::sync::Once;

use candle_core::{D, Device, Tensor};
use candle_nn::ops::log_softmax;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::CopywriterError;
use crate::network::Network;
use crate::optimiser::{AdamW, Moments, Schedule, Update, clip};
use crate::random::Dropout;
use crate::samples::{Sample, batches};
use crate::shape::Shape;

/// How a network is trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The run's seed: of the weights, the order of samples, and dropout.
    pub seed: u64,
    /// Samples a step.
    pub batch: usize,
    /// Passes over the samples.
    pub passes: usize,
    /// The highest learning rate.
    pub peak: f64,
    /// The part of all steps in which the rate rises.
    pub warm_up: f64,
    /// The probability that a number is dropped.
    pub dropout: f64,
    /// The largest norm of a step's gradients.
    pub clip: f64,
    /// Passes without a better validation loss after which training ends.
    pub patience: usize,
    /// The optimiser's constants.
    pub optimiser: AdamW,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            seed: 1,
            batch: 64,
            passes: 20,
            peak: 2e-3,
            warm_up: 0.05,
            dropout: 0.1,
            clip: 1.0,
            patience: 4,
            optimiser: AdamW::default(),
        }
    }
}

/// Samples of one shard: few, so that a batch of 64 keeps 16 cores busy.
const SHARD: usize = 4;

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// The lowest validation loss so far, in nats a token.
    pub best: Option<f32>,
    /// Passes since then.
    pub waited: usize,
    /// The validation loss after each pass.
    pub losses: Vec<f32>,
}

/// What [`Trainer::advance`] did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Advance {
    /// One step.
    Step {
        /// The batch's loss in nats a token.
        loss: f32,
        /// The learning rate.
        rate: f64,
    },
    /// The last step of a pass, and a look at what was held out.
    Pass {
        /// The loss on it, in nats a token.
        validation: f32,
        /// Whether it is the lowest so far.
        better: bool,
    },
    /// Nothing: all passes are done, or patience has ended.
    Done,
}

/// A run: the network, its optimiser, and how far it is.
#[derive(Debug)]
pub struct Trainer {
    pub(crate) network: Network,
    pub(crate) recipe: Recipe,
    pub(crate) progress: Progress,
    pub(crate) weights: Vec<Vec<f32>>,
    pub(crate) moments: Vec<Moments>,
    pub(crate) best: Vec<Vec<f32>>,
    samples: Vec<Sample>,
    held_out: Vec<Sample>,
    pass: Vec<Vec<usize>>,
}

impl Trainer {
    /// Begins a run.
    ///
    /// # Errors
    /// When the sizes do not fit each other or there is nothing to learn from.
    pub fn new(
        shape: Shape,
        recipe: Recipe,
        samples: Vec<Sample>,
        held_out: Vec<Sample>,
    ) -> Result<Self, CopywriterError> {
        shape.check()?;
        let network = Network::random(shape, recipe.seed)?;
        let progress = Progress { step: 0, best: None, waited: 0, losses: Vec::new() };
        let weights = flat(&network)?;
        let moments = weights
            .iter()
            .map(|of| Moments { mean: vec![0.0; of.len()], square: vec![0.0; of.len()] })
            .collect();
        Self::with(network, recipe, progress, (weights.clone(), moments, weights), (samples, held_out))
    }

    /// Goes on where a checkpoint left off.
    pub(crate) fn with(
        network: Network,
        recipe: Recipe,
        progress: Progress,
        (weights, moments, best): (Vec<Vec<f32>>, Vec<Moments>, Vec<Vec<f32>>),
        (samples, held_out): (Vec<Sample>, Vec<Sample>),
    ) -> Result<Self, CopywriterError> {
        if samples.is_empty() || held_out.is_empty() {
            return Err(CopywriterError::Texts(
                "there must be some to learn from and some to hold out".to_owned(),
            ));
        }
        if recipe.batch == 0 || recipe.passes == 0 {
            return Err(CopywriterError::Texts(
                "a run needs at least one sample a step, and one pass".to_owned(),
            ));
        }
        one_thread_a_product();
        Ok(Self { network, recipe, progress, weights, moments, best, samples, held_out, pass: Vec::new() })
    }

    /// How far the run is.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How it is trained.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The network's sizes.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        self.network.shape()
    }

    /// Steps of all passes.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.recipe.passes * self.steps_a_pass()
    }

    fn steps_a_pass(&self) -> usize {
        self.samples.len().div_ceil(self.recipe.batch)
    }

    /// The network with the lowest validation loss; before the first pass has ended, the network as it is.
    ///
    /// # Errors
    /// candle's.
    pub fn best(&self) -> Result<Network, CopywriterError> {
        let weights = if self.progress.best.is_some() { &self.best } else { &self.weights };
        let mut tensors = HashMap::new();
        for ((name, sizes), values) in self.shape().tensors().into_iter().zip(weights) {
            tensors.insert(name, Tensor::from_slice(values, sizes, &Device::Cpu)?);
        }
        Ok(Network::new(self.shape().clone(), tensors)?)
    }

    /// Takes a step; after the last of a pass, measures what was held out.
    ///
    /// # Errors
    /// [`CopywriterError::Diverged`] when the loss is no number any more.
    pub fn advance(&mut self) -> Result<Advance, CopywriterError> {
        let Progress { step, waited, .. } = self.progress;
        let steps_a_pass = self.steps_a_pass();
        if step >= self.steps() || waited >= self.recipe.patience {
            return Ok(Advance::Done);
        }
        let (pass, within) = (step / steps_a_pass, step % steps_a_pass);
        if within == 0 || self.pass.is_empty() {
            let lengths: Vec<usize> = self.samples.iter().map(|sample| sample.ids.len()).collect();
            self.pass = batches(&lengths, self.recipe.batch, self.recipe.seed, pass as u64);
        }
        let batch: Vec<&Sample> = self.pass[within].iter().map(|sample| &self.samples[*sample]).collect();
        let (loss, gradients) = self.gradients(&batch)?;
        if !loss.is_finite() {
            return Err(CopywriterError::Diverged { step, loss });
        }
        let rate = self.schedule().rate(step);
        self.update(&gradients, rate)?;
        self.progress.step += 1;
        if within + 1 < steps_a_pass {
            return Ok(Advance::Step { loss, rate });
        }
        let validation = self.loss(&self.held_out)?;
        let better = self.progress.best.is_none_or(|best| validation < best);
        if better {
            self.progress.best = Some(validation);
            self.best.clone_from(&self.weights);
        }
        self.progress.waited = if better { 0 } else { waited + 1 };
        self.progress.losses.push(validation);
        Ok(Advance::Pass { validation, better })
    }

    /// The mean loss of samples, in nats a token.
    ///
    /// # Errors
    /// candle's.
    pub fn loss(&self, samples: &[Sample]) -> Result<f32, CopywriterError> {
        let mut order: Vec<&Sample> = samples.iter().collect();
        order.sort_by_key(|sample| sample.ids.len());
        let sums = order
            .par_chunks(8)
            .map(|shard| {
                Ok(f64::from(loss_sum(&self.network, shard, &mut Dropout::none())?.to_scalar::<f32>()?))
            })
            .collect::<Result<Vec<f64>, CopywriterError>>()?;
        let targets: usize = samples.iter().map(Sample::targets).sum();
        Ok((sums.iter().sum::<f64>() / targets as f64) as f32)
    }

    fn schedule(&self) -> Schedule {
        let steps = self.steps();
        let warm_up = (self.recipe.warm_up * steps as f64) as usize;
        Schedule { peak: self.recipe.peak, last: 0.02, warm_up, steps }
    }

    /// A batch's mean loss a token, and its gradients in the order of the parameters.
    fn gradients(&self, batch: &[&Sample]) -> Result<(f32, Vec<Vec<f32>>), CopywriterError> {
        let targets: usize = batch.iter().map(|sample| sample.targets()).sum();
        let shards = batch
            .par_chunks(SHARD)
            .enumerate()
            .map(|(shard, samples)| {
                // Places of batches have a 1, and weights a 0, where dropout has 2 and more.
                let place = [self.progress.step as u64, shard as u64 + 2];
                let mut dropout = Dropout::new(self.recipe.dropout, self.recipe.seed, place);
                let loss = (loss_sum(&self.network, samples, &mut dropout)? / targets as f64)?;
                let mut store = loss.backward()?;
                let gradients = self
                    .network
                    .parameters()
                    .map(|(_, parameter)| match store.remove(parameter) {
                        Some(gradient) => gradient.flatten_all()?.to_vec1::<f32>(),
                        None => Ok(vec![0.0; parameter.elem_count()]),
                    })
                    .collect::<candle_core::Result<Vec<_>>>()?;
                Ok((loss.to_scalar::<f32>()?, gradients))
            })
            .collect::<Result<Vec<_>, CopywriterError>>()?;
        let loss = shards.iter().map(|(loss, _)| loss).sum();
        let sums = (0..self.weights.len())
            .into_par_iter()
            .map(|parameter| {
                let mut sum = vec![0.0_f32; self.weights[parameter].len()];
                for (_, gradients) in &shards {
                    sum.iter_mut().zip(&gradients[parameter]).for_each(|(sum, one)| *sum += one);
                }
                sum
            })
            .collect();
        Ok((loss, sums))
    }

    fn update(&mut self, gradients: &[Vec<f32>], rate: f64) -> Result<(), CopywriterError> {
        let squares: Vec<f64> = gradients
            .par_iter()
            .map(|gradient| gradient.iter().map(|one| f64::from(*one).powi(2)).sum())
            .collect();
        let scale = clip(squares.iter().sum::<f64>().sqrt(), self.recipe.clip);
        let step = self.progress.step + 1;
        let parameters: Vec<_> = self.network.parameters().map(|(_, parameter)| parameter).collect();
        self.weights.par_iter_mut().zip(&mut self.moments).zip(gradients).zip(parameters).try_for_each(
            |(((weights, moments), gradient), parameter)| {
                let by = Update { step, rate, scale, decay: parameter.rank() > 1 };
                self.recipe.optimiser.update(weights, gradient, moments, by);
                parameter.set(&Tensor::from_slice(weights, parameter.shape(), &Device::Cpu)?)
            },
        )?;
        Ok(())
    }
}

/// The summed loss of samples' targets, in nats.
fn loss_sum(network: &Network, samples: &[&Sample], dropout: &mut Dropout) -> candle_core::Result<Tensor> {
    let longest = samples.iter().map(|sample| sample.ids.len() - 1).max().unwrap_or(0);
    let mut ids = vec![0_u32; samples.len() * longest];
    let (mut places, mut targets) = (Vec::new(), Vec::new());
    for (row, sample) in samples.iter().enumerate() {
        let last = sample.ids.len() - 1;
        ids[row * longest..row * longest + last].copy_from_slice(&sample.ids[..last]);
        places.extend((sample.prompt - 1..last).map(|at| (row * longest + at) as u32));
        targets.extend_from_slice(&sample.ids[sample.prompt..]);
    }
    let ids = Tensor::from_vec(ids, (samples.len(), longest), &Device::Cpu)?;
    let places = Tensor::new(places, &Device::Cpu)?;
    let targets = Tensor::new(targets, &Device::Cpu)?.unsqueeze(1)?;
    let outputs = network.read(&ids, dropout)?.flatten(0, 1)?.index_select(&places, 0)?;
    log_softmax(&network.logits(&outputs)?, D::Minus1)?.gather(&targets, 1)?.sum_all()?.neg()
}

/// The network's weights, a vector a tensor.
pub(crate) fn flat(network: &Network) -> candle_core::Result<Vec<Vec<f32>>> {
    network.parameters().map(|(_, parameter)| parameter.flatten_all()?.to_vec1()).collect()
}

/// Shards already take all threads: a product of small matrices that is spread over them again only waits.
pub(crate) fn one_thread_a_product() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| gemm::set_threading_threshold(usize::MAX));
}
