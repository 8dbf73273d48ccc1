//! The network's forward pass on candle tensors, whose gradients candle derives.
//!
//! Llama (Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023) with grouped-query attention
//! (Ainslie et al., 2023). Rotary positions turn neighbouring pairs of a head, as GGUF's `llama` architecture has it,
//! so that a file holds the matrices as they are.

use std::collections::HashMap;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::ops::{silu, softmax};
use rand::Rng;
use rand_distr::StandardNormal;

use crate::random::{self, Dropout};
use crate::shape::Shape;

/// The learned tensors, by their names in a GGUF file, in the order of [`Shape::tensors`].
#[derive(Debug, Clone)]
pub struct Network {
    shape: Shape,
    names: Vec<String>,
    parameters: Vec<Var>,
}

/// Keys and values of what has been read, a pair of `[rows, kv_heads, read, head]` a layer.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    layers: Vec<(Tensor, Tensor)>,
}

impl Memory {
    /// How many tokens have been read.
    #[must_use]
    pub fn read(&self) -> usize {
        self.layers.first().map_or(0, |(keys, _)| keys.dim(2).unwrap_or(0))
    }

    /// The rows of `rows`, in that order: for going on with some rows only, or with several copies of one.
    ///
    /// # Errors
    /// candle's, when a row is not there.
    pub fn select(&self, rows: &[u32]) -> Result<Self> {
        let rows = Tensor::new(rows, &Device::Cpu)?;
        let layers = self
            .layers
            .iter()
            .map(|(keys, values)| Ok((keys.index_select(&rows, 0)?, values.index_select(&rows, 0)?)))
            .collect::<Result<_>>()?;
        Ok(Self { layers })
    }
}

impl Network {
    /// A network to be trained, with weights drawn from `seed`: a normal distribution of deviation 0.02, smaller by
    /// √(2 · layers) where a layer writes to the residual stream (GPT-2's initialisation).
    ///
    /// # Errors
    /// candle's.
    pub fn random(shape: Shape, seed: u64) -> Result<Self> {
        let mut random = random::at(seed, [0, 0]);
        let residual = 0.02 / (2.0 * shape.layers as f32).sqrt();
        let mut tensors = HashMap::new();
        for (name, sizes) in shape.tensors() {
            let count = sizes.iter().product();
            let deviation =
                if name.contains("attn_output") || name.contains("ffn_down") { residual } else { 0.02 };
            let values: Vec<f32> = if sizes.len() == 1 {
                vec![1.0; count]
            } else {
                (0..count).map(|_| deviation * random.sample::<f32, _>(StandardNormal)).collect()
            };
            tensors.insert(name, Tensor::from_vec(values, sizes, &Device::Cpu)?);
        }
        Self::new(shape, tensors)
    }

    /// A network of given tensors, as variables that gradients are taken of.
    ///
    /// # Errors
    /// candle's, when a tensor is missing or has other sizes.
    pub fn new(shape: Shape, mut tensors: HashMap<String, Tensor>) -> Result<Self> {
        let mut names = Vec::new();
        let mut parameters = Vec::new();
        for (name, sizes) in shape.tensors() {
            let Some(tensor) = tensors.remove(&name) else {
                candle_core::bail!("the tensor {name} is missing");
            };
            if tensor.dims() != sizes {
                candle_core::bail!("the tensor {name} is {:?} and should be {sizes:?}", tensor.dims());
            }
            parameters.push(Var::from_tensor(&tensor.to_dtype(DType::F32)?)?);
            names.push(name);
        }
        Ok(Self { shape, names, parameters })
    }

