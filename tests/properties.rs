//! What holds for every request, profile and bundle, not only for those one thinks of.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use attune::bundle::Bundle;
use attune::event::Item;
use attune::wire::{Candidate, Diversity, Exploration, Fields, Term};
use attune::{
    Deciding, Decision, Engine, Event, EventKind, Profile, Request, Slot, Value, decide, decide_json,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    std::fs::read(Path::new(&root).join("tests/golden/small.attune")).unwrap()
});
static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::load(&BYTES).unwrap());

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_map(Value::Number),
        prop_oneof![Just(0.0), Just(12.5), Just(-3.0), Just(1e308), Just(f64::NAN)].prop_map(Value::Number),
        "\\PC{0,12}".prop_map(Value::Text),
        prop_oneof![Just("kitchen"), Just("灯"), Just("")].prop_map(|text| Value::Text(text.to_owned())),
        any::<bool>().prop_map(Value::Flag),
        vec("[a-c]{1,2}", 0..3).prop_map(Value::List),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    let name = prop_oneof![
        Just("price"),
        Just("margin"),
        Just("category"),
        Just("name"),
        Just("name_zh"),
        Just("in_stock"),
        Just("published_at"),
        Just("style")
    ];
    btree_map(name.prop_map(str::to_owned), value(), 0..6).prop_map(|map| map.into_iter().collect())
}

fn candidate() -> impl Strategy<Value = Candidate> {
    ("p[0-9]{1,2}", fields()).prop_map(|(id, fields)| Candidate { id, fields })
}

