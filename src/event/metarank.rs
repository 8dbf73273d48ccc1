//! Metarank's JSON forms: its four events, its ranking request and its answer
//! (<https://docs.metarank.ai>, "Supported events" and "API").

mod field;
mod rank;
mod time;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use self::field::fields;
use super::batch::{Batch, malformed};
use super::{Event, EventKind, Item};
use crate::error::{Error, Result};
use crate::wire::{Fields, Value};

pub use rank::{Answer, AnsweredItem, Feature, RankItem, RankRequest};
pub use time::Timestamp;

/// The events Metarank knows.
pub const EVENTS: [&str; 4] = ["item", "user", "ranking", "interaction"];
/// Interaction types beside Attune's own event names. A shop names these itself; these names are common.
const TYPES: [(&str, EventKind); 11] = [
    ("select", EventKind::Click),
    ("detail", EventKind::View),
    ("cart", EventKind::AddToCart),
    ("add-to-cart", EventKind::AddToCart),
    ("addtocart", EventKind::AddToCart),
    ("begin_checkout", EventKind::Checkout),
    ("buy", EventKind::Purchase),
    ("order", EventKind::Purchase),
    ("transaction", EventKind::Purchase),
    ("conversion", EventKind::Purchase),
    ("refund", EventKind::Return),
];

/// Reads Metarank events: one, an array, or JSON lines. What item events say about items goes into the
/// items of the other events; item events by themselves are no shopper events.
///
/// # Errors
/// [`Error::Malformed`] for the first entry that cannot be read, naming the known events and types;
/// [`Batch::read`] reads on.
pub fn import(text: &str) -> Result<Vec<Event>> {
    Batch::gather(text, usize::MAX, read)?.strict()
}

#[derive(Deserialize)]
struct Raw {
    event: String,
    #[serde(deserialize_with = "name")]
    id: String,
    timestamp: Timestamp,
    #[serde(default, deserialize_with = "optional_name")]
    item: Option<String>,
    #[serde(default, deserialize_with = "optional_name")]
    user: Option<String>,
    #[serde(default, deserialize_with = "optional_name")]
    session: Option<String>,
    #[serde(default, deserialize_with = "optional_name")]
    ranking: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "fields")]
    fields: Fields,
    #[serde(default)]
    items: Vec<RankItem>,
}

pub(super) fn read(json: Json, batch: &mut Batch) -> Result<()> {
    let raw: Raw = serde_json::from_value(json).map_err(|e| Error::json("Metarank event", &e))?;
    let at = raw.timestamp.millis();
    let required = |value: Option<String>, name: &str| {
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| malformed(format!("{} needs `{name}`", raw.event)))
    };
    let mut event = match raw.event.as_str() {
        "item" => {
            let id = required(raw.item, "item")?;
            batch.items.entry(id).or_default().extend(raw.fields);
            return Ok(());
        }
        "user" => {
            required(raw.user.clone(), "user")?;
            Event { fields: raw.fields, ..Event::new(EventKind::Identify, at) }
        }
        "ranking" => {
            let items = raw.items.into_iter().map(RankItem::into_item).collect();
            let decision = Some(raw.id.clone());
            Event { items, decision, fields: raw.fields, ..Event::new(EventKind::Impression, at) }
        }
        "interaction" => {
            let kind = interaction(&required(raw.kind, "type")?)?;
            let mut fields = raw.fields;
            let number = |fields: &Fields, names: [&str; 2]| {
                names.into_iter().find_map(|name| fields.get(name).and_then(Value::number))
            };
            let quantity = number(&fields, ["quantity", "count"]).filter(|count| *count > 0.0).unwrap_or(1.0);
            let value = number(&fields, ["value", "revenue"]);
            let currency = fields.get("currency").and_then(Value::text).map(str::to_owned);
            for name in ["quantity", "count", "value", "revenue", "currency"] {
                fields.remove(name);
            }
            let item = Item { id: required(raw.item, "item")?, quantity, ..Item::default() };
            let decision = raw.ranking;
            Event { items: vec![item], value, currency, fields, decision, ..Event::new(kind, at) }
        }
        other => return Err(super::batch::unknown(other, &format!("Metarank's are {}", EVENTS.join(", ")))),
    };
    event.id = raw.id;
    event.shopper = raw.user;
    event.session = raw.session;
    batch.events.push(event);
    Ok(())
}

fn interaction(name: &str) -> Result<EventKind> {
    let lower = name.to_ascii_lowercase();
    let alias = || TYPES.iter().find(|(alias, _)| *alias == lower).map(|(_, kind)| *kind);
    EventKind::from_name(&lower).or_else(alias).ok_or_else(|| {
        let own = EventKind::ALL.into_iter().map(EventKind::name);
        let known: Vec<_> = own.chain(TYPES.iter().map(|(alias, _)| *alias)).collect();
        super::batch::unknown(name, &format!("known interaction types: {}", known.join(", ")))
    })
}

/// An identifier: Metarank writes strings, shops also numbers.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    Ok(Name::deserialize(deserializer)?.text())
}

fn optional_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<String>, D::Error> {
    Ok(Option::<Name>::deserialize(deserializer)?.map(Name::text))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(i64),
}

impl Name {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
