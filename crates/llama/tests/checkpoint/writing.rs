//! Files that are written, read again.

use std::fs;

use attune_llama::checkpoint::write::{Writer, matrices};
use attune_llama::checkpoint::{
    Format, Limits, Loaded, Metadata, Part, Role, Sink, TensorInfo, gguf, llama2c, quantise, safetensors,
};
use attune_llama::config::RopePairs;
use attune_llama::tokenizer::Tokenizer;
use attune_llama::{Config, Result};
use sha2::{Digest as _, Sha256};

use crate::support::{Numbers, SHAPES, fixture, shared, smollm2};

/// SmolLM2's matrices as Q8_0, by `gguf.quants` (PyPI gguf 0.19.0): sha256 of all tensors' bytes in the order of the file.
const SMOLLM2_Q8_0: &str = "270a39d46ea0b45e3955f8f3f1c07ceff4e8160e969374286dbc5d610fd78d15";

struct Bytes(Sha256);

impl Sink for Bytes {
    type Model = String;

    fn begin(&mut self, _: &Config, tensors: &[TensorInfo]) -> Result<()> {
        assert!(
            tensors.iter().all(|info| info.format == if info.rows == 1 { Format::F32 } else { Format::Q8_0 })
        );
        Ok(())
    }

    fn blocks(&mut self, _: usize, _: usize, blocks: &[u8]) -> Result<()> {
        self.0.update(blocks);
        Ok(())
    }

    fn end(self) -> Result<String> {
        Ok(self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[test]
fn smollm2_as_q8_0_bit_for_bit() {
    let Some(path) = smollm2() else { return };
    let file = fs::read(path).unwrap();
    let mut header = gguf::Reader::new(Limits::default(), ());
    header.push(&file[..2 << 20]).unwrap();
    let metadata = header.header().unwrap().metadata.clone();
    let writer = Writer::new(Vec::new(), metadata.clone(), matrices(Format::Q8_0));
    let mut reader = gguf::Reader::new(Limits::default(), writer);
    file.chunks(1_000_003).for_each(|chunk| reader.push(chunk).unwrap());
    let before = reader.header().unwrap().config.clone();
    let written = reader.finish().unwrap().model;
    let mut again = gguf::Reader::new(Limits::default(), Bytes(Sha256::new()));
    again.push(&written).unwrap();
    assert_eq!(again.total(), Some(written.len() as u64));
    let Loaded { model, header } = again.finish().unwrap();
    assert_eq!(header.config, before);
    assert_eq!(
        Tokenizer::new(&header.metadata).unwrap().encode("Once upon a time", false),
        [6403, 1980, 253, 655]
    );
    assert_eq!(model, SMOLLM2_Q8_0);
}

#[test]
fn stories260k_as_gguf() {
    let Some(path) = shared("models/stories260K/checkpoint_v1.bin") else { return };
    let Some(tokens) = shared("models/stories260K/tokenizer.bin") else { return };
    let (file, tokens) = (fs::read(path).unwrap(), fs::read(tokens).unwrap());
    let metadata = llama2c::tokenizer(&tokens).unwrap();
    let mut plain = llama2c::Reader::new(Limits::default(), Numbers::default());
    plain.push(&file).unwrap();
    let plain = plain.finish().unwrap();
    for format in [Format::F32, Format::Q8_0] {
        let mut reader = llama2c::Reader::new(
            Limits::default(),
            Writer::new(Vec::new(), metadata.clone(), matrices(format)),
        );
        file.chunks(4001).for_each(|chunk| reader.push(chunk).unwrap());
        let written = reader.finish().unwrap().model;
        let mut again = gguf::Reader::new(Limits::default(), Numbers::default());
        again.push(&written).unwrap();
        let Loaded { model, header } = again.finish().unwrap();
        assert_eq!(header.config, plain.header.config);
        assert_eq!(Tokenizer::new(&header.metadata).unwrap().encode("Once", false).len(), 1);
        let (plain, model) = (plain.model.by_role(), model.by_role());
        for (role, numbers) in &plain {
            if format == Format::F32 {
                assert_eq!(numbers, &model[role]);
            }
            let most = numbers.iter().fold(0f32, |most, number| most.max(number.abs()));
            let close = numbers.iter().zip(model[role]).all(|(a, b)| (a - b).abs() <= most / 200.0);
            assert!(close, "{role:?}");
        }
    }
}

/// What GGUF's converter does with the rows of a Llama's queries and keys: `reshape(heads, 2, d/2, …).swapaxes(1, 2)`.
#[test]
fn every_shape_as_gguf() {
    for name in SHAPES {
        let json = String::from_utf8(fixture(name, "config.json")).unwrap();
        let bytes = fixture(name, "model.safetensors");
        let mut reader = safetensors::Reader::new(Limits::default(), &json, Numbers::default()).unwrap();
        reader.push(&bytes).unwrap();
        let plain = reader.finish().unwrap();
        let writer = Writer::new(Vec::new(), Metadata::default(), matrices(Format::BF16));
        let mut reader = safetensors::Reader::new(Limits::default(), &json, writer).unwrap();
        bytes.chunks(777).for_each(|chunk| reader.push(chunk).unwrap());
        let written = reader.finish().unwrap().model;
        for step in [1, 113, written.len()] {
            let mut again = gguf::Reader::new(Limits::default(), Numbers::default());
            written.chunks(step).for_each(|chunk| again.push(chunk).unwrap());
            let Loaded { model, header } = again.finish().unwrap();
            let llama = header.config.architecture == "llama";
            let before = &plain.header.config;
            let pairs = if llama { RopePairs::Interleaved } else { RopePairs::Halves };
            assert_eq!(header.config, Config { rope_pairs: pairs, ..before.clone() });
            for (role, numbers) in model.by_role() {
                let before = plain.model.by_role()[&role];
                let turned = llama && matches!(role, Role::Layer(_, Part::Query | Part::Key));
                let d = header.config.head_dim;
                let row = |row: usize| match turned {
                    true => row / d * d + row % d / 2 + row % 2 * (d / 2),
                    false => row,
                };
                let (rows, columns) = role.shape(&header.config);
                for at in 0..rows {
                    assert_eq!(numbers[at * columns..][..columns], before[row(at) * columns..][..columns]);
                }
            }
        }
    }
}

#[test]
fn formats_that_are_only_read() {
    assert_eq!(quantise(Format::Q6_K, &[0.0; 256], &mut Vec::new()).unwrap_err().code(), "model_unsupported");
}
