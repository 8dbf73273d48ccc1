//! The total function from a request to a decision.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{
    Arm, Decision, Fallback, LogLine, LoggedDecision, LoggedItem, LoggedSlot, Ranked, RankedSlot, Reason,
    Source, Withheld,
};
use crate::engine::{Engine, Prediction};
use crate::error::Error;
use crate::feature::DeviceClass;
use crate::named::Named;
use crate::profile::SCHEMA;
use crate::rank::{Entry, Random, bucket, order, score};
use crate::wire::{Fields, MAX_CANDIDATES, Mode, Request, Slot, VERSION, Value};

/// Decides what to show. It never fails: without a usable bundle, or in the hold-out, the page keeps its own
/// order (without what must not be shown), and the decision says why.
#[must_use]
pub fn decide(engine: Result<&Engine, &Error>, request: &Request) -> Decision {
    let mut deciding = Deciding::new(engine, Cow::Borrowed(request));
    // One run of the network for all slots.
    let all = deciding.predict(Engine::predict);
    for (index, slot) in request.slots.iter().enumerate() {
        deciding.place(slot, all.as_ref().map(|all| &all[index][..]));
    }
    deciding.finish()
}

/// A decision made slot by slot, for a page whose slots come one after the other. It is the decision that [`decide`]
/// makes of a request with these slots.
///
/// Above [`crate::wire::MAX_CANDIDATES`] on one page, slots keep the page's own order from there on.
#[derive(Debug)]
pub struct Deciding<'a> {
    /// None in the hold-out, too.
    engine: Option<&'a Engine>,
    request: Cow<'a, Request>,
    decision: Decision,
    random: Random,
    /// What earlier slots show.
    taken: BTreeSet<String>,
    candidates: usize,
}

impl<'a> Deciding<'a> {
    /// Begins a decision on the slots of a page that has been requested; the request's own slots are not looked at.
    #[must_use]
    pub fn new(engine: Result<&'a Engine, &Error>, request: Cow<'a, Request>) -> Self {
        let mut decision = frame(engine.ok(), &request);
        decision.fallback = engine.err().map(named);
        let engine = engine.ok().filter(|_| decision.arm == Arm::Treatment);
        match engine {
            Some(_) => decision.source = Source::Model,
            None => decision.temperature = 0.0,
        }
        let random = Random::new(request.seed);
        Self { engine, request, decision, random, taken: BTreeSet::new(), candidates: 0 }
    }

    /// The decision's id, which does not depend on its slots.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.decision.id
    }

    /// Decides the page's next slot.
    pub fn slot(&mut self, slot: &Slot) -> &RankedSlot {
        self.candidates += slot.candidates.len();
        let found = self.candidates;
        let predictions = self.predict(|engine, request| match found > MAX_CANDIDATES {
            true => Err(Error::TooMany { what: "candidates", found, limit: MAX_CANDIDATES }),
            false => engine.predict_slot(request, slot),
        });
        self.place(slot, predictions.as_deref())
    }

    /// Whether slots are being ranked, or keep the page's own order.
    #[must_use]
    pub fn ranks(&self) -> bool {
        self.engine.is_some()
    }

    /// The decision on all slots so far.
    #[must_use]
    pub fn so_far(&self) -> &Decision {
        &self.decision
    }

    /// The decision on all slots.
    #[must_use]
    pub fn finish(self) -> Decision {
        self.decision
    }

    /// What the network says; after a failure the rest of the page keeps its own order.
    fn predict<T>(
        &mut self,
        predict: impl FnOnce(&Engine, &Request) -> crate::error::Result<T>,
    ) -> Option<T> {
        match predict(self.engine?, &self.request) {
            Ok(predictions) => Some(predictions),
            Err(error) => {
                self.decision.fallback = Some(named(&error));
                self.engine = None;
                if self.decision.slots.is_empty() {
                    self.decision.source = Source::Page;
                    self.decision.temperature = 0.0;
                }
                None
            }
        }
    }

    fn place(&mut self, slot: &Slot, predictions: Option<&[Prediction]>) -> &RankedSlot {
        let (eligible, withheld) = eligible(slot, &self.taken);
        let order = match self.engine.zip(predictions) {
            Some((engine, predictions)) => {
                if let (true, true, Some(any)) =
                    (self.request.explain, self.decision.shared.is_empty(), predictions.first())
                {
                    self.decision.shared = engine.shared_attributions(any);
                }
                let temperature = self.decision.temperature;
                ranked(engine, &self.request, slot, &eligible, predictions, temperature, &mut self.random)
            }
            None => eligible.iter().map(|index| (*index, kept(&slot.candidates[*index].id))).collect(),
        };
        let show = slot.show.unwrap_or(order.len()).min(order.len());
        self.taken.extend(order[..show].iter().map(|(index, _)| slot.candidates[*index].id.clone()));
        let items = order.into_iter().map(|(_, item)| item).collect();
        self.decision.slots.push(RankedSlot { id: slot.id.clone(), show, items, withheld });
        &self.decision.slots[self.decision.slots.len() - 1]
    }
}

