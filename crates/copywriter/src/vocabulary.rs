//! The tokens: byte-level pairs learned from the texts, one token a placeholder, and one that ends a text.
//!
//! The pre-tokenizer is the one that GGUF calls `smollm`: digits one by one, then GPT-2's split into words with the
//! space before them. Any reader of SmolLM2's files reads ours.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, Tokenizer};

use crate::CopywriterError;

/// Ends a text, and a prompt's line is ended by a line feed.
pub const END: &str = "<|endoftext|>";

/// What is written down of a vocabulary; the rest follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tokens {
    /// Every token in byte-level form, by id: first [`END`], then the placeholders.
    pub tokens: Vec<String>,
    /// How many placeholders there are.
    pub placeholders: usize,
    /// The pairs that are joined, first ones first, as `left right`.
    pub merges: Vec<String>,
}

/// Turns texts to ids and back.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    tokens: Tokens,
    tokenizer: Tokenizer,
}

/// GPT-2's 256 characters that stand for bytes, in order.
static ALPHABET: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut characters: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    characters.sort_unstable();
    characters
});

impl Vocabulary {
    /// Learns at most `size` tokens from `texts`; the same texts give the same tokens.
    ///
    /// # Errors
    /// [`CopywriterError::Vocabulary`] when `size` has no room for bytes and placeholders.
    pub fn learn<'a>(
        texts: impl Iterator<Item = &'a str>,
        placeholders: &[String],
        size: usize,
    ) -> Result<Self, CopywriterError> {
        let least = 1 + placeholders.len() + ALPHABET.len();
        if size < least {
            return Err(CopywriterError::Vocabulary(format!(
                "{size} tokens are fewer than the least, {least}"
            )));
        }
        let pieces: Vec<&str> = texts.flat_map(|text| between(text, placeholders)).collect();
        let trainer = BpeTrainer::builder()
            .vocab_size(size - 1 - placeholders.len())
            .min_frequency(2)
            .initial_alphabet(ALPHABET.iter().copied().collect())
            .show_progress(false)
            .build();
        let mut tokenizer = Tokenizer::new(BPE::default());
        tokenizer.with_pre_tokenizer(Some(words()));
        let mut learner = tokenizers::models::TrainerWrapper::from(trainer);
        tokenizer.train(&mut learner, pieces.into_iter()).map_err(wrong)?;

        let mut learned: Vec<(String, u32)> = tokenizer.get_vocab(false).into_iter().collect();
        learned.sort_unstable_by_key(|(_, id)| *id);
        let mut tokens = vec![END.to_owned()];
        tokens.extend_from_slice(placeholders);
        tokens.extend(learned.into_iter().map(|(token, _)| token));
        // The library tells the merges only as JSON.
        #[derive(Deserialize)]
        struct Merges {
            merges: Vec<(String, String)>,
        }
        let json = serde_json::to_value(tokenizer.get_model()).map_err(wrong)?;
        let Merges { merges } = serde_json::from_value(json).map_err(wrong)?;
        let merges = merges.into_iter().map(|(left, right)| format!("{left} {right}")).collect();
        Self::new(Tokens { tokens, placeholders: placeholders.len(), merges })
    }

    /// The vocabulary that was written down.
    ///
    /// # Errors
    /// [`CopywriterError::Vocabulary`] when it is not one that [`learn`](Self::learn) made.
    pub fn new(tokens: Tokens) -> Result<Self, CopywriterError> {
        if tokens.tokens.len() <= tokens.placeholders || tokens.tokens[0] != END {
            return Err(CopywriterError::Vocabulary(format!(
                "it does not begin with {END} and placeholders"
            )));
        }
        let merges = tokens
            .merges
            .iter()
            .map(|pair| {
                let (left, right) =
                    pair.split_once(' ').ok_or_else(|| wrong(format!("the merge {pair:?}")))?;
                Ok((left.to_owned(), right.to_owned()))
            })
            .collect::<Result<Vec<_>, CopywriterError>>()?;
        let ids = tokens.tokens.iter().cloned().zip(0..).collect::<tokenizers::models::bpe::Vocab>();
        if ids.len() != tokens.tokens.len() {
            return Err(wrong("a token stands twice"));
        }
        let model = BPE::builder().vocab_and_merges(ids, merges).build().map_err(wrong)?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(words()));
        tokenizer.with_decoder(Some(ByteLevel::new(false, false, false)));
        tokenizer.add_special_tokens([AddedToken::from(END, true)]).map_err(wrong)?;
        let placeholders = &tokens.tokens[1..=tokens.placeholders];
        tokenizer
            .add_tokens(
                placeholders.iter().map(|name| AddedToken::from(name.as_str(), false).normalized(false)),
            )
            .map_err(wrong)?;
        Ok(Self { tokens, tokenizer })
    }

    /// What a file has to hold.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// How many tokens there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.tokens.len()
    }

    /// Whether there are none; there always are some.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.tokens.is_empty()
    }

    /// The id that ends a text.
    #[must_use]
    pub fn end(&self) -> u32 {
        0
    }

    /// A text's ids.
    ///
    /// # Errors
    /// [`CopywriterError::Vocabulary`] when the tokenizer fails, which it does not on text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, CopywriterError> {
        Ok(self.tokenizer.encode(text, false).map_err(wrong)?.get_ids().to_vec())
    }

    /// The text of ids, with placeholders as they stand and without the end.
    ///
    /// # Errors
    /// [`CopywriterError::Vocabulary`] when an id is not in the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Result<String, CopywriterError> {
        if let Some(unknown) = ids.iter().find(|id| **id as usize >= self.len()) {
            return Err(wrong(format!("the id {unknown} is not one of its {}", self.len())));
        }
        self.tokenizer.decode(ids, true).map_err(wrong)
    }
}

