//! The ladder: GPU, processor, server, template. What the first rung that can writes is held to the facts, told how it
//! will do, and chosen from; the answer says which rung served and why those above it did not.

use attune_llama::order;
use attune_text::{Preference, choose};
use attune_text::{TextEffect, TextModel};
use serde::Serialize;

use crate::Brief;
use crate::guard::{Guard, GuardReport};
use crate::remote::within;
use crate::repair::{Outcome, Repair, RepairKind, repair};
use crate::rung::{Draft, Failure, Kind, Local, Rung, Task, Told};

/// How often a rung is asked where too few of its texts are true.
const ROUNDS: usize = 2;

/// Time, which this crate does not have.
pub trait Clock {
    /// Milliseconds since any fixed moment.
    fn now(&self) -> f64;

    /// Waits so many milliseconds.
    fn sleep(&self, milliseconds: f64) -> Local<'_, ()>;
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Texts.
    pub n: usize,
    /// Texts that are written for each that is wanted.
    pub spread: usize,
    /// Repeats an answer.
    pub seed: u64,
    /// The highest rung that is tried.
    pub from: Kind,
    /// Whether rungs below it may serve.
    pub descend: bool,
    /// Milliseconds that a rung may take.
    pub patience: f64,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { n: 3, spread: 2, seed: 0, from: Kind::Gpu, descend: true, patience: 30_000.0 }
    }
}

/// A text that may be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The text.
    pub text: String,
    /// How it will do beside comparable copy, where a text model is given.
    pub predicted: Option<TextEffect>,
    /// What was checked.
    pub facts: GuardReport,
    /// What was changed since it was written.
    pub repairs: Vec<Repair>,
}

/// Why a rung did not serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Which.
    pub rung: Kind,
    /// Why.
    #[serde(flatten)]
    pub failure: Failure,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Copy {
    /// The rung that wrote it.
    pub rung: Kind,
    /// Why that one, for people.
    pub why: String,
    /// The rungs above it that did not serve.
    pub left: Vec<Left>,
    /// The model that wrote it, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The texts, best first. Every one has passed the guards.
    pub candidates: Vec<Candidate>,
    /// Texts that were written and could not be made true.
    pub refused: usize,
    /// Tokens a second, over all texts that were written together.
    pub tokens_per_second: Option<f64>,
    /// Milliseconds from the question to the answer.
    pub took: f64,
}

/// Rungs in the order they are tried.
pub struct Ladder<'r> {
    rungs: Vec<Box<dyn Rung + 'r>>,
    /// Rungs that could not be set up, with the reason.
    absent: Vec<Left>,
}

impl<'r> Ladder<'r> {
    /// A ladder without rungs.
    pub fn new() -> Self {
        Self { rungs: Vec::new(), absent: Vec::new() }
    }

    /// Adds a rung, or why it is not there.
    #[must_use]
    pub fn with(mut self, kind: Kind, rung: Result<Box<dyn Rung + 'r>, Failure>) -> Self {
        match rung {
            Ok(rung) => self.rungs.push(rung),
            Err(failure) => self.absent.push(Left { rung: kind, failure }),
        }
        order::sort_by_key(&mut self.rungs, |rung| rung.kind());
        self
    }

    /// Writes copy for a brief.
    ///
    /// # Errors
    /// Where no rung could: with a template rung on the ladder that is a brief that templates have nothing to say of, or
    /// whose own phrases are against the rules.
    pub async fn compose(
        &mut self,
        brief: &Brief,
        wanted: Wanted,
        effects: Option<&TextModel>,
        clock: &dyn Clock,
        tell: &mut dyn FnMut(Told),
    ) -> Result<Copy, Vec<Left>> {
        let began = clock.now();
        let mut left: Vec<Left> = Vec::new();
        for kind in Kind::ALL.into_iter().filter(|kind| *kind >= wanted.from) {
            if kind > wanted.from && !wanted.descend {
                break;
            }
            let failure = match self.rungs.iter_mut().find(|rung| rung.kind() == kind) {
                None => self.missing(kind),
                Some(rung) => match attempt(rung.as_mut(), brief, wanted, effects, clock, tell).await {
                    Ok(mut copy) => {
                        copy.why = reason(kind, wanted.from, &left);
                        copy.took = clock.now() - began;
                        copy.left = left;
                        return Ok(copy);
                    }
                    Err(failure) => failure,
                },
            };
            tell(Told::Left { rung: kind, failure: failure.clone() });
            left.push(Left { rung: kind, failure });
        }
        Err(left)
    }

