//! What a device must show before its model serves: right values, and speed enough.

use attune_generate::rung::Failure;
#[cfg(feature = "cpu")]
use attune_llama::{backend::Backend, sample::Sampling};

use crate::host::Clock;

/// Tokens of the trial: some to be read, and some to be drawn.
#[cfg(feature = "cpu")]
const TOKENS: (usize, usize) = (16, 8);

/// Runs a loaded model for some tokens.
///
/// # Errors
/// `device_failed` where its logits are no numbers, `rung_slow` below `least` tokens a second.
#[cfg(feature = "cpu")]
pub(crate) async fn pass(model: &mut impl Backend, least: f64, clock: &Clock) -> Result<(), Failure> {
    let vocab = model.config().vocab as u32;
    let prompt: Vec<u32> = (0..TOKENS.0 as u32).map(|at| (at * 7 + 3) % vocab).collect();
    model.truncate(0);
    model.prefill(&prompt).await?;
    let logits = model.logits(0).await?;
    if !logits.iter().all(|logit| logit.is_finite()) || logits.iter().all(|logit| *logit == logits[0]) {
        return Err(Failure::new("device_failed", "the device gives no numbers that can be right"));
    }
    // The first draw makes what the others use.
    let greedy = [Sampling::default()];
    model.decode(1, &greedy, &[None]).await?;
    let began = clock.real();
    model.decode(TOKENS.1, &greedy, &[None]).await?;
    let seconds = (clock.real() - began).max(0.05) / 1000.0;
    model.truncate(0);
    fast(TOKENS.1 as f64 / seconds, least)
}

/// Holds a GPU against the processor, and takes its time.
///
/// # Errors
/// `device_failed` where it computes wrongly, `rung_slow` below `least` tokens a second.
#[cfg(feature = "gpu")]
pub(crate) async fn gpu(
    model: &mut attune_llama::gpu::Model,
    least: f64,
    clock: &Clock,
) -> Result<(), Failure> {
    let check = attune_llama::gpu::check(model, || clock.real()).await?;
    if !check.right {
        let message = format!("this GPU computes wrongly: a logit is off by {} of the greatest", check.apart);
        return Err(Failure::new("device_failed", message));
    }
    fast(1000.0 / check.step_ms.max(0.01), least)
}

fn fast(speed: f64, least: f64) -> Result<(), Failure> {
    if speed >= least {
        return Ok(());
    }
    let message = format!("{speed:.1} tokens a second are fewer than the {least} that are asked for");
    Err(Failure::new("rung_slow", message))
}
