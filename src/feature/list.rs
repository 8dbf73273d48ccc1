//! The feature list: which fields there are and where each comes from.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::event::EventKind;

/// Where a value is read: `candidate.price`, `shopper.age_band` (a declared attribute), `context.page`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A field of the candidate; `candidate.id` is its id.
    Candidate(String),
    /// A declared attribute of the profile.
    Shopper(String),
    /// A field of the request's context.
    Context(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate(name) => write!(f, "candidate.{name}"),
            Self::Shopper(name) => write!(f, "shopper.{name}"),
            Self::Context(name) => write!(f, "context.{name}"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once('.') {
            Some(("candidate", name)) => Ok(Self::Candidate(name.to_owned())),
            Some(("shopper", name)) => Ok(Self::Shopper(name.to_owned())),
            Some(("context", name)) => Ok(Self::Context(name.to_owned())),
            _ => Err(serde::de::Error::custom(format!(
                "a source is candidate.NAME, shopper.NAME or context.NAME, not {text:?}"
            ))),
        }
    }
}

/// How a number is transformed before its knots are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// As it is.
    #[default]
    Linear,
    /// sign(x) · ln(1 + |x|).
    Log,
}

/// Since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recency {
    /// Days since the shopper was last seen.
    Visit,
    /// Days since the shopper's last order.
    Order,
    /// Days since the shopper last touched this item.
    Item,
    /// Days since the time (milliseconds since 1970) in this candidate field.
    Field(String),
}

/// What a feature is computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A number.
    Number {
        /// Where it is read.
        from: Source,
        /// Its transformation.
        #[serde(default)]
        scale: Scale,
    },
    /// One category, or a list of them.
    Category {
        /// Where it is read.
        from: Source,
        /// Hash into this many buckets instead of keeping a vocabulary.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buckets: Option<u32>,
    },
    /// A pair of categories as one.
    Cross {
        /// The first.
        a: Source,
        /// The second.
        b: Source,
    },
    /// Words, word pairs and Chinese character n-grams, hashed.
    Text {
        /// Where it is read.
        from: Source,
        /// How many buckets they are hashed into.
        buckets: u32,
    },
    /// How often the shopper did this, decayed.
    Count {
        /// The kind of event.
        event: EventKind,
    },
    /// The share of the shopper's interest that goes to the candidate's value of a field.
    Preference {
        /// The candidate field.
        field: String,
    },
    /// How much of the shopper's interest in a field has been seen.
    Evidence {
        /// The candidate field.
        field: String,
    },
    /// Whether an attribute of the shopper equals a field of the candidate.
    Match {
        /// The attribute.
        shopper: String,
        /// The candidate field.
        candidate: String,
    },
    /// ln(candidate price / price the shopper usually chooses).
    PriceRatio,
    /// The smoothed rate of an outcome for a key, as log-odds: (hits + s·prior) / (impressions + s).
    Rate {
        /// The key.
        by: Source,
        /// The head whose outcome is counted.
        head: String,
        /// s: how many impressions the prior weighs.
        strength: f64,
    },
    /// Days since something.
    Recency {
        /// Since when.
        of: Recency,
    },
    /// How often the shopper touched this item.
    ItemTouches,
    /// Position on the page. Training sees where an item stood; serving asks for position 0.
    Position,
    /// Local hour of the day.
    Hour,
    /// Local day of the week.
    Weekday,
    /// User-agent class.
    Device,
    /// Whether the shopper has a tag.
    Tag {
        /// The tag.
        tag: String,
    },
    /// Number of visits.
    Sessions,
    /// Number of orders.
    Orders,
    /// Money spent.
    Spent,
}

impl Kind {
    /// Whether values are symbols (else numbers).
    #[must_use]
    pub fn is_symbolic(&self) -> bool {
        matches!(
            self,
            Self::Category { .. }
                | Self::Cross { .. }
                | Self::Text { .. }
                | Self::Hour
                | Self::Weekday
                | Self::Device
                | Self::Match { .. }
                | Self::Tag { .. }
        )
    }