/// [`decide`] on JSON. What cannot be read gives a decision without slots that names the fault. A profile
/// from a newer Attune is left aside, and the decision says so.
#[must_use]
pub fn decide_json(engine: Result<&Engine, &Error>, request: &str) -> Decision {
    match Request::from_json(request) {
        Ok(request) => decide(engine, &request),
        Err(error) => match without_profile(request) {
            Some((request, error)) => Decision { fallback: Some(named(&error)), ..decide(engine, &request) },
            None => Decision { v: VERSION, fallback: Some(named(&error)), ..Decision::default() },
        },
    }
}

/// The request without its profile, if the profile alone is at fault.
fn without_profile(json: &str) -> Option<(Request, Error)> {
    let mut value: serde_json::Value = serde_json::from_str(json).ok()?;
    let profile = value.as_object_mut()?.remove("profile")?;
    let error = crate::Profile::from_json(&profile.to_string()).err()?;
    let mut request: Request = serde_json::from_value(value).ok()?;
    request.check().ok()?;
    request.mode = Mode::Contextual;
    Some((request, error))
}

fn named(error: &Error) -> Fallback {
    let code = match error {
        Error::Newer { what: "profile", .. } => "profile_newer",
        Error::Malformed { what: "profile", .. } => "profile_malformed",
        error => error.code(),
    };
    Fallback { code: code.to_owned(), message: error.to_string() }
}

fn frame(engine: Option<&Engine>, request: &Request) -> Decision {
    let held_out = request.holdout.as_ref().zip(request.shopper.as_deref());
    let arm = match held_out {
        Some((holdout, shopper)) if bucket(shopper, &holdout.seed) < holdout.share => Arm::Holdout,
        _ => Arm::Treatment,
    };
    let temperature = request.explore.as_ref().map_or(0.0, |explore| explore.temperature);
    // 1 is uniform enough on scores scaled to 1; larger would overflow nothing but mean nothing.
    let temperature = if temperature.is_finite() { temperature.clamp(0.0, 1e3) } else { 0.0 };
    let mut mix = Random::new(request.seed ^ crate::feature::symbol(&request.id));
    mix.bits();
    let id = Random::new(mix.bits() ^ request.at as u64).bits();
    Decision {
        v: VERSION,
        id: format!("d{id:016x}"),
        request: request.id.clone(),
        at: request.at,
        mode: if request.profile.is_some() { request.mode } else { Mode::Contextual },
        bundle: engine.map_or_else(String::new, |engine| engine.hash().to_owned()),
        schema: engine.map_or_else(String::new, |engine| engine.schema().to_owned()),
        profile_schema: SCHEMA,
        arm,
        temperature,
        seed: request.seed,
        ..Decision::default()
    }
}

/// Indices of the candidates that may be shown, and why the others may not.
fn eligible(slot: &Slot, taken: &BTreeSet<String>) -> (Vec<usize>, Vec<Withheld>) {
    let (mut eligible, mut withheld) = (Vec::new(), Vec::new());
    let excluded: BTreeSet<&str> = slot.excluded.iter().map(String::as_str).collect();
    let mut seen = BTreeSet::new();
    for (index, candidate) in slot.candidates.iter().enumerate() {
        let reason = if candidate.id.is_empty() {
            Some(Reason::NoId)
        } else if !seen.insert(candidate.id.as_str()) {
            Some(Reason::Duplicate)
        } else if excluded.contains(candidate.id.as_str()) {
            Some(Reason::Excluded)
        } else if candidate.fields.get("in_stock").and_then(Value::number) == Some(0.0)
            || candidate.fields.get("in_stock").and_then(Value::text) == Some("false")
        {
            Some(Reason::OutOfStock)
        } else if taken.contains(candidate.id.as_str()) {
            Some(Reason::ShownElsewhere)
        } else {
            None
        };
        match reason {
            Some(reason) => withheld.push(Withheld { id: candidate.id.clone(), reason }),
            None => eligible.push(index),
        }
    }
    (eligible, withheld)
}

