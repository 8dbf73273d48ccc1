//! The second reading: rows added up.

use std::collections::HashMap;

use attune::decision::Arm;

use crate::arms::{Arms, Period, compare, side};
use crate::calibration::Calibration;
use crate::cell::Sums;
use crate::discovery::{FALSE_SHARE, stand_out};
use crate::groups::{Groups, group};
use crate::movers::{self, Half, Movers};
use crate::report::{Clusters, Head, Line, Marks, Report, Table};
use crate::survey::{DAY, Plan};

/// One shown item, and what came of it. Rows of one decision come one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Names the decision.
    pub decision: u64,
    /// Names the shopper, where there is one.
    pub shopper: Option<u64>,
    /// Side of the hold-out; `None` where the log does not know of one.
    pub arm: Option<Arm>,
    /// Whether the page's own order was kept.
    pub kept: bool,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: Option<i64>,
    /// The item, or what rows are grouped by; `None` where the item does not say.
    pub key: Option<&'a str>,
    /// What the shop calls it.
    pub label: &'a str,
    /// Per segment field, the values the row belongs to: none, one, or several tags.
    pub segments: &'a [Vec<String>],
    /// Per head.
    pub heads: &'a [Seen<'a>],
}

/// One head of a row.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What came of it; `None` while that is not settled.
    pub hit: Option<bool>,
    /// Calibrated prediction, a probability.
    pub predicted: f64,
    /// Shares of the calibrated logit, which they sum to: one per feature, then what they do together.
    pub parts: &'a [f32],
}

/// Sums of the second reading.
#[derive(Debug)]
pub struct Tally {
    plan: Plan,
    heads: Vec<String>,
    totals: Vec<Sums>,
    calibration: Vec<Calibration>,
    /// Per field: line-major, then column, then head.
    tables: Vec<Vec<Sums>>,
    movers: HashMap<String, (String, Vec<[Half; 2]>)>,
    labels: Vec<String>,
    /// Per arm, per head.
    arms: [Vec<Groups>; 2],
    /// Per period, arm, head.
    periods: Vec<[Vec<Groups>; 2]>,
    open: Option<Open>,
    rows: u64,
    decisions: u64,
    nameless: u64,
    left_out: u64,
    fell_back: u64,
}

/// The decision whose rows are coming in.
#[derive(Debug)]
struct Open {
    decision: u64,
    cluster: usize,
    shopper: bool,
    arm: Arm,
    kept: bool,
    at: Option<i64>,
    /// Per head: hits, while all its outcomes are settled.
    hits: Vec<Option<f64>>,
}

impl Tally {
    /// Starts, for these heads.
    #[must_use]
    pub fn new(mut plan: Plan, heads: &[String]) -> Self {
        plan.references.resize(heads.len(), <_>::default());
        let lines = plan.items.len();
        let n = heads.len();
        let tables =
            plan.fields.iter().map(|(_, columns)| vec![Sums::default(); lines * columns.len() * n]).collect();
        let movers = plan.movers.iter().map(|key| (key.clone(), (String::new(), vec![<_>::default(); n])));
        let days = plan.span.map_or(0, |(first, last)| last.div_euclid(DAY) - first.div_euclid(DAY) + 1);
        let periods = days.div_euclid(plan.period_days) + i64::from(days % plan.period_days != 0);
        let both = || [vec![Groups::default(); n], vec![Groups::default(); n]];
        Self {
            heads: heads.to_vec(),
            totals: vec![Sums::default(); n],
            calibration: vec![Calibration::new(); n],
            tables,
            movers: movers.collect(),
            labels: vec![String::new(); lines],
            arms: both(),
            periods: (0..periods).map(|_| both()).collect(),
            open: None,
            rows: 0,
            decisions: 0,
            nameless: 0,
            left_out: 0,
            fell_back: 0,
            plan,
        }
    }

