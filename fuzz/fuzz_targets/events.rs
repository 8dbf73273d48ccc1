//! Every event form: an error or events, and a profile that can be stored and read back after them.
#![no_main]

use attune::{Event, Profile, event};
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_764_000_000_000;

fuzz_target!(|text: &str| {
    let mut events: Vec<Event> = Event::from_json(text).into_iter().collect();
    events.extend(event::ga4::import(text, NOW).into_iter().flatten());
    events.extend(event::metarank::import(text).into_iter().flatten());
    let mut profile = Profile::new();
    for event in &events {
        profile.apply(event, &[]);
    }
    if !events.is_empty() {
        let json = profile.to_json();
        let _ = Profile::from_json(&json);
    }
    let _ = Profile::from_json(text);
});
