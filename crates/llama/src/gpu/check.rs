//! Whether a device computes right, and how fast: some drivers give garbage, and some are a hundred times too slow.

use std::collections::BTreeMap;

use super::loader::Loader;
use super::model::Model;
use super::{ModelOptions, Precision};
use crate::backend::Backend as _;
use crate::checkpoint::{Format, Part, Role, Sink as _, TensorInfo, dequantise};
use crate::config::RopePairs;
use crate::sample::Sampling;
use crate::{Config, Result};

/// What a self-test found.
#[derive(Debug, Clone)]
pub struct Check {
    /// Products in every format that the model uses, norms, the rotary embedding and the attention's softmax came out as on the CPU.
    pub right: bool,
    /// The worst logit's distance from the CPU's, as a share of the greatest logit.
    pub apart: f32,
    /// Milliseconds that the model takes for a token: drawn, read back and run.
    pub step_ms: f64,
}

/// Width of the test's model.
const WIDTH: usize = 256;

/// Tokens in its vocabulary.
const VOCAB: usize = 64;

/// Runs a small model with random weights in the formats of `model` on its device and compares it with the CPU, then takes the time of
/// `model` itself, whose lanes are empty afterwards. `now` is a clock in milliseconds: the browser has its own.
///
/// # Errors
/// [`crate::Error::Device`] where the device fails outright.
pub async fn check(model: &mut Model, now: impl Fn() -> f64) -> Result<Check> {
    let weights = Weights::new(model.formats());
    let precision = model.precision();
    let options = ModelOptions { capacity: 16, precision, ..ModelOptions::default() };
    let mut loader = Loader::new(&model.device, options);
    loader.begin(&weights.config, &weights.tensors)?;
    for (index, blocks) in weights.blocks.iter().enumerate() {
        loader.blocks(index, 0, blocks)?;
    }
    let mut small = loader.end()?;
    let tokens = [3, 60, 17, 17, 9];
    small.prefill(&tokens).await?;
    let logits = small.logits(0).await?;
    let due = weights.logits(&tokens);
    let scale = due.iter().fold(0f32, |most, logit| most.max(logit.abs()));
    let far = |(a, b): (&f32, &f32)| if (a - b).is_nan() { f32::INFINITY } else { (a - b).abs() };
    let apart = logits.iter().zip(&due).map(far).fold(0f32, f32::max) / scale;
    drop(small);
    model.truncate(0);
    model.prefill(&[0]).await?;
    let greedy = [Sampling::default()];
    let mut times = Vec::new();
    for _ in 0..4 {
        let start = now();
        model.decode(1, &greedy, &[]).await?;
        times.push(now() - start);
    }
    model.truncate(0);
    // The first step only draws, the second makes what is not there yet.
    let step_ms = times[2].min(times[3]);
    let most = if precision == Precision::Half { 2e-2 } else { 1e-3 };
    Ok(Check { right: apart < most, apart, step_ms })
}

/// The test's model.
struct Weights {
    config: Config,
    tensors: Vec<TensorInfo>,
    blocks: Vec<Vec<u8>>,
}

