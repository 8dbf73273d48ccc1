//! Outcomes joined to decisions by decision id, within an attribution window, in memory that holds only the
//! outcomes of one window: decisions are read one after the other, and outcomes a window ahead of them.

use std::collections::{HashMap, VecDeque};

pub use attune::decision::{Outcome, OutcomeKind};
use attune::feature::{symbol, symbol_of};
use serde::{Deserialize, Serialize};

use crate::source::Label;

const DAY: i64 = 86_400_000;

/// How outcomes are attributed. Times are milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// How long after a decision an outcome still counts.
    pub window: i64,
    /// How long after the window a return still cancels a conversion.
    pub returns: i64,
    /// How far lines may be out of time order, and how far an outcome's clock may be behind its decision's.
    pub slack: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { window: 7 * DAY, returns: 7 * DAY, slack: 60_000 }
    }
}

/// An outcome kept until its decision is read: 40 bytes.
#[derive(Debug, Clone, Copy)]
struct Kept {
    id: u64,
    slot: Option<u64>,
    item: u64,
    at: i64,
    kind: OutcomeKind,
}

/// The outcomes of the present window.
#[derive(Debug, Default)]
pub struct Outcomes {
    waiting: HashMap<u64, Vec<Kept>>,
    order: VecDeque<(i64, u64)>,
}

/// Labels of one shown item, and whether it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Attributed {
    /// Whether it was chosen.
    pub click: Label,
    /// Whether it was bought and kept.
    pub conversion: Label,
}

/// The outcomes of one decision.
#[derive(Debug, Default)]
pub struct OfDecision {
    at: i64,
    kept: Vec<Kept>,
}

impl Outcomes {
    /// Keeps an outcome. False when one with its id is already there for its decision.
    pub fn add(&mut self, outcome: &Outcome) -> bool {
        let decision = symbol(&outcome.decision);
        let list = self.waiting.entry(decision).or_default();
        let id = symbol(&outcome.id);
        if !outcome.id.is_empty() && list.iter().any(|kept| kept.id == id) {
            return false;
        }
        let slot = outcome.slot.as_deref().filter(|slot| !slot.is_empty()).map(symbol);
        list.push(Kept { id, slot, item: symbol(&outcome.item), at: outcome.at, kind: outcome.kind });
        self.order.push_back((outcome.at, decision));
        true
    }

    /// Takes what came of a decision.
    pub fn take(&mut self, decision: &str, at: i64) -> OfDecision {
        OfDecision { at, kept: self.waiting.remove(&symbol(decision)).unwrap_or_default() }
    }

    /// Forgets outcomes before `at`, and says how many of them had no decision.
    pub fn forget_before(&mut self, at: i64) -> u64 {
        let mut orphans = 0;
        while let Some((_, decision)) = self.order.front().filter(|(time, _)| *time < at).copied() {
            self.order.pop_front();
            if let Some(list) = self.waiting.get_mut(&decision) {
                let before = list.len();
                list.retain(|kept| kept.at >= at);
                orphans += (before - list.len()) as u64;
                if list.is_empty() {
                    self.waiting.remove(&decision);
                }
            }
        }
        orphans
    }

    /// How many outcomes are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

impl OfDecision {
    /// Whether the page reported which items came into view in a slot.
    #[must_use]
    pub fn reports_views(&self, slot: &str) -> bool {
        let slot = symbol(slot);
        self.kept
            .iter()
            .any(|kept| kept.kind == OutcomeKind::Impression && kept.slot.is_none_or(|s| s == slot))
    }

    /// Whether an item of a slot came into view.
    #[must_use]
    pub fn viewed(&self, slot: &str, item: &str) -> bool {
        self.of(slot, item).any(|kept| kept.kind == OutcomeKind::Impression)
    }

    /// Clicks and conversions within the window; `end` is the last moment the log knows. A conversion is not
    /// known, either way, while its window is open; one that was returned is none.
    #[must_use]
    pub fn labels(&self, slot: &str, item: &str, rules: &Rules, end: i64) -> Attributed {
        let (mut click, mut bought, mut returned) = (false, 0_u32, 0_u32);
        for kept in self.of(slot, item) {
            let after = kept.at.saturating_sub(self.at);
            if after < -rules.slack {
                continue;
            }
            let inside = after <= rules.window;
            match kept.kind {
                OutcomeKind::Click => click |= inside,
                OutcomeKind::Conversion if inside => bought += 1,
                OutcomeKind::Return if after <= rules.window.saturating_add(rules.returns) => returned += 1,
                _ => {}
            }
        }
        let open = self.at.saturating_add(rules.window) > end;
        let label = |value: bool, known| Label { value: f32::from(u8::from(value)), known };
        Attributed { click: label(click, true), conversion: label(!open && bought > returned, !open) }
    }

    /// How many outcomes lie outside the window, or long before the decision.
    #[must_use]
    pub fn outside(&self, rules: &Rules) -> u64 {
        let outside = |kept: &&Kept| {
            let after = kept.at.saturating_sub(self.at);
            let extra = if kept.kind == OutcomeKind::Return { rules.returns } else { 0 };
            after < -rules.slack || after > rules.window.saturating_add(extra)
        };
        self.kept.iter().filter(outside).count() as u64
    }

    /// How many outcomes name an item that is not among `shown`, keys made by [`place`].
    #[must_use]
    pub fn elsewhere(&self, shown: &[(u64, u64)]) -> u64 {
        let missing = |kept: &&Kept| {
            !shown.iter().any(|(slot, item)| *item == kept.item && kept.slot.is_none_or(|own| own == *slot))
        };
        self.kept.iter().filter(missing).count() as u64
    }

    fn of(&self, slot: &str, item: &str) -> impl Iterator<Item = &Kept> {
        let (slot, item) = place(slot, item);
        self.kept.iter().filter(move |kept| kept.item == item && kept.slot.is_none_or(|own| own == slot))
    }
}

/// The key of an item in a slot.
#[must_use]
pub fn place(slot: &str, item: &str) -> (u64, u64) {
    (symbol(slot), symbol(item))
}

/// The group of a slot's rows.
#[must_use]
pub fn group(decision: &str, slot: &str) -> u64 {
    symbol_of(slot.as_bytes(), symbol_of(&[0], symbol(decision)))
}
