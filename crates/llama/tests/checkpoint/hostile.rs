//! Files that are not what they say. Each is a good one with something changed; the reader must say no, in words, and must not have
//! asked for memory on the file's word.

use attune_llama::checkpoint::write::{Writer, matrices};
use attune_llama::checkpoint::{
    Format, Hasher, Limits, Metadata, TensorInfo, Value, gguf, llama2c, safetensors,
};
use attune_llama::{Error, Result};

use crate::support::{Numbers, fixture};

fn good(shape: &str) -> Vec<u8> {
    let json = String::from_utf8(fixture(shape, "config.json")).unwrap();
    let mut metadata = Metadata::default();
    let tokens: Vec<String> = (0..300).map(|token| format!("t{token}")).collect();
    metadata.set("tokenizer.ggml.tokens", Value::Texts(tokens.iter().map(String::as_str).collect()));
    let writer = Writer::new(Vec::new(), metadata, matrices(Format::Q8_0));
    let mut reader = safetensors::Reader::new(Limits::default(), &json, writer).unwrap();
    reader.push(&fixture(shape, "model.safetensors")).unwrap();
    reader.finish().unwrap().model
}

fn read(bytes: &[u8], step: usize) -> Result<()> {
    let mut reader = gguf::Reader::new(Limits::default(), ());
    for chunk in bytes.chunks(step) {
        reader.push(chunk)?;
    }
    reader.finish().map(drop)
}

/// Where `needle` ends.
fn after(bytes: &[u8], needle: &str) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap() + needle.len()
}

/// The good file with `value` in place of what is `skip` bytes after `needle`.
fn changed(needle: &str, skip: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = good("llama3");
    let at = after(&bytes, needle) + skip;
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn what_is_changed_is_refused() {
    let long = &u64::MAX.to_le_bytes()[..];
    let number = |number: u32| number.to_le_bytes();
    let half = |float: f32| float.to_le_bytes();
    // A tensor's entry: name, rank, dimensions, format, offset.
    let (rank, rows, format, offset) = (0, 4 + 8, 4 + 16, 4 + 16 + 4);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("magic", changed("GG", 0, b"XX"), "GGUF"),
        ("version 1", changed("GGUF", 0, &number(1)), "version 1"),
        ("big-endian", changed("GGUF", 0, &3u32.to_be_bytes()), "big-endian"),
        ("tensors", changed("GGUF", 4, long), "tensors"),
        ("no tensors", changed("GGUF", 4, &[0; 8]), "tensors"),
        ("pairs", changed("GGUF", 12, long), "metadata entries"),
        ("key", changed("GGUF", 20, long), "a text of"),
        ("kind", changed("general.architecture", 0, &number(99)), "of kind 99"),
        ("text", changed("general.architecture", 4, long), "a text of"),
        ("architecture", changed("general.architecture", 12, b"lxama"), "lxama"),
        ("not UTF-8", changed("general.architecture", 12, &[0xff; 5]), "UTF-8"),
        ("heads", changed("llama.attention.head_count", 4, &number(0)), "no heads"),
        ("dividing", changed("llama.attention.head_count_kv", 4, &number(3)), "divide"),
        ("kv heads", changed("llama.attention.head_count_kv", 4, &number(0)), "key and value heads"),
        ("odd", changed("llama.attention.key_length", 4, &number(15)), "15"),
        ("layers", changed("llama.block_count", 4, &number(3)), "missing"),
        ("many layers", changed("llama.block_count", 4, &number(u32::MAX)), "layers"),
        ("fewer layers", changed("llama.block_count", 4, &number(1)), "no place"),
        ("hidden", changed("llama.embedding_length", 4, &number(96)), "should be"),
        ("feed-forward", changed("llama.feed_forward_length", 4, &number(64)), "should be"),
        ("context", changed("llama.context_length", 4, &number(0)), "context"),
        ("epsilon", changed("layer_norm_rms_epsilon", 4, &half(f32::NAN)), "epsilon"),
        ("epsilon below zero", changed("layer_norm_rms_epsilon", 4, &half(-1.0)), "epsilon"),
        ("rope", changed("rope.freq_base", 4, &half(f32::INFINITY)), "rope base"),
        ("list", changed("tokenizer.ggml.tokens", 8, long), "a list of"),
        ("list of lists", changed("tokenizer.ggml.tokens", 4, &number(9)), "list of lists"),
        ("fewer tokens", changed("tokenizer.ggml.tokens", 8, &299u64.to_le_bytes()), ""),
        ("rank", changed("blk.0.attn_q.weight", rank, &number(5)), "dimensions"),
        ("no rank", changed("blk.0.attn_q.weight", rank, &number(0)), "dimensions"),
        ("rows", changed("blk.0.attn_q.weight", rows, &65u64.to_le_bytes()), ""),
        ("overflow", changed("blk.0.attn_q.weight", rows, long), "dimensions"),
        ("no rows", changed("blk.0.attn_q.weight", rows, &[0; 8]), "dimensions"),
        ("format", changed("blk.0.attn_q.weight", format, &number(13)), "Q5_K"),
        ("unknown format", changed("blk.0.attn_q.weight", format, &number(999)), "number 999"),
        ("offset", changed("blk.0.attn_q.weight", offset, &[0; 8]), "ends at"),
        ("far offset", changed("blk.0.attn_q.weight", offset, long), "ends at"),
        ("name", changed("blk.0.attn_", 0, b"x"), "blk.0.attn_x"),
        ("twice", changed("blk.", 0, b"1"), "twice"),
        ("layer that is not there", changed("blk.", 0, b"7"), "no place"),
        ("rope factors", changed("rope_freqs.weight", 4, &7u64.to_le_bytes()), ""),
    ];
    for (what, bytes, said) in cases {
        for step in [1, 4099, bytes.len()] {
            let error = read(&bytes, step).expect_err(what);
            assert!(matches!(error, Error::Malformed(_) | Error::Unsupported(_)), "{what}: {error}");
            assert!(error.to_string().contains(said), "{what}: {error}");
        }
    }
}

