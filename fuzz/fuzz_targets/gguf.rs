//! The GGUF reader, its cutting of blocks, and the formats: whatever the chunks, the same blocks or an error.
#![no_main]

use attune_llama::checkpoint::{Limits, Sink, TensorInfo, dequantise, gguf};
use attune_llama::tokenizer::Tokenizer;
use attune_llama::{Config, Result};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};

/// Checks that blocks come in order, and hashes them.
struct Checked {
    tensors: Vec<TensorInfo>,
    bytes: Vec<usize>,
    digest: Sha256,
}

impl Sink for Checked {
    type Model = Vec<u8>;

    fn begin(&mut self, config: &Config, tensors: &[TensorInfo]) -> Result<()> {
        assert!(config.rope_frequencies().iter().all(|frequency| frequency.is_finite()));
        self.tensors = tensors.to_vec();
        self.bytes = vec![0; tensors.len()];
        Ok(())
    }

    fn blocks(&mut self, tensor: usize, first: usize, blocks: &[u8]) -> Result<()> {
        let format = self.tensors[tensor].format;
        assert_eq!(self.bytes[tensor], first * format.block_bytes());
        assert_eq!(blocks.len() % format.block_bytes(), 0);
        self.bytes[tensor] += blocks.len();
        let mut numbers = vec![0.0; blocks.len() / format.block_bytes() * format.block_len()];
        dequantise(format, blocks, &mut numbers);
        self.digest.update(blocks);
        Ok(())
    }

    fn end(self) -> Result<Vec<u8>> {
        for (info, bytes) in self.tensors.iter().zip(self.bytes) {
            assert_eq!(info.bytes(), bytes);
        }
        Ok(self.digest.finalize().to_vec())
    }
}

fn read(bytes: &[u8], step: usize) -> Option<Vec<u8>> {
    let limits = Limits { header: 1 << 20, weights: 1 << 20, ..Limits::default() };
    let sink = Checked { tensors: Vec::new(), bytes: Vec::new(), digest: Sha256::new() };
    let mut reader = gguf::Reader::new(limits, sink);
    for chunk in bytes.chunks(step) {
        reader.push(chunk).ok()?;
    }
    let loaded = reader.finish().ok()?;
    if let Ok(tokenizer) = Tokenizer::new(&loaded.header.metadata) {
        let _ = tokenizer.decode(&tokenizer.encode("a b 1 <s>", true));
    }
    Some(loaded.model)
}

fuzz_target!(|data: &[u8]| {
    let Some((step, bytes)) = data.split_first() else { return };
    assert_eq!(read(bytes, usize::from(*step) + 1), read(bytes, bytes.len().max(1)));
});
