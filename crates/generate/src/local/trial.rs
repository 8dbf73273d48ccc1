//! What a model on the processor must show before it serves: values that can be right, and speed enough.

use attune_llama::backend::Backend;
use attune_llama::sample::Sampling;

use crate::rung::Failure;

/// Tokens of the trial: some to be read, and some to be drawn.
const TOKENS: (usize, usize) = (16, 8);

/// Runs a loaded model for some tokens; `now` tells milliseconds.
///
/// # Errors
/// `device_failed` where its logits are no numbers, `rung_slow` below `least` tokens a second.
pub async fn pass(model: &mut impl Backend, least: f64, now: impl Fn() -> f64) -> Result<(), Failure> {
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
    let began = now();
    model.decode(TOKENS.1, &greedy, &[None]).await?;
    let seconds = (now() - began).max(0.05) / 1000.0;
    model.truncate(0);
    fast(TOKENS.1 as f64 / seconds, least)
}

/// Holds a speed against the least that is asked for, in tokens a second.
///
/// # Errors
/// `rung_slow`.
pub fn fast(speed: f64, least: f64) -> Result<(), Failure> {
    if speed >= least {
        return Ok(());
    }
    let message = format!("{speed:.1} tokens a second are fewer than the {least} that are asked for");
    Err(Failure::new("rung_slow", message))
}
