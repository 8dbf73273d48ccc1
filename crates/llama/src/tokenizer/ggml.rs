//! `tokenizer.ggml.*` → the tokenizer.

use super::merging::{Merging, Pair};
use super::pieces::Pieces;
use super::vocabulary::{Kind, Vocabulary};
use super::{Before, Tokenizer};
use crate::checkpoint::{Metadata, Texts, Value};
use crate::{Error, Result};

/// Names of tokens that end an answer, whatever the file says.
const ENDS: [&str; 8] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "</s>",
];

pub(super) fn tokenizer(metadata: &Metadata) -> Result<Tokenizer> {
    let Some(tokens) = metadata.texts("tokenizer.ggml.tokens")? else {
        return Err(Error::Malformed("it has no tokenizer".into()));
    };
    let kinds = kinds(metadata, tokens.len())?;
    let model = metadata.text("tokenizer.ggml.model")?.unwrap_or_default();
    let token = |name: &str| -> Result<Option<u32>> {
        let key = format!("tokenizer.ggml.{name}_token_id");
        match metadata.count(&key)? {
            // Some writers put −1 or the largest number where there is none.
            Some(token) if token == u32::MAX as usize => Ok(None),
            Some(token) if token >= tokens.len() => {
                Err(Error::Malformed(format!("{key} is {token}, of {} tokens", tokens.len())))
            }
            Some(token) => Ok(Some(token as u32)),
            None => Ok(None),
        }
    };
    let (bos, eos, unknown) = (token("bos")?, token("eos")?, token("unknown")?);
    let mut vocabulary = Vocabulary::default();
    let (vocabulary, merging, before) = match model {
        "gpt2" => {
            let alphabet = Alphabet::new();
            for (text, kind) in tokens.iter().zip(&kinds) {
                match alphabet.bytes(text) {
                    Some(bytes) if *kind == Kind::Normal => vocabulary.push(&bytes, *kind),
                    _ => vocabulary.push(text.as_bytes(), *kind),
                }
            }
            let vocabulary = vocabulary.finish(unknown)?;
            let (pieces, whole, composed) =
                pieces(metadata.text("tokenizer.ggml.pre")?.unwrap_or("default"))?;
            let Some(merges) = metadata.texts("tokenizer.ggml.merges")? else {
                return Err(Error::Malformed("its tokenizer has no merges".into()));
            };
            let pairs = pairs(&vocabulary, merges, |text| alphabet.bytes(text))?;
            (vocabulary, Merging::Pairs { pairs, whole }, Before::Bytes { pieces, composed })
        }
        "llama" => {
            for (text, kind) in tokens.iter().zip(&kinds) {
                match (kind, byte(text)) {
                    (Kind::Byte, Some(byte)) => vocabulary.push(&[byte], *kind),
                    (Kind::Byte, None) => {
                        return Err(Error::Malformed(format!("a byte's token named {text:?}")));
                    }
                    (Kind::Normal, _) => vocabulary.push(unescaped(text).as_bytes(), *kind),
                    _ => vocabulary.push(text.as_bytes(), *kind),
                }
            }
            let vocabulary = vocabulary.finish(
                unknown.or(kinds.iter().position(|kind| *kind == Kind::Unknown).map(|at| at as u32)),
            )?;
            let prefixed = metadata.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
            let merging =
                match (metadata.get("tokenizer.ggml.scores"), metadata.texts("tokenizer.ggml.merges")?) {
                    (Some(Value::Floats(scores)), _) if scores.len() == tokens.len() => {
                        Merging::Scores(scores.clone())
                    }
                    (None, Some(merges)) => {
                        let pairs = pairs(&vocabulary, merges, |text| Some(unescaped(text).into_bytes()))?;
                        Merging::Pairs { pairs, whole: false }
                    }
                    _ => return Err(Error::Malformed("its tokenizer has no score for every token".into())),
                };
            (vocabulary, merging, Before::Sentence { prefixed })
        }
        other => return Err(Error::Unsupported(format!("the tokenizer {other:?}"))),
    };
    let mut ends: Vec<u32> = [eos, token("eot")?, token("eom")?].into_iter().flatten().collect();
    ends.extend(ENDS.iter().filter_map(|name| vocabulary.special(name)));
    ends.sort_unstable();
    ends.dedup();
    let bos_first = metadata.flag("tokenizer.ggml.add_bos_token")?.unwrap_or(model == "llama");
    Ok(Tokenizer { vocabulary, merging, before, bos, eos, ends, bos_first: bos_first && bos.is_some() })
}

