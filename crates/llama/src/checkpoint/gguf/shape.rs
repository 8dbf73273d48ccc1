//! GGUF metadata and tensor names → the model's shape.

use super::header::Entry;
use crate::checkpoint::{Metadata, Part, Role, shape};
use crate::config::{RopePairs, RopeScaling};
use crate::{Config, Error, Result};

/// Llama 3's own factors, which its files have instead of the numbers they come from.
pub(in crate::checkpoint) const ROPE_FACTORS: &str = "rope_freqs.weight";

/// The shape, without what [`ROPE_FACTORS`] says.
pub(super) fn config(metadata: &Metadata, entries: &[Entry], most_context: usize) -> Result<Config> {
    let Some(architecture) = metadata.text("general.architecture")? else {
        return Err(Error::Malformed("general.architecture is missing".into()));
    };
    let rope_pairs = match architecture {
        "llama" => RopePairs::Interleaved,
        "qwen2" | "qwen3" => RopePairs::Halves,
        other => return Err(Error::Unsupported(format!("the architecture {other:?}"))),
    };
    let keys = Keys { metadata, architecture };
    keys.refuse()?;
    let hidden = keys.count("embedding_length")?;
    let heads = keys.count("attention.head_count")?;
    if heads == 0 {
        return Err(Error::Malformed("no heads".into()));
    }
    let head_dim = keys.optional("attention.key_length")?.unwrap_or(hidden / heads);
    let same = ["attention.value_length", "rope.dimension_count"];
    for key in same {
        if let Some(other) = keys.optional(key)?.filter(|width| *width != head_dim) {
            return Err(Error::Unsupported(format!(
                "{architecture}.{key} is {other}, and a head is {head_dim} wide"
            )));
        }
    }
    let has = |wanted: &dyn Fn(Role) -> bool| {
        entries.iter().any(|entry| shape::GGUF.role(&entry.name).is_some_and(wanted))
    };
    let vocab = match entries.iter().find(|entry| shape::GGUF.role(&entry.name) == Some(Role::Embedding)) {
        Some(embedding) => {
            embedding.dimensions.get(1).map_or(0, |rows| usize::try_from(*rows).unwrap_or(usize::MAX))
        }
        None => return Err(Error::Malformed("the embedding is missing".into())),
    };
    if let Some(tokens) = metadata.texts("tokenizer.ggml.tokens")?
        && tokens.len() != vocab
    {
        let tokens = tokens.len();
        return Err(Error::Malformed(format!("{tokens} tokens, and embeddings for {vocab}")));
    }
    let config = Config {
        architecture: architecture.to_owned(),
        hidden,
        layers: keys.count("block_count")?,
        heads,
        kv_heads: keys.optional("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        feed_forward: keys.count("feed_forward_length")?,
        vocab,
        context: keys.count("context_length")?.min(most_context),
        rope_theta: metadata.float(&keys.key("rope.freq_base"))?.unwrap_or(10_000.0),
        rope_pairs,
        rope_scaling: None,
        norm_epsilon: match metadata.float(&keys.key("attention.layer_norm_rms_epsilon"))? {
            Some(epsilon) => epsilon,
            None => return Err(Error::Malformed("the norm's epsilon is missing".into())),
        },
        qkv_bias: architecture == "qwen2" || has(&|role| matches!(role, Role::Layer(_, Part::QueryBias))),
        qk_norm: architecture == "qwen3" || has(&|role| matches!(role, Role::Layer(_, Part::QueryNorm))),
        tied: !has(&|role| role == Role::Output),
    };
    shape::plausible(&config)?;
    Ok(config)
}

struct Keys<'a> {
    metadata: &'a Metadata,
    architecture: &'a str,
}

impl Keys<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn optional(&self, name: &str) -> Result<Option<usize>> {
        self.metadata.count(&self.key(name))
    }

    fn count(&self, name: &str) -> Result<usize> {
        match self.optional(name)? {
            Some(count) => Ok(count),
            None => Err(Error::Malformed(format!("{} is missing", self.key(name)))),
        }
    }

    /// What changes the computation and is not computed here.
    fn refuse(&self) -> Result<()> {
        if self.optional("expert_count")?.unwrap_or(0) > 0 {
            return Err(Error::Unsupported("a mixture of experts".into()));
        }
        if let Some(window) = self.optional("attention.sliding_window")?
            && window > 0
            && window < self.count("context_length")?
        {
            return Err(Error::Unsupported(format!("attention over a sliding window of {window}")));
        }
        let scaling = self.metadata.text(&self.key("rope.scaling.type"))?.unwrap_or("none");
        let factors = ["rope.scaling.factor", "rope.scale_linear"];
        for factor in factors {
            let factor = self.metadata.float(&self.key(factor))?.unwrap_or(1.0);
            if factor != 1.0 && factor != 0.0 && scaling != "none" || factor.is_nan() {
                return Err(Error::Unsupported(format!("rope scaling {scaling:?} by {factor}")));
            }
        }
        if !matches!(scaling, "none" | "linear") {
            return Err(Error::Unsupported(format!("rope scaling {scaling:?}")));
        }
        Ok(())
    }
}

/// The numbers that Llama 3's factors come from: every Llama 3 model has the same thresholds, and its longest wavelengths are
/// divided in full.
///
/// # Errors
/// [`Error::Unsupported`] where the factors are not of that form.
pub(super) fn rope_scaling(config: &Config, metadata: &Metadata, factors: &[f32]) -> Result<RopeScaling> {
    let key = format!("{}.rope.scaling.original_context_length", config.architecture);
    let scaling = RopeScaling {
        factor: factors.iter().copied().fold(1.0, f32::max),
        low: 1.0,
        high: 4.0,
        original_context: metadata.float(&key)?.unwrap_or(8192.0),
    };
    let scaled = Config { rope_scaling: Some(scaling), ..config.clone() };
    shape::plausible(&scaled)?;
    let plain = config.rope_frequencies();
    let close = plain.iter().zip(scaled.rope_frequencies()).zip(factors).all(|((plain, scaled), factor)| {
        let meant = plain / scaled;
        (meant - factor).abs() <= 1e-4 * meant
    });
    if factors.len() == plain.len() && close {
        Ok(scaling)
    } else {
        Err(Error::Unsupported(format!("{ROPE_FACTORS} that are not Llama 3's")))
    }
}
