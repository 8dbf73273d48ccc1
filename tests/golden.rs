//! The golden cases, native runner. Node, Chromium and workerd run the same files in tests/node, tests/browser
//! and tests/worker. `ATTUNE_BLESS=1 cargo test --test golden` writes them anew, with the bundle they use: the
//! shop's feature list over a seeded, untrained network, so that equality is tested on every kind of feature.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::fs;
use std::path::PathBuf;

use attune::bundle::{Card, Declaration, Golden};
use attune::effect::{Head, HeadKind, IntervalKnot};
use attune::feature::{Encoder, FeatureList, FieldTable, Kind, Observation, Vocabulary, knots_from_sample};
use attune::profile::{Condition, TagRule};
use attune::rank::Random;
use attune::wire::Term;
use attune::{Bundle, Candidate, Engine, Event, EventKind, Profile, Request, decide_json};
use prost::Message;
use serde_json::{Value, json};

#[allow(dead_code, reason = "the equality test uses the rest")]
#[path = "equality/network.rs"]
mod network;

const NOW: i64 = 1_764_000_000_000;

/// Asked when it runs: a test left in a shared target folder may come from another checkout.
fn folder() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap().join("tests/golden")
}

/// Forty products, some with odd values.
fn candidates(count: usize) -> Vec<Value> {
    let categories = ["kitchen", "outdoor", "lamps", "bags", "books"];
    let names = ["Oak lamp", "Trail tent", "Wool-scarf", "Field notes, set of 3", "Stone mug"];
    let chinese = ["橡木灯", "越野帐篷", "羊毛围巾", "笔记本三件套", "石纹杯"];
    (0..count)
        .map(|n| {
            let mut fields = json!({
                "name": format!("{} {n}", names[n % 5]), "name_zh": (chinese[n % 5]),
                "category": (categories[(n * 3) % 5]), "brand": format!("b{}", n % 7),
                "style": if n % 2 == 0 { "plain" } else { "bold" },
                "color": (["red", "sand", "ink"][n % 3]), "material": (["wood", "wool"][n % 2]),
                "price": 5.0 + (n * 37 % 200) as f64 + 0.35, "margin": (n % 9) as f64 * 1.1,
                "rating": 3.0 + (n % 5) as f64 * 0.45, "in_stock": n % 11 != 10,
                "published_at": NOW - (n as i64 * 37 % 400) * 86_400_000,
            });
            if n % 13 == 12 {
                fields["price"] = Value::Null;
                fields["category"] = json!(["kitchen", "lamps"]);
                fields["name"] = json!("<b>\u{0}\"'</b> ".repeat(3));
            }
            json!({"id": format!("p{n}"), "fields": fields})
        })
        .collect()
}

fn profile() -> Profile {
    let mut profile = Profile::new();
    let mut identify = Event::new(EventKind::Identify, NOW - 9_000_000_000);
    identify.fields.insert("age_band".to_owned(), "25-34".into());
    profile.apply(&identify, &[]);
    for (n, kind) in
        [EventKind::Click, EventKind::View, EventKind::AddToCart, EventKind::Purchase].iter().enumerate()
    {
        let mut event = Event::new(*kind, NOW - 86_400_000 * (4 - n as i64));
        let items: Vec<Candidate> = serde_json::from_value(Value::Array(candidates(n * 3 + 2))).unwrap();
        event.items = items
            .into_iter()
            .map(|item| attune::event::Item { id: item.id, fields: item.fields, quantity: 1.0 })
            .collect();
        event.value = Some(19.9);
        profile.apply(&event, &[]);
    }
    profile
}

