use super::*;

const SHIRT: &str = r#"{"item_id":"SKU_1","item_name":"Linen shirt","item_brand":"Weft","item_category":"Apparel",
    "item_category2":"Shirts","item_variant":"green","price":39.5,"quantity":2,"index":0,"item_list_id":"related"}"#;

fn payload(events: &str) -> String {
    format!(
        r#"{{"client_id":"c.1","user_id":"u1","timestamp_micros":"1599391467000123","events":[{events}]}}"#
    )
}

fn named(name: &str, params: &str) -> String {
    format!(r#"{{"name":"{name}","params":{{{params}}}}}"#)
}

#[test]
fn the_measurement_protocol_is_read() {
    let bought = named(
        "purchase",
        &format!(r#""transaction_id":"T_1","value":79.0,"currency":"USD","session_id":77,"items":[{SHIRT}]"#),
    );
    let seen = named("view_item_list", &format!(r#""items":[{SHIRT},{{"item_name":"Mug"}}]"#));
    let search = named("search", r#""search_term":"衬衫""#);
    let scroll = named("scroll", "");
    let text = payload(&[bought, seen, search, scroll].join(","));
    let events = import(&text, 5).unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Purchase, EventKind::Impression, EventKind::Search]);
    let purchase = &events[0];
    assert_eq!((purchase.at, purchase.id.as_str()), (1_599_391_467_000, "purchase:T_1"));
    assert_eq!((purchase.value, purchase.currency.as_deref()), (Some(79.0), Some("USD")));
    assert_eq!((purchase.shopper.as_deref(), purchase.session.as_deref()), (Some("u1"), Some("77")));
    let item = &purchase.items[0];
    assert_eq!((item.id.as_str(), item.quantity), ("SKU_1", 2.0));
    assert_eq!(
        (item.fields.get("brand").unwrap(), item.fields.get("price").unwrap()),
        (&Value::from("Weft"), &Value::Number(39.5))
    );
    assert_eq!(*item.fields.get("category2").unwrap(), Value::from("Shirts"));
    assert_eq!((events[1].slot.as_deref(), events[1].items[1].id.as_str()), (Some("related"), "Mug"));
    assert_eq!(*events[2].fields.get("query").unwrap(), Value::from("衬衫"));
    assert_eq!(Batch::read(&text, 5, 9).unwrap().ignored, 1);
    assert_eq!(events, import(&text, 6).unwrap(), "the same payload has the same ids");
    assert!(events[1].id != events[2].id && events[1].id.starts_with("ga4-"));
}

#[test]
fn the_data_layer_and_gtag_are_read() {
    let layer = format!(
        r#"[{{"event":"gtm.js","gtm.start":1}},{{"ecommerce":null}},
            {{"event":"add_to_cart","user_id":"u1","ecommerce":{{"currency":"CNY","value":"79","items":[{SHIRT}]}}}},
            {{"event":"view_promotion","ecommerce":{{"items":[{{"promotion_id":"P1","promotion_name":"Summer","creative_slot":"hero"}}]}}}},
            ["js","2026"],["event","select_promotion",{{"promotion_id":"P1","creative_slot":"hero"}}]]"#
    );
    let events = import(&layer, 42).unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::AddToCart, EventKind::Impression, EventKind::Click]);
    assert_eq!((events[0].at, events[0].value, events[0].shopper.as_deref()), (42, Some(79.0), Some("u1")));
    assert_eq!((events[1].items[0].id.as_str(), events[1].slot.as_deref()), ("P1", Some("hero")));
    assert_eq!(events[2].items[0].id, "P1");
    let single = format!(r#"["event","view_item",{{"items":[{SHIRT}]}}]"#);
    assert_eq!(import(&single, 1).unwrap()[0].kind, EventKind::View);
}

#[test]
fn user_properties_identify() {
    let text =
        r#"{"client_id":"c","events":[],"user_properties":{"tier":{"value":"gold"},"age":{"value":33}}}"#;
    let events = import(text, 3).unwrap();
    assert_eq!(
        (events[0].kind, events[0].fields.get("tier").unwrap()),
        (EventKind::Identify, &Value::from("gold"))
    );
}

#[test]
fn bad_payloads_are_named() {
    let item = |n: usize| format!(r#""items":[{}]"#, vec![r#"{"item_id":"a"}"#; n].join(","));
    assert_eq!(import(&payload(&named("view_item", &item(200))), 0).unwrap()[0].items.len(), 200);
    for (text, word) in [
        (payload(&named("veiw_item", "")), "add_to_cart"),
        (payload(&named("purchase", r#""value":3"#)), "`currency`"),
        (payload(&named("purchase", r#""value":"free","currency":"EUR""#)), "`value`"),
        (payload(&named("purchase", r#""value":"inf","currency":"EUR""#)), "`value`"),
        (payload(&named("view_item", &item(201))), "at most 200"),
        (payload(&named("view_item", r#""items":[{"price":1}]"#)), "`item_id`"),
        (payload(&named("view_item", r#""items":[7]"#)), "object"),
        (payload(&named("view_item", r#""items":{}"#)), "list"),
        (payload("3"), "object"),
        (payload("{}"), "`name`"),
        (r#"{"events":[]}"#.to_owned(), "`client_id`"),
        (r#"{"client_id":"c","events":{}}"#.to_owned(), "list"),
        (r#"{"client_id":"c","events":[],"timestamp_micros":"soon"}"#.to_owned(), "timestamp_micros"),
        (r#"{"ecommerce":{}}"#.to_owned(), "`event`"),
        (r#"["event",{}]"#.to_owned(), "name"),
        ("7".to_owned(), "GA4"),
        ("{\"event\":NaN}".to_owned(), "not valid"),
    ] {
        let error = import(&text, 0).unwrap_err();
        assert!(error.to_string().contains(word), "{text}: {error}");
    }
}

#[test]
fn a_payload_is_taken_whole_or_not_at_all() {
    let text = payload(&[named("view_item", ""), named("dance", "")].join(","));
    let batch = Batch::read(&text, 0, 9).unwrap();
    assert_eq!((batch.events.len(), batch.rejected.len()), (0, 1));
}
