//! The shape of a model.

/// How pairs of a head's dimensions are turned by the rotary embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopePairs {
    /// Dimensions 2i and 2i+1: GGUF files of the architecture `llama`, whose query and key rows are permuted for it; llama2.c.
    Interleaved,
    /// Dimensions i and i + d/2: Hugging Face checkpoints; GGUF files of `qwen2` and `qwen3`.
    Halves,
}

/// Llama 3's stretching of long wavelengths (`rope_scaling` of type `llama3`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RopeScaling {
    /// By how much low frequencies are divided.
    pub factor: f32,
    /// Wavelengths longer than `original_context / low` are divided in full.
    pub low: f32,
    /// Wavelengths shorter than `original_context / high` stay.
    pub high: f32,
    /// Tokens the model was first trained for.
    pub original_context: f32,
}

/// The shape of a Llama-architecture model. All numbers are counts unless a unit is named.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `llama`, `qwen2` or `qwen3`.
    pub architecture: String,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Transformer blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Width of the feed-forward's gate.
    pub feed_forward: usize,
    /// Tokens in the vocabulary.
    pub vocab: usize,
    /// Tokens the model was made for.
    pub context: usize,
    /// Base of the rotary embedding's wavelengths.
    pub rope_theta: f32,
    /// Which dimensions the rotary embedding pairs.
    pub rope_pairs: RopePairs,
    /// Llama 3's stretching, where the model has it.
    pub rope_scaling: Option<RopeScaling>,
    /// Added to the mean square before its root.
    pub norm_epsilon: f32,
    /// Query, key and value have a bias (Qwen2).
    pub qkv_bias: bool,
    /// Queries and keys are normalised per head before the rotary embedding (Qwen3).
    pub qk_norm: bool,
    /// The output matrix is the embedding.
    pub tied: bool,
}

impl Config {
    /// Width of all query heads.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads, and of all value heads.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Angular frequencies of the rotary embedding, `[head_dim / 2]`, in radians a position.
    pub fn rope_frequencies(&self) -> Vec<f32> {
        (0..self.head_dim / 2).map(|pair| self.rope_frequency(pair)).collect()
    }

    fn rope_frequency(&self, pair: usize) -> f32 {
        let plain = f64::from(self.rope_theta).powf(-2.0 * pair as f64 / self.head_dim as f64);
        let Some(scaling) = self.rope_scaling else { return plain as f32 };
        let [factor, low, high, original] =
            [scaling.factor, scaling.low, scaling.high, scaling.original_context].map(f64::from);
        let turns = original * plain / std::f64::consts::TAU;
        let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
        (plain * kept + plain / factor * (1.0 - kept)) as f32
    }
}
