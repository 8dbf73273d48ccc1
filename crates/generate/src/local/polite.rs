//! A model on the processor works for long without a break; behind this it makes one between tokens.

use std::future::Future;

use attune_llama::backend::{Backend, Mask};
use attune_llama::sample::Sampling;
use attune_llama::{Config, Result};

/// Tokens of a prompt between two breaks.
const CHUNK: usize = 32;

/// What happens between tokens.
pub trait Pause {
    /// Lets others work, where it is time to.
    fn pause(&mut self) -> impl Future<Output = ()>;
}

/// A model that makes breaks.
#[derive(Debug)]
pub struct Polite<B, P> {
    model: B,
    pause: P,
}

impl<B: Backend, P: Pause> Polite<B, P> {
    /// This model with these breaks.
    pub fn new(model: B, pause: P) -> Self {
        Self { model, pause }
    }
}

impl<B: Backend, P: Pause> Backend for Polite<B, P> {
    fn config(&self) -> &Config {
        self.model.config()
    }

    fn capacity(&self) -> usize {
        self.model.capacity()
    }

    fn lanes(&self) -> usize {
        self.model.lanes()
    }

    fn room(&self, shared: usize, lanes: usize) -> usize {
        self.model.room(shared, lanes)
    }

    fn len(&self) -> usize {
        self.model.len()
    }

    fn truncate(&mut self, tokens: usize) {
        self.model.truncate(tokens);
    }

    async fn prefill(&mut self, tokens: &[u32]) -> Result<()> {
        for chunk in tokens.chunks(CHUNK) {
            self.pause.pause().await;
            self.model.prefill(chunk).await?;
        }
        Ok(())
    }

    async fn logits(&mut self, lane: usize) -> Result<Vec<f32>> {
        self.pause.pause().await;
        self.model.logits(lane).await
    }

    async fn decode(
        &mut self,
        steps: usize,
        samplings: &[Sampling],
        masks: &[Option<Mask>],
    ) -> Result<Vec<Vec<u32>>> {
        let mut drawn = vec![Vec::with_capacity(steps); samplings.len()];
        for _ in 0..steps {
            self.pause.pause().await;
            let step = self.model.decode(1, samplings, masks).await?;
            for (drawn, step) in drawn.iter_mut().zip(step) {
                drawn.extend(step);
            }
        }
        Ok(drawn)
    }
}
