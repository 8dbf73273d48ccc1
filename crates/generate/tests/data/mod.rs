//! Public data for the tests, looked for in `ATTUNE_DATA`, default `../shared/data`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::{
    io::{Read, Write},
    path::PathBuf,
};

/// A file's text, unpacked; `None` where it is absent, which is told to `cargo xtask test`, and is a failure under CI.
pub(crate) fn read(name: &str) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var_os("ATTUNE_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let Ok(file) = std::fs::File::open(shared.join(name)) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} is not there");
        println!("skipped: {name} is not there");
        if let Some(skips) = std::env::var_os("ATTUNE_SKIPS") {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(skips).unwrap();
            let _ = writeln!(file, "generate: real data {name} is not there (ATTUNE_DATA)");
        }
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    Some(text)
}
