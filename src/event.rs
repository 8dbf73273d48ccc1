//! One shopper event, and the forms it is imported from.

pub mod batch;
pub mod ga4;
pub mod metarank;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::wire::{Fields, VERSION};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// Items were shown in a list or slot.
    Impression,
    /// An item in a list was chosen.
    Click,
    /// An item's own page was seen.
    View,
    /// Put in the cart.
    AddToCart,
    /// Checkout begun.
    Checkout,
    /// Bought; `value` is the order's value.
    Purchase,
    /// Sent back.
    Return,
    /// Searched; `fields.query` is the text.
    Search,
    /// The shopper declared attributes about themselves, in `fields`.
    Identify,
}

impl EventKind {
    /// All kinds, in order.
    pub const ALL: [Self; 9] = [
        Self::Impression,
        Self::Click,
        Self::View,
        Self::AddToCart,
        Self::Checkout,
        Self::Purchase,
        Self::Return,
        Self::Search,
        Self::Identify,
    ];

    /// The wire name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Impression => "impression",
            Self::Click => "click",
            Self::View => "view",
            Self::AddToCart => "add_to_cart",
            Self::Checkout => "checkout",
            Self::Purchase => "purchase",
            Self::Return => "return",
            Self::Search => "search",
            Self::Identify => "identify",
        }
    }

    /// The kind with this wire name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// An item an event is about.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Item {
    /// The shop's own identifier.
    pub id: String,
    /// What is known about the item; the profile learns preferences from it.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
    /// How many.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub quantity: f64,
}

fn one() -> f64 {
    1.0
}

fn is_one(quantity: &f64) -> bool {
    *quantity == 1.0
}

/// One thing a shopper did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Contract version.
    #[serde(default = "version")]
    pub v: u32,
    /// Removes duplicates.
    #[serde(default)]
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// A pseudonymous shopper id, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shopper: Option<String>,
    /// A session id, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The items it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// Money value, in `currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// ISO 4217 code, beside every `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Anything else: the query of a search, the attributes of an identify.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub fields: Fields,
    /// The decision this came of, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The slot it happened in, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
}

fn version() -> u32 {
    VERSION
}

impl Event {
    /// An event of `kind` at `at` milliseconds about nothing in particular.
    #[must_use]
    pub fn new(kind: EventKind, at: i64) -> Self {
        Self {
            v: VERSION,
            id: String::new(),
            kind,
            at,
            shopper: None,
            session: None,
            items: Vec::new(),
            value: None,
            currency: None,
            fields: Fields::new(),
            decision: None,
            slot: None,
        }
    }

    /// Reads one event in wire form.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bad JSON or an unknown kind, [`Error::Newer`] for another version.
    pub fn from_json(json: &str) -> Result<Self> {
        let event: Self = serde_json::from_str(json).map_err(|e| Error::json("event", &e))?;
        if event.v > VERSION {
            return Err(Error::Newer { what: "event", found: event.v, supported: VERSION });
        }
        Ok(event)
    }
}
