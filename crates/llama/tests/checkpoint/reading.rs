//! Whole files.

use std::fs::File;
use std::io::Read as _;

use attune_llama::checkpoint::gguf::{Limits, Loaded, Reader};
use sha2::{Digest as _, Sha256};

use crate::support::{Numbers, smollm2};

/// All numbers of the file in its order, as little-endian f32, by `gguf.quants.dequantize` (PyPI gguf 0.19.0).
const SMOLLM2_NUMBERS: &str = "1034100613c22abd3cc047d99b02ed7a8d419bc245f4cf54a4736c5f699ba569";

#[test]
fn smollm2_is_read_bit_for_bit() {
    let Some(path) = smollm2() else { return };
    let mut file = File::open(path).unwrap();
    let mut reader = Reader::new(Limits::default(), Numbers::default());
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