fn kinds(metadata: &Metadata, tokens: usize) -> Result<Vec<Kind>> {
    let kind = |number: &i32| match number {
        1 => Ok(Kind::Normal),
        2 => Ok(Kind::Unknown),
        3 => Ok(Kind::Control),
        4 => Ok(Kind::Added),
        0 | 5 => Ok(Kind::Unused),
        6 => Ok(Kind::Byte),
        other => Err(Error::Malformed(format!("a token of type {other}"))),
    };
    match metadata.get("tokenizer.ggml.token_type") {
        None => Ok(vec![Kind::Normal; tokens]),
        Some(Value::Integers(types)) if types.len() == tokens => types.iter().map(kind).collect(),
        Some(_) => Err(Error::Malformed("its tokenizer has no type for every token".into())),
    }
}

/// The pre-tokeniser of a name; whether pieces that are tokens are taken whole; whether texts are composed first.
fn pieces(name: &str) -> Result<(Pieces, bool, bool)> {
    match name {
        "gpt-2" | "gpt2" => Ok((Pieces::Gpt2, false, false)),
        "smollm" => Ok((Pieces::SmolLm, false, false)),
        "llama-bpe" | "llama3" | "llama-v3" => Ok((Pieces::Digits(3), true, false)),
        "qwen2" => Ok((Pieces::Digits(1), false, true)),
        other => Err(Error::Unsupported(format!("the pre-tokeniser {other:?}"))),
    }
}

/// Merges by their texts, `left right`.
fn pairs(
    vocabulary: &Vocabulary,
    merges: &Texts,
    bytes: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<Vec<Pair>> {
    let find = |bytes: &[u8]| match bytes {
        [byte] => vocabulary.find(bytes).or_else(|| vocabulary.byte(*byte)),
        _ => vocabulary.find(bytes),
    };
    let mut pairs = Vec::with_capacity(merges.len());
    for (rank, merge) in merges.iter().enumerate() {
        let sides = merge.split_once(' ').and_then(|(left, right)| Some((bytes(left)?, bytes(right)?)));
        let pair = sides.and_then(|(left, right)| {
            let joined = find(&[left.as_slice(), right.as_slice()].concat())?;
            Some(Pair { left: find(&left)?, right: find(&right)?, rank: rank as u32, joined })
        });
        match pair {
            Some(pair) => pairs.push(pair),
            None => return Err(Error::Malformed(format!("the merge {merge:?} is of no tokens"))),
        }
    }
    pairs.sort_unstable();
    pairs.dedup_by_key(|pair| (pair.left, pair.right));
    Ok(pairs)
}

/// `<0x0A>` → 10
fn byte(name: &str) -> Option<u8> {
    let digits = name.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2)
}

/// SentencePiece writes a space as ▁ (U+2581).
fn unescaped(text: &str) -> String {
    text.replace('▁', " ")
}

/// GPT-2's printable characters for the 256 bytes (`encoder.py`, `bytes_to_unicode`).
struct Alphabet {
    /// By character number: the byte and one more, or 0.
    bytes: [u16; 324],
}

impl Alphabet {
    fn new() -> Self {
        let mut bytes = [0; 324];
        let mut next = 256;
        for byte in 0..=255u8 {
            let character = match byte {
                b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => byte as usize,
                _ => {
                    next += 1;
                    next - 1
                }
            };
            bytes[character] = u16::from(byte) + 1;
        }
        Self { bytes }
    }

    /// The bytes that a token's text stands for; nothing where a character stands for none.
    fn bytes(&self, text: &str) -> Option<Vec<u8>> {
        let byte =
            |character: char| self.bytes.get(character as usize)?.checked_sub(1).map(|byte| byte as u8);
        text.chars().map(byte).collect()
    }
}
