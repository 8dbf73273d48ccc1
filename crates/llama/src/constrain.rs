//! Decoding that keeps to rules: a grammar, phrases that must or must not come, numbers from a list.
//!
//! All rules read bytes, so that tokens may end in the middle of a character. Which tokens may come next is asked of a trie of
//! the vocabulary, once for each state the rules can be in.

mod grammar;
mod numbers;
mod phrases;

use std::collections::HashMap;

pub use self::grammar::Grammar;
pub use self::numbers::Numbers;
pub use self::phrases::Phrases;

use crate::backend::Mask;
use crate::vocabulary::Vocabulary;

/// Masks that are kept: most tokens leave most rules where they were.
const KEPT: usize = 64;

/// What a text must keep to. What is absent does not bind.
#[derive(Debug, Default)]
pub struct Rules {
    /// All of the text is a sentence of it.
    pub grammar: Option<Grammar>,
    /// None of these comes, whatever the case of its ASCII letters.
    pub forbidden: Option<Phrases>,
    /// All of these come before the end, up to 64.
    pub required: Option<Phrases>,
    /// Numbers in digits are among these.
    pub numbers: Option<Numbers>,
}

/// Where the rules are in a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    grammar: grammar::State,
    forbidden: phrases::State,
    required: phrases::State,
    /// Bit i: required phrase i has come.
    seen: u64,
    numbers: numbers::State,
}

impl Rules {
    /// Whether nothing binds.
    pub fn is_empty(&self) -> bool {
        self.grammar.is_none()
            && self.forbidden.is_none()
            && self.required.is_none()
            && self.numbers.is_none()
    }

    fn start(&self) -> State {
        State {
            grammar: self.grammar.as_ref().map(Grammar::start).unwrap_or_default(),
            forbidden: self.forbidden.as_ref().map(Phrases::start).unwrap_or_default(),
            required: self.required.as_ref().map(Phrases::start).unwrap_or_default(),
            seen: 0,
            numbers: numbers::State::default(),
        }
    }

    /// The state after a byte; `None` where the byte may not come.
    fn step(&self, state: &State, byte: u8) -> Option<State> {
        let mut next = state.clone();
        if let Some(grammar) = &self.grammar {
            next.grammar = grammar.step(&state.grammar, byte)?;
        }
        if let Some(forbidden) = &self.forbidden {
            next.forbidden = forbidden.step(state.forbidden, byte);
            if forbidden.ended(next.forbidden).next().is_some() {
                return None;
            }
        }
        if let Some(required) = &self.required {
            next.required = required.step(state.required, byte);
            for phrase in required.ended(next.required) {
                next.seen |= 1 << phrase;
            }
        }
        if let Some(numbers) = &self.numbers {
            next.numbers = numbers.step(&state.numbers, byte)?;
        }
        Some(next)
    }

    fn may_end(&self, state: &State) -> bool {
        self.grammar.as_ref().is_none_or(|grammar| grammar.may_end(&state.grammar))
            && self.required.as_ref().is_none_or(|required| required.all(state.seen))
            && self.numbers.as_ref().is_none_or(|numbers| numbers.may_end(&state.numbers))
    }
}

/// The rules at work on one text.
#[derive(Debug)]
pub struct Constraint<'a> {
    rules: &'a Rules,
    vocabulary: &'a Vocabulary,
    state: State,
    masks: HashMap<State, Mask>,
}

impl<'a> Constraint<'a> {
    /// At the beginning of a text.
    pub fn new(rules: &'a Rules, vocabulary: &'a Vocabulary) -> Self {
        Self { rules, vocabulary, state: rules.start(), masks: HashMap::new() }
    }

    /// The tokens that may come now. Tokens that end a text are among them where it may end. Where nothing may come, only the tokens that end it do.
    pub fn mask(&mut self) -> Mask {
        if let Some(mask) = self.masks.get(&self.state) {
            return mask.clone();
        }
        let mut mask =
            self.vocabulary.reachable(self.state.clone(), |state, byte| self.rules.step(state, byte));
        if self.rules.may_end(&self.state) || mask.0.iter().all(|word| *word == 0) {
            self.vocabulary.allow_ends(&mut mask);
        }
        if self.masks.len() >= KEPT {
            self.masks.clear();
        }
        self.masks.insert(self.state.clone(), mask.clone());
        mask
    }

    /// A token was written. `false` where the rules did not allow it; they then stay where they were.
    pub fn accept(&mut self, token: u32) -> bool {
        let bytes = self.vocabulary.bytes(token);
        let after = bytes.iter().try_fold(self.state.clone(), |state, byte| self.rules.step(&state, *byte));
        match after {
            Some(state) => {
                self.state = state;
                true
            }
            None => false,
        }
    }

    /// Whether the text may end here.
    pub fn may_end(&self) -> bool {
        self.rules.may_end(&self.state)
    }

    /// Required phrases that have not come yet.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.rules.required.iter().flat_map(|phrases| phrases.missing(self.state.seen))
    }
}

#[cfg(test)]
mod tests;