fn bundle() -> Bundle {
    let list = FeatureList::shop();
    let mut encoder = Encoder::unfitted(list.clone());
    let moment_request: Request = serde_json::from_value(request("fit", 40)).unwrap();
    let moment = attune::feature::Moment::of(&moment_request);
    let mut seen: Vec<(Vec<f32>, Vec<u64>)> = vec![Default::default(); list.features.len()];
    for (position, candidate) in moment_request.slots[0].candidates.iter().enumerate() {
        let mut observation = Observation::default();
        encoder.observe(&moment, candidate, position, &mut observation);
        for (index, (numbers, symbols)) in seen.iter_mut().enumerate() {
            match observation.field(index) {
                attune::feature::FieldValue::Number(number) => numbers.push(number),
                attune::feature::FieldValue::Symbols(found) => symbols.extend(found),
            }
        }
        encoder.count_outcome("click", &moment, candidate, f64::from(u8::from(position % 3 == 0)));
    }
    let tables: Vec<FieldTable> = list
        .features
        .iter()
        .zip(seen)
        .map(|(feature, (numbers, mut symbols))| match feature.kind {
            Kind::Text { .. } => FieldTable::Buckets(64),
            _ if feature.kind.is_symbolic() => {
                symbols.sort_unstable();
                symbols.dedup();
                symbols.pop();
                FieldTable::Vocabulary(Vocabulary::new(symbols))
            }
            _ => FieldTable::Knots(knots_from_sample(&numbers, 8)),
        })
        .collect();
    let mut random = Random::new(5);
    let columns = network::HEADS + network::COLUMNS;
    let weights = tables
        .iter()
        .map(|table| (0..table.rows() * columns).map(|_| (random.unit() - 0.5) as f32).collect())
        .collect();
    encoder.set_tables(tables);
    let interval = |logit| IntervalKnot { logit, low: -0.3, high: 0.25 };
    let mut click = Head::new("click", HeadKind::Click);
    (click.slope, click.intercept) = (0.9, -2.5);
    click.intervals = vec![interval(-4.0), interval(-1.0)];
    let mut conversion = Head::new("conversion", HeadKind::Conversion);
    conversion.intercept = -4.0;
    Bundle {
        card: Card {
            name: "golden".to_owned(),
            attune: env!("CARGO_PKG_VERSION").to_owned(),
            schema: list.hash(),
            limits: vec!["Untrained: for tests only.".to_owned()],
            ..Card::default()
        },
        declaration: Declaration {
            bias: vec![0.25, -0.5],
            heads: vec![click, conversion],
            objective: vec![
                Term { effect: Some("click".to_owned()), times: None, weight: 1.0 },
                Term { effect: Some("conversion".to_owned()), times: Some("margin".to_owned()), weight: 1.0 },
            ],
            tag_rules: vec![TagRule { tag: "buyer".to_owned(), all: vec![Condition::OrdersAtLeast(1)] }],
            list,
        },
        encoder,
        tables: weights,
        onnx: network::student_of(FeatureList::shop().features.len()).encode_to_vec(),
        golden: Vec::new(),
    }
}

fn request(id: &str, count: usize) -> Value {
    json!({"v": 1, "id": id, "at": NOW, "seed": "18446744073709551615", "tz_offset": 480,
        "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Mobile/15E148",
        "context": {"language": "zh"}, "slots": [{"id": "home", "show": 8, "candidates": candidates(count)}]})
}

