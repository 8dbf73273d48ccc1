//! Texts through tokenizers of every kind, and `tokenizer.json`s that are not one.
#![no_main]

use std::sync::LazyLock;

use attune_llama::tokenizer::{Decoder, Tokenizer};
use libfuzzer_sys::fuzz_target;

static TOKENIZERS: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
    let files = [
        include_str!("../../crates/llama/tests/fixtures/tokenizers/gpt-2.json"),
        include_str!("../../crates/llama/tests/fixtures/tokenizers/smollm.json"),
        include_str!("../../crates/llama/tests/fixtures/tokenizers/llama-bpe.json"),
        include_str!("../../crates/llama/tests/fixtures/tokenizers/qwen2.json"),
        include_str!("../../crates/llama/tests/fixtures/tokenizers/converted.json"),
    ];
    files.iter().map(|json| Tokenizer::from_json(json).expect("a good file")).collect()
});

fuzz_target!(|data: &str| {
    if data.starts_with('{') {
        if let Ok(tokenizer) = Tokenizer::from_json(data) {
            let _ = tokenizer.decode(&tokenizer.encode(data, true));
        }
        return;
    }
    for (kind, tokenizer) in TOKENIZERS.iter().enumerate() {
        let tokens = tokenizer.encode(data, false);
        assert!(tokens.iter().all(|token| !tokenizer.is_control(*token)));
        // Qwen2's composes, and SentencePiece's cannot tell ▁ from a space.
        if kind < 3 {
            assert_eq!(tokenizer.decode(&tokens), data);
        }
        let special = tokenizer.encode(data, true);
        let mut decoder = Decoder::default();
        special.iter().for_each(|token| drop(decoder.push(tokenizer, *token)));
        decoder.finish();
    }
});
