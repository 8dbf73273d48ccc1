//! What runs the model: the processor or the GPU, as one type.

use attune_llama::backend::{Backend, Mask};
use attune_llama::sample::Sampling;
use attune_llama::{Config, Result, cpu};
use tokio::task::yield_now;

/// A loaded model. Before every piece of work it gives way, so that a limit of time or a client who has gone is seen.
pub(crate) enum Device {
    /// On the processor.
    Cpu(Box<cpu::Model>),
    /// On the GPU.
    #[cfg(feature = "gpu")]
    Gpu(Box<attune_llama::gpu::Model>),
}

/// Asks whichever it is.
macro_rules! each {
    ($device:expr, $model:ident => $asked:expr) => {
        match $device {
            Self::Cpu($model) => $asked,
            #[cfg(feature = "gpu")]
            Self::Gpu($model) => $asked,
        }
    };
}

impl Backend for Device {
    fn config(&self) -> &Config {
        each!(self, model => model.config())
    }

    fn capacity(&self) -> usize {
        each!(self, model => model.capacity())
    }

    fn lanes(&self) -> usize {
        each!(self, model => model.lanes())
    }

    fn room(&self, shared: usize, lanes: usize) -> usize {
        each!(self, model => model.room(shared, lanes))
    }

    fn len(&self) -> usize {
        each!(self, model => model.len())
    }

    fn truncate(&mut self, tokens: usize) {
        each!(self, model => model.truncate(tokens));
    }

    async fn prefill(&mut self, tokens: &[u32]) -> Result<()> {
        yield_now().await;
        each!(self, model => model.prefill(tokens).await)
    }

    async fn logits(&mut self, lane: usize) -> Result<Vec<f32>> {
        yield_now().await;
        each!(self, model => model.logits(lane).await)
    }

    async fn decode(
        &mut self,
        steps: usize,
        samplings: &[Sampling],
        masks: &[Option<Mask>],
    ) -> Result<Vec<Vec<u32>>> {
        yield_now().await;
        each!(self, model => model.decode(steps, samplings, masks).await)
    }
}
