//! Any text as a request: `decide` answers, and every candidate is in the answer once.
#![no_main]

use std::sync::LazyLock;

use attune::{Engine, Request, decide_json};
use libfuzzer_sys::fuzz_target;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let bytes = include_bytes!("../../tests/golden/small.attune");
    Engine::load(bytes).expect("the golden bundle loads")
});

fuzz_target!(|text: &str| {
    let decision = decide_json(Ok(&ENGINE), text);
    if let Ok(request) = Request::from_json(text) {
        assert_eq!(decision.slots.len(), request.slots.len());
        for (slot, answer) in request.slots.iter().zip(&decision.slots) {
            let mut asked: Vec<&str> = slot.candidates.iter().map(|c| c.id.as_str()).collect();
            let mut given: Vec<&str> = answer.items.iter().map(|item| item.id.as_str()).collect();
            given.extend(answer.withheld.iter().map(|item| item.id.as_str()));
            asked.sort_unstable();
            given.sort_unstable();
            assert_eq!(asked, given);
            for item in &answer.items {
                assert!(item.propensity > 0.0 && item.propensity <= 1.0);
            }
        }
    }
});
