//! Google Analytics 4: e-commerce events, as the Measurement Protocol sends them
//! (`{"client_id", "events": [{"name", "params"}]}`), as a page pushes them to its data layer
//! (`{"event", "ecommerce"}`), and as `gtag("event", name, params)` is recorded (`["event", name, params]`).

use serde_json::{Map, Value as Json};

use super::batch::{Batch, malformed, unknown};
use super::{Event, EventKind, Item};
use crate::error::{Error, Result};
use crate::feature::{symbol, symbol_of};
use crate::wire::{Ignored, Value};

/// The most items GA4 lets an event carry.
pub const MAX_ITEMS: usize = 200;

/// GA4's events that say something about a shopper's taste.
const EVENTS: [(&str, EventKind); 12] = [
    ("view_item_list", EventKind::Impression),
    ("view_promotion", EventKind::Impression),
    ("select_item", EventKind::Click),
    ("select_promotion", EventKind::Click),
    ("view_item", EventKind::View),
    ("add_to_cart", EventKind::AddToCart),
    ("begin_checkout", EventKind::Checkout),
    ("purchase", EventKind::Purchase),
    ("refund", EventKind::Return),
    ("search", EventKind::Search),
    ("view_search_results", EventKind::Search),
    ("in_app_purchase", EventKind::Purchase),
];
/// GA4's own events that are passed over: automatic ones, and those without a counterpart here.
const PASSED: [&str; 22] = [
    "add_payment_info",
    "add_shipping_info",
    "add_to_wishlist",
    "click",
    "file_download",
    "first_open",
    "first_visit",
    "form_start",
    "form_submit",
    "generate_lead",
    "login",
    "page_view",
    "remove_from_cart",
    "screen_view",
    "scroll",
    "session_start",
    "share",
    "sign_up",
    "user_engagement",
    "video_progress",
    "video_start",
    "view_cart",
];
/// GA4's item parameters under the names the rest of Attune knows.
const RENAMED: [(&str, &str); 9] = [
    ("item_name", "name"),
    ("item_brand", "brand"),
    ("item_category", "category"),
    ("item_category2", "category2"),
    ("item_category3", "category3"),
    ("item_category4", "category4"),
    ("item_category5", "category5"),
    ("item_variant", "variant"),
    ("promotion_name", "name"),
];

/// Reads GA4 events: one payload, an array of payloads, or JSON lines. `now` (milliseconds since 1970) stands
/// in where a payload gives no time. Events that say nothing about taste are passed over.
///
/// # Errors
/// [`Error::Malformed`] for the first payload that cannot be read: an event name that is not GA4's (the known ones
/// are named), `value` without `currency`, more than [`MAX_ITEMS`] items. [`Batch::read`] reads on.
pub fn import(text: &str, now: i64) -> Result<Vec<Event>> {
    Batch::gather(text, usize::MAX, |json, batch| read(&json, now, batch))?.strict()
}

pub(super) fn known() -> String {
    EVENTS.map(|(name, _)| name).join(", ")
}

/// `gtag`'s arguments: `["event", name, params]`, `["set", …]`, `["config", …]`.
pub(super) fn is_call(list: &[Json]) -> bool {
    matches!(list, [Json::String(verb), Json::String(_) | Json::Object(_), ..] if verb.len() < 16)
}

pub(super) fn looks_like(json: &Json) -> bool {
    match json {
        Json::Array(list) => is_call(list),
        Json::Object(object) => {
            let name = object.get("event").and_then(Json::as_str);
            let named = name.is_some_and(|name| kind(name).is_some() || passed(name));
            named || ["client_id", "events", "ecommerce"].iter().any(|key| object.contains_key(*key))
        }
        _ => false,
    }
}