fn words() -> PreTokenizerWrapper {
    Sequence::new(vec![Digits::new(true).into(), ByteLevel::new(false, false, true).into()]).into()
}

fn wrong(problem: impl ToString) -> CopywriterError {
    CopywriterError::Vocabulary(problem.to_string())
}

/// What stands between the placeholders of a text.
fn between<'a>(text: &'a str, placeholders: &[String]) -> Vec<&'a str> {
    placeholders.iter().fold(vec![text], |pieces, placeholder| {
        pieces.into_iter().flat_map(|piece| piece.split(placeholder.as_str())).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> Vocabulary {
        let texts = ["the <name> is a laptop with <memory> of memory", "the <name> has a 15.6 inch screen"];
        let placeholders = ["<name>".to_owned(), "<memory>".to_owned()];
        Vocabulary::learn(texts.into_iter(), &placeholders, 300).unwrap()
    }

    #[test]
    fn texts_come_back_and_placeholders_are_one_token() {
        let vocabulary = learned();
        for text in ["the <name> is a laptop", "a 2,048 GB 笔记本 \u{0}", "<memory><name>", "", "<|endoftext"]
        {
            let ids = vocabulary.encode(text).unwrap();
            assert_eq!(vocabulary.decode(&ids).unwrap(), text);
        }
        assert_eq!(vocabulary.encode("<memory><name>").unwrap(), [2, 1]);
        assert_eq!(vocabulary.decode(&[1, vocabulary.end()]).unwrap(), "<name>");
        assert!(vocabulary.decode(&[9_999]).is_err());
    }

    #[test]
    fn learning_repeats_and_a_vocabulary_written_down_is_the_same() {
        let (first, again) = (learned(), learned());
        assert_eq!(first.tokens(), again.tokens());
        let read = Vocabulary::new(first.tokens().clone()).unwrap();
        let text = "the laptop has memory";
        assert_eq!(read.encode(text).unwrap(), first.encode(text).unwrap());
        assert!(first.encode(text).unwrap().len() < text.len());
    }

    #[test]
    fn what_is_no_vocabulary_is_refused() {
        assert!(Vocabulary::learn(["a"].into_iter(), &[], 100).is_err());
        let tokens = learned().tokens().clone();
        assert!(Vocabulary::new(Tokens { tokens: vec![], ..tokens.clone() }).is_err());
        assert!(Vocabulary::new(Tokens { placeholders: 9_999, ..tokens.clone() }).is_err());
        assert!(Vocabulary::new(Tokens { merges: vec!["x".to_owned()], ..tokens.clone() }).is_err());
        assert!(Vocabulary::new(Tokens { merges: vec!["zz yy".to_owned()], ..tokens }).is_err());
    }
}
