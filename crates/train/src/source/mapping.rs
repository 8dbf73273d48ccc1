//! What the columns of a table mean.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::LoadError;

/// Mappings that are shipped, by name.
pub const NAMED: [(&str, &str); 4] = [
    ("obd", include_str!("../../mappings/obd.toml")),
    ("online-shoppers", include_str!("../../mappings/online-shoppers.toml")),
    ("upworthy", include_str!("../../mappings/upworthy.toml")),
    ("hillstrom", include_str!("../../mappings/hillstrom.toml")),
];

/// A mapping file: which column is what. Every entry but a target is optional. A name that ends in `*` stands for
/// all columns that begin so.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// The separator; a tab for `.tsv`, else a comma.
    pub delimiter: Option<char>,
    /// Head → column. 1, true, yes and positive numbers count as 1; 0, false, no and negative numbers as 0.
    pub targets: BTreeMap<String, String>,
    /// A target that is counted: so many clicks of so many impressions in one row.
    pub clicks_of_impressions: Option<ClicksOfImpressions>,
    /// Identifies a row; a second row with the same value is dropped.
    pub id: Option<String>,
    /// Rows that belong together: a page view, a test.
    pub group: Option<String>,
    /// Milliseconds since 1970, or ISO 8601 (in UTC when no zone is named).
    pub time: Option<String>,
    /// How much a row counts.
    pub weight: Option<String>,
    /// Item id.
    pub item: Option<String>,
    /// Shopper id. Groups rows when there is no `group`.
    pub user: Option<String>,
    /// Position on the page.
    pub position: Option<String>,
    /// The first position's number; 0 when absent.
    pub position_base: i64,
    /// Probability with which the item was shown at its position.
    pub propensity: Option<String>,
    /// How many items could have been shown: a number. The rows of the joined item table, when absent.
    pub eligible: Option<usize>,
    /// Columns of free text.
    pub text: Vec<String>,
    /// Columns of numbers.
    pub numbers: Vec<String>,
    /// Columns of categories.
    pub categories: Vec<String>,
    /// Those of the above that tell about the shopper.
    pub shopper: Vec<String>,
    /// Those of the above that tell about the page or the moment.
    pub context: Vec<String>,
    /// Other tables to look columns up in.
    pub join: Vec<Join>,
    /// Numbers taken from one of many columns, chosen by the row itself.
    pub pick: Vec<Pick>,
}

/// A counted target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClicksOfImpressions {
    /// The head; `click` when absent.
    #[serde(default = "click")]
    pub target: String,
    /// The column of clicks.
    pub clicks: String,
    /// The column of impressions.
    pub impressions: String,
}

fn click() -> String {
    "click".to_owned()
}

/// A table beside the data.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Join {
    /// Its name, in the folder of the data.
    pub file: String,
    /// The column that both tables have.
    pub key: String,
    /// Its columns of free text.
    pub text: Vec<String>,
    /// Its columns of numbers.
    pub numbers: Vec<String>,
    /// Its columns of categories.
    pub categories: Vec<String>,
}

/// A number from one of many columns: `affinity_{item_id}` is, in a row whose `item_id` is 7, `affinity_7`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// The name of the number.
    pub name: String,
    /// The column, with the name of the choosing column in braces.
    pub column: String,
}

impl Mapping {
    /// Reads a mapping file, or a shipped mapping by name.
    ///
    /// # Errors
    /// [`LoadError::Mapping`], which says where it is wrong or which names there are.
    pub fn read(name_or_path: &str) -> Result<Self, LoadError> {
        if let Some(text) = named(name_or_path) {
            return Self::parse(text, name_or_path);
        }
        let text = std::fs::read_to_string(Path::new(name_or_path)).map_err(|e| {
            let names: Vec<_> = NAMED.iter().map(|(name, _)| *name).collect();
            LoadError::Mapping(format!(
                "no mapping {name_or_path:?}: {e}. Shipped mappings are {}; or give a TOML file",
                names.join(", ")
            ))
        })?;
        Self::parse(&text, name_or_path)
    }

    /// Reads a mapping's text; `name` is for messages.
    ///
    /// # Errors
    /// [`LoadError::Mapping`].
    pub fn parse(text: &str, name: &str) -> Result<Self, LoadError> {
        let mapping: Self =
            toml::from_str(text).map_err(|e| LoadError::Mapping(format!("the mapping {name}: {e}")))?;
        let heads = mapping.targets.len() + usize::from(mapping.clicks_of_impressions.is_some());
        if heads == 0 {
            return Err(LoadError::Mapping(format!(
                "the mapping {name} names no target: add `targets = {{ click = \"COLUMN\" }}` or [clicks_of_impressions]"
            )));
        }
        if heads > super::MAX_TARGETS {
            let limit = super::MAX_TARGETS;
            return Err(LoadError::Mapping(format!(
                "the mapping {name} names {heads} targets, at most {limit}"
            )));
        }
        if let Some(counted) = &mapping.clicks_of_impressions
            && !mapping.targets.is_empty()
        {
            return Err(LoadError::Mapping(format!(
                "the mapping {name} counts `{}` over impressions; other targets have no place in such rows",
                counted.target
            )));
        }
        Ok(mapping)
    }
}

/// The text of a shipped mapping.
#[must_use]
pub fn named(name: &str) -> Option<&'static str> {
    NAMED.iter().find(|(own, _)| *own == name).map(|(_, text)| *text)
}
