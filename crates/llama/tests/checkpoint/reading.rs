//! Whole files.

use std::fs::{self, File};
use std::io::Read as _;

use attune_llama::Config;
use attune_llama::checkpoint::{Limits, Loaded, Role, gguf, llama2c, safetensors};
use attune_llama::config::RopePairs;
use sha2::{Digest as _, Sha256};

use crate::support::{Numbers, SHAPES, fixture, shared, smollm2};

/// All numbers of the file in its order, as little-endian f32, by `gguf.quants.dequantize` (PyPI gguf 0.19.0).
const SMOLLM2_NUMBERS: &str = "1034100613c22abd3cc047d99b02ed7a8d419bc245f4cf54a4736c5f699ba569";

#[test]
fn smollm2_is_read_bit_for_bit() {
    let Some(path) = smollm2() else { return };
    let mut file = File::open(path).unwrap();
    let mut reader = gguf::Reader::new(Limits::default(), Numbers::default());
    let mut buffer = vec![0; 999_983];
    loop {
        let count = file.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        reader.push(&buffer[..count]).unwrap();
    }
    assert_eq!(reader.total(), Some(file.metadata().unwrap().len()));
    let Loaded { model, header } = reader.finish().unwrap();
    let config = &header.config;
    assert_eq!((config.hidden, config.layers, config.heads, config.kv_heads), (576, 30, 9, 3));
    assert_eq!((config.head_dim, config.feed_forward, config.vocab, config.context), (64, 1536, 49152, 8192));
    assert!(config.tied && !config.qkv_bias && !config.qk_norm);
    let mut digest = Sha256::new();
    for number in model.tensors.iter().flatten() {
        digest.update(number.to_le_bytes());
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, SMOLLM2_NUMBERS);
}

#[test]
fn stories260k_is_read() {
    let Some(path) = shared("models/stories260K/checkpoint_v1.bin") else { return };
    let bytes = fs::read(path).unwrap();
    for step in [1, 7, 255, 257, bytes.len()] {
        let mut reader = llama2c::Reader::new(Limits::default(), Numbers::default());
        bytes.chunks(step).for_each(|chunk| reader.push(chunk).unwrap());
        let Loaded { model, header } = reader.finish().unwrap();
        assert_eq!(header.config.rope_pairs, RopePairs::Interleaved);
        assert_eq!(model.tensors.iter().map(Vec::len).sum::<usize>(), (bytes.len() - 256) / 4);
        let last = f32::from_le_bytes(*bytes.last_chunk().unwrap());
        assert_eq!(model.tensors.last().unwrap().last(), Some(&last));
    }
}

#[test]
fn every_shape_is_read_from_safetensors() {
    for name in SHAPES {
        let (json, bytes) = (fixture(name, "config.json"), fixture(name, "model.safetensors"));
        let json = String::from_utf8(json).unwrap();
        for step in [1, 1000, bytes.len()] {
            let mut reader = safetensors::Reader::new(Limits::default(), &json, Numbers::default()).unwrap();
            bytes.chunks(step).for_each(|chunk| reader.push(chunk).unwrap());
            assert_eq!(reader.total(), Some(bytes.len() as u64));
            let Loaded { model, header } = reader.finish().unwrap();
            shape(name, &header.config);
            assert_eq!(model.by_role()[&Role::Embedding].len(), 300 * 64);
        }
    }
}

fn shape(name: &str, config: &Config) {
    assert_eq!((config.vocab, config.hidden, config.layers, config.heads), (300, 64, 2, 4));
    assert_eq!(config.rope_scaling.is_some(), name == "llama3");
    assert_eq!(config.qkv_bias, name == "qwen2");
    assert_eq!(config.qk_norm, name == "qwen3");
    assert_eq!(config.tied, name != "llama");
    assert_eq!(config.head_dim, if name == "qwen3" { 32 } else { 16 });
    assert_eq!(
        config.rope_theta,
        match name {
            "llama" => 1e4,
            "llama3" => 5e5,
            _ => 1e6,
        }
    );
}
