//! A model on the processor works for long without a break; behind this it lets the thread hear an abort between tokens.

use attune_llama::backend::{Backend, Mask};
use attune_llama::sample::Sampling;
use attune_llama::{Config, Result};

use crate::host::Clock;

/// Milliseconds of work without a break.
const STRETCH: f64 = 12.0;
/// Tokens of a prompt between two breaks.
const CHUNK: usize = 32;

/// A model that makes breaks.
pub(crate) struct Polite<B> {
    model: B,
    clock: Clock,
    since: f64,
}

impl<B: Backend> Polite<B> {
    pub(crate) fn new(model: B, clock: Clock) -> Self {
        let since = clock.real();
        Self { model, clock, since }
    }

    async fn rest(&mut self) {
        if self.clock.real() - self.since >= STRETCH {
            self.clock.turn().await;
            self.since = self.clock.real();
        }
    }
}

impl<B: Backend> Backend for Polite<B> {
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
            self.rest().await;
            self.model.prefill(chunk).await?;
        }
        Ok(())
    }

    async fn logits(&mut self, lane: usize) -> Result<Vec<f32>> {
        self.rest().await;
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
            self.rest().await;
            let step = self.model.decode(1, samplings, masks).await?;
            for (drawn, step) in drawn.iter_mut().zip(step) {
                drawn.extend(step);
            }
        }
        Ok(drawn)
    }
}