fn slot() -> impl Strategy<Value = Slot> {
    let pinned = btree_map("p[0-9]{1,2}", 0..40_usize, 0..3);
    (vec(candidate(), 0..12), proptest::option::of(0..14_usize), pinned, vec("p[0-9]{1,2}", 0..3)).prop_map(
        |(candidates, show, pinned, excluded)| Slot { id: String::new(), show, candidates, pinned, excluded },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let kind = (0..EventKind::ALL.len()).prop_map(|at| EventKind::ALL[at]);
    let item = (candidate(), any::<f64>()).prop_map(|(candidate, quantity)| Item {
        id: candidate.id,
        fields: candidate.fields,
        quantity,
    });
    let value = proptest::option::of(any::<f64>());
    (kind, any::<i64>(), vec(item, 0..3), value, fields()).prop_map(|(kind, at, items, value, fields)| {
        let mut event = Event::new(kind, at);
        (event.items, event.value, event.fields) = (items, value, fields);
        event
    })
}

fn request() -> impl Strategy<Value = Request> {
    let objective = vec(
        (any::<f64>(), any::<bool>()).prop_map(|(weight, priced)| Term {
            effect: Some("click".to_owned()),
            times: priced.then(|| "price".to_owned()),
            weight,
        }),
        0..3,
    );
    let diversity = proptest::option::of(
        (any::<f64>(), proptest::option::of(0..3_usize)).prop_map(|(weight, max)| Diversity {
            field: "category".to_owned(),
            weight,
            max,
        }),
    );
    let explore = proptest::option::of(
        prop_oneof![any::<f64>(), 0.01..2.0_f64].prop_map(|temperature| Exploration { temperature }),
    );
    (any::<i64>(), any::<u64>(), vec(slot(), 0..3), vec(event(), 0..5), objective, diversity, explore)
        .prop_map(|(at, seed, mut slots, events, objective, diversity, explore)| {
            for (number, slot) in slots.iter_mut().enumerate() {
                slot.id = format!("slot{number}");
            }
            let mut profile = Profile::new();
            events.iter().for_each(|event| profile.apply(event, &[]));
            Request {
                v: 1,
                id: "r".to_owned(),
                at,
                seed,
                slots,
                profile: Some(profile),
                objective,
                diversity,
                explore,
                explain: true,
                ..Request::default()
            }
        })
}

fn holds(request: &Request, decision: &Decision) -> Result<(), TestCaseError> {
    prop_assert_eq!(request.slots.len(), decision.slots.len());
    let mut shown = BTreeSet::new();
    for (asked, slot) in request.slots.iter().zip(&decision.slots) {
        let mut given: Vec<&str> = slot.items.iter().map(|item| item.id.as_str()).collect();
        given.extend(slot.withheld.iter().map(|item| item.id.as_str()));
        let mut wanted: Vec<&str> = asked.candidates.iter().map(|candidate| candidate.id.as_str()).collect();
        given.sort_unstable();
        wanted.sort_unstable();
        prop_assert_eq!(given, wanted, "ranked and withheld are the candidates");
        for item in &slot.items {
            prop_assert!(item.score.is_finite(), "score {}", item.score);
            prop_assert!(item.propensity > 0.0 && item.propensity <= 1.0);
            for effect in item.effects.values() {
                prop_assert!(effect.low <= effect.value && effect.value <= effect.high);
            }
        }
        for item in &slot.items[..slot.show] {
            prop_assert!(shown.insert(item.id.clone()), "{} is shown twice on the page", item.id);
        }
    }
    // What is decided can be written, and read again as it was.
    let text = serde_json::to_string(decision).unwrap();
    prop_assert_eq!(&serde_json::from_str::<Decision>(&text).unwrap(), decision);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ranking_is_a_permutation(request in request()) {
        let decision = decide(Ok(&ENGINE), &request);
        holds(&request, &decision)?;
        prop_assert_eq!(decide(Ok(&ENGINE), &request), decision, "the same request has the same answer");
    }

    #[test]
    fn slot_by_slot_is_the_same(request in request()) {
        let mut deciding = Deciding::new(Ok(&ENGINE), Cow::Owned(Request { slots: Vec::new(), ..request.clone() }));
        for slot in &request.slots {
            deciding.slot(slot);
        }
        prop_assert_eq!(deciding.finish(), decide(Ok(&ENGINE), &request));
    }

    #[test]
    fn the_fallback_is_total(request in request()) {
        let error = attune::Error::Bundle("none".to_owned());
        let decision = decide(Err(&error), &request);
        holds(&request, &decision)?;
        prop_assert_eq!(decision.fallback.map(|why| why.code), Some("bundle_unusable".to_owned()));
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        let decision = decide_json(Ok(&ENGINE), &text);
        prop_assert!(decision.fallback.is_some());
    }

    #[test]
    fn a_profile_survives_being_stored(events in vec(event(), 0..12)) {
        let mut profile = Profile::new();
        for event in &events {
            profile.apply(event, ENGINE.tag_rules());
            let stored = profile.to_json();
            prop_assert_eq!(&Profile::from_json(&stored).unwrap(), &profile, "{}", stored);
        }
    }

    #[test]
    fn a_changed_byte_is_found(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let mut bytes = BYTES.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Engine::load(&bytes).is_err());
    }

    #[test]
    fn a_cut_bundle_is_found(at in any::<prop::sample::Index>()) {
        prop_assert!(Engine::load(&BYTES[..at.index(BYTES.len())]).is_err());
    }
}

/// Bundles whose checksum is right and whose parts do not belong together.
#[test]
fn a_bundle_of_another_schema_is_refused() {
    type Change = fn(&mut Bundle);
    let changes: [(&str, Change); 6] = [
        ("a renamed feature", |bundle| bundle.declaration.list.features[1].name.push('x')),
        ("a missing feature", |bundle| drop(bundle.declaration.list.features.pop())),
        ("a table too short", |bundle| bundle.tables[3].truncate(3)),
        ("a head too many", |bundle| {
            let head = bundle.declaration.heads[0].clone();
            bundle.declaration.heads.push(head);
        }),
        ("a scale that is no number", |bundle| bundle.declaration.heads[0].slope = f64::INFINITY),
        ("other logits than its golden case", |bundle| bundle.tables[1][0] += 0.5),
    ];
    for (name, change) in changes {
        let mut bundle = Bundle::from_bytes(&BYTES).unwrap();
        assert!(!bundle.golden.is_empty() || name != "other logits than its golden case");
        change(&mut bundle);
        let loaded = bundle.to_bytes().and_then(|bytes| Engine::load(&bytes));
        assert!(loaded.is_err(), "{name}");
    }
}
