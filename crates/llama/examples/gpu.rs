//! Runs a model on the GPU and says how fast it is, beside what its memory's bandwidth would allow.
//!
//! `gpu --model FILE.gguf [--prompt-ids 1,2,3] [--max-tokens 128] [--prefill 512] [--half] [--profile] [--bandwidth GB/s]`, or `--seeded smollm2|llama-1b` in the
//! place of `--model`: random weights of that shape.

#![allow(clippy::print_stdout, reason = "what it is for")]

use std::fs::File;
use std::io::Read as _;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use attune_llama::Config;
use attune_llama::backend::Backend as _;
use attune_llama::checkpoint::Limits;
use attune_llama::checkpoint::gguf::Reader;
use attune_llama::checkpoint::{Format, Part, Role, Sink as _, TensorInfo};
use attune_llama::config::RopePairs;
use attune_llama::gpu::{Device, DeviceOptions, Loader, Model, ModelOptions, Precision};
use attune_llama::sample::Sampling;
use serde_json::json;

fn main() -> Result<()> {
    pollster::block_on(run())
}

struct Arguments {
    model: Option<String>,
    seeded: Option<String>,
    prompt: Vec<u32>,
    max_tokens: usize,
    /// Tokens of a long prompt whose time is taken too.
    prefill: usize,
    profile: bool,
    /// Gigabytes a second, where they are known.
    bandwidth: Option<f64>,
    half: bool,
    device: DeviceOptions,
}

fn arguments() -> Result<Arguments> {
    let mut known = Arguments {
        model: None,
        seeded: None,
        prompt: vec![6403, 1980, 253, 655],
        max_tokens: 128,
        prefill: 0,
        profile: false,
        bandwidth: None,
        half: false,
        device: DeviceOptions::default(),
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().with_context(|| format!("{name} needs a value"));
        match name.as_str() {
            "--model" => known.model = Some(value()?),
            "--seeded" => known.seeded = Some(value()?),
            "--prompt-ids" => {
                known.prompt = value()?.split(',').map(|id| id.trim().parse()).collect::<Result<_, _>>()?;
            }
            "--max-tokens" => known.max_tokens = value()?.parse()?,
            "--prefill" => known.prefill = value()?.parse()?,
            "--bandwidth" => known.bandwidth = Some(value()?.parse()?),
            "--profile" => known.profile = true,
            "--json" => {}
            "--without-subgroups" => known.device.without_subgroups = true,
            "--default-limits" => known.device.default_limits = true,
            "--half" => known.half = true,
            "--as-many-cores" => known.device.as_many_cores = true,
            _ => bail!("unknown argument {name}"),
        }
    }
    Ok(known)
}

fn load(path: &str, loader: Loader) -> Result<Model> {
    let mut file = File::open(path)?;
    let mut reader = Reader::new(Limits::default(), loader);
    let mut buffer = vec![0; 4 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(reader.finish()?.model);
        }
        reader.push(&buffer[..count])?;
    }
}

/// SmolLM2-135M-Instruct in Q4_1, or Llama 3.2 1B in Q4_0: their shapes, with random weights.
fn seeded(name: &str, mut loader: Loader) -> Result<Model> {
    let smollm2 = Config {
        architecture: "llama".into(),
        hidden: 576,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        feed_forward: 1536,
        vocab: 49_152,
        context: 8192,
        rope_theta: 1e5,
        rope_pairs: RopePairs::Interleaved,
        rope_scaling: None,
        norm_epsilon: 1e-5,
        qkv_bias: false,
        qk_norm: false,
        tied: true,
    };
    let (config, weights, embedding) = match name {
        "smollm2" => (smollm2, Format::Q4_1, Format::Q8_0),
        "llama-1b" => {
            let config = Config {
                hidden: 2048,
                layers: 16,
                heads: 32,
                kv_heads: 8,
                feed_forward: 8192,
                vocab: 128_256,
                rope_theta: 5e5,
                ..smollm2
            };
            (config, Format::Q4_0, Format::Q6_K)
        }
        _ => bail!("unknown shape {name}"),
    };
    let (hidden, query, key, gate) =
        (config.hidden, config.query_width(), config.kv_width(), config.feed_forward);
    let mut tensors = vec![
        TensorInfo { role: Role::Embedding, format: embedding, rows: config.vocab, columns: hidden },
        TensorInfo { role: Role::OutputNorm, format: Format::F32, rows: 1, columns: hidden },
    ];
    for layer in 0..config.layers {
        for (part, format, rows, columns) in [
            (Part::AttentionNorm, Format::F32, 1, hidden),
            (Part::Query, weights, query, hidden),
            (Part::Key, weights, key, hidden),
            (Part::Value, weights, key, hidden),
            (Part::AttentionOutput, weights, hidden, query),
            (Part::FeedForwardNorm, Format::F32, 1, hidden),
            (Part::Gate, weights, gate, hidden),
            (Part::Up, weights, gate, hidden),
            (Part::Down, weights, hidden, gate),
        ] {
            tensors.push(TensorInfo { role: Role::Layer(layer, part), format, rows, columns });
        }
    }
    loader.begin(&config, &tensors)?;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for (index, tensor) in tensors.iter().enumerate() {
        let bytes = tensor.row_bytes();
        for row in 0..tensor.rows {
            let mut blocks = vec![0; bytes];
            for eight in blocks.chunks_mut(8) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                eight.copy_from_slice(&random.to_le_bytes()[..eight.len()]);
            }
            for block in blocks.chunks_exact_mut(tensor.format.block_bytes()) {
                // Scales that leave the weights' standard deviation near 0.02: half-precision 2⁻⁸, −2⁻⁵, 2⁻¹², 2⁻¹⁵.
                match tensor.format {
                    Format::Q4_1 => block[..4].copy_from_slice(&[0, 0x1C, 0, 0xA8]),
                    Format::Q4_0 => block[..2].copy_from_slice(&[0, 0x1C]),
                    Format::Q8_0 => block[..2].copy_from_slice(&[0, 0x0C]),
                    Format::Q6_K => block[208..].copy_from_slice(&[0, 0x01]),
                    _ => block.copy_from_slice(&1f32.to_le_bytes()),
                }
            }
            loader.blocks(index, row * tensor.columns / tensor.format.block_len(), &blocks)?;
        }
    }
    Ok(loader.end()?)
}

