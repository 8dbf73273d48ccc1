//! Attune's own log (items, decisions, outcomes as JSON lines) and Metarank's events, joined while they stream.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use attune::decision::{LogLine, LoggedDecision, LoggedItem};
use attune::event::Event;
use attune::feature::symbol;
use attune::wire::{Candidate, Fields};
use serde::Deserialize;

use super::error::LoadError;
use super::input::{Input, Lines};
use super::metarank;
use super::{Observation, Rows, Served, View};
use crate::clean::{Cleaning, propensity_weight};
use crate::join::{self, OfDecision, Outcome, Outcomes, Rules};

/// How many decisions' ids are remembered to find those logged twice.
const RECENT: usize = 1 << 20;

/// The log, looked through once.
#[derive(Debug)]
pub(super) struct Log {
    rules: Rules,
    metarank: bool,
    catalogue: HashMap<String, Arc<Candidate>>,
    decisions: Vec<Input>,
    outcomes: Vec<Input>,
    end: i64,
    found: Cleaning,
}

/// What every line has.
#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    event: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    at: Option<i64>,
}

#[derive(Deserialize)]
struct ItemLine {
    id: String,
    #[serde(default)]
    fields: Fields,
}

/// One line, read.
pub(super) enum Entry {
    /// A decision, and when.
    Decision(Box<LoggedDecision>),
    /// What came of one.
    Outcome(Outcome),
    /// Something a shopper did, from which their profile is kept; it may be an outcome as well.
    Event(Box<Event>, Option<Outcome>),
    /// Said elsewhere, or not for us.
    Other,
    /// Not readable, and why.
    Bad(&'static str),
}

impl Log {
    pub(super) fn open(inputs: &[Input], rules: Rules) -> Result<Self, LoadError> {
        let mut log = Self {
            rules,
            metarank: false,
            catalogue: HashMap::new(),
            decisions: Vec::new(),
            outcomes: Vec::new(),
            end: i64::MIN,
            found: Cleaning::default(),
        };
        let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
        for input in inputs {
            log.look_through(input, &mut kinds)?;
        }
        if log.decisions.is_empty() {
            let found = match kinds.iter().map(|(kind, n)| format!("{n} × {kind:?}")).collect::<Vec<_>>() {
                list if list.is_empty() => {
                    "no line that is a JSON object with a `type` or `event`".to_owned()
                }
                list => list.join(", "),
            };
            let path = inputs.first().map(|input| input.path.clone()).unwrap_or_default();
            let detail = format!(
                "no decisions to learn from (lines with \"type\":\"decision\", or Metarank's \"event\":\"ranking\"); \
                 found {found}. For a table, name its columns with --mapping FILE.toml"
            );
            return Err(LoadError::Nothing { path, detail });
        }
        Ok(log)
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.metarank { "metarank events" } else { "attune log" }
    }

    fn look_through(&mut self, input: &Input, kinds: &mut BTreeMap<String, u64>) -> Result<(), LoadError> {
        let mut lines = Lines::open(input, &Arc::default())?;
        let (mut decisions, mut outcomes) = (false, false);
        while let Some(line) = lines.next()? {
            self.found.read += 1;
            let tag = line.and_then(|line| serde_json::from_str::<Tag>(line).ok().map(|tag| (line, tag)));
            let Some((line, tag)) = tag else {
                self.found.drop_one("line is not JSON, or not in the log's form");
                continue;
            };
            let kind = tag.event.as_deref().unwrap_or(&tag.kind);
            match (tag.event.is_some(), kind) {
                (false, "item") => match serde_json::from_str::<ItemLine>(line) {
                    Ok(item) => self.describe(item.id, item.fields),
                    Err(_) => self.found.drop_one("item line without an id"),
                },
                (false, "decision") => decisions = true,
                (false, "outcome") => outcomes = true,
                (true, "item") => match metarank::item(line) {
                    Some((id, fields)) => self.describe(id, fields),
                    None => self.found.drop_one("item event that cannot be read"),
                },
                (true, "ranking") => decisions = true,
                (true, "interaction") => (decisions, outcomes) = (true, true),
                (true, "user") => decisions = true,
                (_, other) => {
                    self.found.drop_one("line of an unknown type");
                    if kinds.len() < 12 || kinds.contains_key(other) {
                        *kinds.entry(other.to_owned()).or_default() += 1;
                    }
                    continue;
                }
            }
            self.metarank |= tag.event.is_some();
            if kinds.len() < 12 || kinds.contains_key(kind) {
                *kinds.entry(kind.to_owned()).or_default() += 1;
            }
            let at = if tag.event.is_some() { metarank::time(line) } else { tag.at };
            self.end = self.end.max(at.unwrap_or(i64::MIN));
        }
        if decisions {
            self.decisions.push(input.clone());
        }
        if outcomes {
            self.outcomes.push(input.clone());
        }
        Ok(())
    }

