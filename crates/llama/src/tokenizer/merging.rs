//! Byte-pair merging: of all neighbours the pair of the best rank is joined, the leftmost among equals, until no pair is left
//! (Sennrich et al. 2016, section 3.2).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::Vocabulary;

/// Which neighbours join, and what they become.
#[derive(Debug, Clone)]
pub(super) enum Merging {
    /// Pairs of tokens by rank.
    Pairs {
        /// Left and right token, rank, joined token; by the pair.
        pairs: Vec<Pair>,
        /// A piece that is a token is not merged.
        whole: bool,
    },
    /// Any two neighbours that are a token together, by its score.
    Scores(Vec<f32>),
}

/// One merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) rank: u32,
    pub(super) joined: u32,
}

/// A stretch of the piece that is one token by now, or one character that is none.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: usize,
    /// 0 where it has been joined to the one before.
    length: usize,
    token: Option<u32>,
    before: usize,
    after: usize,
}

/// No symbol.
const NONE: usize = usize::MAX;

/// The least is joined first: rank, then place; with the lengths by which a pair that is no more is known.
type Candidate = Reverse<(u32, usize, usize, usize, u32)>;

impl Merging {
    /// Appends the tokens of a piece of byte-level BPE.
    pub(super) fn bytes(&self, vocabulary: &Vocabulary, piece: &[u8], tokens: &mut Vec<u32>) {
        if let Self::Pairs { whole: true, .. } = self
            && let Some(token) = vocabulary.find(piece)
        {
            return tokens.push(token);
        }
        let starts = (0..piece.len()).map(|at| (at, 1));
        let symbols = self.merged(vocabulary, piece, starts, |bytes| vocabulary.byte(bytes[0]));
        tokens.extend(symbols.iter().filter_map(|symbol| symbol.token));
    }

    /// Appends the tokens of a text of SentencePiece's BPE, with bytes for the characters that are no token.
    pub(super) fn sentence(&self, vocabulary: &Vocabulary, text: &str, tokens: &mut Vec<u32>) {
        let starts = text.char_indices().map(|(at, character)| (at, character.len_utf8()));
        let symbols = self.merged(vocabulary, text.as_bytes(), starts, |bytes| vocabulary.find(bytes));
        for symbol in symbols.iter().filter(|symbol| symbol.length > 0) {
            match symbol.token {
                Some(token) => tokens.push(token),
                None => {
                    let bytes = &text.as_bytes()[symbol.start..symbol.start + symbol.length];
                    tokens.extend(bytes.iter().filter_map(|byte| vocabulary.byte(*byte)));
                }
            }
        }
    }

    fn merged(
        &self,
        vocabulary: &Vocabulary,
        text: &[u8],
        starts: impl Iterator<Item = (usize, usize)>,
        token: impl Fn(&[u8]) -> Option<u32>,
    ) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = starts
            .enumerate()
            .map(|(index, (start, length))| Symbol {
                start,
                length,
                token: token(&text[start..start + length]),
                before: index.wrapping_sub(1),
                after: index + 1,
            })
            .collect();
        if let Some(last) = symbols.last_mut() {
            last.after = NONE;
        }
        let mut queue = BinaryHeap::new();
        for left in 1..symbols.len() {
            queue.extend(self.candidate(vocabulary, text, &symbols, left - 1));
        }
        while let Some(Reverse((_, left, left_length, right_length, joined))) = queue.pop() {
            let right = symbols[left].after;
            if symbols[left].length != left_length || right == NONE || symbols[right].length != right_length {
                continue;
            }
            let after = symbols[right].after;
            symbols[right].length = 0;
            symbols[right].token = None;
            let symbol = &mut symbols[left];
            symbol.length += right_length;
            symbol.token = Some(joined);
            symbol.after = after;
            let before = symbol.before;
            if after != NONE {
                symbols[after].before = left;
                queue.extend(self.candidate(vocabulary, text, &symbols, left));
            }
            if before != NONE {
                queue.extend(self.candidate(vocabulary, text, &symbols, before));
            }
        }
        symbols
    }

    /// What the symbol and the one after it become, where they join.
    fn candidate(
        &self,
        vocabulary: &Vocabulary,
        text: &[u8],
        symbols: &[Symbol],
        left: usize,
    ) -> Option<Candidate> {
        let (first, second) = (symbols[left], symbols[symbols[left].after]);
        let (rank, joined) = match self {
            Self::Pairs { pairs, .. } => {
                let wanted = (first.token?, second.token?);
                let at = pairs.partition_point(|pair| (pair.left, pair.right) < wanted);
                let pair = pairs.get(at).filter(|pair| (pair.left, pair.right) == wanted)?;
                (pair.rank, pair.joined)
            }
            Self::Scores(scores) => {
                let joined = vocabulary.find(&text[first.start..second.start + second.length])?;
                (descending(scores[joined as usize]), joined)
            }
        };
        Some(Reverse((rank, left, first.length, second.length, joined)))
    }
}

/// Whole numbers in the opposite order of the scores.
fn descending(score: f32) -> u32 {
    let bits = score.to_bits();
    // IEEE 754 orders positive numbers as their bits, and negative ones the other way round.
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    !ascending
}
