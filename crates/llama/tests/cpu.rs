//! The CPU rung, held to what others compute.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::fs;

use attune_llama::backend::{Backend, Mask};
use attune_llama::checkpoint::{Limits, llama2c, safetensors};
use attune_llama::cpu::{Loader, Mode, Model, Options};
use attune_llama::sample::Sampling;
use attune_llama::{Error, Result};

#[path = "cpu/copywriter.rs"]
mod copywriter;
#[path = "cpu/requantised.rs"]
mod requantised;
#[path = "cpu/smollm2.rs"]
mod smollm2;
#[allow(dead_code, reason = "what the tests of checkpoints need besides")]
#[path = "checkpoint/support.rs"]
mod support;

use self::support::{SHAPES, fixture, shared};

/// The CPU's futures never wait.
fn now<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

fn options(mode: Mode) -> Options {
    Options { mode, threads: 2, ..Options::default() }
}

fn shape(name: &str, options: Options) -> Model {
    let json = String::from_utf8(fixture(name, "config.json")).unwrap();
    let mut reader = safetensors::Reader::new(Limits::default(), &json, Loader::new(options)).unwrap();
    fixture(name, "model.safetensors").chunks(777).for_each(|chunk| reader.push(chunk).unwrap());
    reader.finish().unwrap().model
}

struct Golden {
    tokens: Vec<u32>,
    far: Vec<u32>,
    /// `[tokens + 1, 300]`
    logits: Vec<f32>,
}

fn golden(name: &str) -> Golden {
    let json: serde_json::Value = serde_json::from_slice(&fixture(name, "tokens.json")).unwrap();
    let ids =
        |key: &str| json[key].as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect();
    let logits = fixture(name, "logits.f32");
    let logits = logits.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Golden { tokens: ids("tokens"), far: ids("far"), logits }
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn every_shape_gives_the_logits_of_transformers() {
    for name in SHAPES {
        let golden = golden(name);
        let mut model = shape(name, options(Mode::Exact));
        for (token, due) in golden.tokens.iter().zip(golden.logits.chunks_exact(300)) {
            now(model.prefill(&[*token])).unwrap();
            let apart = furthest(&now(model.logits(0)).unwrap(), due);
            assert!(apart < 2e-3, "{name}: {apart}");
        }
        model.truncate(0);
        now(model.prefill(&golden.far)).unwrap();
        let apart = furthest(&now(model.logits(0)).unwrap(), &golden.logits[golden.tokens.len() * 300..]);
        assert!(apart < 2e-3, "{name}, after 200 tokens: {apart}");
    }
}

#[test]
fn stories260k_is_told_as_llama2_c_tells_it() {
    // `expected_stdout` of llama2.c's test_all.py: 200 steps at temperature 0.
    const TOLD: &str = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, \
        she saw a big, red ball. She wanted to play with it, but it was too high.\nLily's mom said, \"Lily, let's go to the park.\" \
        Lily was sad and didn't know what to do. She said, \"I want to play with your ball, but I can't find it.\"\nLily was sad \
        and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to do.\"\nLily didn't want to help her mom, \
        so she";
    let (Some(weights), Some(pieces)) =
        (shared("models/stories260K/checkpoint_v1.bin"), shared("models/stories260K/tokenizer.bin"))
    else {
        return;
    };
    let mut reader = llama2c::Reader::new(Limits::default(), Loader::new(options(Mode::Exact)));
    reader.push(&fs::read(weights).unwrap()).unwrap();
    let mut model = reader.finish().unwrap().model;
    now(model.prefill(&[1])).unwrap();
    let ids = now(model.decode(200, &[Sampling::default()], &[])).unwrap().remove(0);
    let pieces = pieces_of(&fs::read(pieces).unwrap());
    let text: String = ids.iter().map(|&id| pieces[id as usize].as_str()).collect();
    assert_eq!(text.trim_start(), TOLD);
}

/// llama2.c's tokenizer file: the longest piece's length, then score, length and bytes of each.
fn pieces_of(mut bytes: &[u8]) -> Vec<String> {
    let mut pieces = Vec::new();
    bytes = &bytes[4..];
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let piece = String::from_utf8(rest[..length].to_vec()).unwrap();
        pieces.push(if piece == "<0x0A>" { "\n".into() } else { piece });
        bytes = &rest[length..];
    }
    pieces
}

