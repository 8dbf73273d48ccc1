//! A card's attributes as a candidate: the same reading as the browser's `slots/markup.ts`.

use std::borrow::Cow;

use attune::wire::{Candidate, Fields, Slot, Value};

/// A card's `data-attune-…` attributes: the name after `data-attune-`, and the value as the page has it.
pub(crate) type Attributes = Vec<(String, String)>;

const OWN: [&str; 8] = ["id", "fields", "pin", "exclude", "event", "slot", "show", "order"];

/// Adds a card to its slot.
pub(crate) fn card(attributes: &Attributes, slot: &mut Slot) {
    let get = |name: &str| attributes.iter().find(|(key, _)| key == name).map(|(_, value)| unescaped(value));
    let id = get("id").unwrap_or_default().into_owned();
    let mut fields: Fields =
        get("fields").and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    for (name, text) in attributes.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
        fields.insert(name.replace('-', "_"), value(&unescaped(text)));
    }
    if let Some(pin) = get("pin").and_then(|pin| pin.trim().parse().ok()) {
        slot.pinned.insert(id.clone(), pin);
    }
    if get("exclude").is_some() {
        slot.excluded.push(id.clone());
    }
    slot.candidates.push(Candidate { id, fields });
}

/// Text as the page means it: character references resolved.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    htmlize::unescape_attribute(text)
}

fn value(text: &str) -> Value {
    match text {
        "true" => Value::Flag(true),
        "false" => Value::Flag(false),
        _ => match text.parse::<f64>() {
            Ok(number) if numeric(text) => Value::Number(number),
            _ => Value::Text(text.to_owned()),
        },
    }
}

/// Digits, as opposed to `inf`, `nan` and `+5`, which Rust reads too.
fn numeric(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
}