async fn run() -> Result<()> {
    let arguments = arguments()?;
    let start = Instant::now();
    let device = Device::request(&arguments.device).await?;
    let requested = start.elapsed();
    let mut options = ModelOptions::default();
    if arguments.half {
        options.precision = Precision::Half;
    }
    let loader = Loader::new(&device, options);
    let mut model = match (&arguments.model, &arguments.seeded) {
        (Some(path), None) => load(path, loader)?,
        (None, Some(name)) => seeded(name, loader)?,
        _ => bail!("--model or --seeded is needed"),
    };
    let loaded = start.elapsed();
    model.prefill(&arguments.prompt).await?;
    let greedy = [Sampling::default()];
    let mut ids = model.decode(1, &greedy, &[None]).await?.remove(0);
    let first = start.elapsed();
    // Once more, warm.
    model.truncate(0);
    let start = Instant::now();
    model.prefill(&arguments.prompt).await?;
    model.decode(1, &greedy, &[None]).await?;
    let warm = start.elapsed();
    let decoding = Instant::now();
    let steps = arguments.max_tokens.saturating_sub(1);
    ids.extend(model.decode(steps, &greedy, &[None]).await?.remove(0));
    let decoding = decoding.elapsed();
    let mut report = json!({
        "adapter": device.name(),
        "ids": ids,
        "device_ms": requested.as_secs_f64() * 1e3,
        "load_ms": (loaded - requested).as_secs_f64() * 1e3,
        "first_token_cold_ms": first.as_secs_f64() * 1e3,
        "first_token_warm_ms": warm.as_secs_f64() * 1e3,
        "decode_tokens_per_second": steps as f64 / decoding.as_secs_f64(),
        "dispatches_a_token": model.dispatches(),
        "bytes_a_token": model.bytes_a_token(),
    });
    if let Some(bandwidth) = arguments.bandwidth {
        report["bandwidth_floor_us"] = json!(model.bytes_a_token() as f64 / bandwidth / 1e3);
    }
    let long: Vec<u32> = (0..arguments.prefill as u32).map(|at| at * 31 % 4096).collect();
    if !long.is_empty() {
        let mut times = Vec::new();
        for _ in 0..3 {
            model.truncate(0);
            let start = Instant::now();
            model.prefill(&long).await?;
            model.logits(0).await?;
            times.push(start.elapsed().as_secs_f64());
        }
        // The first one makes the kernels.
        report["prefill_tokens_per_second"] = json!(long.len() as f64 / times[2]);
    }
    if arguments.profile {
        let profile = model.profile(20).await?;
        let kernels = profile.kernels.iter().map(|kernel| {
            json!({
                "kernel": kernel.label,
                "dispatches": kernel.dispatches,
                "us": kernel.microseconds,
                "us_a_dispatch": kernel.microseconds / kernel.dispatches as f64,
                "gb_per_s": kernel.bytes as f64 / kernel.microseconds / 1e3,
            })
        });
        report["profile"] =
            json!({ "token_us": profile.microseconds, "kernels": kernels.collect::<Vec<_>>() });
    }
    println!("{report:#}");
    Ok(())
}
