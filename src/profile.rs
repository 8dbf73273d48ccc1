//! A shopper's profile: declared attributes, time-decayed counters, preferences, recency, frequency and
//! value, the items touched, and tags by rule. It lives where the shopper is, and can be forgotten.

mod rules;
mod taste;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::event::{Event, EventKind, Item};
use crate::wire::{Fields, Value};

pub use rules::{Condition, TagRule};
pub use taste::{Taste, share_of};

/// The version of the profile's form.
pub const SCHEMA: u32 = 1;
/// Half-life of counters and preferences, in milliseconds: two weeks.
pub const HALF_LIFE: i64 = 14 * DAY;
/// A pause after which a new session begins, in milliseconds: half an hour.
pub const SESSION_GAP: i64 = 30 * 60 * 1000;

const DAY: i64 = 24 * 60 * 60 * 1000;
const MAX_PREFERENCES: usize = 24;
const MAX_PREFERENCE_FIELDS: usize = 16;
const MAX_ITEMS: usize = 64;
const MAX_ATTRIBUTES: usize = 64;
const MAX_VALUE_BYTES: usize = 256;

/// A count that halves every [`HALF_LIFE`] (exponential decay, as in time-decayed counters for streams:
/// Cormode, Korn and Tirthapura, "Exponentially decayed aggregates on data streams", ICDE 2008).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Decayed {
    /// The count at `at`.
    pub count: f64,
    /// When it was last brought up to date, milliseconds since 1970.
    pub at: i64,
}

impl Decayed {
    /// The count at `now`. A clock that went backwards does not decay, nor grow.
    #[must_use]
    pub fn value(self, now: i64) -> f64 {
        let elapsed = now.saturating_sub(self.at).max(0);
        self.count * libm::exp2(-(elapsed as f64) / HALF_LIFE as f64)
    }

    /// What would not stay finite is passed over: a profile must survive being stored as JSON.
    fn add(&mut self, amount: f64, now: i64) {
        let count = self.value(now) + amount;
        if count.is_finite() {
            self.count = count;
            self.at = self.at.max(now);
        }
    }
}

/// An item the shopper touched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Touched {
    /// Item id.
    pub id: String,
    /// The last thing that happened with it.
    pub kind: EventKind,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// How often anything happened with it.
    pub times: u32,
}

/// What is remembered of one shopper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Version of this form, [`SCHEMA`].
    pub v: u32,
    /// What the shopper said of themselves.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub attributes: Fields,
    /// Event kind → decayed count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<EventKind, Decayed>,
    /// Item field → value → decayed interest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub preferences: BTreeMap<String, BTreeMap<String, Decayed>>,
    /// The items touched, latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Touched>,
    /// First event, milliseconds since 1970; 0 when there was none.
    #[serde(default)]
    pub first_seen: i64,
    /// Latest event, milliseconds since 1970; 0 when there was none.
    #[serde(default)]
    pub last_seen: i64,
    /// Latest order, milliseconds since 1970; 0 when there was none.
    #[serde(default)]
    pub last_order: i64,
    /// Visits, separated by [`SESSION_GAP`].
    #[serde(default)]
    pub sessions: u32,
    /// Orders.
    #[serde(default)]
    pub orders: u32,
    /// Sum of the orders' values.
    #[serde(default)]
    pub spent: f64,
    /// Mean price of items chosen, decayed: sum of prices.
    #[serde(default)]
    pub price_sum: Decayed,
    /// The number of prices in `price_sum`, decayed alike.
    #[serde(default)]
    pub price_count: Decayed,
    /// Tags that hold by rule.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            v: SCHEMA,
            attributes: Fields::new(),
            counters: BTreeMap::new(),
            preferences: BTreeMap::new(),
            items: Vec::new(),
            first_seen: 0,
            last_seen: 0,
            last_order: 0,
            sessions: 0,
            orders: 0,
            spent: 0.0,
            price_sum: Decayed::default(),
            price_count: Decayed::default(),
            tags: BTreeSet::new(),
        }
    }
}

impl Profile {
    /// An empty profile: a shopper never seen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a stored profile.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bad JSON, [`Error::Newer`] when a newer Attune wrote it; keep such bytes
    /// as they are, they can be read again after an update.
    pub fn from_json(json: &str) -> Result<Self> {
        let profile: Self = serde_json::from_str(json).map_err(|e| Error::json("profile", &e))?;
        if profile.v > SCHEMA {
            return Err(Error::Newer { what: "profile", found: profile.v, supported: SCHEMA });
        }
        Ok(profile)
    }

    /// The profile as JSON, to store or to hand to the shopper.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Learns from one event. Events may come late or twice in time order; values that are not finite
    /// are passed over.
    pub fn apply(&mut self, event: &Event, rules: &[TagRule]) {
        let now = event.at;
        if self.first_seen == 0 || now < self.first_seen {
            self.first_seen = now;
        }
        if self.sessions == 0 || now.saturating_sub(self.last_seen) > SESSION_GAP {
            self.sessions = self.sessions.saturating_add(1);
        }
        self.last_seen = self.last_seen.max(now);
        let counted = if event.kind == EventKind::Impression { event.items.len().max(1) } else { 1 };
        self.counters.entry(event.kind).or_default().add(counted as f64, now);
        match event.kind {
            EventKind::Identify => self.declare(&event.fields),
            EventKind::Purchase => {
                self.orders = self.orders.saturating_add(1);
                self.last_order = self.last_order.max(now);
                self.spend(event.value.unwrap_or(0.0));
            }
            EventKind::Return => self.spend(-event.value.unwrap_or(0.0)),
            _ => {}
        }
        let interest = interest(event.kind);
        if interest != 0.0 {
            for item in &event.items {
                self.touch(item, event.kind, interest, now);
            }
        }
        self.tags = rules.iter().filter(|rule| rule.holds(self, now)).map(|rule| rule.tag.clone()).collect();
    }

