//! The one versioned JSON contract: what a surface sends into the core and what it gets back.
//!
//! Field values are JSON scalars or lists of strings. 64-bit seeds travel as strings, because a
//! JavaScript number cannot hold them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};
use crate::profile::Profile;

/// The version of the contract spoken here.
pub const VERSION: u32 = 1;
/// The most candidates one request may carry, over all its slots.
pub const MAX_CANDIDATES: usize = 10_000;
/// The longest text field that is read; what is longer is cut at a character boundary before encoding.
pub const MAX_TEXT: usize = 4_096;

/// A value of a candidate's, shopper's or context's field.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Flag(bool),
    /// A finite number.
    Number(f64),
    /// Text or a category.
    Text(String),
    /// Several categories.
    List(Vec<String>),
    /// JSON `null`, or something that is none of the above: read as missing.
    Missing(Ignored),
}

/// JSON that is read as missing: `null`, objects, mixed lists.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ignored;

impl Serialize for Ignored {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// Written out rather than derived: a derived untagged enum copies every value before it tries the variants.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_bool<E>(self, flag: bool) -> std::result::Result<Value, E> {
                Ok(Value::Flag(flag))
            }

            fn visit_i64<E>(self, number: i64) -> std::result::Result<Value, E> {
                Ok(Value::Number(number as f64))
            }

            fn visit_u64<E>(self, number: u64) -> std::result::Result<Value, E> {
                Ok(Value::Number(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> std::result::Result<Value, E> {
                Ok(Value::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> std::result::Result<Value, E> {
                Ok(Value::Text(text))
            }

            fn visit_unit<E>(self) -> std::result::Result<Value, E> {
                Ok(Value::Missing(Ignored))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<Value, A::Error> {
                let mut list = Some(Vec::new());
                while let Some(entry) = entries.next_element()? {
                    match (entry, &mut list) {
                        (Value::Text(text), Some(texts)) => texts.push(text),
                        _ => list = None,
                    }
                }
                Ok(list.map_or(Value::Missing(Ignored), Value::List))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Missing(Ignored))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

impl Value {
    /// The value as a finite number: numbers, flags (0 or 1), and text that is a number.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Flag(flag) => Some(f64::from(u8::from(*flag))),
            Self::Text(text) => text.trim().parse().ok(),
            Self::List(_) | Self::Missing(_) => None,
        }
        .filter(|number| number.is_finite())
    }

    /// The value as text, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// Named values, in name order. A sorted vector: a candidate has few fields, and a request many candidates.
pub type Fields = litemap::LiteMap<String, Value>;

/// Where the shopper's profile is kept for this decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// On the shopper's device.
    Device,
    /// On the server, for shops that choose it.
    Server,
    /// Nowhere: the decision uses the page and the moment only.
    #[default]
    Contextual,
}

/// One thing that could be shown in a slot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Candidate {
    /// The shop's own identifier.
    pub id: String,
    /// What is known about it. `price`, `margin` and `in_stock` have meaning to ranking.
    #[serde(default)]
    pub fields: Fields,
}

/// One place on a page and what could fill it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Slot {
    /// The slot's name, unique on its page.
    pub id: String,
    /// How many candidates are visible; the rest stay available to later slots. All, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<usize>,
    /// The candidates in the page's own order.
    pub candidates: Vec<Candidate>,
    /// Candidate id → position (0 is first) that must be kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned: BTreeMap<String, usize>,
    /// Candidate ids that must not be shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<String>,
}

/// One term of the objective: `weight · effect · times`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// A predicted effect by name (`click`, `conversion`, …); 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// A numeric candidate field (`price`, `margin`, …); 1 when absent, 0 when the candidate lacks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<String>,
    /// How much the term counts.
    pub weight: f64,
}

/// How alike neighbours may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diversity {
    /// The candidate field whose values should vary.
    pub field: String,
    /// What each earlier item of the same value costs, as a share of the score range. 0 to 1.
    #[serde(default)]
    pub weight: f64,
    /// The most items of one value among those shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<usize>,
}

/// How much is left to chance, so that the shop keeps learning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exploration {
    /// Temperature of the Plackett–Luce sampling, on scores scaled to a range of 1. 0 is greedy.
    pub temperature: f64,
}

/// A global hold-out: shoppers who keep the page's own order, to measure what ranking brings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holdout {
    /// Share of shoppers, 0 to 1.
    pub share: f64,
    /// Changes who is in it.
    pub seed: String,
}

/// A ranking request: one page view of one shopper.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Request {
    /// Contract version; this build speaks [`VERSION`].
    #[serde(default = "version")]
    pub v: u32,
    /// The caller's name for the request.
    #[serde(default)]
    pub id: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Seed of all randomness in the decision.
    #[serde(default, with = "seed")]
    pub seed: u64,
    /// A pseudonymous shopper id, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shopper: Option<String>,
    /// A session id, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Minutes east of UTC where the shopper is.
    #[serde(default)]
    pub tz_offset: i32,
    /// The browser's user-agent string; only its class is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The page and the moment: language, referrer, campaign, page type.
    #[serde(default)]
    pub context: Fields,
    /// The shopper's profile, where consent allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Where the profile is kept.
    #[serde(default)]
    pub mode: Mode,
    /// What to maximise; the bundle's own objective when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objective: Vec<Term>,
    /// Diversity, if wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity: Option<Diversity>,
    /// Exploration, if wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explore: Option<Exploration>,
    /// Global hold-out, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
    /// Whether items carry attributions.
    #[serde(default)]
    pub explain: bool,
    /// The page's slots, most important first.
    pub slots: Vec<Slot>,
}

fn version() -> u32 {
    VERSION
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bad JSON, [`Error::Newer`] for another version, [`Error::TooMany`]
    /// above [`MAX_CANDIDATES`].
    pub fn from_json(json: &str) -> Result<Self> {
        let request: Self = serde_json::from_str(json).map_err(|e| Error::json("request", &e))?;
        request.check()?;
        Ok(request)
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.v > VERSION {
            return Err(Error::Newer { what: "request", found: self.v, supported: VERSION });
        }
        let found = self.slots.iter().map(|slot| slot.candidates.len()).sum();
        if found > MAX_CANDIDATES {
            return Err(Error::TooMany { what: "candidates", found, limit: MAX_CANDIDATES });
        }
        Ok(())
    }
}

/// A 64-bit number that travels as a string; small JSON numbers are read too.
pub(crate) mod seed {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(seed)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(number),
            Either::Text(text) => {
                text.parse().map_err(|_| D::Error::custom("a seed is a whole number below 2^64, as a string"))
            }
        }
    }
}
