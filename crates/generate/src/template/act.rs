//! A sentence for any dialogue act, from phrases for its slots.

use super::grammar::{article, capital};
use crate::{
    act::{Act, Slot, Value},
    random::Random,
};

/// Says an act; its slots in the act's order.
pub(super) fn compose(act: &Act, random: &mut Random) -> String {
    let kind = act.text("type").unwrap_or("product");
    let said: Vec<&Slot> =
        act.slots.iter().filter(|slot| !matches!(slot.name.as_str(), "name" | "type" | "count")).collect();
    let has = listed(&said.iter().map(|slot| predicate(slot)).collect::<Vec<_>>());
    let with = listed(&said.iter().map(|slot| quality(slot)).collect::<Vec<_>>());
    let name = act.text("name").unwrap_or("this one");
    let pick = |random: &mut Random, list: &[&str]| list[random.below(list.len())].to_owned();
    let text = match act.kind.trim_start_matches('?') {
        "inform" | "recommend" if act.text("name").is_some() => {
            let nice = if act.kind == "recommend" {
                pick(random, &["nice ", "great ", "good "])
            } else {
                String::new()
            };
            if has.is_empty() {
                format!("the {name} is a {nice}{kind}.")
            } else {
                format!(
                    "the {name} is {} {nice}{kind} that {has}.",
                    article(if nice.is_empty() { kind } else { &nice })
                )
            }
        }
        "inform_only_match" => format!("the {name} is the only {kind} {with}."),
        "inform_all" => format!("all {kind}s {with}."),
        "inform_no_match" => {
            format!("{}there are no {kind}s {with}.", pick(random, &["sorry, ", "unfortunately, ", ""]))
        }
        "inform_count" => format!("there are {} {kind}s {with}.", act.text("count").unwrap_or("some")),
        "inform_no_info" => {
            let names: Vec<String> = said.iter().map(|slot| noun(&slot.name).to_owned()).collect();
            format!("{}there is no information about the {}.", pick(random, &["sorry, ", ""]), listed(&names))
        }
        "compare" => compared(act),
        "confirm" => format!(
            "{} you are looking for {} {kind} {with}?",
            pick(random, &["so,", "let me confirm,"]),
            article(kind)
        ),
        "select" => format!(
            "would you like something {}?",
            listed(&said.iter().map(|s| quality(s)).collect::<Vec<_>>()).replace(" and ", " or ")
        ),
        "suggest" => format!(
            "for example, something {}?",
            listed(&said.iter().map(|s| quality(s)).collect::<Vec<_>>()).replace(" and ", " or ")
        ),
        "request" => match said.first() {
            Some(slot) => format!("what {} would you like?", noun(&slot.name)),
            None => "what are you looking for?".to_owned(),
        },
        "reqmore" => "can I help you with anything else?".to_owned(),
        "goodbye" | "bye" => pick(random, &["thank you, goodbye.", "thank you and goodbye."]),
        _ if act.text("name").is_some() => format!("the {name} {has}."),
        _ => format!("{kind}s {with}."),
    };
    capital(text.trim())
}

/// `the attis 10 costs …, while the apollo 73 costs …. which one do you prefer?`
fn compared(act: &Act) -> String {
    let mut products: Vec<(String, Vec<String>)> = Vec::new();
    for slot in act.slots.iter().filter(|slot| slot.name != "type") {
        match (slot.name.as_str(), slot.value.text()) {
            ("name", Some(name)) => products.push((name.to_owned(), Vec::new())),
            _ => {
                if let Some((_, said)) = products.last_mut() {
                    said.push(predicate(slot));
                }
            }
        }
    }
    let all: Vec<String> =
        products.iter().map(|(name, said)| format!("the {name} {}", listed(said))).collect();
    format!("{}. which one do you prefer?", all.join(", while "))
}

fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    }
}

/// A slot's name in words.
fn noun(slot: &str) -> &str {
    match slot {
        "pricerange" => "price range",
        "weightrange" => "weight range",
        "driverange" => "drive range",
        "batteryrating" => "battery rating",
        "ecorating" => "eco rating",
        "screensize" => "screen size",
        "screensizerange" => "screen size range",
        "powerconsumption" => "power consumption",
        "hdmiport" => "number of hdmi ports",
        "hasusbport" => "usb ports",
        "isforbusinesscomputing" => "business computing",
        "family" => "product family",
        other => other,
    }
}

/// What a product does: `has a 32 inch screen`.
fn predicate(slot: &Slot) -> String {
    match (&slot.value, slot.name.as_str()) {
        (Value::Text(v), "price") => format!("costs {v}"),
        (Value::Text(v), "weight") => format!("weighs {v}"),
        (Value::Text(v), "platform") => format!("runs on {v}"),
        (Value::Text(v), "battery") => format!("has {} battery life", with_article(v)),
        (Value::Text(v), "utility") => format!("is made for {v}"),
        (Value::Text(v), "dimension") => format!("measures {v}"),
        (Value::Text(v), "memory") => format!("has {v} of memory"),
        (Value::Text(v), "accessories") => format!("comes with {v}"),
        (Value::Text(v), "color") => format!("comes in {v}"),
        (Value::Text(v), "audio") => format!("has {v} audio"),
        (Value::Text(v), "resolution") => format!("has {} resolution", with_article(v)),
        (Value::Text(v), "screensize") => format!("has {} screen", with_article(v)),
        (Value::Text(v), "hdmiport") => format!("has {v} hdmi {}", if v == "1" { "port" } else { "ports" }),
        (Value::Text(v), "pricerange" | "weightrange" | "driverange" | "screensizerange" | "family") => {
            format!("is in the {v} {}", noun(&slot.name))
        }
        (Value::Text(v), name) => format!("has {} {}", with_article(v), noun(name)),
        (Value::Yes, "isforbusinesscomputing") => "is for business computing".to_owned(),
        (Value::No, "isforbusinesscomputing") => "is not for business computing".to_owned(),
        (Value::Yes, name) => format!("has {}", noun(name)),
        (Value::No, name) => format!("does not have any {}", noun(name)),
        (Value::Any, name) => format!("may have any {}", noun(name)),
        (Value::Nothing, name) => format!("has no known {}", noun(name)),
        (Value::Asked, name) => format!("has a {}", noun(name)),
    }
}

/// What is looked for: `with a 32 inch screen`, `in the cheap price range`.
fn quality(slot: &Slot) -> String {
    match (&slot.value, slot.name.as_str()) {
        (Value::Text(v), "pricerange" | "weightrange" | "driverange" | "screensizerange" | "family") => {
            format!("in the {v} {}", noun(&slot.name))
        }
        (Value::Text(v), "hdmiport") => format!("with {v} hdmi {}", if v == "1" { "port" } else { "ports" }),
        (Value::Text(v), "price") => format!("for {v}"),
        (Value::Text(v), name) => format!("with {} {}", with_article(v), noun(name)),
        (Value::Yes, "isforbusinesscomputing") => "for business computing".to_owned(),
        (Value::No, "isforbusinesscomputing") => "not for business computing".to_owned(),
        (Value::Yes, name) => format!("with {}", noun(name)),
        (Value::No, name) => format!("without {}", noun(name)),
        (Value::Any, "isforbusinesscomputing") => "for business computing or not".to_owned(),
        (Value::Any, "hasusbport") => "with or without usb ports".to_owned(),
        (Value::Any, name) => format!("with any {}", noun(name)),
        (Value::Nothing | Value::Asked, name) => format!("of some {}", noun(name)),
    }
}

fn with_article(value: &str) -> String {
    format!("{} {value}", article(value))
}
