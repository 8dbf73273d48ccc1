//! A bundle with a valid checksum over hostile bytes: an error or an engine that answers.
#![no_main]

use attune::{Engine, Request, decide};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    if bytes.len() >= 32 {
        let end = bytes.len() - 32;
        let digest = Sha256::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&digest);
    }
    if let Ok(engine) = Engine::load(&bytes) {
        let request = r#"{"at":1764000000000,"slots":[{"id":"s","candidates":[{"id":"a","fields":{"price":3}}]}]}"#;
        if let Ok(request) = Request::from_json(request) {
            assert_eq!(decide(Ok(&engine), &request).slots.len(), 1);
        }
    }
});
