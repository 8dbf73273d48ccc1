use super::*;
use crate::decision::{Decision, Effect, Ranked, RankedSlot};
use crate::named::Named;
use crate::wire::Mode;

const SHOP: &str = r#"
{"event":"item","id":"e1","timestamp":"1599391467000","item":"p1","fields":[{"name":"title","value":"红色围巾 Red scarf"},{"name":"color","value":["red","white"]},{"name":"price","value":39.5},{"name":"sizes","value":[38,40.5]},{"name":"is_new","value":true}]}
{"event":"user","id":"e2","timestamp":1599391468000,"user":"u1","fields":{"age":33,"tier":"gold"}}
{"event":"ranking","id":"r1","timestamp":"2020-09-06T11:24:29Z","user":"u1","session":"s1","fields":[{"name":"query","value":"scarf"}],"items":[{"id":"p1","relevancy":2.0},{"id":"p2"}]}
{"event":"interaction","id":"e4","ranking":"r1","timestamp":"1599391470000","user":"u1","session":"s1","type":"click","item":"p1"}
{"event":"interaction","id":"e5","ranking":"r1","timestamp":"1599391471000","user":"u1","type":"purchase","item":"p1","fields":[{"name":"count","value":2},{"name":"value","value":79},{"name":"currency","value":"EUR"},{"name":"shipping","value":"DHL"}]}
"#;

#[test]
fn a_shop_s_events_are_read() {
    let events = import(SHOP).unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Identify, EventKind::Impression, EventKind::Click, EventKind::Purchase]);
    assert_eq!(*events[0].fields.get("tier").unwrap(), Value::from("gold"));
    let ranking = &events[1];
    assert_eq!((ranking.at, ranking.session.as_deref()), (1_599_391_469_000, Some("s1")));
    assert_eq!(*ranking.items[0].fields.get("relevancy").unwrap(), Value::Number(2.0));
    let click = &events[2];
    assert_eq!((click.id.as_str(), click.decision.as_deref()), ("e4", Some("r1")));
    let fields = &click.items[0].fields;
    assert_eq!(*fields.get("title").unwrap(), Value::from("红色围巾 Red scarf"));
    assert_eq!(*fields.get("color").unwrap(), Value::List(vec!["red".into(), "white".into()]));
    assert_eq!(*fields.get("sizes").unwrap(), Value::List(vec!["38".into(), "40.5".into()]));
    assert_eq!(*fields.get("is_new").unwrap(), Value::Flag(true));
    let bought = &events[3];
    assert_eq!(
        (bought.value, bought.currency.as_deref(), bought.items[0].quantity),
        (Some(79.0), Some("EUR"), 2.0)
    );
    assert_eq!(bought.fields.keys().collect::<Vec<_>>(), ["shipping"]);
}

#[test]
fn profiles_learn_from_them() {
    let mut profile = crate::profile::Profile::new();
    let events = import(SHOP).unwrap();
    for event in &events {
        profile.apply(event, &[]);
    }
    assert_eq!((profile.orders, profile.spent), (1, 79.0));
    assert!(profile.preference("color", "red", events[3].at) > 0.4);
}

