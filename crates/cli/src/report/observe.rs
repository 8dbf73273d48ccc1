//! Observations of a log as rows of the report: keys, segments, predictions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use attune::Engine;
use attune::decision::Source as Chooser;
use attune::feature::DeviceClass;
use attune::wire::{Candidate, Fields, Value};
use attune_insight::{Row, Seen};
use attune_train::source::{Observation, View};

/// How many field names and bundles are remembered.
const REMEMBERED: usize = 64;

/// What rows are told apart by.
pub(crate) struct Wanted<'a> {
    /// Segment fields.
    pub(crate) segments: &'a [String],
    /// The item field that rows are grouped by; the item's id when absent.
    pub(crate) by: Option<&'a str>,
    /// Fields that may hold an item's name, the best first.
    pub(crate) names: &'a [&'a str],
}

/// Makes rows of observations.
pub(crate) struct Observer<'a> {
    wanted: Wanted<'a>,
    view: Option<Arc<View>>,
    segments: Vec<Vec<String>>,
    key: Option<String>,
    label: String,
}

impl<'a> Observer<'a> {
    pub(crate) fn new(wanted: Wanted<'a>) -> Self {
        Self { wanted, view: None, segments: Vec::new(), key: None, label: String::new() }
    }

    /// The row of an observation, with these heads.
    pub(crate) fn row<'b>(&'b mut self, seen: &'b Observation, heads: &'b [Seen<'b>]) -> Row<'b> {
        let same = self.view.as_ref().is_some_and(|view| Arc::ptr_eq(view, &seen.view));
        if !same {
            self.segments = self.wanted.segments.iter().map(|name| segment(name, &seen.view)).collect();
            self.view = Some(Arc::clone(&seen.view));
        }
        let candidate = &seen.candidate;
        (self.key, self.label) = match self.wanted.by {
            None => (Some(candidate.id.clone()), name(candidate, self.wanted.names)),
            Some(field) => {
                let value = candidate.fields.get(field).and_then(|value| texts(value).into_iter().next());
                (value.clone(), value.unwrap_or_default())
            }
        };
        let served = &seen.view.served;
        Row {
            decision: served.decision,
            shopper: served.shopper,
            arm: served.arm,
            kept: served.arm.is_some() && served.chooser == Chooser::Page,
            at: seen.view.at,
            key: self.key.as_deref(),
            label: &self.label,
            segments: &self.segments,
            heads,
        }
    }
}

/// Values of a segment field for a page view.
fn segment(name: &str, view: &View) -> Vec<String> {
    match name {
        "device" => {
            let device = DeviceClass::of(&view.device).name();
            if device.is_empty() { Vec::new() } else { vec![device.to_owned()] }
        }
        "tag" => view.profile.iter().flat_map(|profile| profile.tags.iter().cloned()).collect(),
        name => {
            let of_shopper = name.strip_prefix("shopper.");
            let value = match (of_shopper, &view.profile) {
                (Some(name), Some(profile)) => profile.attributes.get(name),
                (Some(_), None) => None,
                (None, _) => view.context.get(name.strip_prefix("context.").unwrap_or(name)),
            };
            value.map(texts).unwrap_or_default()
        }
    }
}

/// A value as the names it has in a table.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Text(text) if text.is_empty() => Vec::new(),
        Value::Text(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Flag(flag) => vec![flag.to_string()],
        Value::List(list) => list.iter().filter(|text| !text.is_empty()).cloned().collect(),
        Value::Missing(_) => Vec::new(),
    }
}

fn name(candidate: &Candidate, fields: &[&str]) -> String {
    let named = fields.iter().find_map(|field| candidate.fields.get(*field).and_then(Value::text));
    named.filter(|name| !name.is_empty()).unwrap_or(&candidate.id).to_owned()
}

/// Names of fields there are, to say when a wanted one is not.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) context: BTreeSet<String>,
    pub(crate) item: BTreeSet<String>,
    pub(crate) attributes: BTreeSet<String>,
}

impl Known {
    pub(crate) fn add(&mut self, seen: &Observation) {
        let note = |names: &mut BTreeSet<String>, fields: &Fields| {
            for name in fields.keys() {
                if names.len() < REMEMBERED && !names.contains(name) {
                    names.insert(name.clone());
                }
            }
        };
        note(&mut self.context, &seen.view.context);
        note(&mut self.item, &seen.candidate.fields);
        if let Some(profile) = &seen.view.profile {
            note(&mut self.attributes, &profile.attributes);
        }
    }
}

/// Decisions by the bundle that made them.
#[derive(Default)]
pub(crate) struct Bundles {
    last: Option<u64>,
    of: BTreeMap<Arc<str>, u64>,
}

impl Bundles {
    pub(crate) fn add(&mut self, seen: &Observation) {
        let served = &seen.view.served;
        if self.last.replace(served.decision) == Some(served.decision) {
            return;
        }
        if let Some(count) = self.of.get_mut(&served.bundle) {
            *count += 1;
        } else if self.of.len() < REMEMBERED {
            self.of.insert(Arc::clone(&served.bundle), 1);
        }
    }

    /// Hash and number of decisions, the most frequent first.
    pub(crate) fn counts(&self) -> Vec<(String, u64)> {
        let mut counts: Vec<_> = self.of.iter().map(|(hash, n)| (hash.to_string(), *n)).collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts
    }
}

/// Predictions of a bundle for what was shown.
pub(crate) struct Predictor<'a> {
    engine: &'a Engine,
    /// Head of the bundle, target of the source.
    pairs: &'a [(usize, usize)],
    /// Shares of the calibrated logit, per pair.
    parts: Vec<Vec<f32>>,
}

impl<'a> Predictor<'a> {
    pub(crate) fn new(engine: &'a Engine, pairs: &'a [(usize, usize)]) -> Self {
        Self { engine, pairs, parts: vec![Vec::new(); pairs.len()] }
    }

    /// One per pair: what came of an observation and what was predicted, at the place where the item stood.
    pub(crate) fn heads(&mut self, seen: &Observation) -> Result<Vec<Seen<'_>>> {
        let encoded = self.engine.encode_at(&seen.moment(), &[&seen.candidate], seen.position);
        let logits = self.engine.run(&encoded)?;
        let width = self.engine.heads().len();
        for ((head, _), parts) in self.pairs.iter().zip(&mut self.parts) {
            let of = &self.engine.heads()[*head];
            let slope = of.slope as f32;
            parts.clear();
            parts.extend(encoded.shares.chunks_exact(width).map(|shares| slope * shares[*head]));
            // What no feature adds alone, and what is the same in every row.
            let rest = slope * logits[*head] + of.intercept as f32 - parts.iter().sum::<f32>();
            parts.push(rest);
        }
        Ok(self
            .pairs
            .iter()
            .zip(&self.parts)
            .map(|((head, target), parts)| {
                let (of, label) = (&self.engine.heads()[*head], seen.labels[*target]);
                Seen {
                    hit: label.known.then_some(label.value > 0.5),
                    predicted: of.effect(logits[*head]).value,
                    parts,
                }
            })
            .collect())
    }
}
