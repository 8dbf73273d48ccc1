//! `tokenizer.json` (Hugging Face) → the tokenizer, by way of the keys that a GGUF file has.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Tokenizer, ggml};
use crate::checkpoint::{Metadata, Texts, Value};
use crate::{Error, Result};

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Option<Json>,
    pre_tokenizer: Option<Json>,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    vocab: BTreeMap<String, u32>,
    merges: Vec<Merge>,
    unk_token: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Text(String),
    Pair([String; 2]),
}

/// The expressions of Llama 3 and of Qwen2.
const DIGITS_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DIGITS_1: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

pub(super) fn tokenizer(json: &str) -> Result<Tokenizer> {
    let file: File =
        serde_json::from_str(json).map_err(|error| Error::Malformed(format!("tokenizer.json: {error}")))?;
    ggml::tokenizer(&metadata(&file)?)
}

fn metadata(file: &File) -> Result<Metadata> {
    let model = &file.model;
    if model.kind.as_deref().unwrap_or("BPE") != "BPE" {
        return Err(Error::Unsupported(format!("the tokenizer {:?}", model.kind)));
    }
    let mut metadata = Metadata::default();
    let mut set = |key: &str, value: Value| metadata.set(&format!("tokenizer.ggml.{key}"), value);
    let text = |text: &str| Value::Text(text.to_owned());
    if model.byte_fallback {
        set("model", text("llama"));
        set("add_space_prefix", Value::Bool(prefixed(file)?));
    } else {
        set("model", text("gpt2"));
        set("pre", text(pre(file)?));
    }
    let (tokens, types) = tokens(file)?;
    if let Some(unknown) =
        model.unk_token.as_ref().and_then(|name| tokens.iter().position(|token| token == name))
    {
        set("unknown_token_id", Value::Unsigned(unknown as u64));
    }
    set("tokens", Value::Texts(tokens.iter().map(String::as_str).collect()));
    set("token_type", Value::Integers(types));
    let merges = model.merges.iter().map(|merge| match merge {
        Merge::Text(text) => text.clone(),
        Merge::Pair([left, right]) => format!("{left} {right}"),
    });
    let mut texts = Texts::default();
    merges.for_each(|merge| texts.push(&merge));
    set("merges", Value::Texts(texts));
    Ok(metadata)
}

/// All tokens by their number, with ggml's types.
fn tokens(file: &File) -> Result<(Vec<String>, Vec<i32>)> {
    let model = &file.model;
    let added = file.added_tokens.iter().map(|added| added.id);
    let most = model.vocab.values().copied().chain(added).max().unwrap_or(0) as usize;
    if most >= 2 * (model.vocab.len() + file.added_tokens.len()) + 1024 {
        return Err(Error::Malformed(format!("tokenizer.json: a token {most}, of far fewer")));
    }
    let mut tokens = vec![String::new(); most + 1];
    let mut types = vec![5; most + 1];
    for (name, id) in &model.vocab {
        let byte = model.byte_fallback && name.len() == 6 && name.starts_with("<0x") && name.ends_with('>');
        tokens[*id as usize].clone_from(name);
        types[*id as usize] = if byte { 6 } else { 1 };
    }
    for added in &file.added_tokens {
        if added.single_word || added.lstrip || added.rstrip {
            return Err(Error::Unsupported(format!(
                "the token {:?}, which takes in what is beside it",
                added.content
            )));
        }
        tokens[added.id as usize].clone_from(&added.content);
        types[added.id as usize] = match added.special {
            true if model.unk_token.as_ref() == Some(&added.content) => 2,
            true => 3,
            false => 4,
        };
    }
    Ok((tokens, types))
}

/// GGUF's name of the pre-tokeniser.
fn pre(file: &File) -> Result<&'static str> {
    let composed = match file.normalizer.as_ref().map(|normalizer| &normalizer["type"]) {
        None => false,
        Some(kind) if kind == "NFC" => true,
        Some(other) => return Err(Error::Unsupported(format!("the normaliser {other}"))),
    };
    let steps: Vec<&Json> = match &file.pre_tokenizer {
        None => Vec::new(),
        Some(one) => {
            one["pretokenizers"].as_array().map_or_else(|| vec![one], |steps| steps.iter().collect())
        }
    };
    let named: Vec<Option<&'static str>> = steps.into_iter().map(step).collect();
    let name = match named[..] {
        [Some("bytes")] => "gpt-2",
        [Some("digits"), Some("bytes")] => "smollm",
        [Some("digits-3"), Some("alphabet")] if file.model.ignore_merges => "llama-bpe",
        [Some("digits-1"), Some("alphabet")] if composed => "qwen2",
        _ => "",
    };
    if name.is_empty() || composed != (name == "qwen2") || file.model.ignore_merges != (name == "llama-bpe") {
        return Err(Error::Unsupported("the pre-tokeniser of this tokenizer.json".into()));
    }
    Ok(name)
}

fn step(step: &Json) -> Option<&'static str> {
    let flag = |name: &str, default: bool| step[name].as_bool().unwrap_or(default);
    match step["type"].as_str()? {
        "ByteLevel" if flag("add_prefix_space", true) => None,
        "ByteLevel" => Some(if flag("use_regex", true) { "bytes" } else { "alphabet" }),
        "Digits" if flag("individual_digits", false) => Some("digits"),
        "Split" if step["behavior"] == "Isolated" && !flag("invert", false) => {
            match step["pattern"]["Regex"].as_str()? {
                DIGITS_3 => Some("digits-3"),
                DIGITS_1 => Some("digits-1"),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a SentencePiece text gets a space before it: by `Prepend`, or by `Metaspace`.
fn prefixed(file: &File) -> Result<bool> {
    let unsupported = || Error::Unsupported("the normaliser of this tokenizer.json".into());
    if let Some(pre) = &file.pre_tokenizer {
        let whole = pre["type"] == "Metaspace" && pre["split"] == false;
        return match pre["prepend_scheme"].as_str() {
            Some("first" | "always") if whole => Ok(true),
            Some("never") if whole => Ok(false),
            _ => Err(unsupported()),
        };
    }
    let mut prefixed = false;
    let Some(steps) = file.normalizer.as_ref().and_then(|normalizer| normalizer["normalizers"].as_array())
    else {
        return Err(unsupported());
    };
    for step in steps {
        match step["type"].as_str() {
            Some("Prepend") if step["prepend"] == "▁" => prefixed = true,
            Some("Replace") if step["pattern"]["String"] == " " && step["content"] == "▁" => {}
            _ => return Err(unsupported()),
        }
    }
    Ok(prefixed)
}