    fn describe(&mut self, id: String, fields: Fields) {
        if self.catalogue.contains_key(&id) {
            self.found.note("item described more than once; the last description counts");
        }
        self.catalogue.insert(id.clone(), Arc::new(Candidate { id, fields }));
    }

    pub(super) fn rows(&self) -> Result<LogRows<'_>, LoadError> {
        let read = Arc::new(AtomicU64::new(0));
        Ok(LogRows {
            log: self,
            decisions: Merge::open(&self.decisions, self.metarank, Cursor::Decisions, &read)?,
            outcomes: Merge::open(&self.outcomes, self.metarank, Cursor::Outcomes, &Arc::default())?,
            waiting: Outcomes::default(),
            profiles: metarank::Profiles::default(),
            seen: HashSet::new(),
            order: VecDeque::new(),
            out: VecDeque::new(),
            cleaning: self.found.clone(),
            read,
            watermark: i64::MIN,
            done: false,
        })
    }
}

/// Which lines a pass over the files is after.
#[derive(Clone, Copy, PartialEq)]
enum Cursor {
    Decisions,
    Outcomes,
}

/// Several files in time order, as one stream in time order.
struct Merge {
    heads: Vec<(Lines, Option<(i64, Entry)>)>,
    metarank: bool,
    cursor: Cursor,
    bad: Cleaning,
}

impl Merge {
    fn open(
        inputs: &[Input],
        metarank: bool,
        cursor: Cursor,
        read: &Arc<AtomicU64>,
    ) -> Result<Self, LoadError> {
        let mut merge = Self { heads: Vec::new(), metarank, cursor, bad: Cleaning::default() };
        for input in inputs {
            let mut lines = Lines::open(input, read)?;
            let head = merge.advance(&mut lines)?;
            merge.heads.push((lines, head));
        }
        Ok(merge)
    }

    fn advance(&mut self, lines: &mut Lines) -> Result<Option<(i64, Entry)>, LoadError> {
        while let Some(line) = lines.next()? {
            let Some(line) = line else { continue };
            let entry = if self.metarank { metarank::entry(line) } else { native(line, self.cursor) };
            let found = match (entry, self.cursor) {
                (Entry::Decision(decision), Cursor::Decisions) => (decision.at, Entry::Decision(decision)),
                (Entry::Event(event, _), Cursor::Decisions) => (event.at, Entry::Event(event, None)),
                (Entry::Outcome(outcome) | Entry::Event(_, Some(outcome)), Cursor::Outcomes) => {
                    (outcome.at, Entry::Outcome(outcome))
                }
                (Entry::Bad(reason), cursor) if !self.metarank || cursor == Cursor::Decisions => {
                    self.bad.drop_one(reason);
                    continue;
                }
                _ => continue,
            };
            return Ok(Some(found));
        }
        Ok(None)
    }

    /// The time of the next entry.
    fn next_at(&self) -> Option<i64> {
        self.heads.iter().filter_map(|(_, head)| head.as_ref().map(|(at, _)| *at)).min()
    }

    fn next(&mut self) -> Result<Option<(i64, Entry)>, LoadError> {
        let first = self
            .heads
            .iter()
            .enumerate()
            .filter_map(|(index, (_, head))| head.as_ref().map(|(at, _)| (*at, index)))
            .min();
        let Some((_, index)) = first else { return Ok(None) };
        let entry = self.heads[index].1.take();
        let (mut lines, _) = self.heads.swap_remove(index);
        let head = self.advance(&mut lines);
        self.heads.push((lines, None));
        let last = self.heads.len() - 1;
        self.heads.swap(index, last);
        self.heads[index].1 = head?;
        Ok(entry)
    }
}

