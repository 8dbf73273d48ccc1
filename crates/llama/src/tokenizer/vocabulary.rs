//! The tokens: their bytes, their kinds, and how they are found.

use crate::order;
use crate::{Error, Result};

/// What a token is, by ggml's numbers (`LLAMA_TOKEN_TYPE_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Unknown,
    Control,
    /// A text that is always one token.
    Added,
    Unused,
    Byte,
}

/// The most bytes of a token's name that is looked for in texts.
const LONGEST_SPECIAL: usize = 256;

/// All tokens. What they stand for lies in one allocation; an order of them by their bytes finds them.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    kinds: Vec<Kind>,
    /// Normal tokens by their bytes, the lowest id among equals first.
    sorted: Vec<u32>,
    /// Tokens that are found by name, by their bytes.
    special: Vec<u32>,
    /// The lengths of their names, longest first.
    special_lengths: Vec<usize>,
    /// Which bytes their names begin with.
    special_first: Vec<bool>,
    /// The token of each byte.
    single: Vec<Option<u32>>,
    unknown: Option<u32>,
}

impl Vocabulary {
    /// Appends a token.
    pub(super) fn push(&mut self, bytes: &[u8], kind: Kind) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len() as u32);
        self.kinds.push(kind);
    }

    /// Makes the orders, once all tokens are there.
    pub(super) fn finish(mut self, unknown: Option<u32>) -> Result<Self> {
        if self.bytes.len() > u32::MAX as usize || self.kinds.is_empty() {
            return Err(Error::Malformed(format!("a vocabulary of {} tokens", self.kinds.len())));
        }
        self.unknown = unknown.filter(|token| (*token as usize) < self.kinds.len());
        let tokens = |wanted: &[Kind]| -> Vec<u32> {
            let mut tokens: Vec<u32> = (0..self.kinds.len() as u32)
                .filter(|token| {
                    wanted.contains(&self.kinds[*token as usize]) && !self.slice(*token).is_empty()
                })
                .collect();
            order::sort_by(&mut tokens, |a, b| self.slice(*a).cmp(self.slice(*b)).then(a.cmp(b)));
            tokens
        };
        let sorted = tokens(&[Kind::Normal]);
        let bytes = tokens(&[Kind::Byte]);
        let special = tokens(&[Kind::Unknown, Kind::Control, Kind::Added]);
        let mut single = vec![None; 256];
        // A byte's own token comes after a normal one: SentencePiece's fall-back is the former.
        for token in sorted.iter().rev().chain(bytes.iter().rev()) {
            if let [byte] = self.slice(*token) {
                single[*byte as usize] = Some(*token);
            }
        }
        let mut lengths: Vec<usize> = special.iter().map(|token| self.slice(*token).len()).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        lengths.retain(|length| *length <= LONGEST_SPECIAL);
        let mut first = vec![false; 256];
        special.iter().for_each(|token| first[self.slice(*token)[0] as usize] = true);
        (self.sorted, self.single, self.special) = (sorted, single, special);
        (self.special_lengths, self.special_first) = (lengths, first);
        Ok(self)
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    pub(super) fn get(&self, token: u32) -> Option<&[u8]> {
        ((token as usize) < self.kinds.len()).then(|| self.slice(token))
    }

    pub(super) fn is_control(&self, token: u32) -> bool {
        matches!(self.kinds.get(token as usize), Some(Kind::Control | Kind::Unknown | Kind::Unused))
    }

    /// The normal token of these bytes.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<u32> {
        self.among(&self.sorted, bytes)
    }

    /// The token of one byte, else the unknown one, else none.
    pub(super) fn byte(&self, byte: u8) -> Option<u32> {
        self.single.get(byte as usize).copied().flatten().or(self.unknown)
    }

    /// The token of this name.
    pub(super) fn special(&self, name: &str) -> Option<u32> {
        self.among(&self.special, name.as_bytes())
    }

    /// Whether a text begins with a special token's name, or is the beginning of one; `at_all`: whether one begins with the text's
    /// first character.
    pub(super) fn special_begins(&self, text: &str, at_all: bool) -> bool {
        let bytes = text.as_bytes();
        let Some(first) = bytes.first() else { return false };
        if self.special_first.get(*first as usize) != Some(&true) {
            return false;
        }
        let begins = |bytes: &[u8]| {
            let at = self.special.partition_point(|token| self.slice(*token) < bytes);
            self.special.get(at).is_some_and(|token| self.slice(*token).starts_with(bytes))
        };
        match at_all {
            true => begins(&bytes[..text.chars().next().map_or(0, char::len_utf8)]),
            false => self.special_at(bytes, true).is_some() || begins(bytes),
        }
    }

    /// The longest name of a special token that a text begins with; without `control` those of control tokens are none.
    fn special_at(&self, bytes: &[u8], control: bool) -> Option<(usize, u32)> {
        let named = |length: usize| self.among(&self.special, bytes.get(..length)?);
        let named = |length: usize| named(length).filter(|token| control || !self.is_control(*token));
        self.special_lengths.iter().find_map(|length| named(*length).map(|token| (*length, token)))
    }

    /// The first name of a special token in a text, the longest of those that begin there: where, how long, which. Without `control`
    /// those of control tokens are none.
    pub(super) fn find_special(&self, text: &str, control: bool) -> Option<(usize, usize, u32)> {
        let bytes = text.as_bytes();
        let starts = (0..bytes.len()).filter(|at| self.special_first.get(bytes[*at] as usize) == Some(&true));
        starts
            .filter(|at| text.is_char_boundary(*at))
            .find_map(|at| self.special_at(&bytes[at..], control).map(|(length, token)| (at, length, token)))
    }

    fn among(&self, sorted: &[u32], bytes: &[u8]) -> Option<u32> {
        let at = sorted.partition_point(|token| self.slice(*token) < bytes);
        sorted.get(at).copied().filter(|token| self.slice(*token) == bytes)
    }

    fn slice(&self, token: u32) -> &[u8] {
        let token = token as usize;
        let start = token.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[token] as usize]
    }
}
