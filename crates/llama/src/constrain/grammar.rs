//! Context-free grammars over characters, in the notation of llama.cpp (GBNF): `name ::= "text" | [a-z] name* ( … )? # remark`, from `root` on.

mod parse;

use std::collections::BTreeSet;

use crate::Result;

/// How deep rules may be in one another, and in how many ways a text may be read at once.
const LIMITS: (usize, usize) = (256, 1_024);

/// A grammar. Rules that begin with themselves are refused.
#[derive(Debug)]
pub struct Grammar {
    rules: Vec<Alternatives>,
}

/// Each a sequence.
type Alternatives = Vec<Vec<Element>>;

#[derive(Debug, Clone, PartialEq)]
enum Element {
    /// One character of (or outside of) these ranges.
    Char {
        ranges: Vec<(char, char)>,
        outside: bool,
    },
    Rule(usize),
}

/// The element that is read next: rule, alternative, place.
type Place = (u16, u16, u16);

/// The places that wait for one another, the next one last; empty where the text may end.
type Stack = Vec<Place>;

/// All ways in which the text can be read so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct State {
    stacks: BTreeSet<Stack>,
    /// Bytes of a character that has not come whole.
    partial: Vec<u8>,
}

impl Grammar {
    /// Reads a grammar.
    ///
    /// # Errors
    /// [`crate::Error::Input`] with the line and what is wrong there.
    pub fn new(text: &str) -> Result<Self> {
        Ok(Self { rules: parse::rules(text)? })
    }

    pub(super) fn start(&self) -> State {
        let mut stacks = BTreeSet::new();
        self.enter(Vec::new(), 0, &mut stacks);
        State { stacks: self.settled(stacks), partial: Vec::new() }
    }

    pub(super) fn step(&self, state: &State, byte: u8) -> Option<State> {
        let mut partial = state.partial.clone();
        partial.push(byte);
        match std::str::from_utf8(&partial) {
            Ok(text) => {
                let char = text.chars().next()?;
                let mut stacks = BTreeSet::new();
                for stack in &state.stacks {
                    self.read(stack, char, &mut stacks);
                }
                let stacks = self.settled(stacks);
                (!stacks.is_empty()).then_some(State { stacks, partial: Vec::new() })
            }
            Err(error) if error.error_len().is_none() && self.goes_on(state) => {
                Some(State { stacks: state.stacks.clone(), partial })
            }
            Err(_) => None,
        }
    }

    pub(super) fn may_end(&self, state: &State) -> bool {
        state.partial.is_empty() && state.stacks.contains(&Stack::new())
    }

    /// Whether a character beyond ASCII may come at all.
    fn goes_on(&self, state: &State) -> bool {
        state.stacks.iter().filter_map(|stack| stack.last()).any(|place| match self.element(*place) {
            Some(Element::Char { ranges, outside }) => {
                *outside || ranges.iter().any(|(_, last)| !last.is_ascii())
            }
            _ => false,
        })
    }

    fn element(&self, (rule, alternative, place): Place) -> Option<&Element> {
        self.rules.get(rule as usize)?.get(alternative as usize)?.get(place as usize)
    }

    /// Reads one character off a stack's top.
    fn read(&self, stack: &[Place], char: char, into: &mut BTreeSet<Stack>) {
        let Some((top, below)) = stack.split_last() else { return };
        let Some(Element::Char { ranges, outside }) = self.element(*top) else { return };
        let inside = ranges.iter().any(|(first, last)| (*first..=*last).contains(&char));
        if inside != *outside {
            self.advance(below.to_vec(), *top, into);
        }
    }

    /// Puts what follows a place on a stack.
    fn advance(&self, mut stack: Stack, (rule, alternative, place): Place, into: &mut BTreeSet<Stack>) {
        let next = (rule, alternative, place + 1);
        match self.element(next) {
            None => match stack.pop() {
                None => _ = into.insert(stack),
                Some(waiting) => self.advance(stack, waiting, into),
            },
            Some(_) => self.arrive(stack, next, into),
        }
    }

    /// Puts a place on a stack; where a rule stands there, each of its beginnings too.
    fn arrive(&self, mut stack: Stack, place: Place, into: &mut BTreeSet<Stack>) {
        if stack.len() >= LIMITS.0 || into.len() >= LIMITS.1 {
            return;
        }
        stack.push(place);
        let new = into.insert(stack.clone());
        if let Some(Element::Rule(rule)) = self.element(place).filter(|_| new) {
            self.enter(stack, *rule, into);
        }
    }

    /// Without the stacks that only led to others.
    fn settled(&self, mut stacks: BTreeSet<Stack>) -> BTreeSet<Stack> {
        stacks.retain(|stack| {
            stack.last().is_none_or(|place| matches!(self.element(*place), Some(Element::Char { .. })))
        });
        stacks
    }

    fn enter(&self, stack: Stack, rule: usize, into: &mut BTreeSet<Stack>) {
        for alternative in 0..self.rules[rule].len() {
            if self.rules[rule][alternative].is_empty() {
                let mut below = stack.clone();
                match below.pop() {
                    None => _ = into.insert(below),
                    Some(waiting) => self.advance(below, waiting, into),
                }
            } else {
                self.arrive(stack.clone(), (rule as u16, alternative as u16, 0), into);
            }
        }
    }
}
