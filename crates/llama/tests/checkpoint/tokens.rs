//! `fixtures/tokenizers`: 620 texts, and what `tokenizers` and `sentencepiece` make of them; made by `fixtures/tokenizers.py`.

use std::fs;
use std::path::PathBuf;

use attune_llama::Error;
use attune_llama::checkpoint::{Limits, Metadata, Value, gguf, llama2c};
use attune_llama::tokenizer::{Decoder, Tokenizer};
use serde::Deserialize;

use crate::support::{shared, smollm2};

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers");
    fs::read(folder.join(name)).unwrap()
}

fn texts() -> Vec<String> {
    serde_json::from_slice(&file("texts.json")).unwrap()
}

fn wanted(name: &str) -> Vec<Vec<u32>> {
    let numbers = file(&format!("{name}.ids"));
    let mut numbers = numbers.as_chunks().0.iter().map(|number| u32::from(u16::from_le_bytes(*number)));
    let mut all = Vec::new();
    while let Some(count) = numbers.next() {
        all.push(numbers.by_ref().take(count as usize).collect());
    }
    all
}

fn equal(name: &str, tokenizer: &Tokenizer, special: bool) {
    let (texts, wanted) = (texts(), wanted(name));
    assert!(texts.len() >= 500 && texts.len() == wanted.len());
    for (text, wanted) in texts.iter().zip(&wanted) {
        assert_eq!(&tokenizer.encode(text, special), wanted, "{name}: {text:?}");
    }
}

fn comes_back(tokenizer: &Tokenizer) {
    for text in texts() {
        let tokens = tokenizer.encode(&text, false);
        // SentencePiece cannot tell this character from a space.
        let text = if tokenizer.bos_first() { text.replace('▁', " ") } else { text };
        assert_eq!(tokenizer.decode(&tokens), text);
        let mut decoder = Decoder::default();
        let mut streamed = String::new();
        for token in &tokens {
            let piece = decoder.push(tokenizer, *token);
            assert!(!piece.contains('\u{fffd}'), "{text:?}");
            streamed.push_str(&piece);
        }
        streamed.push_str(&decoder.finish());
        assert!(streamed.ends_with(&text));
    }
}

#[test]
fn byte_level_tokenizers_are_those_of_their_json() {
    for name in ["gpt-2", "smollm", "llama-bpe", "qwen2"] {
        let json = String::from_utf8(file(&format!("{name}.json"))).unwrap();
        let tokenizer = Tokenizer::from_json(&json).unwrap();
        equal(name, &tokenizer, false);
        equal(&format!("{name}.special"), &tokenizer, true);
        if name != "qwen2" {
            comes_back(&tokenizer);
        }
        assert_eq!(tokenizer.ends(), [0, 2]);
        assert_eq!(tokenizer.control("<|im_start|>"), Some(1));
    }
}

#[derive(Deserialize)]
struct Pieces {
    tokens: Vec<String>,
    scores: Vec<f32>,
    types: Vec<i32>,
}

#[test]
fn sentencepiece_with_scores() {
    let Pieces { tokens, scores, types } = serde_json::from_slice(&file("sentencepiece.json")).unwrap();
    let mut metadata = Metadata::default();
    metadata.set("tokenizer.ggml.model", Value::Text("llama".into()));
    metadata.set("tokenizer.ggml.tokens", Value::Texts(tokens.iter().map(String::as_str).collect()));
    metadata.set("tokenizer.ggml.scores", Value::Floats(scores));
    metadata.set("tokenizer.ggml.token_type", Value::Integers(types));
    let tokenizer = Tokenizer::new(&metadata).unwrap();
    equal("sentencepiece", &tokenizer, false);
}

#[test]
fn sentencepiece_with_merges() {
    let json = String::from_utf8(file("converted.json")).unwrap();
    equal("converted", &Tokenizer::from_json(&json).unwrap(), false);
}

#[test]
fn smollm2_from_its_metadata() {
    let Some(path) = smollm2() else { return };
    let file = fs::read(path).unwrap();
    let mut reader = gguf::Reader::new(Limits::default(), ());
    reader.push(&file[..2 << 20]).unwrap();
    let tokenizer = Tokenizer::new(&reader.header().unwrap().metadata).unwrap();
    equal("smollm2", &tokenizer, false);
    comes_back(&tokenizer);
    assert_eq!((tokenizer.bos(), tokenizer.eos(), tokenizer.bos_first()), (Some(1), Some(2), false));
    assert_eq!(tokenizer.ends(), [0, 2]);
    assert_eq!(tokenizer.encode("<|im_start|>user\n<|im_end|>", true), [1, 4093, 198, 2]);
    assert!(tokenizer.encode("<|im_start|>user\n<|im_end|>", false).iter().all(|token| *token > 16));

    let Some(path) = shared("reference/smollm2_135m_instruct_q4_1.json") else { return };
    #[derive(Deserialize)]
    struct Reference {
        prompt: String,
        ids: Vec<u32>,
        greedy: Vec<u32>,
        text: String,
    }
    let references: Vec<Reference> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for Reference { prompt, ids, greedy, text } in references {
        assert_eq!(tokenizer.encode(&prompt, false), ids);
        assert_eq!(tokenizer.decode(&greedy), text);
    }
}

#[test]
fn llama2c() {
    let Some(path) = shared("models/stories260K/tokenizer.bin") else { return };
    let tokenizer = Tokenizer::new(&llama2c::tokenizer(&fs::read(path).unwrap()).unwrap()).unwrap();
    assert_eq!((tokenizer.vocab(), tokenizer.bos(), tokenizer.eos()), (512, Some(1), Some(2)));
    let tokens = tokenizer.encode("Once upon a time", false);
    let pieces: Vec<_> = tokens.iter().map(|token| tokenizer.token_bytes(*token).unwrap()).collect();
    assert_eq!(pieces, [" Once".as_bytes(), b" upon", b" a", b" time"]);
    comes_back(&tokenizer);
}

#[test]
fn a_file_without_a_tokenizer_is_told() {
    let error = Tokenizer::new(&Metadata::default()).unwrap_err();
    assert!(matches!(error, Error::Malformed(_)) && error.to_string().contains("tokenizer"), "{error}");
    let mut metadata = Metadata::default();
    metadata.set("tokenizer.ggml.model", Value::Text("llama".into()));
    let error = Tokenizer::new(&metadata).unwrap_err();
    assert!(matches!(error, Error::Malformed(_)), "{error}");
}