    /// The sizes.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Each learned tensor with its name.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = (&str, &Var)> {
        self.names.iter().map(String::as_str).zip(&self.parameters)
    }

    /// The last layer's normalised output of `[rows, tokens]` ids, `[rows, tokens, width]`, each token seeing those
    /// before it. `dropout` is for training.
    ///
    /// # Errors
    /// candle's, when an id is not in the vocabulary.
    pub fn read(&self, ids: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        self.layers(ids, None, dropout)
    }

    /// As [`read`](Self::read), after what `memory` holds, to which it is added.
    ///
    /// # Errors
    /// candle's, when an id is not in the vocabulary or the rows differ from the memory's.
    pub fn read_on(&self, ids: &Tensor, memory: &mut Memory) -> Result<Tensor> {
        self.layers(ids, Some(memory), &mut Dropout::none())
    }

    /// Logits over the vocabulary of `[n, width]` outputs, `[n, vocabulary]`, by the embedding's own rows.
    ///
    /// # Errors
    /// candle's.
    pub fn logits(&self, outputs: &Tensor) -> Result<Tensor> {
        outputs.matmul(&self.parameters[0].t()?)
    }

    fn layers(&self, ids: &Tensor, mut memory: Option<&mut Memory>, dropout: &mut Dropout) -> Result<Tensor> {
        let (rows, tokens) = ids.dims2()?;
        let start = memory.as_ref().map_or(0, |memory| memory.read());
        let rope = Rope::new(&self.shape, start, tokens)?;
        let mask = if tokens > 1 { Some(causal(start, tokens)?) } else { None };
        let mut stream = self.parameters[0].embedding(&ids.flatten_all()?)?; // [rows · tokens, width]
        stream = dropout.apply(stream)?;
        for (layer, weights) in self.parameters[1..self.parameters.len() - 1].chunks_exact(9).enumerate() {
            let [norm, query, key, value, output, second, gate, up, down] = weights else { continue };
            let x = self.normalise(&stream, norm)?;
            let heads = |of: &Tensor, heads: usize| -> Result<Tensor> {
                x.matmul(&of.t()?)?
                    .reshape((rows, tokens, heads, self.shape.head()))?
                    .transpose(1, 2)?
                    .contiguous()
            };
            let query = rope.turn(&heads(query, self.shape.heads)?)?;
            let mut key = rope.turn(&heads(key, self.shape.kv_heads)?)?;
            let mut value = heads(value, self.shape.kv_heads)?;
            if let Some(memory) = memory.as_deref_mut() {
                if let Some((keys, values)) = memory.layers.get(layer) {
                    key = Tensor::cat(&[keys, &key], 2)?;
                    value = Tensor::cat(&[values, &value], 2)?;
                    memory.layers[layer] = (key.clone(), value.clone());
                } else {
                    memory.layers.push((key.clone(), value.clone()));
                }
            }
            let x = self.attend(&query, &key, &value, mask.as_ref())?.matmul(&output.t()?)?;
            stream = (stream + dropout.apply(x)?)?;
            let x = self.normalise(&stream, second)?;
            let x = (silu(&x.matmul(&gate.t()?)?)? * x.matmul(&up.t()?)?)?.matmul(&down.t()?)?;
            stream = (stream + dropout.apply(x)?)?;
        }
        self.normalise(&stream, &self.parameters[self.parameters.len() - 1])?.reshape((rows, tokens, ()))
    }

    /// RMSNorm of `[n, width]` (Zhang and Sennrich, 2019).
    fn normalise(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let scale = (x.sqr()?.mean_keepdim(D::Minus1)? + f64::from(self.shape.epsilon))?.sqrt()?.recip()?;
        x.broadcast_mul(&scale)?.broadcast_mul(weight)
    }

    /// Attention of `[rows, heads, tokens, head]` queries over `[rows, kv_heads, read, head]` keys and values:
    /// `[rows · tokens, width]`. The query heads that share a key head are one matrix.
    fn attend(&self, query: &Tensor, key: &Tensor, value: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let (rows, heads, tokens, head) = query.dims4()?;
        let (_, kv_heads, read, _) = key.dims4()?;
        let group = heads / kv_heads;
        let query = (query.reshape((rows * kv_heads, group * tokens, head))? / (head as f64).sqrt())?;
        let key = key.reshape((rows * kv_heads, read, head))?;
        let value = value.reshape((rows * kv_heads, read, head))?;
        let mut scores = query.matmul(&key.t()?)?;
        if let Some(mask) = mask {
            scores = scores.reshape((rows * heads, tokens, read))?.broadcast_add(mask)?.reshape((
                rows * kv_heads,
                group * tokens,
                read,
            ))?;
        }
        softmax(&scores, D::Minus1)?
            .matmul(&value)?
            .reshape((rows, heads, tokens, head))?
            .transpose(1, 2)?
            .reshape((rows * tokens, heads * head))
    }
}

/// Minus infinity where a token would see a later one: `[tokens, start + tokens]`.
fn causal(start: usize, tokens: usize) -> Result<Tensor> {
    let read = start + tokens;
    let mask: Vec<f32> = (0..tokens)
        .flat_map(|at| (0..read).map(move |seen| if seen > start + at { f32::NEG_INFINITY } else { 0.0 }))
        .collect();
    Tensor::from_vec(mask, (tokens, read), &Device::Cpu)
}

/// Rotary positions (Su et al., "RoFormer", 2021) of neighbouring pairs.
struct Rope {
    /// `[tokens, head]`, each cosine twice.
    cosine: Tensor,
    /// `[tokens, head]`, each sine twice.
    sine: Tensor,
    /// `[head, head]`: takes a pair (a, b) to (−b, a).
    quarter: Tensor,
}

impl Rope {
    fn new(shape: &Shape, start: usize, tokens: usize) -> Result<Self> {
        let head = shape.head();
        let table = |of: fn(f32) -> f32| {
            let values: Vec<f32> = (start..start + tokens)
                .flat_map(|position| {
                    (0..head).map(move |at| {
                        let frequency = shape.rope_base.powf(-((at / 2 * 2) as f32) / head as f32);
                        of(position as f32 * frequency)
                    })
                })
                .collect();
            Tensor::from_vec(values, (tokens, head), &Device::Cpu)
        };
        let mut quarter = vec![0.0_f32; head * head];
        for even in (0..head).step_by(2) {
            quarter[even * head + even + 1] = 1.0;
            quarter[(even + 1) * head + even] = -1.0;
        }
        Ok(Self {
            cosine: table(f32::cos)?,
            sine: table(f32::sin)?,
            quarter: Tensor::from_vec(quarter, (head, head), &Device::Cpu)?,
        })
    }

    /// Turns `[rows, heads, tokens, head]`.
    fn turn(&self, x: &Tensor) -> Result<Tensor> {
        let sizes = x.dims4()?;
        let turned = x.reshape(((), sizes.3))?.matmul(&self.quarter)?.reshape(sizes)?;
        x.broadcast_mul(&self.cosine)? + turned.broadcast_mul(&self.sine)?
    }
}
