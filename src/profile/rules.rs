//! Tags by rule: named groups a shopper belongs to while a condition holds.

use serde::{Deserialize, Serialize};

use super::Profile;
use crate::event::EventKind;
use crate::wire::Value;

/// A tag and when it holds. Rules travel in the bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagRule {
    /// The tag's name.
    pub tag: String,
    /// All of these must hold.
    pub all: Vec<Condition>,
}

impl TagRule {
    /// Whether the rule holds for `profile` at `now`.
    #[must_use]
    pub fn holds(&self, profile: &Profile, now: i64) -> bool {
        self.all.iter().all(|condition| condition.holds(profile, now))
    }
}

/// One condition of a [`TagRule`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Condition {
    /// A decayed event count is at least this.
    CountAtLeast(EventKind, f64),
    /// At least this many orders.
    OrdersAtLeast(u32),
    /// At least this much spent.
    SpentAtLeast(f64),
    /// At least this many visits.
    SessionsAtLeast(u32),
    /// Not seen an order for this many days, after at least one.
    DaysSinceOrderAtLeast(f64),
    /// The share of interest in (field, value) is at least this.
    PrefersAtLeast(String, String, f64),
    /// A declared attribute has this value.
    AttributeIs(String, Value),
}

impl Condition {
    fn holds(&self, profile: &Profile, now: i64) -> bool {
        match self {
            Self::CountAtLeast(kind, count) => profile.counter(*kind, now) >= *count,
            Self::OrdersAtLeast(orders) => profile.orders >= *orders,
            Self::SpentAtLeast(spent) => profile.spent >= *spent,
            Self::SessionsAtLeast(sessions) => profile.sessions >= *sessions,
            Self::DaysSinceOrderAtLeast(days) => {
                profile.orders > 0
                    && now.saturating_sub(profile.last_order) as f64 >= days * super::DAY as f64
            }
            Self::PrefersAtLeast(field, value, share) => profile.preference(field, value, now) >= *share,
            Self::AttributeIs(name, value) => profile.attributes.get(name) == Some(value),
        }
    }
}
