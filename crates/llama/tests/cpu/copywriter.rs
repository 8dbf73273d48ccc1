//! The copywriter that ships, `models/copywriter.gguf`: `fixtures/copywriter.json` is what llama.cpp (node-llama-cpp 3.22.1) reads and writes greedily with it.

use std::fs;

use attune_llama::backend::Backend as _;
use attune_llama::checkpoint::{Limits, gguf};
use attune_llama::cpu::{Loader, Mode};
use attune_llama::sample::Sampling;
use attune_llama::tokenizer::Tokenizer;
use serde::Deserialize;

use crate::{now, options};

#[derive(Deserialize)]
struct Case {
    prompt: String,
    ids: Vec<u32>,
    greedy: Vec<u32>,
    text: String,
}

#[test]
fn the_copywriter_writes_what_llama_cpp_writes_with_it() {
    let file = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/copywriter.gguf")).unwrap();
    let mut header = gguf::Reader::new(Limits::default(), ());
    header.push(&file).unwrap();
    let tokenizer = Tokenizer::new(&header.header().unwrap().metadata).unwrap();
    let mut reader = gguf::Reader::new(Limits::default(), Loader::new(options(Mode::Exact)));
    reader.push(&file).unwrap();
    let mut model = reader.finish().unwrap().model;
    let cases: Vec<Case> = serde_json::from_str(include_str!("../fixtures/copywriter.json")).unwrap();
    for Case { prompt, ids, greedy, text } in cases {
        assert_eq!(tokenizer.encode(&prompt, false), ids, "{prompt}");
        model.truncate(0);
        now(model.prefill(&ids)).unwrap();
        let drawn = now(model.decode(greedy.len(), &[Sampling::default()], &[])).unwrap().remove(0);
        assert_eq!(drawn, greedy, "{prompt}");
        assert_eq!(tokenizer.decode(&drawn), text);
    }
}