    /// Takes one row in.
    pub fn add(&mut self, row: &Row<'_>) {
        self.rows += 1;
        if self.open.as_ref().is_none_or(|open| open.decision != row.decision) {
            self.close();
            self.open = Some(Open {
                decision: row.decision,
                cluster: group(row.shopper.unwrap_or(row.decision)),
                shopper: row.shopper.is_some(),
                arm: row.arm.unwrap_or_default(),
                kept: row.kept,
                at: row.at,
                hits: vec![Some(0.0); self.heads.len()],
            });
        }
        let Some(open) = &mut self.open else { return };
        let cluster = open.cluster;
        for (sum, seen) in open.hits.iter_mut().zip(row.heads) {
            *sum = sum.zip(seen.hit).map(|(sum, hit)| sum + f64::from(u8::from(hit)));
        }
        let line = self.plan.items.of(row.key);
        if self.labels[line].is_empty() && row.key.is_some() {
            row.label.clone_into(&mut self.labels[line]);
        }
        let middle = self.plan.middle();
        let half = middle.zip(row.at).map(|(middle, at)| usize::from(at >= middle));
        let mut mover = row.key.and_then(|key| self.movers.get_mut(key)).zip(half);
        if let Some(((label, _), _)) = mover.as_mut().filter(|((label, _), _)| label.is_empty()) {
            row.label.clone_into(label);
        }
        let n = self.heads.len();
        let mut columns = Vec::new();
        for (head, seen) in row.heads.iter().enumerate() {
            let Some(hit) = seen.hit else { continue };
            self.totals[head].add(cluster, hit, seen.predicted);
            self.calibration[head].add(cluster, hit, seen.predicted);
            if let Some(((_, halves), half)) = &mut mover {
                let from = &self.plan.references[head];
                halves[head][*half].add(cluster, hit, seen.predicted, seen.parts, from);
            }
            for ((table, (_, lines)), values) in
                self.tables.iter_mut().zip(&self.plan.fields).zip(row.segments)
            {
                columns.clear();
                columns.push(0);
                columns.extend(values.iter().map(|value| lines.of(Some(value))));
                if values.is_empty() {
                    columns.push(lines.of(None));
                }
                columns.sort_unstable();
                columns.dedup();
                for column in &columns {
                    for line in [0, line] {
                        let at = (line * lines.len() + column) * n + head;
                        table[at].add(cluster, hit, seen.predicted);
                    }
                }
            }
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        self.decisions += 1;
        self.nameless += u64::from(!open.shopper);
        if self.plan.needs_shopper && !open.shopper {
            self.left_out += 1;
            return;
        }
        let arm = usize::from(open.arm == Arm::Holdout);
        self.fell_back += u64::from(arm == 0 && open.kept);
        let day = self.plan.span.zip(open.at).map(|((first, _), at)| {
            (at.div_euclid(DAY) - first.div_euclid(DAY)).div_euclid(self.plan.period_days) as usize
        });
        for (head, hits) in open.hits.iter().enumerate() {
            let Some(hits) = hits else { continue };
            self.arms[arm][head].add(open.cluster, 1.0, *hits);
            if let Some(period) = day.and_then(|day| self.periods.get_mut(day)) {
                period[arm][head].add(open.cluster, 1.0, *hits);
            }
        }
    }

    /// The numbers.
    #[must_use]
    pub fn report(mut self) -> Report {
        self.close();
        let mut tables = self.tables();
        let marks = settle(&mut tables);
        let heads = self.heads.iter().zip(&self.totals).zip(&self.calibration);
        let heads = heads.map(|((name, total), calibration)| {
            let cell = total.cell();
            Head { name: name.clone(), total: cell, calibration: calibration.bins() }
        });
        Report {
            from: self.plan.span.map(|(first, _)| first),
            to: self.plan.span.map(|(_, last)| last),
            decisions: self.decisions,
            rows: self.rows,
            shoppers: self.plan.shoppers as u64,
            more_shoppers: self.plan.more_shoppers,
            clusters: match self.nameless {
                0 => Clusters::Shopper,
                n if n == self.decisions => Clusters::Decision,
                _ => Clusters::Mixed,
            },
            heads: heads.collect(),
            marks,
            arms: self.experiment(),
            movers: self.moved(),
            tables,
        }
    }

    fn tables(&self) -> Vec<Table> {
        let (n, mut tables) = (self.heads.len(), Vec::new());
        let keys = self.plan.items.keys();
        for (sums, (field, columns)) in self.tables.iter().zip(&self.plan.fields) {
            for (head, name) in self.heads.iter().enumerate() {
                let width = columns.len();
                let line = |(line, key): (usize, &crate::Key)| Line {
                    key: key.clone(),
                    label: self.labels[line].clone(),
                    cells: (0..width).map(|at| sums[(line * width + at) * n + head].cell()).collect(),
                };
                tables.push(Table {
                    segment: field.clone(),
                    head: name.clone(),
                    columns: columns.keys(),
                    lines: keys.iter().enumerate().map(line).collect(),
                });
            }
        }
        tables
    }

    fn experiment(&self) -> Arms {
        let [treatment, holdout] = &self.arms;
        let comparisons = self.heads.iter().zip(treatment.iter().zip(holdout));
        let periods = self.periods.iter().enumerate().map(|(index, [treatment, holdout])| Period {
            from: self
                .plan
                .span
                .map_or(0, |(first, _)| (first.div_euclid(DAY) + index as i64 * self.plan.period_days) * DAY),
            treatment: treatment.iter().map(side).collect(),
            holdout: holdout.iter().map(side).collect(),
        });
        Arms {
            held_out: self.plan.held_out,
            fell_back: self.fell_back,
            without_shopper: self.left_out,
            comparisons: comparisons
                .filter(|_| self.plan.held_out)
                .map(|(name, (treatment, holdout))| compare(name, treatment, holdout))
                .collect(),
            periods: periods.collect(),
            period_days: self.plan.period_days as u64,
        }
    }

    fn moved(&self) -> Movers {
        let mut all = Vec::new();
        for key in &self.plan.movers {
            let Some((label, heads)) = self.movers.get(key) else { continue };
            let heads = self.heads.iter().zip(heads);
            all.extend(heads.filter_map(|(head, halves)| movers::change(key, label, head, halves)));
        }
        movers::told(all, self.plan.middle())
    }
}

/// Marks what stands out among all cells of all tables. A head's column of all rows is the same in each of its tables,
/// and is compared once.
fn settle(tables: &mut [Table]) -> Marks {
    let mut marks = Marks { compared: 0, too_few: 0, outside: 0, marked: 0, false_share: FALSE_SHARE };
    let segments: Vec<String> = tables.iter().map(|table| table.segment.clone()).collect();
    let repeated = |at: usize, column: usize| column == 0 && segments[at] != segments[0];
    let mut chances = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        for line in &table.lines {
            let compared = line.cells.iter().enumerate().filter(|(column, _)| !repeated(at, *column));
            for (_, cell) in compared {
                match cell.chance {
                    Some(chance) => {
                        marks.outside += usize::from(cell.outside);
                        chances.push(chance);
                    }
                    None => marks.too_few += usize::from(cell.rows > 0),
                }
            }
        }
    }
    marks.compared = chances.len();
    let out = stand_out(&chances, FALSE_SHARE);
    marks.marked = out.iter().filter(|out| **out).count();
    let bar = chances.iter().zip(&out).filter(|(_, out)| **out).map(|(chance, _)| *chance).reduce(f64::max);
    for cell in tables.iter_mut().flat_map(|table| &mut table.lines).flat_map(|line| &mut line.cells) {
        if cell.chance.zip(bar).is_some_and(|(chance, bar)| chance <= bar) {
            cell.mark();
        }
    }
    marks
}