fn cases() -> Vec<(&'static str, Value)> {
    let with = |id: &str, count: usize, more: Value| {
        let mut request = request(id, count);
        for (name, value) in more.as_object().unwrap() {
            request[name] = value.clone();
        }
        request
    };
    let profile: Value = serde_json::from_str(&profile().to_json()).unwrap();
    let mut newer = profile.clone();
    newer["v"] = json!(99);
    let mut constrained = with("constrained", 20, json!({}));
    constrained["slots"][0]["pinned"] = json!({"p7": 0, "p3": 4, "p1": 900});
    constrained["slots"][0]["excluded"] = json!(["p2", "nobody"]);
    let again = constrained["slots"][0]["candidates"][4].clone();
    constrained["slots"][0]["candidates"].as_array_mut().unwrap().push(again);
    let second = json!({"id": "second", "candidates": candidates(12)});
    let mut page = with("page", 12, json!({"explain": true, "profile": profile, "mode": "device"}));
    page["slots"].as_array_mut().unwrap().push(second);
    vec![
        ("cold", request("cold", 25)),
        ("one", request("one", 1)),
        ("none", request("none", 0)),
        ("hundred", with("hundred", 100, json!({"profile": profile, "mode": "device"}))),
        ("constrained", constrained),
        ("page", page),
        (
            "explore",
            with(
                "explore",
                40,
                json!({"explore": {"temperature": 0.2}, "profile": profile, "mode": "device",
                       "diversity": {"field": "category", "weight": 0.1, "max": 3}}),
            ),
        ),
        (
            "sampled",
            with(
                "sampled",
                60,
                json!({"explore": {"temperature": 0.05}, "profile": profile, "mode": "device"}),
            ),
        ),
        ("margin", with("margin", 30, json!({"objective": [{"times": "margin", "weight": 1}]}))),
        ("held_out", with("held_out", 10, json!({"shopper": "s1", "holdout": {"share": 1, "seed": "h"}}))),
        ("newer_profile", with("newer_profile", 10, json!({"profile": newer}))),
        ("too_many", with("too_many", 10_001, json!({}))),
        ("clock_back", with("clock_back", 10, json!({"at": 5, "profile": profile, "mode": "device"}))),
        ("malformed", json!("{\"at\": NaN}")),
    ]
}

/// The request as the text a surface receives.
fn text(request: &Value) -> String {
    request.as_str().map_or_else(|| request.to_string(), str::to_owned)
}

fn bless() {
    let mut parts = bundle();
    let engine = Engine::load(&parts.to_bytes().unwrap()).unwrap();
    for (_, request) in cases().into_iter().filter(|(name, _)| ["one", "cold"].contains(name)) {
        let request: Request = serde_json::from_value(request).unwrap();
        parts.golden.push(Golden { logits: engine.logits(&request).unwrap(), request });
    }
    let bytes = parts.to_bytes().unwrap();
    fs::create_dir_all(folder()).unwrap();
    fs::write(folder().join("small.attune"), &bytes).unwrap();
    let engine = Engine::load(&bytes).unwrap();
    for (name, request) in cases() {
        // The largest request is made by each runner, so that the files stay small.
        let decision = serde_json::to_value(decide_json(Ok(&engine), &text(&request))).unwrap();
        let stored = if name == "too_many" {
            json!({"repeat": 10_001, "of": self::request(name, 1)})
        } else {
            request
        };
        let case = json!({"name": name, "request": stored, "decision": decision});
        fs::write(folder().join(format!("{name}.json")), serde_json::to_string(&case).unwrap() + "\n")
            .unwrap();
    }
}

#[test]
fn every_case_gives_its_decision() {
    if std::env::var_os("ATTUNE_BLESS").is_some() {
        bless();
    }
    let bytes = fs::read(folder().join("small.attune")).unwrap();
    let engine = Engine::load(&bytes).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let case: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let request = match case["request"].get("repeat").and_then(Value::as_u64) {
            Some(times) => {
                let mut request = case["request"]["of"].clone();
                let one = request["slots"][0]["candidates"][0].clone();
                request["slots"][0]["candidates"] = Value::Array(vec![one; times as usize]);
                request
            }
            None => case["request"].clone(),
        };
        let decision = serde_json::to_value(decide_json(Ok(&engine), &text(&request))).unwrap();
        assert_eq!(decision, case["decision"], "{}", path.display());
        count += 1;
    }
    assert_eq!(count, cases().len());
}

#[test]
fn attributions_sum_to_the_logit() {
    let engine = Engine::load(&fs::read(folder().join("small.attune")).unwrap()).unwrap();
    let request: Request = serde_json::from_value(request("sum", 40)).unwrap();
    for prediction in engine.predict(&request).unwrap().concat() {
        for (head, parts) in engine.heads().iter().zip(0..) {
            let all = [engine.attributions(&prediction), engine.shared_attributions(&prediction)];
            let sum: f32 = all.iter().flat_map(|parts| parts[head.name.as_str()].values()).sum();
            assert!((sum - prediction.logits[parts]).abs() < 1e-4);
        }
    }
}