    /// Whether the value is the same for every candidate of a request.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Number { from, .. }
            | Self::Category { from, .. }
            | Self::Text { from, .. }
            | Self::Rate { by: from, .. } => !matches!(from, Source::Candidate(_)),
            Self::Cross { a, b } => !matches!(a, Source::Candidate(_)) && !matches!(b, Source::Candidate(_)),
            Self::Preference { .. } | Self::Match { .. } | Self::PriceRatio | Self::ItemTouches => false,
            Self::Recency { of } => matches!(of, Recency::Visit | Recency::Order),
            Self::Position
            | Self::Count { .. }
            | Self::Evidence { .. }
            | Self::Hour
            | Self::Weekday
            | Self::Device
            | Self::Tag { .. }
            | Self::Sessions
            | Self::Orders
            | Self::Spent => true,
        }
    }
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name, unique in the list; attributions carry it.
    pub name: String,
    /// What it is computed from.
    #[serde(flatten)]
    pub kind: Kind,
}

/// The features of a model, in order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FeatureList {
    /// The features.
    pub features: Vec<Feature>,
}

impl FeatureList {
    /// The schema hash: sha256 of the list's JSON, hex.
    #[must_use]
    pub fn hash(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        crate::bundle::hex(&Sha256::digest(json))
    }

    /// What a shop usually knows: item, price, taste, moment. Fields a shop lacks read as missing.
    #[must_use]
    pub fn shop() -> Self {
        let candidate = |name: &str| Source::Candidate(name.to_owned());
        let context = |name: &str| Source::Context(name.to_owned());
        let shopper = |name: &str| Source::Shopper(name.to_owned());
        let category = |from| Kind::Category { from, buckets: None };
        let number = |from, scale| Kind::Number { from, scale };
        let preference = |field: &str| Kind::Preference { field: field.to_owned() };
        let count = |event| Kind::Count { event };
        let rate = |by| Kind::Rate { by, head: "click".to_owned(), strength: 50.0 };
        let features = [
            ("position", Kind::Position),
            ("item", category(candidate("id"))),
            ("category", category(candidate("category"))),
            ("brand", category(candidate("brand"))),
            ("style", category(candidate("style"))),
            ("color", category(candidate("color"))),
            ("material", category(candidate("material"))),
            ("name", Kind::Text { from: candidate("name"), buckets: 2048 }),
            ("name_zh", Kind::Text { from: candidate("name_zh"), buckets: 2048 }),
            ("price", number(candidate("price"), Scale::Log)),
            ("rating", number(candidate("rating"), Scale::Linear)),
            ("age", Kind::Recency { of: Recency::Field("published_at".to_owned()) }),
            ("item_rate", rate(candidate("id"))),
            ("likes_category", preference("category")),
            ("likes_brand", preference("brand")),
            ("likes_style", preference("style")),
            ("likes_color", preference("color")),
            ("taste_known", Kind::Evidence { field: "category".to_owned() }),
            ("price_ratio", Kind::PriceRatio),
            ("touched", Kind::ItemTouches),
            ("touched_days", Kind::Recency { of: Recency::Item }),
            ("clicks", count(EventKind::Click)),
            ("carts", count(EventKind::AddToCart)),
            ("orders", Kind::Orders),
            ("language", category(context("language"))),
            ("age_band", category(shopper("age_band"))),
            ("device", Kind::Device),
            ("hour", Kind::Hour),
            ("weekday", Kind::Weekday),
            ("category_age_band", Kind::Cross { a: shopper("age_band"), b: candidate("category") }),
        ];
        Self {
            features: features
                .into_iter()
                .map(|(name, kind)| Feature { name: name.to_owned(), kind })
                .collect(),
        }
    }
}
