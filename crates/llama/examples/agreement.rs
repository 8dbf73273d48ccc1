//! How far fast mode is from exact mode: `agreement MODEL.gguf IDS[;IDS…]`, one JSON object. `cargo xtask bench generate` calls it.
//!
//! After each prompt, comma-separated ids, exact mode writes a text at temperature 1; then both modes read it token by token.
#![allow(clippy::print_stdout, reason = "an example")]

use anyhow::{Context as _, Result};
use attune_llama::agreement::Agreement;
use attune_llama::backend::Backend as _;
use attune_llama::checkpoint::{Limits, gguf};
use attune_llama::cpu::{Loader, Mode, Model, Options};
use attune_llama::sample::Sampling;
use pollster::block_on;

/// Tokens after each prompt.
const WRITTEN: usize = 70;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let bytes = std::fs::read(arguments.next().context("MODEL.gguf IDS[;IDS…]")?)?;
    let prompts = arguments.next().context("MODEL.gguf IDS[;IDS…]")?;
    let (mut exact, mut fast) = (load(&bytes, Mode::Exact)?, load(&bytes, Mode::Fast)?);
    let mut agreement = Agreement::default();
    for prompt in prompts.split(';') {
        let mut text = prompt.split(',').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
        exact.truncate(0);
        block_on(exact.prefill(&text))?;
        let sampling = Sampling { temperature: 1.0, top_p: 0.95, seed: 4, ..Sampling::default() };
        text.extend(block_on(exact.decode(WRITTEN, &[sampling], &[]))?.remove(0));
        exact.truncate(0);
        fast.truncate(0);
        for token in text {
            block_on(exact.prefill(&[token]))?;
            block_on(fast.prefill(&[token]))?;
            agreement.count(&block_on(exact.logits(0))?, &block_on(fast.logits(0))?);
        }
    }
    let (positions, kl, top_1) = (agreement.positions(), agreement.divergence(), agreement.same());
    println!("{}", serde_json::json!({ "positions": positions, "kl": kl, "top_1": top_1 }));
    Ok(())
}

fn load(bytes: &[u8], mode: Mode) -> Result<Model> {
    let options = Options { mode, ..Options::default() };
    let mut reader = gguf::Reader::new(Limits::default(), Loader::new(options));
    for part in bytes.chunks(1 << 20) {
        reader.push(part)?;
    }
    Ok(reader.finish()?.model)
}
