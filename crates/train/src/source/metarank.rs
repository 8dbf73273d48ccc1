//! Metarank's events as a log: a ranking is a decision, an interaction that names its ranking an outcome, and
//! every interaction teaches the shopper's profile what it was before the next ranking.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use attune::decision::{LoggedDecision, LoggedItem, LoggedSlot};
use attune::event::batch::Batch;
use attune::event::metarank::Timestamp;
use attune::event::{Event, EventKind};
use attune::profile::Profile;
use attune::wire::{Candidate, Fields};
use serde::Deserialize;

use super::log::Entry;
use crate::join::{Outcome, OutcomeKind};

/// The most profiles kept while reading; the shopper first seen longest ago is forgotten first.
const MAX_PROFILES: usize = 100_000;

/// An item event: the item and what it says.
pub(super) fn item(line: &str) -> Option<(String, Fields)> {
    Batch::read(line, 0, 1).ok()?.items.into_iter().next()
}

/// When a line was logged.
pub(super) fn time(line: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Timed {
        timestamp: Timestamp,
    }
    serde_json::from_str::<Timed>(line).ok().map(|timed| timed.timestamp.millis())
}

/// A line, read.
pub(super) fn entry(line: &str) -> Entry {
    let Ok(batch) = Batch::read(line, 0, 1) else { return Entry::Other };
    if !batch.rejected.is_empty() {
        return Entry::Bad("event that cannot be read");
    }
    let Some(event) = batch.events.into_iter().next() else { return Entry::Other };
    match event.kind {
        EventKind::Impression => Entry::Decision(Box::new(decision(event))),
        kind => {
            let kind = match kind {
                EventKind::Click | EventKind::View => Some(OutcomeKind::Click),
                EventKind::Purchase => Some(OutcomeKind::Conversion),
                EventKind::Return => Some(OutcomeKind::Return),
                _ => None,
            };
            let outcome = kind.zip(event.decision.as_deref()).zip(event.items.first()).map(
                |((kind, decision), item)| Outcome {
                    id: event.id.clone(),
                    decision: decision.to_owned(),
                    slot: None,
                    item: item.id.clone(),
                    kind,
                    at: event.at,
                    value: event.value,
                },
            );
            Entry::Event(Box::new(event), outcome)
        }
    }
}

fn decision(event: Event) -> LoggedDecision {
    let item = |item: attune::event::Item| LoggedItem {
        id: item.id,
        propensity: 1.0,
        pinned: false,
        fields: item.fields,
    };
    let items: Vec<_> = event.items.into_iter().map(item).collect();
    let slot = LoggedSlot { id: "ranking".to_owned(), show: items.len(), items, withheld: Vec::new() };
    LoggedDecision {
        id: event.id,
        at: event.at,
        shopper: event.shopper,
        session: event.session,
        context: event.fields,
        slots: vec![slot],
        ..LoggedDecision::default()
    }
}

/// Profiles kept while events stream by.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    of: HashMap<String, Profile>,
    order: VecDeque<String>,
}

impl Profiles {
    /// Learns from an event, with what the catalogue knows of its items.
    pub(super) fn apply(&mut self, event: &Event, catalogue: &HashMap<String, Arc<Candidate>>) {
        let Some(shopper) = event.shopper.as_ref().filter(|shopper| !shopper.is_empty()) else { return };
        let mut event = event.clone();
        for item in &mut event.items {
            if let Some(known) = catalogue.get(&item.id) {
                for (name, value) in &known.fields {
                    item.fields.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
        }
        if !self.of.contains_key(shopper) {
            if self.order.len() >= MAX_PROFILES
                && let Some(old) = self.order.pop_front()
            {
                self.of.remove(&old);
            }
            self.order.push_back(shopper.clone());
        }
        self.of.entry(shopper.clone()).or_default().apply(&event, &[]);
    }

    /// A shopper's profile so far.
    pub(super) fn of(&self, shopper: Option<&str>) -> Option<Profile> {
        self.of.get(shopper?).cloned()
    }
}
