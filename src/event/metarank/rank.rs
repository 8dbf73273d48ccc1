//! Metarank's ranking request (`POST /rank/<model>`) and its answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::field::fields;
use super::time::Timestamp;
use super::{Item, name, optional_name};
use crate::decision::{Arm, Decision, Fallback, Source, Withheld};
use crate::error::{Error, Result};
use crate::profile::Profile;
use crate::wire::{
    Candidate, Diversity, Exploration, Fields, Holdout, Mode, Request, Slot, Term, VERSION, Value,
};

/// An item in a ranking request or a ranking event.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct RankItem {
    /// The shop's own identifier.
    #[serde(deserialize_with = "name")]
    pub id: String,
    /// What is known about the item.
    #[serde(default, deserialize_with = "fields")]
    pub fields: Fields,
    /// The score that ordered the page so far; becomes the field `relevancy`.
    #[serde(default)]
    pub relevancy: Option<f64>,
    /// An explicit relevance judgement; becomes the field `label`.
    #[serde(default)]
    pub label: Option<f64>,
}

impl RankItem {
    fn fields(mut self) -> (String, Fields) {
        for (name, value) in [("relevancy", self.relevancy), ("label", self.label)] {
            if let Some(value) = value {
                self.fields.insert(name.to_owned(), Value::Number(value));
            }
        }
        (self.id, self.fields)
    }

    pub(super) fn into_item(self) -> Item {
        let (id, fields) = self.fields();
        Item { id, fields, quantity: 1.0 }
    }
}

/// Metarank's ranking request. The fields below `items` are Attune's own and optional; they mean what they
/// mean in [`Request`] and [`Slot`].
#[derive(Debug, Clone, Deserialize)]
pub struct RankRequest {
    /// Joins the ranking with what comes of it.
    #[serde(default, deserialize_with = "name")]
    pub id: String,
    /// When the page was seen.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
    /// Pseudonymous shopper id.
    #[serde(default, deserialize_with = "optional_name")]
    pub user: Option<String>,
    /// Session id.
    #[serde(default, deserialize_with = "optional_name")]
    pub session: Option<String>,
    /// The page and the moment.
    #[serde(default, deserialize_with = "fields")]
    pub fields: Fields,
    /// What could be shown, in the page's own order.
    pub items: Vec<RankItem>,
    /// The shopper's profile, from the device, where consent allows. Read on its own, so that a profile from
    /// a newer version costs the profile and not the ranking.
    #[serde(default)]
    pub profile: Option<serde_json::Value>,
    /// Where the profile is kept. `device` when there is a profile, else `contextual`.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Seed of all randomness; made of `id` when absent.
    #[serde(default)]
    pub seed: Option<Seed>,
    /// Minutes east of UTC where the shopper is.
    #[serde(default)]
    pub tz_offset: i32,
    /// The browser's user-agent string.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// What to maximise.
    #[serde(default)]
    pub objective: Vec<Term>,
    /// Diversity, if wanted.
    #[serde(default)]
    pub diversity: Option<Diversity>,
    /// Exploration, if wanted.
    #[serde(default)]
    pub explore: Option<Exploration>,
    /// Global hold-out, if there is one.
    #[serde(default)]
    pub holdout: Option<Holdout>,
    /// How many items are visible.
    #[serde(default)]
    pub show: Option<usize>,
    /// Item id → position that must be kept.
    #[serde(default)]
    pub pinned: BTreeMap<String, usize>,
    /// Item ids that must not be shown.
    #[serde(default)]
    pub excluded: Vec<String>,
}

/// A 64-bit seed: a string, because a JSON number may lose digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Seed(#[serde(deserialize_with = "crate::wire::seed::deserialize")] pub u64);

impl RankRequest {
    /// Reads a ranking request.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bad JSON, [`Error::TooMany`] above [`crate::wire::MAX_CANDIDATES`].
    pub fn from_json(json: &str) -> Result<Self> {
        let request: Self = serde_json::from_str(json).map_err(|e| Error::json("ranking request", &e))?;
        let (found, limit) = (request.items.len(), crate::wire::MAX_CANDIDATES);
        if found > limit {
            return Err(Error::TooMany { what: "candidates", found, limit });
        }
        Ok(request)
    }

