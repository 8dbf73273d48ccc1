//! Many events in one text: one object, an array, or JSON lines. Each entry is accepted or rejected on its own,
//! so that one bad line loses nothing else.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::{Event, ga4, metarank};
use crate::error::{Error, Result};
use crate::wire::{Fields, VERSION};

/// The most entries one upload may carry.
pub const MAX_EVENTS: usize = 1_000;
/// The most bytes one upload may have.
pub const MAX_BYTES: usize = 2_000_000;

/// An entry that was not read, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Which entry: its place in the array, or its line among those that are not empty. 0 is the first.
    pub index: usize,
    /// Stable name, as [`Error::code`].
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// What was read from a text of many events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Shopper events, in the order they were written.
    pub events: Vec<Event>,
    /// What item events said about items, by id.
    pub items: BTreeMap<String, Fields>,
    /// Entries that were read.
    pub accepted: usize,
    /// Entries and parts of entries that are well formed and say nothing about taste (a page view, a scroll).
    pub ignored: usize,
    /// Entries that could not be read.
    pub rejected: Vec<Rejected>,
}

impl Batch {
    /// Reads events in wire form, Metarank's or GA4's; each entry may be in another. `now` (milliseconds since
    /// 1970) stands in where GA4 gives no time.
    ///
    /// # Errors
    /// [`Error::Malformed`] when nothing in the text is JSON, [`Error::TooMany`] above `limit` entries.
    pub fn read(text: &str, now: i64, limit: usize) -> Result<Self> {
        Self::gather(text, limit, |json, batch| batch.any(json, now))
    }

    pub(super) fn gather(
        text: &str,
        limit: usize,
        mut read: impl FnMut(Json, &mut Self) -> Result<()>,
    ) -> Result<Self> {
        let entries = split(text, limit)?;
        let mut batch = Self::default();
        for (index, entry) in entries.into_iter().enumerate() {
            match entry.and_then(|json| read(json, &mut batch)) {
                Ok(()) => batch.accepted += 1,
                Err(error) => {
                    batch.rejected.push(Rejected { index, code: error.code(), message: error.to_string() });
                }
            }
        }
        batch.describe();
        Ok(batch)
    }

    /// The events, when every entry was read.
    ///
    /// # Errors
    /// [`Error::Malformed`] for the first entry that was not.
    pub fn strict(self) -> Result<Vec<Event>> {
        match self.rejected.into_iter().next() {
            None => Ok(self.events),
            Some(first) => Err(Error::Malformed {
                what: "event",
                detail: format!("entry {}: {}", first.index, first.message),
            }),
        }
    }

    fn any(&mut self, json: Json, now: i64) -> Result<()> {
        let named = |key: &str| json.get(key).and_then(Json::as_str);
        if named("event").is_some_and(|name| metarank::EVENTS.contains(&name)) {
            metarank::read(json, self)
        } else if ga4::looks_like(&json) {
            ga4::read(&json, now, self)
        } else if let Some(name) = named("event") {
            Err(unknown(
                name,
                &format!("Metarank's are {}; GA4's are {}", metarank::EVENTS.join(", "), ga4::known()),
            ))
        } else {
            self.events.push(native(json)?);
            Ok(())
        }
    }

