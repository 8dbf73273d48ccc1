//! The report's numbers.

use serde::Serialize;

use crate::arms::Arms;
use crate::calibration::Bin;
use crate::cell::Cell;
use crate::movers::Movers;
use crate::survey::Key;

/// What was taken as one independent piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clusters {
    /// All decisions of a shopper.
    Shopper,
    /// One decision: the log names no shoppers.
    Decision,
    /// All decisions of a shopper, and each decision without one.
    Mixed,
}

/// One head over the whole log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Head {
    /// Its name.
    pub name: String,
    /// All rows.
    pub total: Cell,
    /// By how much was predicted.
    pub calibration: Vec<Bin>,
}

/// Items by segments, for one head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// The segment field.
    pub segment: String,
    /// The head.
    pub head: String,
    /// What the columns stand for; the first is all.
    pub columns: Vec<Key>,
    /// The lines; the first is all.
    pub lines: Vec<Line>,
}

/// A line of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The item, or the value rows are grouped by.
    pub key: Key,
    /// What the shop calls it.
    pub label: String,
    /// One per column.
    pub cells: Vec<Cell>,
}

/// How many comparisons there were, and what came of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Marks {
    /// Cells with rows and hits enough.
    pub compared: usize,
    /// Cells with too few.
    pub too_few: usize,
    /// Compared cells whose prediction is outside their own interval; about one in ten would be by chance.
    pub outside: usize,
    /// Cells that are marked, all comparisons considered.
    pub marked: usize,
    /// The expected share of false marks among all marks.
    pub false_share: f64,
}

/// The report's numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// First decision, milliseconds since 1970-01-01 UTC.
    pub from: Option<i64>,
    /// Last decision.
    pub to: Option<i64>,
    /// Decisions with a shown item.
    pub decisions: u64,
    /// Shown items.
    pub rows: u64,
    /// Shoppers with a name.
    pub shoppers: u64,
    /// Whether there are more of them than are counted.
    pub more_shoppers: bool,
    /// What was taken as independent.
    pub clusters: Clusters,
    /// Per head.
    pub heads: Vec<Head>,
    /// The comparisons of all tables.
    pub marks: Marks,
    /// Per segment field and head.
    pub tables: Vec<Table>,
    /// The hold-out.
    pub arms: Arms,
    /// What moved.
    pub movers: Movers,
}
