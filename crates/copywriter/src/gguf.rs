//! A writer as a GGUF file of the architecture `llama`: matrices in Q8_0, norms in F32, the vocabulary beside them.

use std::collections::HashMap;
use std::io::Cursor;

use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use crate::CopywriterError;
use crate::network::Network;
use crate::shape::Shape;
use crate::vocabulary::{Tokens, Vocabulary};
use crate::writer::Writer;

/// What a file says of itself beside what an engine needs.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The model's name.
    pub name: String,
    /// In a sentence or two: what it does, and what it was trained on.
    pub description: String,
    /// The licence under which it may be passed on, in SPDX's form.
    pub licence: String,
}

/// Kinds of tokens, as `tokenizer.ggml.token_type` has them.
mod kind {
    pub(super) const NORMAL: i32 = 1;
    pub(super) const CONTROL: i32 = 3;
    /// Found in a text before it is split into words, and written as it stands.
    pub(super) const USER_DEFINED: i32 = 4;
}

/// The file's bytes.
///
/// # Errors
/// candle's.
pub fn write(writer: &Writer, about: &About) -> Result<Vec<u8>, CopywriterError> {
    let metadata = metadata(writer.network().shape(), writer.vocabulary().tokens(), about);
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let tensors = writer
        .network()
        .parameters()
        .map(|(name, tensor)| {
            let format = if tensor.rank() > 1 { GgmlDType::Q8_0 } else { GgmlDType::F32 };
            Ok((name, QTensor::quantize(tensor, format)?))
        })
        .collect::<candle_core::Result<Vec<_>>>()?;
    let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut file = Cursor::new(Vec::new());
    gguf_file::write(&mut file, &metadata, &tensors)?;
    let mut bytes = file.into_inner();
    // candle says version 2. Version 3 differs only in that it may be big-endian, and some readers want it.
    bytes[4] = 3;
    Ok(bytes)
}

/// Reads a file that [`write()`] wrote.
///
/// # Errors
/// When it is no such file; hostile lengths are refused before memory is taken for them.
pub fn read(bytes: &[u8]) -> Result<Writer, CopywriterError> {
    let mut file = Cursor::new(bytes);
    let content = Content::read(&mut file)?;
    let tokens = tokens(&content)?;
    let shape = shape(&content, tokens.tokens.len())?;
    shape.check()?;
    let mut tensors: HashMap<String, Tensor> = HashMap::new();
    for (name, sizes) in shape.tensors() {
        let found = content.tensor_infos.get(&name).map(|info| info.shape.dims());
        if found != Some(&sizes) {
            return Err(wrong(format!("the tensor {name} should be {sizes:?} and is {found:?}")));
        }
        let tensor = content.tensor(&mut file, &name, &Device::Cpu)?.dequantize(&Device::Cpu)?;
        tensors.insert(name, tensor);
    }
    Writer::new(Network::new(shape, tensors)?, Vocabulary::new(tokens)?)
}

fn metadata(shape: &Shape, tokens: &Tokens, about: &About) -> Vec<(&'static str, Value)> {
    let count = |number: usize| Value::U32(number as u32);
    let text = |text: &str| Value::String(text.to_owned());
    let texts = |of: &[String]| Value::Array(of.iter().map(|one| text(one)).collect());
    let kinds = (0..tokens.tokens.len()).map(|id| {
        Value::I32(match id {
            0 => kind::CONTROL,
            id if id <= tokens.placeholders => kind::USER_DEFINED,
            _ => kind::NORMAL,
        })
    });
    vec![
        ("general.architecture", text("llama")),
        ("general.name", text(&about.name)),
        ("general.description", text(&about.description)),
        ("general.license", text(&about.licence)),
        (attune_generate::local::VOICE, text("act")),
        ("general.file_type", count(7)),
        ("general.quantization_version", count(2)),
        ("llama.context_length", count(shape.context)),
        ("llama.embedding_length", count(shape.width)),
        ("llama.block_count", count(shape.layers)),
        ("llama.feed_forward_length", count(shape.hidden)),
        ("llama.attention.head_count", count(shape.heads)),
        ("llama.attention.head_count_kv", count(shape.kv_heads)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(shape.epsilon)),
        ("llama.rope.dimension_count", count(shape.head())),
        ("llama.rope.freq_base", Value::F32(shape.rope_base)),
        ("llama.vocab_size", count(shape.vocabulary)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("smollm")),
        ("tokenizer.ggml.tokens", texts(&tokens.tokens)),
        ("tokenizer.ggml.token_type", Value::Array(kinds.collect())),
        ("tokenizer.ggml.merges", texts(&tokens.merges)),
        ("tokenizer.ggml.bos_token_id", count(0)),
        ("tokenizer.ggml.eos_token_id", count(0)),
        ("tokenizer.ggml.padding_token_id", count(0)),
        ("tokenizer.ggml.add_bos_token", Value::Bool(false)),
        ("tokenizer.ggml.add_space_prefix", Value::Bool(false)),
    ]
}

fn shape(content: &Content, vocabulary: usize) -> Result<Shape, CopywriterError> {
    let architecture = value(content, "general.architecture")?.to_string()?;
    if architecture != "llama" {
        return Err(wrong(format!("the architecture is {architecture} and should be llama")));
    }
    let count = |key: &str| Ok::<_, CopywriterError>(value(content, key)?.to_u32()? as usize);
    Ok(Shape {
        vocabulary,
        context: count("llama.context_length")?,
        width: count("llama.embedding_length")?,
        layers: count("llama.block_count")?,
        heads: count("llama.attention.head_count")?,
        kv_heads: count("llama.attention.head_count_kv")?,
        hidden: count("llama.feed_forward_length")?,
        rope_base: value(content, "llama.rope.freq_base")?.to_f32()?,
        epsilon: value(content, "llama.attention.layer_norm_rms_epsilon")?.to_f32()?,
    })
}

fn tokens(content: &Content) -> Result<Tokens, CopywriterError> {
    let pre = value(content, "tokenizer.ggml.pre")?.to_string()?;
    if pre != "smollm" {
        return Err(wrong(format!("texts are split as {pre} and should be as smollm")));
    }
    let texts = |key: &str| {
        let texts = value(content, key)?.to_vec()?.iter().map(|one| one.to_string().cloned());
        Ok::<_, CopywriterError>(texts.collect::<candle_core::Result<Vec<String>>>()?)
    };
    let kinds = value(content, "tokenizer.ggml.token_type")?.to_vec()?;
    let placeholders = kinds.iter().filter(|kind| kind.to_i32().is_ok_and(|kind| kind == kind::USER_DEFINED));
    Ok(Tokens {
        tokens: texts("tokenizer.ggml.tokens")?,
        placeholders: placeholders.count(),
        merges: texts("tokenizer.ggml.merges")?,
    })
}

fn value<'a>(content: &'a Content, key: &str) -> Result<&'a Value, CopywriterError> {
    content.metadata.get(key).ok_or_else(|| wrong(format!("it does not say its {key}")))
}

fn wrong(problem: String) -> CopywriterError {
    CopywriterError::Model(problem)
}