#[test]
fn bad_events_are_named() {
    for (text, word) in [
        (r#"{"event":"interaction","id":"1","timestamp":1,"type":"like","item":"p"}"#, "add_to_cart"),
        (r#"{"event":"interaction","id":"1","timestamp":1,"type":"click"}"#, "`item`"),
        (r#"{"event":"interaction","id":"1","timestamp":1,"item":"p"}"#, "`type`"),
        (r#"{"event":"impression","id":"1","timestamp":1}"#, "interaction"),
        (r#"{"event":"item","id":"1","timestamp":1}"#, "`item`"),
        (r#"{"event":"user","id":"1","timestamp":1}"#, "`user`"),
        (r#"{"event":"user","timestamp":1,"user":"u"}"#, "id"),
        (r#"{"event":"user","id":"1","user":"u"}"#, "timestamp"),
        (r#"{"event":"user","id":"1","timestamp":"yesterday","user":"u"}"#, "yesterday"),
        (r#"{"event":"user","id":"1","timestamp":1,"user":"u","fields":3}"#, "fields"),
        (r#"{"event":"user","id":"1","timestamp":1,"user":"u","fields":[{"value":3}]}"#, "name"),
        (r#"{"event":"ranking","id":"1","timestamp":1,"items":[{"fields":[]}]}"#, "id"),
        (r#"{"event":"ranking","id":"1","timestamp":NaN}"#, "not valid"),
    ] {
        let error = import(text).unwrap_err();
        assert_eq!(error.code(), "malformed", "{text}");
        assert!(error.to_string().contains(word), "{text}: {error}");
    }
}

#[test]
fn hostile_fields_are_only_data() {
    let long = "x".repeat(1_000_000);
    let text = format!(
        r#"{{"event":"item","id":"1","timestamp":1,"item":"<script>","fields":[{{"name":"n","value":"{long}"}},{{"name":"o","value":{{"a":[1]}}}},{{"name":"m","value":[1,"a",null]}},{{"name":"z"}}]}}"#
    );
    let batch = Batch::read(&text, 0, 1).unwrap();
    let fields = &batch.items["<script>"];
    assert_eq!(fields.get("n").unwrap().text().map(str::len), Some(1_000_000));
    assert!(["o", "m", "z"].iter().all(|name| matches!(fields.get(*name).unwrap(), Value::Missing(_))));
}

const RANK: &str = r#"{"id":"81f4","timestamp":"1599391467000","user":"user1","session":"session1",
    "fields":[{"name":"query","value":"jeans"}],
    "items":[{"id":"item3","fields":[{"name":"price","value":2.0}]},{"id":1,"fields":{"price":1},"label":4},{"id":"item2"}]}"#;

#[test]
fn a_ranking_request_is_a_request() {
    let (request, fallback) = RankRequest::from_json(RANK).unwrap().into_request("home", 9, true);
    assert!(fallback.is_none() && request.explain);
    assert_eq!((request.at, request.mode), (1_599_391_467_000, Mode::Contextual));
    assert_eq!(*request.context.get("query").unwrap(), Value::from("jeans"));
    let slot = &request.slots[0];
    let ids: Vec<_> = slot.candidates.iter().map(|candidate| candidate.id.as_str()).collect();
    assert_eq!((slot.id.as_str(), ids), ("home", vec!["item3", "1", "item2"]));
    assert_eq!(*slot.candidates[1].fields.get("label").unwrap(), Value::Number(4.0));
    let again = RankRequest::from_json(RANK).unwrap().into_request("home", 10, true).0;
    assert_eq!(request, again, "the seed comes of the id, the time of the request");
}

#[test]
fn a_profile_rides_along_or_is_left_behind() {
    let with = |more: &str| {
        let json = format!(r#"{{"id":"1","items":[],{more}}}"#);
        RankRequest::from_json(&json).unwrap().into_request("s", 77, false)
    };
    let (request, fallback) = with(r#""profile":{"v":1,"orders":2}"#);
    assert_eq!((request.mode, request.profile.unwrap().orders, fallback), (Mode::Device, 2, None));
    assert_eq!(request.at, 77);
    let (request, fallback) = with(r#""mode":"contextual","profile":{"v":1,"orders":2}"#);
    assert_eq!((request.mode, request.profile, fallback), (Mode::Contextual, None, None));
    for (profile, code) in [(r#"{"v":99}"#, "profile_newer"), ("[]", "profile_malformed")] {
        let (request, fallback) = with(&format!(r#""profile":{profile},"seed":"18446744073709551615""#));
        assert_eq!((request.mode, request.profile, request.seed), (Mode::Contextual, None, u64::MAX));
        assert_eq!(fallback.unwrap().code, code);
    }
}

#[test]
fn bad_ranking_requests_are_refused() {
    for json in ["", "[]", "{}", r#"{"id":"1"}"#, r#"{"items":[{}]}"#, r#"{"items":[],"seed":"-1"}"#] {
        assert_eq!(RankRequest::from_json(json).unwrap_err().code(), "malformed", "{json}");
    }
    let many = format!(r#"{{"items":[{}]}}"#, vec![r#"{"id":"a"}"#; 10_001].join(","));
    assert_eq!(RankRequest::from_json(&many).unwrap_err().code(), "too_many");
}

#[test]
fn a_decision_answers_in_metarank_s_form() {
    let ranked = Ranked {
        id: "p1".into(),
        score: 0.5,
        logits: Named::from_iter([("click".to_owned(), 0.25_f32)]),
        effects: Named::from_iter([("click".to_owned(), Effect { value: 0.56, low: 0.5, high: 0.6 })]),
        propensity: 1.0,
        pinned: false,
        attributions: Named::from_iter([(
            "click".to_owned(),
            Named::from_iter([("brand".to_owned(), 0.25_f32)]),
        )]),
    };
    let slot = RankedSlot { id: "s".into(), show: 1, items: vec![ranked], withheld: Vec::new() };
    let decision = Decision { id: "d1".into(), seed: u64::MAX, slots: vec![slot], ..Decision::default() };
    let json = serde_json::to_value(Answer::new(decision.clone(), false)).unwrap();
    assert_eq!(json["items"], serde_json::json!([{"item": "p1", "score": 0.5, "propensity": 1.0}]));
    assert_eq!((json["seed"].as_str(), json.get("took")), (Some("18446744073709551615"), None));
    let json = serde_json::to_value(Answer::new(decision, true)).unwrap();
    assert_eq!(
        json["items"][0]["features"],
        serde_json::json!([{"name": "click", "value": 0.56, "low": 0.5, "high": 0.6}, {"name": "click.brand", "value": 0.25}])
    );
}