    /// The decayed count of one kind of event.
    #[must_use]
    pub fn counter(&self, kind: EventKind, now: i64) -> f64 {
        self.counters.get(&kind).map_or(0.0, |counter| counter.value(now))
    }

    /// The share of the shopper's interest in `field` that goes to `value`: 0 to 1, 0 when nothing is known.
    #[must_use]
    pub fn preference(&self, field: &str, value: &str, now: i64) -> f64 {
        let Some(values) = self.preferences.get(field) else { return 0.0 };
        let Some(own) = values.get(value) else { return 0.0 };
        let total: f64 = values.values().map(|decayed| decayed.value(now).max(0.0)).sum();
        if total > 0.0 { own.value(now).max(0.0) / total } else { 0.0 }
    }

    /// How much interest in `field` has been seen at all, over its values.
    #[must_use]
    pub fn evidence(&self, field: &str, now: i64) -> f64 {
        self.preferences
            .get(field)
            .map_or(0.0, |values| values.values().map(|decayed| decayed.value(now).max(0.0)).sum())
    }

    /// The mean price of what was chosen, recent choices first; `None` when nothing was.
    #[must_use]
    pub fn usual_price(&self, now: i64) -> Option<f64> {
        let count = self.price_count.value(now);
        (count > 1e-6).then(|| self.price_sum.value(now) / count)
    }

    /// What happened last with an item, if anything did.
    #[must_use]
    pub fn touched(&self, id: &str) -> Option<&Touched> {
        self.items.iter().rev().find(|touched| touched.id == id)
    }

    fn spend(&mut self, value: f64) {
        let spent = self.spent + value;
        if spent.is_finite() {
            self.spent = spent;
        }
    }

    fn declare(&mut self, fields: &Fields) {
        for (name, value) in fields {
            let short = match value {
                Value::Text(text) => text.len() <= MAX_VALUE_BYTES,
                Value::Number(number) => number.is_finite(),
                Value::List(list) => list.iter().map(String::len).sum::<usize>() <= MAX_VALUE_BYTES,
                Value::Flag(_) | Value::Missing(_) => true,
            };
            let known = self.attributes.contains_key(name);
            if matches!(value, Value::Missing(_)) {
                self.attributes.remove(name);
            } else if short
                && name.len() <= MAX_VALUE_BYTES
                && (known || self.attributes.len() < MAX_ATTRIBUTES)
            {
                self.attributes.insert(name.clone(), value.clone());
            }
        }
    }

    fn touch(&mut self, item: &Item, kind: EventKind, interest: f64, now: i64) {
        for (field, value) in &item.fields {
            match value {
                Value::Text(text) => self.prefer(field, text, interest, now),
                Value::List(list) => {
                    for text in list {
                        self.prefer(field, text, interest / list.len() as f64, now);
                    }
                }
                _ => {}
            }
        }
        let price = item.fields.get("price").and_then(Value::number);
        if let Some(price) = price.filter(|_| interest > 0.0) {
            self.price_sum.add(price * interest, now);
            self.price_count.add(interest, now);
        }
        if item.id.is_empty() || item.id.len() > MAX_VALUE_BYTES {
            return;
        }
        let before = self.items.iter().position(|touched| touched.id == item.id);
        let times = before.map_or(0, |index| self.items.remove(index).times);
        if self.items.len() >= MAX_ITEMS {
            self.items.remove(0);
        }
        self.items.push(Touched { id: item.id.clone(), kind, at: now, times: times.saturating_add(1) });
    }

    /// Free text (names, descriptions, URLs) is no category; only short values count as preferences.
    fn prefer(&mut self, field: &str, value: &str, interest: f64, now: i64) {
        if value.is_empty() || value.len() > 40 || field.len() > 64 {
            return;
        }
        if !self.preferences.contains_key(field) && self.preferences.len() >= MAX_PREFERENCE_FIELDS {
            return;
        }
        let values = self.preferences.entry(field.to_owned()).or_default();
        values.entry(value.to_owned()).or_default().add(interest, now);
        if values.len() > MAX_PREFERENCES {
            let weakest = values
                .iter()
                .min_by(|a, b| a.1.value(now).total_cmp(&b.1.value(now)).then_with(|| b.0.cmp(a.0)))
                .map(|(name, _)| name.clone());
            if let Some(name) = weakest {
                values.remove(&name);
            }
        }
    }
}

/// How much one event says about taste.
fn interest(kind: EventKind) -> f64 {
    match kind {
        EventKind::Click | EventKind::View => 1.0,
        EventKind::AddToCart => 3.0,
        EventKind::Purchase => 5.0,
        EventKind::Return => -3.0,
        _ => 0.0,
    }
}