fn native(line: &str, cursor: Cursor) -> Entry {
    // What our own writers put first spares a look into lines that are not wanted now.
    let starts = |kind: &str| line.starts_with(kind);
    match cursor {
        Cursor::Outcomes if starts("{\"type\":\"decision\"") || starts("{\"type\":\"item\"") => {
            return Entry::Other;
        }
        Cursor::Decisions if starts("{\"type\":\"outcome\"") || starts("{\"type\":\"item\"") => {
            return Entry::Other;
        }
        _ => {}
    }
    let Ok(tag) = serde_json::from_str::<Tag>(line) else { return Entry::Other };
    match (&*tag.kind, cursor) {
        ("decision", Cursor::Decisions) => match serde_json::from_str::<LogLine>(line) {
            Ok(line) => Entry::Decision(Box::new(line.decision)),
            Err(_) => Entry::Bad("decision line that cannot be read"),
        },
        ("outcome", Cursor::Outcomes) => match serde_json::from_str::<Outcome>(line) {
            Ok(outcome) => Entry::Outcome(outcome),
            Err(_) => Entry::Bad("outcome line that cannot be read"),
        },
        _ => Entry::Other,
    }
}

/// A pass over the log.
pub(super) struct LogRows<'a> {
    log: &'a Log,
    decisions: Merge,
    outcomes: Merge,
    waiting: Outcomes,
    profiles: metarank::Profiles,
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    out: VecDeque<Observation>,
    cleaning: Cleaning,
    read: Arc<AtomicU64>,
    watermark: i64,
    done: bool,
}