fn kind(name: &str) -> Option<EventKind> {
    EVENTS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

fn passed(name: &str) -> bool {
    // gtm.js, gtm.dom, gtm.load and the like are the tag manager's own.
    PASSED.contains(&name) || name.starts_with("gtm.")
}

/// Reads one payload. A payload of several events is taken whole or not at all.
pub(super) fn read(json: &Json, now: i64, batch: &mut Batch) -> Result<()> {
    let mut events = Vec::new();
    let ignored = match json {
        Json::Array(call) => called(call, now, &mut events)?,
        Json::Object(payload) if payload.contains_key("events") => protocol(payload, now, &mut events)?,
        Json::Object(push) => pushed(push, now, &mut events)?,
        _ => return Err(malformed("a GA4 payload is an object or gtag's arguments")),
    };
    batch.events.append(&mut events);
    batch.ignored += ignored;
    Ok(())
}

fn protocol(payload: &Map<String, Json>, now: i64, into: &mut Vec<Event>) -> Result<usize> {
    let list =
        payload.get("events").and_then(Json::as_array).ok_or_else(|| malformed("`events` is a list"))?;
    let client = text(payload, "client_id").or_else(|| text(payload, "app_instance_id"));
    let client = client.ok_or_else(|| malformed("`client_id` is required beside `events`"))?;
    let shopper = text(payload, "user_id").unwrap_or_else(|| client.clone());
    let at = micros(payload)?.unwrap_or(now);
    if let Some(properties) = payload.get("user_properties").and_then(Json::as_object) {
        let mut event = Event::new(EventKind::Identify, at);
        let values =
            properties.iter().map(|(name, given)| (name.clone(), value(given.get("value").unwrap_or(given))));
        event.fields = values.collect();
        event.id = derived(&[
            &shopper,
            "user_properties",
            &at.to_string(),
            &Json::Object(properties.clone()).to_string(),
        ]);
        event.shopper = Some(shopper.clone());
        into.push(event);
    }
    let mut ignored = 0;
    for (index, entry) in list.iter().enumerate() {
        let entry = entry.as_object().ok_or_else(|| malformed("each of `events` is an object"))?;
        let name = text(entry, "name").ok_or_else(|| malformed("each of `events` has a `name`"))?;
        let none = Map::new();
        let params = entry.get("params").and_then(Json::as_object).unwrap_or(&none);
        let at = micros(entry)?.unwrap_or(at);
        match event(&name, params, at)? {
            None => ignored += 1,
            Some(mut event) => {
                if event.id.is_empty() {
                    let content = Json::Object(params.clone()).to_string();
                    event.id = derived(&[&client, &name, &at.to_string(), &index.to_string(), &content]);
                }
                event.shopper = Some(shopper.clone());
                into.push(event);
            }
        }
    }
    Ok(ignored)
}

fn pushed(push: &Map<String, Json>, now: i64, into: &mut Vec<Event>) -> Result<usize> {
    let Some(name) = text(push, "event") else {
        // `{"ecommerce": null}` clears the data layer between events.
        return if push.get("ecommerce") == Some(&Json::Null) {
            Ok(1)
        } else {
            Err(malformed("`event` is required"))
        };
    };
    let params = push.get("ecommerce").and_then(Json::as_object).unwrap_or(push);
    one(&name, params, push, now, into)
}

fn called(call: &[Json], now: i64, into: &mut Vec<Event>) -> Result<usize> {
    match call {
        [verb, name, rest @ ..] if verb == "event" => {
            let name = name.as_str().ok_or_else(|| malformed("gtag's event has a name"))?;
            let none = Map::new();
            let params = rest.first().and_then(Json::as_object).unwrap_or(&none);
            one(name, params, params, now, into)
        }
        [Json::String(verb), ..] if ["js", "config", "set", "consent", "get"].contains(&verb.as_str()) => {
            Ok(1)
        }
        _ => Err(malformed("gtag's arguments are \"event\", a name and parameters")),
    }
}

fn one(
    name: &str,
    params: &Map<String, Json>,
    about: &Map<String, Json>,
    now: i64,
    into: &mut Vec<Event>,
) -> Result<usize> {
    let Some(mut event) = event(name, params, now)? else { return Ok(1) };
    event.shopper = text(about, "user_id").or_else(|| text(about, "client_id"));
    if event.id.is_empty() {
        event.id = derived(&[name, &now.to_string(), &Json::Object(about.clone()).to_string()]);
    }
    into.push(event);
    Ok(0)
}

fn event(name: &str, params: &Map<String, Json>, at: i64) -> Result<Option<Event>> {
    let Some(kind) = kind(name) else {
        return if passed(name) { Ok(None) } else { Err(unknown(name, &format!("GA4's are {}", known()))) };
    };
    let mut event = Event::new(kind, at);
    event.value = params
        .get("value")
        .map(|value| number(value).ok_or_else(|| malformed("`value` is a number")))
        .transpose()?;
    event.currency = text(params, "currency");
    if event.value.is_some() && event.currency.is_none() {
        return Err(malformed(format!("{name}: `currency` is required beside `value`")));
    }
    let none = Vec::new();
    let items = match params.get("items") {
        None | Some(Json::Null) => &none,
        Some(items) => items.as_array().ok_or_else(|| malformed(format!("{name}: `items` is a list")))?,
    };
    if items.len() > MAX_ITEMS {
        return Err(Error::TooMany { what: "items in a GA4 event", found: items.len(), limit: MAX_ITEMS });
    }
    event.items = items.iter().map(item).collect::<Result<_>>()?;
    if event.items.is_empty() && name.ends_with("_promotion") {
        event.items =
            text(params, "promotion_id").map(|id| Item { id, ..item_of_one() }).into_iter().collect();
    }
    event.session = text(params, "session_id").or_else(|| text(params, "ga_session_id"));
    let first = items.first().and_then(Json::as_object);
    event.slot = ["item_list_id", "item_list_name", "creative_slot"]
        .iter()
        .find_map(|key| text(params, key).or_else(|| first.and_then(|item| text(item, key))));
    if let Some(order) = text(params, "transaction_id") {
        event.id = format!("{}:{order}", kind.name());
    }
    for (key, to) in [
        ("search_term", "query"),
        ("transaction_id", "order"),
        ("coupon", "coupon"),
        ("page_location", "page"),
    ] {
        if let Some(value) = text(params, key) {
            event.fields.insert(to.to_owned(), Value::Text(value));
        }
    }
    Ok(Some(event))
}

fn item_of_one() -> Item {
    Item { quantity: 1.0, ..Item::default() }
}

fn item(json: &Json) -> Result<Item> {
    let given = json.as_object().ok_or_else(|| malformed("each of `items` is an object"))?;
    let id =
        ["item_id", "item_name", "promotion_id", "promotion_name"].iter().find_map(|key| text(given, key));
    let id = id.ok_or_else(|| malformed("an item needs `item_id` or `item_name`"))?;
    let renamed = |key| RENAMED.iter().find(|(from, _)| *from == key).map_or(key, |(_, to)| *to);
    let fields = given.iter().map(|(key, given)| (renamed(key.as_str()), given));
    let fields = fields.filter(|(name, _)| !["item_id", "quantity", "index"].contains(name));
    let fields = fields.map(|(name, given)| (name.to_owned(), value(given))).collect();
    let quantity = given.get("quantity").and_then(number).filter(|count| *count > 0.0).unwrap_or(1.0);
    Ok(Item { id, fields, quantity })
}

fn value(json: &Json) -> Value {
    serde_json::from_value(json.clone()).unwrap_or(Value::Missing(Ignored))
}

/// A finite number, also when it was written as text.
fn number(json: &Json) -> Option<f64> {
    value(json).number()
}

/// Text that is not empty; numbers as they are written.
fn text(object: &Map<String, Json>, key: &str) -> Option<String> {
    match object.get(key)? {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn micros(object: &Map<String, Json>) -> Result<Option<i64>> {
    let Some(given) = object.get("timestamp_micros") else { return Ok(None) };
    let micros = given.as_i64().or_else(|| given.as_str()?.parse().ok());
    micros
        .map(|micros| Some(micros.div_euclid(1000)))
        .ok_or_else(|| malformed("`timestamp_micros` is a whole number"))
}

/// GA4 has no event ids: the same content at the same time is the same event.
fn derived(parts: &[&str]) -> String {
    let hash =
        parts.iter().fold(symbol("ga4"), |hash, part| symbol_of(b"\0", symbol_of(part.as_bytes(), hash)));
    format!("ga4-{hash:016x}")
}

#[cfg(test)]
mod tests;
