//! What a device must show before its model serves: right values, and speed enough.

use attune_generate::rung::Failure;
use attune_llama::Config;
use attune_llama::backend::Backend;
use attune_llama::sample::Sampling;

use crate::host::Clock;

/// Tokens of the trial: some to be read, and some to be drawn.
const TOKENS: (usize, usize) = (16, 8);

/// Runs a loaded model for some tokens.
///
/// # Errors
/// `device_failed` where its logits are no numbers, `rung_slow` below `least` tokens a second.
pub(crate) async fn pass(model: &mut impl Backend, least: f64, clock: &Clock) -> Result<f64, Failure> {
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
    let speed = TOKENS.1 as f64 / seconds;
    if speed < least {
        let message = format!("{speed:.1} tokens a second are fewer than the {least} that are asked for");
        return Err(Failure::new("rung_slow", message));
    }
    Ok(speed)
}

/// A small model with weights that are the same everywhere, to hold one device against another.
#[cfg(all(feature = "cpu", feature = "gpu"))]
pub(crate) mod sample {
    use attune_llama::checkpoint::{Format, Part, Role, Sink, TensorInfo, quantise};
    use attune_llama::config::RopePairs;

    use super::{Backend, Config, Failure};

    /// As far as two devices may differ in a logit.
    const TOLERANCE: f32 = 2e-2;
    const PROMPT: [u32; 12] = [1, 61, 7, 40, 3, 3, 22, 58, 9, 11, 30, 2];

    /// Loads the sample into two devices and compares their logits.
    ///
    /// # Errors
    /// `device_failed` where they differ.
    pub(crate) async fn compare<A: Sink, B: Sink>(
        shape: &Config,
        format: Format,
        device: A,
        reference: B,
    ) -> Result<(), Failure>
    where
        A::Model: Backend,
        B::Model: Backend,
    {
        let (config, tensors) = small(shape, writable(format));
        let there = logits(&mut fill(device, &config, &tensors)?).await?;
        let here = logits(&mut fill(reference, &config, &tensors)?).await?;
        let wrong = there.iter().zip(&here).find(|(there, here)| {
            let off = (*there - *here).abs();
            off > TOLERANCE || off.is_nan()
        });
        match wrong {
            None if there.len() == here.len() => Ok(()),
            _ => Err(Failure::new("device_failed", format!("the device computes wrongly: {wrong:?}"))),
        }
    }

    /// The format itself, or one with the same kind of blocks that can be written.
    fn writable(format: Format) -> Format {
        match format {
            Format::Q4_K => Format::Q4_1,
            Format::Q6_K => Format::Q8_0,
            other => other,
        }
    }

    async fn logits(model: &mut impl Backend) -> Result<Vec<f32>, Failure> {
        model.prefill(&PROMPT).await?;
        Ok(model.logits(0).await?)
    }

    fn small(shape: &Config, format: Format) -> (Config, Vec<TensorInfo>) {
        let config = Config {
            hidden: 128,
            layers: 1,
            heads: 4,
            kv_heads: 2,
            head_dim: 32,
            feed_forward: 192,
            vocab: 64,
            context: 64,
            rope_theta: 10_000.0,
            rope_pairs: RopePairs::Halves,
            rope_scaling: None,
            norm_epsilon: 1e-5,
            tied: true,
            ..shape.clone()
        };
        let matrix = |role, rows, columns| TensorInfo { role, format, rows, columns };
        let vector = |role, columns| TensorInfo { role, format: Format::F32, rows: 1, columns };
        let (hidden, wide) = (config.hidden, config.feed_forward);
        let (query, kv) = (config.query_width(), config.kv_width());
        let part = |part| Role::Layer(0, part);
        let mut tensors = vec![
            matrix(Role::Embedding, config.vocab, hidden),
            vector(Role::OutputNorm, hidden),
            vector(part(Part::AttentionNorm), hidden),
            matrix(part(Part::Query), query, hidden),
            matrix(part(Part::Key), kv, hidden),
            matrix(part(Part::Value), kv, hidden),
            matrix(part(Part::AttentionOutput), hidden, query),
            vector(part(Part::FeedForwardNorm), hidden),
            matrix(part(Part::Gate), wide, hidden),
            matrix(part(Part::Up), wide, hidden),
            matrix(part(Part::Down), hidden, wide),
        ];
        if config.qkv_bias {
            let biases = [(Part::QueryBias, query), (Part::KeyBias, kv), (Part::ValueBias, kv)];
            tensors.extend(biases.map(|(name, columns)| vector(part(name), columns)));
        }
        if config.qk_norm {
            tensors.extend([Part::QueryNorm, Part::KeyNorm].map(|name| vector(part(name), config.head_dim)));
        }
        (config, tensors)
    }

    fn fill<S: Sink>(mut sink: S, config: &Config, tensors: &[TensorInfo]) -> Result<S::Model, Failure> {
        sink.begin(config, tensors)?;
        let mut bits = 1u32;
        for (index, tensor) in tensors.iter().enumerate() {
            // Numerical Recipes' generator; vectors lie around one, so that norms keep a signal.
            let (scale, middle) = if tensor.rows == 1 { (0.5, 1.0) } else { (0.25, 0.0) };
            let values: Vec<f32> = (0..tensor.rows * tensor.columns)
                .map(|_| {
                    bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ((bits >> 8) as f32 / 16_777_216.0 - 0.5) * scale + middle
                })
                .collect();
            let mut blocks = Vec::new();
            quantise(tensor.format, &values, &mut blocks)?;
            sink.blocks(index, 0, &blocks)?;
        }
        Ok(sink.end()?)
    }
}