/// The eligible candidates, best first, each with its place in the page's own order.
fn ranked(
    engine: &Engine,
    request: &Request,
    slot: &Slot,
    eligible: &[usize],
    predictions: &[Prediction],
    temperature: f64,
    random: &mut Random,
) -> Vec<(usize, Ranked)> {
    let terms = if request.objective.is_empty() { engine.objective() } else { &request.objective };
    let entries: Vec<Entry<'_>> = eligible
        .iter()
        .map(|&index| {
            let candidate = &slot.candidates[index];
            let effect = |name: &str| {
                let head = engine.heads().iter().position(|head| head.name == name)?;
                Some(predictions[index].effects[head].value)
            };
            Entry { index, candidate, score: score(terms, candidate, effect) }
        })
        .collect();
    order(&entries, slot, request.diversity.as_ref(), temperature, random)
        .into_iter()
        .map(|placed| {
            let entry = &entries[placed.entry];
            let prediction = &predictions[entry.index];
            let attributions =
                if request.explain { engine.attributions(prediction) } else { Named::default() };
            let item = Ranked {
                id: entry.candidate.id.clone(),
                score: entry.score,
                logits: Named::new(engine.head_names(), prediction.logits.clone()),
                effects: Named::new(engine.head_names(), prediction.effects.clone()),
                propensity: placed.propensity,
                pinned: placed.pinned,
                attributions,
            };
            (entry.index, item)
        })
        .collect()
}

fn kept(id: &str) -> Ranked {
    Ranked {
        id: id.to_owned(),
        score: 0.0,
        logits: Named::default(),
        effects: Named::default(),
        propensity: 1.0,
        pinned: false,
        attributions: Named::default(),
    }
}

/// What a log line may hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// The profile: only where the shopper consented to its being logged.
    pub profile: bool,
    /// The candidates' fields: not needed where the log has `item` lines.
    pub fields: bool,
}

impl Decision {
    /// The line of the decision log.
    #[must_use]
    pub fn log_line(&self, request: &Request, options: LogOptions) -> LogLine {
        let slots = self.slots.iter().enumerate().map(|(index, slot)| LoggedSlot {
            id: slot.id.clone(),
            show: slot.show,
            items: slot
                .items
                .iter()
                .map(|item| LoggedItem {
                    id: item.id.clone(),
                    propensity: item.propensity,
                    pinned: item.pinned,
                    fields: if options.fields { fields_of(request, index, &item.id) } else { Fields::new() },
                })
                .collect(),
            withheld: slot.withheld.clone(),
        });
        LogLine {
            kind: "decision".to_owned(),
            decision: LoggedDecision {
                v: self.v,
                id: self.id.clone(),
                at: self.at,
                shopper: request.shopper.clone(),
                session: request.session.clone(),
                mode: self.mode,
                bundle: self.bundle.clone(),
                schema: self.schema.clone(),
                profile_schema: self.profile_schema,
                arm: self.arm,
                source: self.source,
                temperature: self.temperature,
                seed: self.seed,
                tz_offset: request.tz_offset,
                device: DeviceClass::of(request.user_agent.as_deref().unwrap_or("")).name().to_owned(),
                context: request.context.clone(),
                profile: request.profile.clone().filter(|_| options.profile),
                slots: slots.collect(),
            },
        }
    }
}

fn fields_of(request: &Request, slot: usize, id: &str) -> Fields {
    request
        .slots
        .get(slot)
        .and_then(|slot| slot.candidates.iter().find(|candidate| candidate.id == id))
        .map(|candidate| candidate.fields.clone())
        .unwrap_or_default()
}
