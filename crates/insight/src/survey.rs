//! The first reading: what there is, and which of it gets a line of its own.

use std::collections::{HashMap, HashSet};

use attune::decision::Arm;
use serde::Serialize;

use crate::movers::Reference;
use crate::tally::Row;

pub(crate) const DAY: i64 = 86_400_000;
/// The most values of a segment field, and the most shoppers, that are counted one by one.
const MOST_VALUES: usize = 4096;
const MOST_SHOPPERS: usize = 1 << 20;
/// The most stretches the period is divided into.
const MOST_PERIODS: i64 = 62;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Items with a line of their own, the most shown first.
    pub items: usize,
    /// Values of a segment field with a column of their own, the most frequent first.
    pub values: usize,
    /// Items whose change is looked at, the most shown first.
    pub movers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { items: 20, values: 5, movers: 500 }
    }
}

/// What a line or column stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// Everything.
    All,
    /// One item, or one value.
    Value(String),
    /// Rows that do not say.
    Missing,
    /// What has no line of its own, together.
    Others,
}

/// Counts of the first reading.
#[derive(Debug)]
pub struct Survey {
    items: Counts,
    fields: Vec<(String, Counts)>,
    span: Option<(i64, i64)>,
    shoppers: HashSet<u64>,
    held_out: bool,
    nameless_holdout: bool,
    references: Vec<Reference>,
    rows: u64,
}

#[derive(Debug, Default)]
struct Counts {
    of: HashMap<String, u64>,
    missing: u64,
    uncounted: bool,
}

impl Counts {
    fn add(&mut self, value: &str, most: usize) {
        if let Some(count) = self.of.get_mut(value) {
            *count += 1;
        } else if self.of.len() < most {
            self.of.insert(value.to_owned(), 1);
        } else {
            self.uncounted = true;
        }
    }

    fn lines(&self, most: usize) -> Lines {
        let mut sorted: Vec<(&String, &u64)> = self.of.iter().collect();
        sorted.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let others = self.uncounted || sorted.len() > most;
        let values: Vec<String> = sorted.into_iter().take(most).map(|(value, _)| value.clone()).collect();
        let index = values.iter().enumerate().map(|(at, value)| (value.clone(), at + 1)).collect();
        Lines { values, index, missing: self.missing > 0, others }
    }
}

/// Lines or columns: all, the values, what does not say, the others.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    values: Vec<String>,
    index: HashMap<String, usize>,
    missing: bool,
    others: bool,
}

impl Lines {
    pub(crate) fn keys(&self) -> Vec<Key> {
        let mut keys = vec![Key::All];
        keys.extend(self.values.iter().cloned().map(Key::Value));
        keys.extend(self.missing.then_some(Key::Missing));
        keys.extend(self.others.then_some(Key::Others));
        keys
    }

    pub(crate) fn len(&self) -> usize {
        1 + self.values.len() + usize::from(self.missing) + usize::from(self.others)
    }

    /// The line of a value; never the line of all.
    pub(crate) fn of(&self, value: Option<&str>) -> usize {
        match value {
            None => 1 + self.values.len(),
            Some(value) => self.index.get(value).copied().unwrap_or_else(|| self.len() - 1),
        }
    }
}

/// What gets a line of its own, and where the period is divided.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) items: Lines,
    pub(crate) fields: Vec<(String, Lines)>,
    pub(crate) movers: Vec<String>,
    pub(crate) references: Vec<Reference>,
    pub(crate) span: Option<(i64, i64)>,
    pub(crate) period_days: i64,
    pub(crate) shoppers: usize,
    pub(crate) more_shoppers: bool,
    pub(crate) held_out: bool,
    pub(crate) needs_shopper: bool,
}

impl Survey {
    /// Starts, for these segment fields.
    #[must_use]
    pub fn new(fields: &[String]) -> Self {
        Self {
            items: Counts::default(),
            fields: fields.iter().map(|name| (name.clone(), Counts::default())).collect(),
            span: None,
            shoppers: HashSet::new(),
            held_out: false,
            nameless_holdout: false,
            references: Vec::new(),
            rows: 0,
        }
    }

    /// Takes one row in. Rows that come with heads are the sample whose mean attributions others are counted from; some
    /// hundreds, spread over the log, are enough.
    pub fn add(&mut self, row: &Row<'_>) {
        self.rows += 1;
        self.references.resize(self.references.len().max(row.heads.len()), Reference::default());
        for (reference, seen) in self.references.iter_mut().zip(row.heads) {
            reference.add(seen.parts);
        }
        match row.key {
            Some(key) => self.items.add(key, usize::MAX),
            None => self.items.missing += 1,
        }
        for ((_, counts), values) in self.fields.iter_mut().zip(row.segments) {
            if values.is_empty() {
                counts.missing += 1;
            }
            values.iter().for_each(|value| counts.add(value, MOST_VALUES));
        }
        if let Some(at) = row.at {
            let (first, last) = self.span.unwrap_or((at, at));
            self.span = Some((first.min(at), last.max(at)));
        }
        if let Some(shopper) = row.shopper
            && self.shoppers.len() < MOST_SHOPPERS
        {
            self.shoppers.insert(shopper);
        }
        if row.arm == Some(Arm::Holdout) {
            self.held_out = true;
            self.nameless_holdout |= row.shopper.is_none();
        }
    }

    /// How many rows were read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Segment fields that no row has a value of.
    #[must_use]
    pub fn absent(&self) -> Vec<&str> {
        let absent = self.fields.iter().filter(|(_, counts)| counts.of.is_empty());
        absent.map(|(name, _)| name.as_str()).collect()
    }

    /// Whether no row has a key: the field that rows should be grouped by is nowhere.
    #[must_use]
    pub fn is_keyless(&self) -> bool {
        self.items.of.is_empty()
    }

    /// What to add up in the second reading.
    #[must_use]
    pub fn plan(&self, limits: Limits) -> Plan {
        let days = self.span.map_or(1, |(first, last)| last.div_euclid(DAY) - first.div_euclid(DAY) + 1);
        Plan {
            items: self.items.lines(limits.items),
            fields: self.fields.iter().map(|(name, c)| (name.clone(), c.lines(limits.values))).collect(),
            movers: self.items.lines(limits.movers).values,
            references: self.references.clone(),
            span: self.span,
            period_days: (days + MOST_PERIODS - 1).div_euclid(MOST_PERIODS).max(1),
            shoppers: self.shoppers.len(),
            more_shoppers: self.shoppers.len() >= MOST_SHOPPERS,
            held_out: self.held_out,
            needs_shopper: self.held_out && !self.nameless_holdout,
        }
    }
}

impl Plan {
    /// Where the second half begins; `None` without time.
    #[must_use]
    pub fn middle(&self) -> Option<i64> {
        self.span.filter(|(first, last)| first < last).map(|(first, last)| first + (last - first) / 2)
    }
}