    /// Gives items that are only named the fields that item events told.
    fn describe(&mut self) {
        for item in self.events.iter_mut().flat_map(|event| &mut event.items) {
            if let Some(fields) = self.items.get(&item.id) {
                for (name, value) in fields {
                    item.fields.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
    }
}

pub(super) fn malformed(detail: impl Into<String>) -> Error {
    Error::Malformed { what: "event", detail: detail.into() }
}

pub(super) fn unknown(name: &str, known: &str) -> Error {
    let short: String = name.chars().take(64).collect();
    malformed(format!("unknown event {short:?}; {known}"))
}

fn native(json: Json) -> Result<Event> {
    let event: Event = serde_json::from_value(json).map_err(|e| Error::json("event", &e))?;
    if event.v > VERSION {
        return Err(Error::Newer { what: "event", found: event.v, supported: VERSION });
    }
    Ok(event)
}

/// The entries of a text. Only a text of several lines can have entries that are not JSON.
fn split(text: &str, limit: usize) -> Result<Vec<Result<Json>>> {
    let within = |found: usize| match found > limit {
        true => Err(Error::TooMany { what: "events", found, limit }),
        false => Ok(()),
    };
    let whole = match serde_json::from_str(text) {
        Ok(Json::Array(call)) if ga4::is_call(&call) => return Ok(vec![Ok(Json::Array(call))]),
        Ok(Json::Array(entries)) => {
            within(entries.len())?;
            return Ok(entries.into_iter().map(Ok).collect());
        }
        Ok(entry) => return Ok(vec![Ok(entry)]),
        Err(error) => Error::json("batch of events", &error),
    };
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    within(lines().count())?;
    let entries: Vec<Result<Json>> =
        lines().map(|line| serde_json::from_str(line).map_err(|e| Error::json("event", &e))).collect();
    if entries.iter().any(Result::is_ok) { Ok(entries) } else { Err(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;

    const NATIVE: &str = r#"{"type":"click","at":5,"id":"n1","items":[{"id":"p1"}]}"#;
    const METARANK: &str =
        r#"{"event":"interaction","id":"m1","timestamp":6,"user":"u","type":"purchase","item":"p2"}"#;
    const GA4: &str = r#"{"event":"view_item","ecommerce":{"items":[{"item_id":"p3"}]}}"#;

    #[test]
    fn one_many_and_lines_are_the_same() {
        let kinds = |text: &str| -> Vec<EventKind> {
            Batch::read(text, 7, 10).unwrap().strict().unwrap().iter().map(|event| event.kind).collect()
        };
        let all = [EventKind::Click, EventKind::Purchase, EventKind::View];
        assert_eq!(kinds(NATIVE), [EventKind::Click]);
        assert_eq!(kinds(&format!("[{NATIVE},{METARANK},{GA4}]")), all);
        assert_eq!(kinds(&format!("{NATIVE}\n{METARANK}\r\n\n{GA4}\n")), all);
    }

    #[test]
    fn one_bad_line_loses_nothing_else() {
        let text = format!(
            "{NATIVE}\n{{\"type\":\"cl\n{{\"type\":\"dance\",\"at\":1}}\n{METARANK}\n{{\"v\":9,\"type\":\"click\",\"at\":1}}"
        );
        let batch = Batch::read(&text, 0, 10).unwrap();
        assert_eq!((batch.accepted, batch.events.len()), (2, 2));
        let said: Vec<_> = batch.rejected.iter().map(|r| (r.index, r.code)).collect();
        assert_eq!(said, [(1, "malformed"), (2, "malformed"), (4, "newer_version")]);
    }

    #[test]
    fn bad_texts_are_refused_whole() {
        for text in ["", "nonsense", "{", "[1,2", "\u{0}"] {
            assert_eq!(Batch::read(text, 0, 10).unwrap_err().code(), "malformed", "{text:?}");
        }
        let many = format!("[{}]", [NATIVE; 11].join(","));
        assert_eq!(Batch::read(&many, 0, 10).unwrap_err().code(), "too_many");
        assert_eq!(Batch::read(&[NATIVE; 11].join("\n"), 0, 10).unwrap_err().code(), "too_many");
    }

    #[test]
    fn an_unknown_event_is_told_the_known_ones() {
        let batch = Batch::read(r#"{"event":"<b>dance</b>","id":"1","timestamp":1}"#, 0, 10).unwrap();
        let message = &batch.rejected[0].message;
        assert!(message.contains("interaction") && message.contains("add_to_cart"), "{message}");
        for text in ["[1]", "[null]", r#"["event"]"#, "[[]]", r#"{"type":null}"#] {
            assert_eq!(Batch::read(text, 0, 10).unwrap().rejected.len(), 1, "{text}");
        }
    }
}
