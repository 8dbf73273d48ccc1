//! Any text as a line of the decision log: what is read is written and read again as the same.
#![no_main]

use attune::decision::{LogLine, Outcome};
use attune::event::batch::Batch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(line) = serde_json::from_str::<LogLine>(text) {
        let written = serde_json::to_string(&line).expect("a line can be written");
        assert_eq!(serde_json::from_str::<LogLine>(&written).expect("and read"), line);
    }
    if let Ok(outcome) = serde_json::from_str::<Outcome>(text) {
        let written = serde_json::to_string(&outcome).expect("an outcome can be written");
        assert_eq!(serde_json::from_str::<Outcome>(&written).expect("and read"), outcome);
    }
    if let Ok(batch) = Batch::read(text, 0, 1_000) {
        for outcome in batch.events.iter().flat_map(Outcome::of) {
            assert!(!outcome.decision.is_empty() && !outcome.item.is_empty());
            assert!(outcome.value.is_none_or(f64::is_finite));
        }
    }
});