    /// The request in Attune's form, with one slot named `slot`, and why the profile sent with it could not
    /// be used, if it could not. `now` (milliseconds since 1970) stands in for an absent timestamp.
    #[must_use]
    pub fn into_request(self, slot: &str, now: i64, explain: bool) -> (Request, Option<Fallback>) {
        let mut mode =
            self.mode.unwrap_or(if self.profile.is_some() { Mode::Device } else { Mode::Contextual });
        let sent = self.profile.filter(|_| mode == Mode::Device);
        let (profile, fallback) = match sent.map(|json| Profile::from_json(&json.to_string())) {
            None => (None, None),
            Some(Ok(profile)) => (Some(profile), None),
            Some(Err(error)) => {
                mode = Mode::Contextual;
                let newer = matches!(error, Error::Newer { .. });
                let code = if newer { "profile_newer" } else { "profile_malformed" };
                (None, Some(Fallback { code: code.to_owned(), message: error.to_string() }))
            }
        };
        let candidates = self.items.into_iter().map(|item| {
            let (id, fields) = item.fields();
            Candidate { id, fields }
        });
        let slot = Slot {
            id: slot.to_owned(),
            show: self.show,
            candidates: candidates.collect(),
            pinned: self.pinned,
            excluded: self.excluded,
        };
        let request = Request {
            v: VERSION,
            at: self.timestamp.map_or(now, Timestamp::millis),
            seed: self.seed.map_or_else(|| crate::feature::symbol(&self.id), |seed| seed.0),
            id: self.id,
            shopper: self.user,
            session: self.session,
            tz_offset: self.tz_offset,
            user_agent: self.user_agent,
            context: self.fields,
            profile,
            mode,
            objective: self.objective,
            diversity: self.diversity,
            explore: self.explore,
            holdout: self.holdout,
            explain,
            slots: vec![slot],
        };
        (request, fallback)
    }
}

/// Metarank's answer. What follows `items` is Attune's own: what an audit needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Milliseconds spent, where the clock moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<f64>,
    /// The items, best first.
    pub items: Vec<AnsweredItem>,
    /// Items left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// Joins outcomes to this decision.
    pub decision: String,
    /// sha256 of the bundle, hex.
    pub bundle: String,
    /// Hash of the bundle's feature list, hex.
    pub schema: String,
    /// Who chose the order.
    pub source: Source,
    /// Side of the global hold-out.
    pub arm: Arm,
    /// Where the profile came from.
    pub mode: Mode,
    /// Temperature of the exploration.
    pub temperature: f64,
    /// Seed of the exploration, as a string.
    pub seed: String,
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
}

/// One ranked item of an [`Answer`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnsweredItem {
    /// The shop's own identifier.
    pub item: String,
    /// The objective's value.
    pub score: f64,
    /// Conditional probability with which it was drawn at its position.
    pub propensity: f64,
    /// Where the score comes from, when asked to explain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<Feature>>,
}

/// One part of an explanation: an effect (`click`, with its interval) or a part's share of an effect's logit
/// (`click.brand`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// `effect` or `effect.part`.
    pub name: String,
    /// The estimate, or the share of the logit.
    pub value: f64,
    /// Lower end of an effect's 90 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

impl Answer {
    /// A decision in Metarank's form; its slots one after the other.
    #[must_use]
    pub fn new(decision: Decision, explain: bool) -> Self {
        let mut items = Vec::new();
        let mut withheld = Vec::new();
        for slot in decision.slots {
            withheld.extend(slot.withheld);
            items.extend(slot.items.into_iter().map(|ranked| {
                let effects = ranked.effects.iter().map(|(name, effect)| Feature {
                    name: name.to_owned(),
                    value: effect.value,
                    low: Some(effect.low),
                    high: Some(effect.high),
                });
                let attributions = ranked.attributions.iter().chain(decision.shared.iter());
                let parts = attributions.flat_map(|(head, parts)| {
                    parts.iter().map(move |(part, share)| Feature {
                        name: format!("{head}.{part}"),
                        value: f64::from(*share),
                        low: None,
                        high: None,
                    })
                });
                let features = explain.then(|| effects.chain(parts).collect());
                AnsweredItem { item: ranked.id, score: ranked.score, propensity: ranked.propensity, features }
            }));
        }
        Self {
            took: None,
            items,
            withheld,
            decision: decision.id,
            bundle: decision.bundle,
            schema: decision.schema,
            source: decision.source,
            arm: decision.arm,
            mode: decision.mode,
            temperature: decision.temperature,
            seed: decision.seed.to_string(),
            fallback: decision.fallback,
        }
    }
}
