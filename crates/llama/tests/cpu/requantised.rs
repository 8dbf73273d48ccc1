//! The formats of blocks, through a whole model.

use attune_llama::checkpoint::{Format, Limits, Sink, TensorInfo, dequantise, quantise, safetensors};
use attune_llama::cpu::{Loader, Mode};
use attune_llama::{Config, Result, backend::Backend as _};

use crate::support::fixture;
use crate::{furthest, golden, now, options};

/// Hands on every matrix in another format, or (`plain`) the numbers that format leaves.
struct Requantised<S> {
    format: Format,
    plain: bool,
    from: Vec<TensorInfo>,
    to: Vec<TensorInfo>,
    values: Vec<Vec<f32>>,
    sink: S,
}

impl<S: Sink> Sink for Requantised<S> {
    type Model = S::Model;

    fn begin(&mut self, config: &Config, tensors: &[TensorInfo]) -> Result<()> {
        self.from = tensors.to_vec();
        self.to = tensors.to_vec();
        for tensor in &mut self.to {
            tensor.format = if tensor.rows == 1 || self.plain { Format::F32 } else { self.format };
        }
        self.values = tensors.iter().map(|_| Vec::new()).collect();
        self.sink.begin(config, &self.to)
    }

    fn blocks(&mut self, tensor: usize, _: usize, blocks: &[u8]) -> Result<()> {
        let format = self.from[tensor].format;
        let mut values = vec![0.0; blocks.len() / format.block_bytes() * format.block_len()];
        dequantise(format, blocks, &mut values);
        self.values[tensor].extend(values);
        Ok(())
    }

    fn end(mut self) -> Result<S::Model> {
        for (tensor, values) in self.values.iter().enumerate() {
            let mut bytes = Vec::new();
            if self.from[tensor].rows == 1 {
                quantise(Format::F32, values, &mut bytes)?;
            } else {
                quantise(self.format, values, &mut bytes)?;
                if self.plain {
                    let mut values = vec![0.0; values.len()];
                    dequantise(self.format, &bytes, &mut values);
                    bytes.clear();
                    quantise(Format::F32, &values, &mut bytes)?;
                }
            }
            self.sink.blocks(tensor, 0, &bytes)?;
        }
        self.sink.end()
    }
}

/// Logits after the golden tokens.
fn logits(name: &str, format: Format, plain: bool, mode: Mode) -> Vec<f32> {
    let json = String::from_utf8(fixture(name, "config.json")).unwrap();
    let sink = Requantised {
        format,
        plain,
        from: Vec::new(),
        to: Vec::new(),
        values: Vec::new(),
        sink: Loader::new(options(mode)),
    };
    let mut reader = safetensors::Reader::new(Limits::default(), &json, sink).unwrap();
    reader.push(&fixture(name, "model.safetensors")).unwrap();
    let mut model = reader.finish().unwrap().model;
    now(model.prefill(&golden(name).tokens)).unwrap();
    now(model.logits(0)).unwrap()
}

#[test]
fn a_format_gives_the_logits_of_the_numbers_it_stands_for() {
    for name in ["llama", "qwen3"] {
        for format in [Format::F16, Format::BF16, Format::Q8_0, Format::Q4_0, Format::Q4_1] {
            let due = logits(name, format, true, Mode::Exact);
            let exact = furthest(&logits(name, format, false, Mode::Exact), &due);
            assert!(exact < 2e-3, "{name} {format:?}: {exact}");
            let fast = furthest(&logits(name, format, false, Mode::Fast), &due);
            let size = due.iter().fold(0.0f32, |a, b| a.max(b.abs()));
            assert!(fast < 0.1 * size, "{name} {format:?}: {fast} of {size}");
        }
    }
}
