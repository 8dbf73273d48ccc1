//! Templates from anywhere, and messages that want to be more than text.
#![no_main]

use std::sync::LazyLock;

use attune_llama::chat::{Message, Role, Template};
use attune_llama::checkpoint::Metadata;
use attune_llama::tokenizer::Tokenizer;
use libfuzzer_sys::fuzz_target;

static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| {
    let json = include_str!("../../crates/llama/tests/fixtures/tokenizers/smollm.json");
    Tokenizer::from_json(json).expect("a good file")
});
static CHAT_ML: LazyLock<Template> = LazyLock::new(|| Template::of(&Metadata::default()).expect("ChatML"));

fuzz_target!(|data: (&str, &str, &str)| {
    let (template, system, user) = data;
    let messages = [(Role::System, system), (Role::User, user), (Role::Assistant, user)]
        .map(|(role, content)| Message { role, content: content.to_owned() });
    let tokens = CHAT_ML.encode(&TOKENIZER, &messages, true).expect("ChatML renders");
    assert_eq!(tokens.iter().filter(|token| TOKENIZER.is_control(**token)).count(), 7);
    if let Ok(template) = Template::new(template) {
        let _ = template.encode(&TOKENIZER, &messages, true);
    }
});