    fn missing(&self, kind: Kind) -> Failure {
        let known = self.absent.iter().find(|left| left.rung == kind);
        known.map_or_else(|| Failure::new("rung_absent", "is not set up"), |left| left.failure.clone())
    }
}

impl Default for Ladder<'_> {
    fn default() -> Self {
        Self::new()
    }
}

fn reason(kind: Kind, from: Kind, left: &[Left]) -> String {
    if kind == from {
        return format!("{} is the rung that was asked for", kind.name());
    }
    let reasons: Vec<String> =
        left.iter().map(|left| format!("{}: {}", left.rung.name(), left.failure.message)).collect();
    reasons.join("; ")
}

async fn attempt(
    rung: &mut (dyn Rung + '_),
    brief: &Brief,
    wanted: Wanted,
    effects: Option<&TextModel>,
    clock: &dyn Clock,
    tell: &mut dyn FnMut(Told),
) -> Result<Copy, Failure> {
    let (kind, model) = (rung.kind(), rung.model().map(str::to_owned));
    tell(Told::Rung { rung: kind, model: model.clone() });
    let began = clock.now();
    let (mut candidates, mut written, mut tokens) = (Vec::new(), 0, 0);
    for round in 0..ROUNDS {
        let task = Task {
            brief,
            n: wanted.n.max(1) * wanted.spread.max(1),
            seed: wanted.seed.wrapping_add(round as u64 * 0x9E37_79B9),
        };
        let left = wanted.patience - (clock.now() - began);
        let drafts = match within(rung.write(task, tell), clock.sleep(left)).await {
            Some(Ok(drafts)) => drafts,
            // What the first round brought is worth more than a rung below.
            _ if !candidates.is_empty() => break,
            Some(Err(failure)) => return Err(failure),
            None => return Err(Failure::new("rung_slow", format!("took more than {} ms", wanted.patience))),
        };
        written += drafts.len();
        tokens += drafts.iter().map(|draft| draft.tokens).sum::<usize>();
        candidates.extend(mended(drafts, brief, round > 0));
        if candidates.len() >= wanted.n {
            break;
        }
    }
    let seconds = (clock.now() - began) / 1000.0;
    if candidates.is_empty() {
        let what = format!("wrote {written} texts, and none says the facts, or could be made to");
        return Err(Failure::new("rung_refused", what));
    }
    Ok(Copy {
        rung: kind,
        why: String::new(),
        left: Vec::new(),
        model,
        refused: written.saturating_sub(candidates.len()),
        candidates: chosen(candidates, wanted.n, effects),
        tokens_per_second: (tokens > 0 && seconds > 0.0).then(|| tokens as f64 / seconds),
        took: 0.0,
    })
}

/// The drafts that are true, or could be made so.
fn mended(drafts: Vec<Draft>, brief: &Brief, again: bool) -> Vec<Candidate> {
    let guard = Guard::new(brief);
    drafts
        .into_iter()
        .filter_map(|draft| match repair(&draft.text, brief, &guard) {
            // What says nothing of the product is not false, and no copy of it. An act's slots are counted by the guard.
            Outcome::Passed { report, .. }
                if brief.act.is_none() && report.said.is_empty() && !report.unsaid.is_empty() =>
            {
                None
            }
            Outcome::Passed { text, mut repairs, report } => {
                if again {
                    let first =
                        Repair { kind: RepairKind::Again, before: String::new(), after: String::new() };
                    repairs.insert(0, first);
                }
                Some(Candidate { text, predicted: None, facts: report, repairs })
            }
            Outcome::Again { .. } => None,
        })
        .collect()
}

/// The best few, none like another.
fn chosen(mut candidates: Vec<Candidate>, n: usize, effects: Option<&TextModel>) -> Vec<Candidate> {
    for candidate in &mut candidates {
        candidate.predicted = effects.map(|effects| effects.predict(&candidate.text));
    }
    let score =
        |candidate: &Candidate| candidate.predicted.as_ref().map_or(0.0, |effect| effect.log_odds.value);
    let scored: Vec<(&str, f64)> =
        candidates.iter().map(|candidate| (candidate.text.as_str(), score(candidate))).collect();
    // Copy of one product shares most of its words: only what is nearly equal is left out.
    let preference = Preference { count: n, duplicate: 0.95, ..Preference::default() };
    let choice = choose(&scored, &preference);
    choice.chosen.iter().map(|chosen| candidates[chosen.index].clone()).collect()
}

#[cfg(test)]
mod tests;
