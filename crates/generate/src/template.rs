//! Copy without a model: grammars for products in English and Chinese, and sentences for dialogue acts.
//!
//! Every text says only what the brief says, and a description says all of it. A seed and a candidate's number choose
//! among the grammar's ways to say it.

mod act;
pub mod grammar;
pub mod learnt;
mod noun;
mod product;

use std::collections::BTreeSet;

use crate::{Brief, act::Act, random::Random};
pub use learnt::Learnt;

/// How many tries a further candidate gets to differ from those before it.
const TRIES: u64 = 6;

/// Up to `n` texts for a brief, all different, the most usual one of an act first.
///
/// `learnt` are sentences for dialogue acts; without them, and for acts that are not among them, a grammar is used.
pub fn write(brief: &Brief, n: usize, seed: u64, learnt: Option<&Learnt>) -> Vec<String> {
    let mut texts = Vec::new();
    let mut seen = BTreeSet::new();
    if let Some(act) = brief.act.as_deref().and_then(|act| Act::parse(act).ok()) {
        let known = learnt.map(|learnt| learnt.say(&act)).unwrap_or_default();
        let composed = (0..n as u64).map(|at| act::compose(&act, &mut Random::new(seed, at)));
        texts.extend(known.into_iter().chain(composed).filter(|text| seen.insert(text.clone())).take(n));
        return texts;
    }
    for candidate in 0..n as u64 {
        for attempt in 0..TRIES {
            let text = product::compose(brief, &mut Random::new(seed, candidate + attempt * 1_000_003));
            if !text.is_empty() && seen.insert(text.clone()) {
                texts.push(text);
                break;
            }
        }
    }
    texts
}