#[test]
fn lanes_go_on_as_they_would_alone() {
    let golden = golden("qwen2");
    let mut together = shape("qwen2", Options { lanes: 3, ..options(Mode::Exact) });
    let samplings =
        [1.0, 1.4, 2.0].map(|repetition_penalty| Sampling { repetition_penalty, ..Sampling::default() });
    let mut runs = Vec::new();
    for _ in 0..2 {
        together.truncate(5);
        let kept = together.len();
        now(together.prefill(&golden.tokens[kept..])).unwrap();
        let mut drawn = now(together.decode(9, &samplings, &[])).unwrap();
        for (lane, more) in now(together.decode(4, &samplings, &[])).unwrap().into_iter().enumerate() {
            drawn[lane].extend(more);
        }
        runs.push(drawn);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0][0], runs[0][2]);
    for (sampling, drawn) in samplings.iter().zip(&runs[0]) {
        let mut alone = shape("qwen2", options(Mode::Exact));
        now(alone.prefill(&golden.tokens)).unwrap();
        assert_eq!(&now(alone.decode(13, &[*sampling], &[])).unwrap()[0], drawn);
        let (one, other) = (
            now(alone.logits(0)).unwrap(),
            now(together.logits(runs[0].iter().position(|d| d == drawn).unwrap())).unwrap(),
        );
        assert!(furthest(&one, &other) < 1e-4);
    }
}

#[test]
fn one_lane_is_its_own_beginning() {
    let golden = golden("llama");
    let mut model = shape("llama", options(Mode::Exact));
    now(model.prefill(&golden.tokens[..4])).unwrap();
    let drawn = now(model.decode(3, &[Sampling::default()], &[])).unwrap().remove(0);
    now(model.prefill(&golden.tokens[4..])).unwrap();
    let after = now(model.logits(0)).unwrap();
    let mut other = shape("llama", options(Mode::Exact));
    let all = [&golden.tokens[..4], &drawn, &golden.tokens[4..]].concat();
    now(other.prefill(&all)).unwrap();
    assert!(furthest(&now(other.logits(0)).unwrap(), &after) < 1e-4);
    // Cut in the middle of what was drawn, without a token after.
    model.truncate(6);
    other.truncate(6);
    assert!(furthest(&now(other.logits(0)).unwrap(), &now(model.logits(0)).unwrap()) < 1e-4);
}

#[test]
fn draws_follow_the_seed_and_the_mask() {
    let golden = golden("llama3");
    let draw = |seed: u64, mask: Option<Mask>| {
        let mut model = shape("llama3", Options { lanes: 2, ..options(Mode::Fast) });
        now(model.prefill(&golden.tokens)).unwrap();
        let sampling = Sampling { temperature: 1.0, top_k: 40, top_p: 0.95, seed, ..Sampling::default() };
        let steps = if mask.is_some() { 1 } else { 12 };
        now(model.decode(steps, &[sampling; 2], &[mask.clone(), mask])).unwrap()
    };
    assert_eq!(draw(3, None), draw(3, None));
    assert_ne!(draw(3, None), draw(4, None));
    let lanes = draw(3, None);
    assert_ne!(lanes[0], lanes[1]);
    let mut only = Mask(vec![0; 300usize.div_ceil(32)]);
    only.0[7] = 1 << 3;
    assert_eq!(draw(3, Some(only)), [[7 * 32 + 3], [7 * 32 + 3]]);
}

#[test]
fn what_there_is_none_of_is_refused() {
    let mut model = shape("llama", Options { lanes: 2, capacity: 10, ..options(Mode::Fast) });
    let greedy = [Sampling::default(); 3];
    assert!(matches!(now(model.logits(0)), Err(Error::Input(_))));
    assert!(matches!(now(model.decode(1, &greedy[..1], &[])), Err(Error::Input(_))));
    assert!(matches!(now(model.prefill(&[300])), Err(Error::Input(_))));
    assert!(matches!(now(model.prefill(&[1; 11])), Err(Error::Full { capacity: 10 })));
    assert!(model.is_empty());
    now(model.prefill(&[1; 8])).unwrap();
    assert!(matches!(now(model.logits(2)), Err(Error::Input(_))));
    assert!(matches!(now(model.decode(1, &greedy, &[])), Err(Error::Input(_))));
    assert!(matches!(now(model.decode(1, &[], &[])), Err(Error::Input(_))));
    assert!(matches!(now(model.decode(1, &greedy[..2], &[None])), Err(Error::Input(_))));
    assert!(matches!(now(model.decode(3, &greedy[..2], &[])), Err(Error::Full { .. })));
    assert!(matches!(now(model.decode(1, &greedy[..1], &[Some(Mask(vec![1]))])), Err(Error::Input(_))));
    let all = Mask(vec![u32::MAX; 10]);
    assert!(matches!(now(model.decode(2, &greedy[..1], &[Some(all)])), Err(Error::Input(_))));
    assert_eq!(now(model.decode(2, &greedy[..2], &[])).unwrap()[0].len(), 2);
    assert_eq!(model.len(), 10);
    assert!(matches!(now(model.prefill(&[1])), Err(Error::Input(_))));
    assert!(matches!(now(model.decode(1, &greedy[..2], &[])), Err(Error::Full { .. })));
    model.truncate(100);
    assert_eq!(model.len(), 8);
}
