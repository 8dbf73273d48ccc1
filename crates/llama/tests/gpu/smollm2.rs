//! SmolLM2-135M-Instruct against the shared reference.

use std::fs::{self, File};
use std::io::Read as _;

use attune_llama::backend::Backend as _;
use attune_llama::checkpoint::{Limits, gguf};
use attune_llama::gpu::{DeviceOptions, Loader};
use attune_llama::sample::Sampling;
use serde_json::Value;

use crate::support::{shared, smollm2};
use crate::{device, now, room};

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn smollm2_is_the_reference() {
    let path = std::env::var_os("ATTUNE_SMOLLM2").map(Into::into).or_else(smollm2);
    let (Some(path), Some(reference)) = (path, shared("reference/smollm2_135m_instruct_q4_1.json")) else {
        return;
    };
    let Some(device) = device(&DeviceOptions::default()) else { return };
    let reference: Value = serde_json::from_slice(&fs::read(reference).unwrap()).unwrap();
    let mut file = File::open(path).unwrap();
    let mut reader = gguf::Reader::new(Limits::default(), Loader::new(&device, room(128, 1)));
    let mut buffer = vec![0; 999_983];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => break,
            count => reader.push(&buffer[..count]).unwrap(),
        }
    }
    let mut model = reader.finish().unwrap().model;
    for case in reference.as_array().unwrap() {
        model.truncate(0);
        now(model.prefill(&ids(&case["ids"]))).unwrap();
        let logits = now(model.logits(0)).unwrap();
        for top in case["top5_first"].as_array().unwrap() {
            let (id, due) = (top[0].as_u64().unwrap() as usize, top[1].as_f64().unwrap());
            let apart = (f64::from(logits[id]) - due).abs();
            assert!(apart < 1e-2, "{} token {id}: {apart}", case["prompt"]);
        }
        let greedy = ids(&case["greedy"]);
        let drawn = now(model.decode(greedy.len(), &[Sampling::default()], &[])).unwrap();
        assert_eq!(drawn[0], greedy, "{}", case["prompt"]);
    }
}
