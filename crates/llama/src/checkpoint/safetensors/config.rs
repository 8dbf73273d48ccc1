//! `config.json` → the model's shape.

use serde::Deserialize;

use crate::checkpoint::shape::plausible;
use crate::config::{RopePairs, RopeScaling};
use crate::{Config, Error, Result};

/// What is read of `config.json`. The rope is in `rope_parameters` since transformers 5, in `rope_theta` and `rope_scaling` before.
#[derive(Deserialize)]
struct File {
    model_type: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    intermediate_size: usize,
    vocab_size: usize,
    max_position_embeddings: usize,
    rms_norm_eps: f32,
    hidden_act: Option<String>,
    rope_theta: Option<f32>,
    rope_scaling: Option<Rope>,
    rope_parameters: Option<Rope>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    use_sliding_window: bool,
}

#[derive(Deserialize)]
struct Rope {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f32>,
    factor: Option<f32>,
    low_freq_factor: Option<f32>,
    high_freq_factor: Option<f32>,
    original_max_position_embeddings: Option<f32>,
}

pub(super) fn config(json: &str, most_context: usize) -> Result<Config> {
    let file: File =
        serde_json::from_str(json).map_err(|error| Error::Malformed(format!("config.json: {error}")))?;
    let qkv_bias = match file.model_type.as_str() {
        "qwen2" => true,
        "llama" | "qwen3" => file.attention_bias,
        other => return Err(Error::Unsupported(format!("the model type {other:?}"))),
    };
    match file.hidden_act.as_deref() {
        None | Some("silu") => {}
        Some(other) => return Err(Error::Unsupported(format!("the activation {other:?}"))),
    }
    if file.use_sliding_window {
        return Err(Error::Unsupported("attention over a sliding window".into()));
    }
    let heads = file.num_attention_heads;
    let head_dim = match (file.head_dim, file.hidden_size.checked_div(heads)) {
        (Some(head_dim), _) | (None, Some(head_dim)) => head_dim,
        (None, None) => return Err(Error::Malformed("no heads".into())),
    };
    let rope = file.rope_parameters.or(file.rope_scaling);
    let rope_theta = rope.as_ref().and_then(|rope| rope.rope_theta).or(file.rope_theta).unwrap_or(10_000.0);
    let config = Config {
        qk_norm: file.model_type == "qwen3",
        architecture: file.model_type,
        hidden: file.hidden_size,
        layers: file.num_hidden_layers,
        heads,
        kv_heads: file.num_key_value_heads.unwrap_or(heads),
        head_dim,
        feed_forward: file.intermediate_size,
        vocab: file.vocab_size,
        context: file.max_position_embeddings.min(most_context),
        rope_theta,
        rope_pairs: RopePairs::Halves,
        rope_scaling: rope.map(scaling).transpose()?.flatten(),
        norm_epsilon: file.rms_norm_eps,
        qkv_bias,
        tied: file.tie_word_embeddings,
    };
    plausible(&config)?;
    Ok(config)
}

fn scaling(rope: Rope) -> Result<Option<RopeScaling>> {
    match rope.rope_type.as_deref() {
        None | Some("default") => Ok(None),
        Some("llama3") => match (
            rope.factor,
            rope.low_freq_factor,
            rope.high_freq_factor,
            rope.original_max_position_embeddings,
        ) {
            (Some(factor), Some(low), Some(high), Some(original_context)) => {
                Ok(Some(RopeScaling { factor, low, high, original_context }))
            }
            _ => Err(Error::Malformed("config.json: numbers of Llama 3's rope scaling are missing".into())),
        },
        Some(other) => Err(Error::Unsupported(format!("rope scaling {other:?}"))),
    }
}
