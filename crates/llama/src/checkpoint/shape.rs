//! Which tensors a model of a shape has, what they are called, and whether a file has them.

use std::collections::BTreeMap;

use super::{Format, Part, Role, TensorInfo};
use crate::{Config, Error, Result};

/// How a family of files names its tensors.
pub(super) struct Names {
    embedding: &'static str,
    output_norm: &'static str,
    output: &'static str,
    layer: &'static str,
    parts: [(Part, &'static str); 14],
}

/// GGUF's (`gguf-py/gguf/constants.py`).
pub(super) const GGUF: Names = Names {
    embedding: "token_embd.weight",
    output_norm: "output_norm.weight",
    output: "output.weight",
    layer: "blk.",
    parts: [
        (Part::AttentionNorm, "attn_norm.weight"),
        (Part::Query, "attn_q.weight"),
        (Part::Key, "attn_k.weight"),
        (Part::Value, "attn_v.weight"),
        (Part::QueryBias, "attn_q.bias"),
        (Part::KeyBias, "attn_k.bias"),
        (Part::ValueBias, "attn_v.bias"),
        (Part::QueryNorm, "attn_q_norm.weight"),
        (Part::KeyNorm, "attn_k_norm.weight"),
        (Part::AttentionOutput, "attn_output.weight"),
        (Part::FeedForwardNorm, "ffn_norm.weight"),
        (Part::Gate, "ffn_gate.weight"),
        (Part::Up, "ffn_up.weight"),
        (Part::Down, "ffn_down.weight"),
    ],
};

/// Hugging Face's (`transformers`, `LlamaForCausalLM` and its like).
pub(super) const HUGGING_FACE: Names = Names {
    embedding: "model.embed_tokens.weight",
    output_norm: "model.norm.weight",
    output: "lm_head.weight",
    layer: "model.layers.",
    parts: [
        (Part::AttentionNorm, "input_layernorm.weight"),
        (Part::Query, "self_attn.q_proj.weight"),
        (Part::Key, "self_attn.k_proj.weight"),
        (Part::Value, "self_attn.v_proj.weight"),
        (Part::QueryBias, "self_attn.q_proj.bias"),
        (Part::KeyBias, "self_attn.k_proj.bias"),
        (Part::ValueBias, "self_attn.v_proj.bias"),
        (Part::QueryNorm, "self_attn.q_norm.weight"),
        (Part::KeyNorm, "self_attn.k_norm.weight"),
        (Part::AttentionOutput, "self_attn.o_proj.weight"),
        (Part::FeedForwardNorm, "post_attention_layernorm.weight"),
        (Part::Gate, "mlp.gate_proj.weight"),
        (Part::Up, "mlp.up_proj.weight"),
        (Part::Down, "mlp.down_proj.weight"),
    ],
};

impl Names {
    /// What a name means; nothing where the model has no such tensor.
    pub(super) fn role(&self, name: &str) -> Option<Role> {
        match name {
            _ if name == self.embedding => Some(Role::Embedding),
            _ if name == self.output_norm => Some(Role::OutputNorm),
            _ if name == self.output => Some(Role::Output),
            _ => {
                let (layer, part) = name.strip_prefix(self.layer)?.split_once('.')?;
                let number = layer.parse().ok().filter(|number: &usize| number.to_string() == layer)?;
                let (part, _) = self.parts.iter().find(|(_, called)| *called == part)?;
                Some(Role::Layer(number, *part))
            }
        }
    }

    /// What a tensor is called.
    pub(super) fn name(&self, role: Role) -> String {
        match role {
            Role::Embedding => self.embedding.to_owned(),
            Role::OutputNorm => self.output_norm.to_owned(),
            Role::Output => self.output.to_owned(),
            Role::Layer(layer, part) => {
                let called =
                    self.parts.iter().find(|(known, _)| *known == part).map_or("", |(_, called)| called);
                format!("{}{layer}.{called}", self.layer)
            }
        }
    }
}

impl Role {
    /// Rows and columns that a model of this shape needs; a vector has one row.
    pub fn shape(self, config: &Config) -> (usize, usize) {
        let Self::Layer(_, part) = self else {
            return match self {
                Self::OutputNorm => (1, config.hidden),
                _ => (config.vocab, config.hidden),
            };
        };
        match part {
            Part::AttentionNorm | Part::FeedForwardNorm => (1, config.hidden),
            Part::Query => (config.query_width(), config.hidden),
            Part::Key | Part::Value => (config.kv_width(), config.hidden),
            Part::QueryBias => (1, config.query_width()),
            Part::KeyBias | Part::ValueBias => (1, config.kv_width()),
            Part::QueryNorm | Part::KeyNorm => (1, config.head_dim),
            Part::AttentionOutput => (config.hidden, config.query_width()),
            Part::Gate | Part::Up => (config.feed_forward, config.hidden),
            Part::Down => (config.hidden, config.feed_forward),
        }
    }

    /// Every tensor a model of this shape has.
    pub fn all(config: &Config) -> Vec<Self> {
        let mut all = vec![Self::Embedding, Self::OutputNorm];
        if !config.tied {
            all.push(Self::Output);
        }
        let mut parts = vec![
            Part::AttentionNorm,
            Part::Query,
            Part::Key,
            Part::Value,
            Part::AttentionOutput,
            Part::FeedForwardNorm,
            Part::Gate,
            Part::Up,
            Part::Down,
        ];
        if config.qkv_bias {
            parts.extend([Part::QueryBias, Part::KeyBias, Part::ValueBias]);
        }
        if config.qk_norm {
            parts.extend([Part::QueryNorm, Part::KeyNorm]);
        }
        all.extend(
            (0..config.layers).flat_map(|layer| parts.iter().map(move |part| Self::Layer(layer, *part))),
        );
        all
    }
}

/// A tensor as a file's header tells of it; `shape` is its dimensions, the slowest first.
pub(super) struct Told {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) format: Format,
    pub(super) shape: Vec<u64>,
}

/// Holds what a file has against what its shape needs: every tensor once, with its shape, in whole blocks, vectors not
/// quantised.
pub(super) fn check(
    config: &Config,
    names: &Names,
    told: &[Told],
    most_bytes: u64,
) -> Result<Vec<TensorInfo>> {
    let mut left: BTreeMap<Role, ()> = Role::all(config).into_iter().map(|role| (role, ())).collect();
    let mut infos = Vec::with_capacity(told.len());
    for Told { name, role, format, shape } in told {
        if left.remove(role).is_none() {
            return Err(Error::Malformed(format!(
                "{name} is there twice, or has no place in a model of this shape"
            )));
        }
        let (rows, columns) = role.shape(config);
        let wanted: &[u64] = if rows == 1 { &[columns as u64] } else { &[rows as u64, columns as u64] };
        if shape.as_slice() != wanted {
            return Err(Error::Malformed(format!("{name} is {shape:?} and should be {wanted:?}")));
        }
        if columns % format.block_len() != 0 {
            let len = format.block_len();
            return Err(Error::Malformed(format!("{name}: rows of {columns} are no whole blocks of {len}")));
        }
        if rows == 1 && format.block_len() != 1 {
            return Err(Error::Unsupported(format!("{name} is a vector, and quantised as {format:?}")));
        }
        infos.push(TensorInfo { role: *role, format: *format, rows, columns });
    }
    if let Some((role, ())) = left.first_key_value() {
        return Err(Error::Malformed(format!(
            "{} and {} more tensors are missing",
            names.name(*role),
            left.len() - 1
        )));
    }
    totals(&infos, most_bytes)?;
    Ok(infos)
}

/// Whether all weights together are within the limit, and each tensor within what an address reaches.
pub(super) fn totals(tensors: &[TensorInfo], most_bytes: u64) -> Result<()> {
    let bytes = |info: &TensorInfo| {
        (info.columns / info.format.block_len()) as u64 * info.format.block_bytes() as u64 * info.rows as u64
    };
    let needed = tensors.iter().map(bytes).fold(0, u64::saturating_add);
    let largest = tensors.iter().map(bytes).max().unwrap_or(0);
    if needed > most_bytes {
        return Err(Error::TooLarge { what: "its weights".to_owned(), needed, available: most_bytes });
    }
    if largest > isize::MAX as u64 {
        return Err(Error::TooLarge {
            what: "a tensor".to_owned(),
            needed: largest,
            available: isize::MAX as u64,
        });
    }
    Ok(())
}

/// Whether the numbers of a shape are ones a model can have.
pub(super) fn plausible(config: &Config) -> Result<()> {
    let widths = [
        ("hidden", config.hidden, 1 << 17),
        ("layers", config.layers, 1 << 10),
        ("heads", config.heads, 1 << 12),
        ("key and value heads", config.kv_heads, 1 << 12),
        ("head width", config.head_dim, 1 << 12),
        ("feed-forward", config.feed_forward, 1 << 20),
        ("vocabulary", config.vocab, 1 << 21),
        ("context", config.context, usize::MAX),
    ];
    for (what, value, most) in widths {
        if value == 0 || value > most {
            return Err(Error::Malformed(format!("{what} is {value}")));
        }
    }
    if !config.heads.is_multiple_of(config.kv_heads) {
        let (heads, kv) = (config.heads, config.kv_heads);
        return Err(Error::Malformed(format!("{heads} heads over {kv} key and value heads do not divide")));
    }
    if !config.head_dim.is_multiple_of(2) {
        return Err(Error::Malformed(format!("a head of odd width {}", config.head_dim)));
    }
    if config.query_width() > 1 << 18 {
        return Err(Error::Malformed(format!("query heads {} wide", config.query_width())));
    }
    if !(config.norm_epsilon > 0.0 && config.norm_epsilon < 1.0) {
        return Err(Error::Malformed(format!("norm epsilon is {}", config.norm_epsilon)));
    }
    if !(config.rope_theta >= 1.0 && config.rope_theta.is_finite()) {
        return Err(Error::Malformed(format!("rope base is {}", config.rope_theta)));
    }
    if let Some(scaling) = config.rope_scaling {
        let numbers = [scaling.factor, scaling.low, scaling.high, scaling.original_context];
        if !numbers.iter().all(|number| number.is_finite() && *number > 0.0) || scaling.high <= scaling.low {
            return Err(Error::Malformed(format!("rope scaling is {scaling:?}")));
        }
    }
    Ok(())
}
