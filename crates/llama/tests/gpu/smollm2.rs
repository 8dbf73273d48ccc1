//! SmolLM2-135M-Instruct against the shared reference.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use attune_llama::backend::Backend as _;
use attune_llama::checkpoint::{Limits, gguf};
use attune_llama::gpu::{DeviceOptions, Loader, Model};
use attune_llama::sample::Sampling;
use serde_json::Value;

use crate::support::{shared, smollm2};
use crate::{device, half, now, room};

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

fn load(path: &Path, loader: Loader) -> Model {
    let mut file = File::open(path).unwrap();
    let mut reader = gguf::Reader::new(Limits::default(), loader);
    let mut buffer = vec![0; 999_983];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return reader.finish().unwrap().model,
            count => reader.push(&buffer[..count]).unwrap(),
        }
    }
}

/// Reads the case's prompt; the first token's logits are no further than `most` from the reference's.
fn near(model: &mut Model, case: &Value, most: f64) {
    model.truncate(0);
    now(model.prefill(&ids(&case["ids"]))).unwrap();
    let logits = now(model.logits(0)).unwrap();
    for top in case["top5_first"].as_array().unwrap() {
        let (id, due) = (top[0].as_u64().unwrap() as usize, top[1].as_f64().unwrap());
        let apart = (f64::from(logits[id]) - due).abs();
        assert!(apart < most, "{} token {id}: {apart}", case["prompt"]);
    }
}

#[test]
fn smollm2_is_the_reference() {
    let path: Option<PathBuf> = std::env::var_os("ATTUNE_SMOLLM2").map(Into::into).or_else(smollm2);
    let (Some(path), Some(reference)) = (path, shared("reference/smollm2_135m_instruct_q4_1.json")) else {
        return;
    };
    let Some(device) = device(&DeviceOptions::default()) else { return };
    let reference: Value = serde_json::from_slice(&fs::read(reference).unwrap()).unwrap();
    let mut model = load(&path, Loader::new(&device, room(128, 1)));
    for case in reference.as_array().unwrap() {
        near(&mut model, case, 1e-2);
        let greedy = ids(&case["greedy"]);
        let drawn = now(model.decode(greedy.len(), &[Sampling::default()], &[])).unwrap();
        assert_eq!(drawn[0], greedy, "{}", case["prompt"]);
    }
    let Some(options) = half(&device, room(128, 1)) else { return };
    let mut model = load(&path, Loader::new(&device, options));
    reference.as_array().unwrap().iter().for_each(|case| near(&mut model, case, 5e-2));
}
