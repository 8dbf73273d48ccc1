//! Completes a prompt given as token ids, and says how fast: one JSON object. `tests/bench/generate/cpu.mjs` calls it.
//!
//!     complete MODEL.gguf IDS COUNT [--exact] [--threads N] [--rounds N]
//!
//! IDS are comma-separated. Each round starts from nothing: the prompt is prefilled, COUNT tokens are decoded greedily.
#![allow(clippy::print_stdout, reason = "an example")]

use std::fs::File;
use std::io::Read as _;
use std::time::Instant;

use attune_llama::backend::Backend;
use attune_llama::checkpoint::{Limits, gguf};
use attune_llama::cpu::{Loader, Mode, Options};
use attune_llama::sample::Sampling;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let mut words = Vec::new();
    let mut options = Options { capacity: 4096, ..Options::default() };
    let mut rounds = 1;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number =
            || -> Fallible<usize> { Ok(arguments.next().ok_or("a number is missing")?.parse()?) };
        match argument.as_str() {
            "--exact" => options.mode = Mode::Exact,
            "--threads" => options.threads = number()?,
            "--rounds" => rounds = number()?,
            _ => words.push(argument),
        }
    }
    let [path, ids, count] = words.as_slice() else { return Err("MODEL.gguf IDS COUNT".into()) };
    let ids = ids.split(',').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    let count: usize = count.parse()?;

    let start = Instant::now();
    let mut file = File::open(path)?;
    let mut reader = gguf::Reader::new(Limits::default(), Loader::new(options));
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => reader.push(&buffer[..read])?,
        }
    }
    let mut model = reader.finish()?.model;
    let load = start.elapsed().as_secs_f64();

    let (mut prompt, mut decode, mut drawn) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        model.truncate(0);
        let start = Instant::now();
        now(model.prefill(&ids))?;
        now(model.logits(0))?;
        prompt.push(ids.len() as f64 / start.elapsed().as_secs_f64());
        let start = Instant::now();
        drawn = now(model.decode(count, &[Sampling::default()], &[]))?.remove(0);
        decode.push(count as f64 / start.elapsed().as_secs_f64());
    }
    let answer = serde_json::json!({
        "load_seconds": load,
        "prompt_tokens_per_second": prompt,
        "decode_tokens_per_second": decode,
        "ids": drawn,
    });
    println!("{answer}");
    Ok(())
}

/// The CPU's futures never wait.
fn now<T>(future: impl Future<Output = attune_llama::Result<T>>) -> Fallible<T> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(result) => Ok(result?),
        std::task::Poll::Pending => Err("the processor waits for nothing".into()),
    }
}
