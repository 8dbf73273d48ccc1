//! SmolLM2-135M-Instruct against the shared reference, and fast mode against exact mode.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;

use attune_llama::agreement::Agreement;
use attune_llama::backend::Backend as _;
use attune_llama::checkpoint::{Limits, gguf};
use attune_llama::cpu::{Loader, Mode, Model};
use attune_llama::sample::Sampling;
use serde_json::Value;

use crate::support::{shared, smollm2};
use crate::{now, options};

fn path() -> Option<PathBuf> {
    std::env::var_os("ATTUNE_SMOLLM2").map(PathBuf::from).or_else(smollm2)
}

fn load(path: &PathBuf, mode: Mode) -> Model {
    let mut file = File::open(path).unwrap();
    let mut reader = gguf::Reader::new(Limits::default(), Loader::new(options(mode)));
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return reader.finish().unwrap().model,
            count => reader.push(&buffer[..count]).unwrap(),
        }
    }
}

fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[test]
fn smollm2_is_the_reference_and_fast_mode_is_near() {
    let (Some(path), Some(reference)) = (path(), shared("reference/smollm2_135m_instruct_q4_1.json")) else {
        return;
    };
    let reference: Value = serde_json::from_slice(&fs::read(reference).unwrap()).unwrap();
    let mut exact = load(&path, Mode::Exact);
    let mut texts = Vec::new();
    for case in reference.as_array().unwrap() {
        exact.truncate(0);
        now(exact.prefill(&ids(&case["ids"]))).unwrap();
        let logits = now(exact.logits(0)).unwrap();
        for top in case["top5_first"].as_array().unwrap() {
            let (id, due) = (top[0].as_u64().unwrap() as usize, top[1].as_f64().unwrap());
            let apart = (f64::from(logits[id]) - due).abs();
            assert!(apart < 1e-2, "{} token {id}: {apart}", case["prompt"]);
        }
        let greedy = ids(&case["greedy"]);
        let drawn = now(exact.decode(greedy.len(), &[Sampling::default()], &[])).unwrap();
        assert_eq!(drawn[0], greedy, "{}", case["prompt"]);
        // A text of its own at temperature 1, where the model is less sure than in a greedy one.
        exact.truncate(ids(&case["ids"]).len());
        let sampling = Sampling { temperature: 1.0, top_p: 0.95, seed: 4, ..Sampling::default() };
        let drawn = now(exact.decode(70, &[sampling], &[])).unwrap().remove(0);
        texts.push([ids(&case["ids"]), drawn].concat());
    }
    let mut fast = load(&path, Mode::Fast);
    let mut agreement = Agreement::default();
    for text in &texts {
        exact.truncate(0);
        fast.truncate(0);
        for token in text {
            now(exact.prefill(&[*token])).unwrap();
            now(fast.prefill(&[*token])).unwrap();
            agreement.count(&now(exact.logits(0)).unwrap(), &now(fast.logits(0)).unwrap());
        }
    }
    println!("{agreement:?}");
    assert!(
        agreement.positions() >= 200 && agreement.divergence() <= 0.01 && agreement.same() >= 0.92,
        "{agreement:?}"
    );
}
