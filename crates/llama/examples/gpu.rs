//! Runs a model on the GPU and says how fast it is.
//!
//! `gpu --model FILE.gguf --prompt-ids 1,2,3 --max-tokens 128 --json`

use std::fs::File;
use std::io::Read as _;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use attune_llama::backend::Backend as _;
use attune_llama::checkpoint::gguf::{Limits, Reader};
use attune_llama::gpu::{Device, DeviceOptions, Loader, Model, ModelOptions};
use attune_llama::sample::Sampling;
use serde_json::json;

fn main() -> Result<()> {
    pollster::block_on(run())
}

struct Arguments {
    model: Option<String>,
    prompt: Vec<u32>,
    max_tokens: usize,
    json: bool,
    without_subgroups: bool,
}

fn arguments() -> Result<Arguments> {
    let mut known = Arguments { model: None, prompt: vec![6403, 1980, 253, 655], max_tokens: 128, json: false, without_subgroups: false };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut value = || given.next().with_context(|| format!("{name} needs a value"));
        match name.as_str() {
            "--model" => known.model = Some(value()?),
            "--prompt-ids" => {
                known.prompt = value()?.split(',').map(|id| id.trim().parse()).collect::<Result<_, _>>()?;
            }
            "--max-tokens" => known.max_tokens = value()?.parse()?,
            "--json" => known.json = true,
            "--without-subgroups" => known.without_subgroups = true,
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

async fn run() -> Result<()> {
    let arguments = arguments()?;
    let start = Instant::now();
    let mut options = DeviceOptions::default();
    options.without_subgroups = arguments.without_subgroups;
    let device = Device::request(&options).await?;
    let requested = start.elapsed();
    let path = arguments.model.context("--model is needed")?;
    let mut model = load(&path, Loader::new(&device, ModelOptions::default()))?;
    let loaded = start.elapsed();
    model.prefill(&arguments.prompt).await?;
    let greedy = [Sampling::default()];
    let mut ids = model.decode(1, &greedy, &[None]).await?.remove(0);
    let first = start.elapsed();
    let decoding = Instant::now();
    ids.extend(model.decode(arguments.max_tokens - 1, &greedy, &[None]).await?.remove(0));
    let decoding = decoding.elapsed();
    let report = json!({
        "adapter": device.name(),
        "ids": ids,
        "device_ms": requested.as_secs_f64() * 1e3,
        "load_ms": (loaded - requested).as_secs_f64() * 1e3,
        "first_token_ms": first.as_secs_f64() * 1e3,
        "decode_tokens_per_second": (arguments.max_tokens - 1) as f64 / decoding.as_secs_f64(),
    });
    println!("{report:#}");
    Ok(())
}
