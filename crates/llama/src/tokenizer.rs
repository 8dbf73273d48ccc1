//! Text ↔ tokens: byte-level BPE with the pre-tokenisers of GPT-2, SmolLM, Llama 3 and Qwen2, and SentencePiece's BPE.
//!
//! Written out here because the crate `tokenizers` alone is 449 KB of brotli as wasm, and a page may load 900 KB in all.

mod decoder;
mod ggml;
mod json;
mod merging;
mod pieces;
mod vocabulary;

use std::borrow::Cow;

pub use self::decoder::Decoder;
use self::merging::Merging;
use self::pieces::Pieces;
use self::vocabulary::Vocabulary;
use crate::Result;
use crate::checkpoint::Metadata;

/// A model's tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    merging: Merging,
    before: Before,
    bos: Option<u32>,
    eos: Option<u32>,
    ends: Vec<u32>,
    bos_first: bool,
}

/// What happens to a text before its pieces are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Byte-level BPE: the text is cut into pieces; after Unicode's composition (NFC), where `composed`.
    Bytes { pieces: Pieces, composed: bool },
    /// SentencePiece: the text is one piece, after a space where `prefixed`.
    Sentence { prefixed: bool },
}

impl Tokenizer {
    /// The tokenizer of a GGUF file (`tokenizer.ggml.*`) or of [`crate::checkpoint::llama2c::tokenizer`].
    ///
    /// # Errors
    /// [`crate::Error::Malformed`] where there is none or it contradicts itself, [`crate::Error::Unsupported`] for other kinds.
    pub fn new(metadata: &Metadata) -> Result<Self> {
        ggml::tokenizer(metadata)
    }

    /// The tokenizer of a `tokenizer.json`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_json(json: &str) -> Result<Self> {
        json::tokenizer(json)
    }

    /// The tokens of a text, without one for its beginning. With `control` the names of control tokens in it stand for them: never
    /// for what a user or a catalogue wrote. Those of other added tokens always do.
    pub fn encode(&self, text: &str, control: bool) -> Vec<u32> {
        self.split(text, control, |plain| Cow::Borrowed(plain))
    }

    /// As [`Self::encode`] with `control`, where `mark` in a name keeps it a text; the marks are no part of it.
    pub(crate) fn encode_marked(&self, text: &str, mark: char) -> Vec<u32> {
        self.split(text, true, |plain| match plain.contains(mark) {
            true => Cow::Owned(plain.replace(mark, "")),
            false => Cow::Borrowed(plain),
        })
    }

    fn split(&self, text: &str, control: bool, plain_of: impl Fn(&str) -> Cow<'_, str>) -> Vec<u32> {
        let mut tokens = Vec::new();
        let mut rest = text;
        let mut after_special = true;
        while !rest.is_empty() {
            let found = self.vocabulary.find_special(rest, control);
            let (plain, next) = rest.split_at(found.map_or(rest.len(), |(at, ..)| at));
            if !plain.is_empty() {
                self.plain(&plain_of(plain), after_special, &mut tokens);
                after_special = false;
            }
            rest = next;
            if let Some((_, length, token)) = found {
                tokens.push(token);
                rest = &next[length..];
                after_special = true;
            }
        }
        tokens
    }

    fn plain(&self, text: &str, first: bool, tokens: &mut Vec<u32>) {
        match self.before {
            Before::Bytes { pieces, composed } => {
                let composed = composed.then(|| pieces::compose(text));
                let text = composed.as_deref().unwrap_or(text);
                pieces.cut(text, |piece| self.merging.bytes(&self.vocabulary, piece.as_bytes(), tokens));
            }
            Before::Sentence { prefixed } => {
                let space = if first && prefixed { " " } else { "" };
                // SentencePiece writes a space as this character, and so takes the one for the other.
                let text = format!("{space}{}", text.replace('▁', " "));
                self.merging.sentence(&self.vocabulary, &text, tokens);
            }
        }
    }

    /// The text of tokens, without control tokens; bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut decoder = Decoder::default();
        let mut text: String = tokens.iter().map(|token| decoder.push(self, *token)).collect();
        text.push_str(&decoder.finish());
        if matches!(self.before, Before::Sentence { prefixed: true }) && text.starts_with(' ') {
            text.remove(0);
        }
        text
    }

    /// What a token stands for: text in UTF-8, or a part of it; the name of a control token.
    pub fn token_bytes(&self, token: u32) -> Option<&[u8]> {
        self.vocabulary.get(token)
    }

    /// Whether a token steers the model, and is no text.
    pub fn is_control(&self, token: u32) -> bool {
        self.vocabulary.is_control(token)
    }

    /// The control token, or other added one, of this name.
    pub fn control(&self, name: &str) -> Option<u32> {
        self.vocabulary.special(name)
    }

    /// Puts `mark` after the first character of every control token's name, and of what could become one at the end of the text;
    /// or, `everywhere`, after every character that such a name begins with.
    pub(crate) fn marked(&self, text: &str, mark: char, everywhere: bool) -> String {
        let mut marked = String::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            marked.push(character);
            if self.vocabulary.special_begins(&text[at..], everywhere) {
                marked.push(mark);
            }
        }
        marked
    }

    /// How many tokens there are.
    pub fn vocab(&self) -> usize {
        self.vocabulary.len()
    }

    /// The token that begins a text.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The token that ends a text.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Every token that ends an answer: of the text, of the turn.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Whether the model wants [`Self::bos`] before a plain text. A chat template writes it itself.
    pub fn bos_first(&self) -> bool {
        self.bos_first
    }
}
