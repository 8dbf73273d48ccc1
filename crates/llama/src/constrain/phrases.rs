//! Phrases in a stream of bytes.

use aho_corasick::Anchored;
use aho_corasick::automaton::Automaton as _;
use aho_corasick::nfa::noncontiguous::NFA;
use aho_corasick::{MatchKind, automaton::StateID};

use crate::{Error, Result};

/// The most phrases, and the most bytes of all of them.
const LIMITS: (usize, usize) = (64, 16 * 1024);

/// Phrases to look for, whatever the case of their ASCII letters (Aho and Corasick 1975).
#[derive(Debug)]
pub struct Phrases {
    phrases: Vec<String>,
    automaton: NFA,
    start: StateID,
}

/// What was read last.
pub(super) type State = StateID;

impl Phrases {
    /// Empty phrases are left out.
    ///
    /// # Errors
    /// [`Error::Input`] for more than 64 phrases or 16 KiB of them.
    pub fn new<S: AsRef<str>>(phrases: impl IntoIterator<Item = S>) -> Result<Self> {
        let phrases: Vec<String> =
            phrases.into_iter().map(|phrase| phrase.as_ref().to_owned()).filter(|p| !p.is_empty()).collect();
        if phrases.len() > LIMITS.0 || phrases.iter().map(String::len).sum::<usize>() > LIMITS.1 {
            return Err(Error::Input(format!("at most {} phrases of {} bytes in all", LIMITS.0, LIMITS.1)));
        }
        let automaton = NFA::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&phrases)
            .map_err(|error| Error::Input(error.to_string()))?;
        let start = automaton.start_state(Anchored::No).map_err(|error| Error::Input(error.to_string()))?;
        Ok(Self { phrases, automaton, start })
    }

    pub(super) fn start(&self) -> State {
        self.start
    }

    pub(super) fn step(&self, state: State, byte: u8) -> State {
        self.automaton.next_state(Anchored::No, state, byte)
    }

    /// The phrases that end with the last byte.
    pub(super) fn ended(&self, state: State) -> impl Iterator<Item = usize> {
        let count = if self.automaton.is_match(state) { self.automaton.match_len(state) } else { 0 };
        (0..count).map(move |index| self.automaton.match_pattern(state, index).as_usize())
    }

    pub(super) fn all(&self, seen: u64) -> bool {
        self.missing(seen).next().is_none()
    }

    pub(super) fn missing(&self, seen: u64) -> impl Iterator<Item = &str> {
        self.phrases
            .iter()
            .enumerate()
            .filter(move |(phrase, _)| seen & (1 << phrase) == 0)
            .map(|(_, phrase)| phrase.as_str())
    }
}