impl LogRows<'_> {
    fn decide(&mut self, mut decision: LoggedDecision) -> Result<(), LoadError> {
        let rules = self.log.rules;
        if decision.id.is_empty() {
            self.cleaning.drop_one("decision without an id");
            return Ok(());
        }
        if decision.at < self.watermark.saturating_sub(rules.slack) {
            self.cleaning.drop_one("decision out of time order: sort the log by `at`");
            return Ok(());
        }
        self.watermark = self.watermark.max(decision.at);
        if !self.seen.insert(symbol(&decision.id)) {
            self.cleaning.drop_one("decision logged twice");
            return Ok(());
        }
        self.order.push_back(symbol(&decision.id));
        if self.order.len() > RECENT
            && let Some(old) = self.order.pop_front()
        {
            self.seen.remove(&old);
        }
        self.read_ahead(decision.at.saturating_add(rules.window).saturating_add(rules.returns))?;
        let orphans =
            self.waiting.forget_before(self.watermark.saturating_sub(rules.slack.saturating_mul(2)));
        self.orphans(orphans);
        let came = self.waiting.take(&decision.id, decision.at);
        for _ in 0..came.outside(&rules) {
            self.cleaning.drop_one("outcome outside the attribution window");
        }
        let profile = decision.profile.take();
        let mut view = View {
            at: Some(decision.at),
            tz_offset: decision.tz_offset,
            device: std::mem::take(&mut decision.device),
            context: std::mem::take(&mut decision.context),
            profile: profile.or_else(|| self.profiles.of(decision.shopper.as_deref())),
            group: 0,
            served: Served {
                decision: symbol(&decision.id),
                shopper: decision.shopper.as_deref().filter(|shopper| !shopper.is_empty()).map(symbol),
                arm: (!self.log.metarank).then_some(decision.arm),
                chooser: decision.source,
                bundle: decision.bundle.as_str().into(),
            },
        };
        let mut shown = Vec::new();
        for slot in &mut decision.slots {
            view.group = join::group(&decision.id, &slot.id);
            let items = std::mem::take(&mut slot.items);
            self.slot(&view, &slot.id, slot.show, items, &came, &mut shown);
        }
        for _ in 0..came.elsewhere(&shown) {
            self.cleaning.drop_one("outcome of an item that was not shown");
        }
        Ok(())
    }

    fn slot(
        &mut self,
        view: &View,
        slot: &str,
        show: usize,
        items: Vec<LoggedItem>,
        came: &OfDecision,
        shown: &mut Vec<(u64, u64)>,
    ) {
        let view = Arc::new(view.clone());
        let reported = came.reports_views(slot);
        let eligible = items.len();
        let mut ids = HashSet::new();
        for (position, item) in items.into_iter().enumerate() {
            let seen = if reported { came.viewed(slot, &item.id) } else { position < show };
            if !seen {
                continue;
            }
            if !ids.insert(symbol(&item.id)) {
                self.cleaning.drop_one("item twice in one slot");
                continue;
            }
            shown.push(join::place(slot, &item.id));
            let at = view.at.unwrap_or(0);
            let labels = came.labels(slot, &item.id, &self.log.rules, self.log.end);
            debug_assert!(at <= self.log.end);
            if !labels.conversion.known {
                self.cleaning.note("conversion window still open at the log's end: not used for conversion");
            }
            // What was pinned, or chosen greedily, was not drawn.
            let drawn = !item.pinned && item.propensity < 1.0 && item.propensity > 0.0;
            let left = eligible - position;
            let (weight, clipped) =
                if drawn { propensity_weight(item.propensity, left) } else { (1.0, false) };
            if clipped {
                self.cleaning.note("propensity weight clipped to 1/5 … 5");
            }
            let row = Observation {
                view: Arc::clone(&view),
                position,
                propensity: Some(item.propensity),
                eligible: Some(left),
                labels: vec![labels.click, labels.conversion],
                weight,
                candidate: self.candidate(item),
            };
            if self.cleaning.accepts(&row) {
                self.out.push_back(row);
            }
        }
    }

    fn candidate(&mut self, item: LoggedItem) -> Arc<Candidate> {
        let known = self.log.catalogue.get(&item.id);
        match (known, item.fields.is_empty()) {
            (Some(known), true) => Arc::clone(known),
            (Some(known), false) => {
                let mut fields = known.fields.clone();
                fields.extend(item.fields);
                Arc::new(Candidate { id: item.id, fields })
            }
            (None, bare) => {
                if bare {
                    self.cleaning.note("shown item without an item line or fields");
                }
                Arc::new(Candidate { id: item.id, fields: item.fields })
            }
        }
    }

    fn read_ahead(&mut self, until: i64) -> Result<(), LoadError> {
        let until = until.saturating_add(self.log.rules.slack);
        while self.outcomes.next_at().is_some_and(|at| at <= until) {
            if let Some((_, Entry::Outcome(outcome))) = self.outcomes.next()?
                && !self.waiting.add(&outcome)
            {
                self.cleaning.drop_one("outcome logged twice");
            }
        }
        Ok(())
    }

    fn orphans(&mut self, orphans: u64) {
        for _ in 0..orphans {
            self.cleaning.drop_one("outcome without a decision within the window before it");
        }
    }

    fn finish(&mut self) -> Result<(), LoadError> {
        self.done = true;
        self.read_ahead(i64::MAX)?;
        let orphans = self.waiting.forget_before(i64::MAX);
        self.orphans(orphans);
        for merge in [&self.decisions, &self.outcomes] {
            for (reason, n) in &merge.bad.dropped {
                *self.cleaning.dropped.entry(reason.clone()).or_default() += n;
            }
        }
        Ok(())
    }
}

impl Rows for LogRows<'_> {
    fn next_row(&mut self) -> Result<Option<Observation>, LoadError> {
        loop {
            if let Some(row) = self.out.pop_front() {
                return Ok(Some(row));
            }
            if self.done {
                return Ok(None);
            }
            match self.decisions.next()? {
                Some((_, Entry::Decision(decision))) => self.decide(*decision)?,
                Some((_, Entry::Event(event, _))) => self.profiles.apply(&event, &self.log.catalogue),
                Some(_) => {}
                None => self.finish()?,
            }
        }
    }

    fn cleaning(&self) -> &Cleaning {
        &self.cleaning
    }

    fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}