#[test]
fn shorter_and_longer_files_are_refused() {
    let bytes = good("qwen3");
    read(&bytes, 1000).unwrap();
    let header = after(&bytes, "blk.1.ffn_norm.weight");
    let cuts = (0..header + 100).step_by(7).chain([bytes.len() / 2, bytes.len() - 33]);
    for cut in cuts {
        let error = read(&bytes[..cut], 1 << 16).unwrap_err();
        assert!(error.to_string().contains("cut off"), "{cut}: {error}");
    }
    let longer = [bytes.as_slice(), &[0; 64]].concat();
    assert!(read(&longer, 1 << 16).unwrap_err().to_string().contains("goes on"));
}

#[test]
fn a_huge_context_is_brought_down_and_a_large_model_refused() {
    let bytes = changed("llama.context_length", 4, &u32::MAX.to_le_bytes());
    let mut reader = gguf::Reader::new(Limits { context: 4096, ..Limits::default() }, ());
    reader.push(&bytes).unwrap();
    assert_eq!(reader.header().unwrap().config.context, 4096);

    let limits = Limits { weights: 10_000, ..Limits::default() };
    let error = gguf::Reader::new(limits, ()).push(&bytes).unwrap_err();
    assert!(matches!(error, Error::TooLarge { available: 10_000, .. }), "{error}");
}

#[test]
fn rope_factors_that_are_not_llama_3s() {
    let mut bytes = good("llama3");
    // The factors are the first tensor: eight numbers after the header.
    let data = bytes.len() - {
        let mut reader = gguf::Reader::new(Limits::default(), ());
        reader.push(&bytes).unwrap();
        let tensors = reader.header().unwrap().tensors.iter().map(TensorInfo::bytes);
        32 + tensors.map(|bytes| bytes.next_multiple_of(32)).sum::<usize>()
    };
    bytes[data + 4..data + 8].copy_from_slice(&3f32.to_le_bytes());
    assert!(read(&bytes, 11).unwrap_err().to_string().contains("Llama 3"));
    bytes[data + 4..data + 8].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(read(&bytes, 11).unwrap_err().code(), "model_unsupported");
}