impl Weights {
    fn new(formats: &[Format]) -> Self {
        let config = Config {
            architecture: "llama".into(),
            hidden: WIDTH,
            layers: 1,
            heads: 4,
            kv_heads: 4,
            head_dim: WIDTH / 4,
            feed_forward: WIDTH,
            vocab: VOCAB,
            context: 16,
            rope_theta: 1e4,
            rope_pairs: RopePairs::Interleaved,
            rope_scaling: None,
            norm_epsilon: 1e-5,
            qkv_bias: false,
            qk_norm: false,
            tied: false,
        };
        let mut formats = formats.iter().copied().cycle();
        let mut format = || formats.next().unwrap_or(Format::F32);
        let mut tensors = Vec::new();
        for role in
            [Role::OutputNorm, Role::Layer(0, Part::AttentionNorm), Role::Layer(0, Part::FeedForwardNorm)]
        {
            tensors.push(TensorInfo { role, format: Format::F32, rows: 1, columns: WIDTH });
        }
        for part in MATRICES {
            let role = Role::Layer(0, part);
            tensors.push(TensorInfo { role, format: format(), rows: WIDTH, columns: WIDTH });
        }
        for role in [Role::Output, Role::Embedding] {
            tensors.push(TensorInfo { role, format: format(), rows: VOCAB, columns: WIDTH });
        }
        let mut random = 7_u32;
        let mut byte = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 24) as u8
        };
        let random_blocks = |tensor: &TensorInfo| {
            let mut bytes: Vec<u8> = (0..tensor.bytes()).map(|_| byte()).collect();
            bytes.chunks_exact_mut(tensor.format.block_bytes()).for_each(|block| tame(tensor.format, block));
            bytes
        };
        let blocks = tensors.iter().map(random_blocks).collect();
        Self { config, tensors, blocks }
    }

    /// The last token's logits.
    fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        let numbers: BTreeMap<Role, Vec<f32>> = self
            .tensors
            .iter()
            .zip(&self.blocks)
            .map(|(tensor, blocks)| {
                let mut numbers = vec![0.0; tensor.rows * tensor.columns];
                dequantise(tensor.format, blocks, &mut numbers);
                (tensor.role, numbers)
            })
            .collect();
        let product = |role: Role, x: &[f32]| -> Vec<f32> {
            let matrix = numbers.get(&role).map_or(&[][..], Vec::as_slice);
            matrix.chunks_exact(WIDTH).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
        };
        let norm = |role: Role, x: &[f32]| -> Vec<f32> {
            let square: f32 = x.iter().map(|x| x * x).sum();
            let factor = 1.0 / (square / WIDTH as f32 + self.config.norm_epsilon).sqrt();
            numbers
                .get(&role)
                .map_or(&[][..], Vec::as_slice)
                .iter()
                .zip(x)
                .map(|(g, x)| g * x * factor)
                .collect()
        };
        let part = |part| Role::Layer(0, part);
        let (mut keys, mut values, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
        for (position, &token) in tokens.iter().enumerate() {
            hidden = numbers.get(&Role::Embedding).map_or(&[][..], Vec::as_slice)[token as usize * WIDTH..]
                [..WIDTH]
                .to_vec();
            let x = norm(part(Part::AttentionNorm), &hidden);
            let query = self.turned(product(part(Part::Query), &x), position);
            keys.push(self.turned(product(part(Part::Key), &x), position));
            values.push(product(part(Part::Value), &x));
            let attended = self.attended(&query, &keys, &values);
            add(&mut hidden, &product(part(Part::AttentionOutput), &attended));
            let x = norm(part(Part::FeedForwardNorm), &hidden);
            let (gate, up) = (product(part(Part::Gate), &x), product(part(Part::Up), &x));
            let gated: Vec<f32> = gate.iter().zip(&up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
            add(&mut hidden, &product(part(Part::Down), &gated));
        }
        product(Role::Output, &norm(Role::OutputNorm, &hidden))
    }

    fn turned(&self, mut heads: Vec<f32>, position: usize) -> Vec<f32> {
        let frequencies = self.config.rope_frequencies();
        for (pair, frequency) in heads.chunks_exact_mut(2).zip(frequencies.iter().cycle()) {
            let (sin, cos) = (position as f32 * frequency).sin_cos();
            (pair[0], pair[1]) = (pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos);
        }
        heads
    }

    fn attended(&self, query: &[f32], keys: &[Vec<f32>], values: &[Vec<f32>]) -> Vec<f32> {
        let head = self.config.head_dim;
        let mut out = vec![0.0; WIDTH];
        for (at, out) in (0..).step_by(head).zip(out.chunks_exact_mut(head)) {
            let score = |key: &Vec<f32>| -> f32 {
                key[at..].iter().zip(&query[at..at + head]).map(|(k, q)| k * q).sum::<f32>()
                    / (head as f32).sqrt()
            };
            let scores: Vec<f32> = keys.iter().map(score).collect();
            let most = scores.iter().copied().fold(f32::MIN, f32::max);
            let total: f32 = scores.iter().map(|score| (score - most).exp()).sum();
            for (score, value) in scores.iter().zip(values) {
                let weight = (score - most).exp() / total;
                out.iter_mut().zip(&value[at..]).for_each(|(out, value)| *out += weight * value);
            }
        }
        out
    }
}

const MATRICES: [Part; 7] =
    [Part::Query, Part::Key, Part::Value, Part::AttentionOutput, Part::Gate, Part::Up, Part::Down];

fn add(sum: &mut [f32], other: &[f32]) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
}

/// Gives a block of random bits scales that leave its weights in the order of 0.1.
fn tame(format: Format, block: &mut [u8]) {
    let mut half = |at: usize, exponent: u8| block[at] = block[at] & 0x83 | exponent << 2;
    match format {
        Format::F32 => {
            let number = f32::from(block[0]) / 256.0 - 0.4;
            block.copy_from_slice(&number.to_le_bytes());
        }
        Format::F16 => half(1, 11),
        Format::BF16 => block[1] = block[1] & 0x80 | 0x3D,
        Format::Q8_0 => half(1, 4),
        Format::Q4_0 | Format::Q5_0 => half(1, 8),
        Format::Q4_1 => {
            half(1, 8);
            half(3, 8);
        }
        Format::Q4_K => {
            half(1, 3);
            half(3, 3);
        }
        Format::Q6_K => half(209, 1),
    }
}
