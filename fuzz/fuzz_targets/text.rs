//! A text model with a valid checksum over hostile bytes: an error, or a model that has an effect for every text.
#![no_main]

use attune_text::TextModel;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    if let Some(end) = bytes.len().checked_sub(32) {
        let digest = Sha256::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&digest);
    }
    let Ok(model) = TextModel::from_bytes(&bytes) else { return };
    for text in ["Oak lamps, 20 % off!", "橡木灯", "", &String::from_utf8_lossy(&bytes)] {
        let effect = model.predict(text);
        assert!(effect.log_odds.value.is_finite(), "{effect:?}");
        assert!(effect.rate.low <= effect.rate.value && effect.rate.value <= effect.rate.high, "{effect:?}");
        assert!((0.0..=100.0).contains(&effect.percentile), "{effect:?}");
    }
    let again = TextModel::from_bytes(&model.to_bytes().expect("a card that was JSON"));
    assert_eq!(again.expect("what was written").fitted(), model.fitted());
});