#[test]
fn a_manifest_holds_every_shard() {
    let bytes = good("qwen2");
    let mut hasher = Hasher::new(4096);
    bytes.chunks(999).for_each(|chunk| hasher.push(chunk));
    let manifest = hasher.finish();
    assert_eq!(manifest.sha256.len(), bytes.len().div_ceil(4096));
    let verified = |bytes: &[u8]| -> Result<Numbers> {
        let mut reader = gguf::Reader::new(Limits::default(), Numbers::default()).verified(manifest.clone());
        assert_eq!(reader.total(), Some(manifest.bytes));
        for chunk in bytes.chunks(5000) {
            reader.push(chunk)?;
        }
        reader.finish().map(|loaded| loaded.model)
    };
    verified(&bytes).unwrap();
    let mut flipped = bytes.clone();
    for at in [bytes.len() / 2, bytes.len() - 1] {
        flipped[at] ^= 1;
        let error = verified(&flipped).unwrap_err();
        assert!(error.to_string().contains(&format!("shard {}", at / 4096)), "{error}");
        flipped[at] ^= 1;
    }
    assert!(verified(&bytes[..bytes.len() - 1]).unwrap_err().to_string().contains("manifest"));
    assert!(verified(&[bytes.as_slice(), &[0]].concat()).unwrap_err().to_string().contains("manifest"));
}

#[test]
fn after_an_error_nothing_is_taken() {
    let mut reader = gguf::Reader::new(Limits::default(), ());
    reader.push(b"JUNK").unwrap_err();
    reader.push(&[0; 40]).unwrap_err();
    reader.push(&good("qwen2")).unwrap_err();
    reader.finish().unwrap_err();
}

#[test]
fn other_files() {
    let json = String::from_utf8(fixture("llama", "config.json")).unwrap();
    let bytes = fixture("llama", "model.safetensors");
    let read = |json: &str, bytes: &[u8]| -> Result<()> {
        let mut reader = safetensors::Reader::new(Limits::default(), json, ())?;
        reader.push(bytes)?;
        reader.finish().map(drop)
    };
    read(&json, &bytes).unwrap();
    for (from, to) in [
        ("\"num_attention_heads\": 4", "\"num_attention_heads\": 0"),
        ("\"num_attention_heads\": 4", "\"num_attention_heads\": -4"),
        ("\"silu\"", "\"gelu\""),
        ("\"model_type\": \"llama\"", "\"model_type\": \"other\""),
        ("\"rope_type\": \"default\"", "\"rope_type\": \"yarn\""),
        ("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true, \"vocab_size\": 299"),
        ("\"hidden_size\": 64", "\"hidden_size\": 128"),
    ] {
        assert!(json.contains(from), "{from}");
        read(&json.replace(from, to), &bytes).unwrap_err();
    }
    let with = |from: &str, to: &str| {
        let mut bytes = bytes.clone();
        let at = after(&bytes, from) - from.len();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    for bytes in [
        [&u64::MAX.to_le_bytes()[..], &bytes[8..]].concat(),
        [&[0; 8][..], &bytes[8..]].concat(),
        bytes[..bytes.len() - 1].to_vec(),
        bytes[..100].to_vec(),
        [bytes.as_slice(), b"x"].concat(),
        with("BF16", "BF17"),
        with("[300,64]", "[301,64]"),
        with("lm_head.weight", "lm_hxxd.weight"),
    ] {
        read(&json, &bytes).unwrap_err();
    }

    let mut header = [0u8; 256];
    for (at, word) in [0x616b_3432u32, 1, 64, 96, 1 << 30, 4, 2, 300, 512].iter().enumerate() {
        header[4 * at..4 * at + 4].copy_from_slice(&word.to_le_bytes());
    }
    llama2c::Reader::new(Limits::default(), ()).push(&header).unwrap_err();
    llama2c::Reader::new(Limits::default(), ()).push(&[0; 256]).unwrap_err();
    for bytes in
        [&b"\x07"[..], &b"\x07\0\0\0\0\0\0\0\xff\xff\xff\xff<"[..], &b"\x07\0\0\0\0\0\0\0\x01\0\0\0\xff"[..]]
    {
        llama2c::tokenizer(bytes).unwrap_err();
    }
}
