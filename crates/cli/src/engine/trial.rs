//! A GPU's trial before it is trusted: some drivers give garbage, some are a hundred times too slow.

use std::time::Instant;

use attune_generate::rung::Failure;
use attune_llama::backend::Backend;
use attune_llama::sample::Sampling;

/// Tokens that are read and written.
const TOKENS: usize = 6;
/// The most seconds for one of them.
const SLOW: f64 = 0.25;

/// Lets a model read and write a few tokens, and leaves it empty.
///
/// # Errors
/// `gpu_wrong` where what it says is no probability, or is not what it draws from; `gpu_slow` where `patient` is not set.
pub(super) async fn stand(model: &mut impl Backend, patient: bool) -> Result<(), Failure> {
    let wrong = |what: &str| Failure::new("gpu_wrong", format!("the GPU failed its trial: {what}"));
    let prompt: Vec<u32> = (0..TOKENS).map(|at| (at * 7 % model.config().vocab) as u32).collect();
    model.prefill(&prompt).await?;
    let logits = model.logits(0).await?;
    if logits.iter().any(|logit| !logit.is_finite()) || logits.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(wrong("its logits are no numbers, or all the same"));
    }
    let greedy = [Sampling::default()];
    let first = model.decode(1, &greedy, &[None]).await?;
    let drawn = first.first().and_then(|lane| lane.first()).and_then(|token| logits.get(*token as usize));
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if drawn != Some(&most) {
        return Err(wrong("it does not draw the likeliest token"));
    }
    let began = Instant::now();
    model.decode(TOKENS, &greedy, &[None]).await?;
    let token = began.elapsed().as_secs_f64() / TOKENS as f64;
    model.truncate(0);
    if token > SLOW && !patient {
        return Err(Failure::new("gpu_slow", format!("the GPU takes {:.0} ms for a token", token * 1000.0)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use attune_llama::backend::Mask;
    use attune_llama::config::RopePairs;
    use attune_llama::{Config, Result};

    use super::*;

    /// A device that says and draws what it is told to.
    struct Scripted {
        config: Config,
        logits: Vec<f32>,
        draws: u32,
        waits: f64,
    }

    impl Backend for Scripted {
        fn config(&self) -> &Config {
            &self.config
        }
        fn capacity(&self) -> usize {
            64
        }
        fn lanes(&self) -> usize {
            1
        }
        fn len(&self) -> usize {
            0
        }
        fn truncate(&mut self, _: usize) {}
        async fn prefill(&mut self, _: &[u32]) -> Result<()> {
            Ok(())
        }
        async fn logits(&mut self, _: usize) -> Result<Vec<f32>> {
            Ok(self.logits.clone())
        }
        async fn decode(
            &mut self,
            steps: usize,
            _: &[Sampling],
            _: &[Option<Mask>],
        ) -> Result<Vec<Vec<u32>>> {
            std::thread::sleep(std::time::Duration::from_secs_f64(self.waits * steps as f64));
            Ok(vec![vec![self.draws; steps]])
        }
    }

    async fn tried(logits: &[f32], draws: u32, waits: f64, patient: bool) -> Option<&'static str> {
        let config = Config {
            architecture: "llama".to_owned(),
            hidden: 4,
            layers: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: 4,
            feed_forward: 4,
            vocab: logits.len(),
            context: 64,
            rope_theta: 1e4,
            rope_pairs: RopePairs::Halves,
            rope_scaling: None,
            norm_epsilon: 1e-5,
            qkv_bias: false,
            qk_norm: false,
            tied: true,
        };
        let mut device = Scripted { config, logits: logits.to_vec(), draws, waits };
        stand(&mut device, patient).await.err().map(|failure| failure.code)
    }

    #[tokio::test]
    async fn devices_that_lie_or_dawdle_are_found_out() {
        assert_eq!(tried(&[0.0, 2.0, 1.0], 1, 0.0, false).await, None);
        assert_eq!(tried(&[0.0, f32::NAN, 1.0], 2, 0.0, true).await, Some("gpu_wrong"));
        assert_eq!(tried(&[0.0, 0.0, 0.0], 0, 0.0, true).await, Some("gpu_wrong"));
        assert_eq!(tried(&[0.0, 2.0, 1.0], 2, 0.0, true).await, Some("gpu_wrong"));
        assert_eq!(tried(&[0.0, 2.0, 1.0], 7, 0.0, true).await, Some("gpu_wrong"));
        assert_eq!(tried(&[0.0, 2.0, 1.0], 1, SLOW * 1.1, false).await, Some("gpu_slow"));
        assert_eq!(tried(&[0.0, 2.0, 1.0], 1, SLOW * 1.1, true).await, None);
    }
}
