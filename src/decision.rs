//! The answer, where it came from, and what went wrong on the way: it never fails.

mod decide;
mod outcome;

use serde::{Deserialize, Serialize};

use crate::named::Named;
use crate::wire::{Fields, Mode};

pub use decide::{Deciding, LogOptions, decide, decide_json};
pub use outcome::{Outcome, OutcomeKind};

/// Who chose the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The model in the bundle.
    Model,
    /// The page: its own order was kept.
    #[default]
    Page,
}

/// Which side of the global hold-out the shopper is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// Ranked.
    #[default]
    Treatment,
    /// Keeps the page's own order, for comparison.
    Holdout,
}

/// Why something else than a full, personal ranking was served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallback {
    /// Stable name: an [`crate::Error::code`], or `profile_newer`, `no_bundle`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A predicted effect on its natural scale, with a 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The calibrated estimate: a probability, or a mean for revenue and dwell.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One ranked candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Candidate id.
    pub id: String,
    /// The objective's value: what ranking maximises.
    pub score: f64,
    /// Raw network outputs by head, before calibration. Equal bit for bit in every runtime.
    #[serde(default)]
    pub logits: Named<f32>,
    /// Predicted effects by head.
    #[serde(default)]
    pub effects: Named<Effect>,
    /// Conditional probability with which it was drawn at its position; 1 when pinned or greedy.
    pub propensity: f64,
    /// Whether its position was pinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Head → part → share of the logit. These parts, `interaction` among them, and the decision's
    /// [`shared`](Decision::shared) ones sum to the logit.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub attributions: Named<Named<f32>>,
}

/// Why a candidate was not ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Listed in the slot's `excluded`.
    Excluded,
    /// Its field `in_stock` is false or 0.
    OutOfStock,
    /// The same id stands earlier in this slot.
    Duplicate,
    /// Already shown in an earlier slot of the page.
    ShownElsewhere,
    /// Its id is empty.
    NoId,
}

/// A candidate left out of the ranking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Candidate id.
    pub id: String,
    /// Why.
    pub reason: Reason,
}

/// The answer for one slot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RankedSlot {
    /// The slot's name.
    pub id: String,
    /// How many of the items are visible.
    pub show: usize,
    /// All eligible candidates, best first.
    pub items: Vec<Ranked>,
    /// The others, in the page's own order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
}

/// What to show, and everything needed to audit it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Decision {
    /// Contract version.
    pub v: u32,
    /// Joins outcomes to this decision.
    pub id: String,
    /// The request's own id.
    pub request: String,
    /// The request's time, milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Where the profile came from.
    pub mode: Mode,
    /// sha256 of the bundle, hex; empty without one.
    pub bundle: String,
    /// Hash of the bundle's feature list, hex; empty without one.
    pub schema: String,
    /// Version of the profile's form.
    pub profile_schema: u32,
    /// Side of the global hold-out.
    pub arm: Arm,
    /// Who chose the order.
    pub source: Source,
    /// What went wrong, if anything did.
    pub fallback: Option<Fallback>,
    /// Temperature of the exploration; 0 is greedy.
    pub temperature: f64,
    /// Seed of the exploration.
    #[serde(with = "crate::wire::seed")]
    pub seed: u64,
    /// Head → part → share of every item's logit: what shopper, moment and `bias` add to all of them alike. When the
    /// request asks to explain.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub shared: Named<Named<f32>>,
    /// One answer per slot of the request, in its order.
    pub slots: Vec<RankedSlot>,
}

/// A line of the decision log: all that training and off-policy evaluation need, and nothing that
/// names a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Always `decision`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The decision, without logits, effects and attributions.
    #[serde(flatten)]
    pub decision: LoggedDecision,
}

/// The logged part of a [`Decision`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoggedDecision {
    /// Contract version.
    pub v: u32,
    /// Joins outcomes to this decision.
    pub id: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Pseudonymous shopper id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shopper: Option<String>,
    /// Session id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Where the profile came from.
    #[serde(default)]
    pub mode: Mode,
    /// sha256 of the bundle, hex.
    #[serde(default)]
    pub bundle: String,
    /// Hash of the bundle's feature list, hex.
    #[serde(default)]
    pub schema: String,
    /// Version of the profile's form.
    #[serde(default)]
    pub profile_schema: u32,
    /// Side of the global hold-out.
    #[serde(default)]
    pub arm: Arm,
    /// Who chose the order.
    #[serde(default)]
    pub source: Source,
    /// Temperature of the exploration.
    #[serde(default)]
    pub temperature: f64,
    /// Seed of the exploration.
    #[serde(default, with = "crate::wire::seed")]
    pub seed: u64,
    /// Minutes east of UTC where the shopper is.
    #[serde(default)]
    pub tz_offset: i32,
    /// User-agent class: `mobile`, `desktop`, `tablet`, `bot`.
    #[serde(default)]
    pub device: String,
    /// The page and the moment.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub context: Fields,
    /// The profile as it was, where the shopper consented to its being logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<crate::profile::Profile>,
    /// The slots.
    pub slots: Vec<LoggedSlot>,
}

/// One slot of a log line. `items` is the eligible set in the order shown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoggedSlot {
    /// The slot's name.
    pub id: String,
    /// How many of the items were visible.
    pub show: usize,
    /// Eligible items, in the order served.
    pub items: Vec<LoggedItem>,
    /// Not eligible, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
}

/// One item of a logged slot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoggedItem {
    /// Candidate id.
    pub id: String,
    /// Conditional probability of being drawn at this position.
    pub propensity: f64,
    /// Whether its position was pinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// The candidate's fields, unless the log has an `item` line for it.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
}
