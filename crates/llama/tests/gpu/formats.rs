//! The formats of blocks, through a whole model with random blocks, beside the CPU rung's exact mode.

use attune_llama::backend::Backend as _;
use attune_llama::checkpoint::{Format, Limits, Part, Role, Sink, TensorInfo, safetensors};
use attune_llama::config::RopePairs;
use attune_llama::gpu::Loader;
use attune_llama::{Config, Error, cpu};

use crate::{device, fixture, furthest, half, now, room, ways};

/// A layer of 256 numbers with weights in one format, its values and the embedding in others.
fn fill<S: Sink>(mut sink: S, format: Format, other: Format) -> S::Model {
    let config = Config {
        architecture: "llama".into(),
        hidden: 256,
        layers: 1,
        heads: 4,
        kv_heads: 2,
        head_dim: 64,
        feed_forward: 512,
        vocab: 301,
        context: 256,
        rope_theta: 1e4,
        rope_pairs: RopePairs::Halves,
        rope_scaling: None,
        norm_epsilon: 1e-5,
        qkv_bias: false,
        qk_norm: false,
        tied: true,
    };
    let layer = |part| Role::Layer(0, part);
    let tensors = [
        (Role::Embedding, other, 301, 256),
        (Role::OutputNorm, Format::F32, 1, 256),
        (layer(Part::AttentionNorm), Format::F32, 1, 256),
        (layer(Part::FeedForwardNorm), Format::F32, 1, 256),
        (layer(Part::Value), other, 128, 256),
        (layer(Part::Query), format, 256, 256),
        (layer(Part::Key), format, 128, 256),
        (layer(Part::AttentionOutput), format, 256, 256),
        (layer(Part::Gate), format, 512, 256),
        (layer(Part::Up), format, 512, 256),
        (layer(Part::Down), format, 256, 512),
    ]
    .map(|(role, format, rows, columns)| TensorInfo { role, format, rows, columns });
    sink.begin(&config, &tensors).unwrap();
    let mut random = 9_u32;
    let mut byte = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    };
    for (index, tensor) in tensors.iter().enumerate() {
        let mut bytes = Vec::new();
        for _ in 0..tensor.bytes() / tensor.format.block_bytes() {
            let mut block: Vec<u8> = (0..tensor.format.block_bytes()).map(|_| byte()).collect();
            // Halves between 2⁻⁶ and 2⁻⁵, of either sign, as scales and minima.
            let mut half = |at: usize, exponent: u8| block[at] = block[at] & 0x83 | exponent << 2;
            match tensor.format {
                Format::F32 => {
                    let number = f32::from(block[0]) / 256.0 + 0.5;
                    block.copy_from_slice(&number.to_le_bytes());
                }
                Format::F16 => half(1, 11),
                Format::BF16 => block[1] = block[1] & 0x80 | 0x3D,
                Format::Q4_1 => [1, 3].into_iter().for_each(|at| half(at, 8)),
                Format::Q8_0 => half(1, 4),
                Format::Q4_K => [1, 3].into_iter().for_each(|at| half(at, 3)),
                Format::Q6_K => half(209, 1),
                _ => half(1, 8),
            }
            bytes.extend(block);
        }
        let per_block = tensor.format.block_bytes();
        for (part, blocks) in bytes.chunks(per_block * 7).enumerate() {
            sink.blocks(index, part * 7, blocks).unwrap();
        }
    }
    sink.end().unwrap()
}

#[test]
fn every_format_gives_the_logits_of_the_cpu() {
    let tokens: Vec<u32> = (0..33).map(|at| at * 41 % 301).collect();
    let pairs = [
        (Format::F32, Format::F16),
        (Format::F16, Format::F32),
        (Format::BF16, Format::Q4_0),
        (Format::Q8_0, Format::BF16),
        (Format::Q4_0, Format::Q8_0),
        (Format::Q4_1, Format::Q8_0),
        (Format::Q5_0, Format::Q4_1),
        (Format::Q4_K, Format::Q6_K),
        (Format::Q6_K, Format::Q4_K),
        (Format::Q6_K, Format::Q5_0),
    ];
    for (way, pairs) in ways().into_iter().zip([&pairs[..], &pairs[..], &pairs[7..8]]) {
        let Some(device) = device(&way) else { return };
        for &(format, other) in pairs {
            let exact = cpu::Options { mode: cpu::Mode::Exact, threads: 1, ..cpu::Options::default() };
            let mut cpu = fill(cpu::Loader::new(exact), format, other);
            let mut gpu = fill(Loader::new(&device, room(128, 1)), format, other);
            now(cpu.prefill(&tokens)).unwrap();
            now(gpu.prefill(&tokens)).unwrap();
            let (due, got) = (now(cpu.logits(0)).unwrap(), now(gpu.logits(0)).unwrap());
            let scale = due.iter().fold(0f32, |most, logit| most.max(logit.abs()));
            let apart = furthest(&due, &got) / scale;
            assert!(scale > 0.1 && apart < 1e-4, "{way:?} {format:?} {other:?}: {apart} of {scale}");
            // These weights of 32 bits are near 1: what they make of the activations exceeds 16 bits.
            if [format, other].contains(&Format::F32) {
                continue;
            }
            let Some(options) = half(&device, room(128, 1)) else { continue };
            let mut gpu = fill(Loader::new(&device, options), format, other);
            now(gpu.prefill(&tokens)).unwrap();
            let apart = furthest(&due, &now(gpu.logits(0)).unwrap()) / scale;
            assert!(apart < 1e-2, "{way:?} {format:?} {other:?}, 16 bits: {apart} of {scale}");
        }
    }
}

#[test]
fn weights_that_are_no_numbers_are_an_error() {
    let Some(device) = device(&ways()[0]) else { return };
    let mut weights = fixture("llama", "model.safetensors");
    let at = weights.len() - 4096;
    weights[at..].fill(0xFF);
    let json = String::from_utf8(fixture("llama", "config.json")).unwrap();
    let mut reader =
        safetensors::Reader::new(Limits::default(), &json, Loader::new(&device, room(64, 1))).unwrap();
    reader.push(&weights).unwrap();
    let mut model = reader.finish().unwrap().model;
    now(model.prefill(&[1, 2, 3])).unwrap();
    let logits = now(model.logits(0)).unwrap();
    if logits.iter().all(|logit| !logit.is_finite()) {
        let drawn = now(model.decode(1, &[attune_llama::sample::Sampling::default()], &[]));
        assert!(matches!(drawn, Err(Error::Device(_))));
    } else {
        panic!("the test's weights have to spoil every logit");
    }
}
