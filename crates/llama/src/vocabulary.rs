//! A vocabulary by its tokens' bytes.

use crate::backend::Mask;
use crate::order;
use crate::tokenizer::Tokenizer;

/// A vocabulary's tokens in the order of their bytes, so that those with a common beginning lie together.
#[derive(Debug)]
pub struct Vocabulary {
    /// Bytes of token i: `bytes[starts[i]..starts[i + 1]]`.
    bytes: Vec<u8>,
    starts: Vec<u32>,
    /// Tokens that are text, in the order of their bytes.
    sorted: Vec<u32>,
    ends: Vec<u32>,
}

impl Vocabulary {
    /// A tokenizer's.
    pub fn of(tokenizer: &Tokenizer) -> Self {
        let text = |token| tokenizer.token_bytes(token).filter(|_| !tokenizer.is_control(token));
        Self::new(
            (0..tokenizer.vocab() as u32).map(|token| text(token).unwrap_or_default()),
            tokenizer.ends(),
        )
    }

    /// From every token's bytes, by id, and the ids that end a text. Tokens that are not text (control tokens, unused ones) have no bytes
    /// and never come.
    pub fn new<'b>(tokens: impl IntoIterator<Item = &'b [u8]>, ends: &[u32]) -> Self {
        let (mut bytes, mut starts) = (Vec::new(), vec![0]);
        for token in tokens {
            bytes.extend_from_slice(token);
            starts.push(bytes.len() as u32);
        }
        let mut trie = Self { bytes, starts, sorted: Vec::new(), ends: ends.to_vec() };
        trie.ends.retain(|end| (*end as usize) < trie.starts.len() - 1);
        let mut sorted: Vec<u32> = (0..trie.len() as u32).filter(|t| !trie.bytes(*t).is_empty()).collect();
        order::sort_by(&mut sorted, |a, b| trie.bytes(*a).cmp(trie.bytes(*b)));
        trie.sorted = sorted;
        trie
    }

    /// Tokens.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A token's bytes; none for one that is not text or not there.
    pub fn bytes(&self, token: u32) -> &[u8] {
        let token = token as usize;
        match (self.starts.get(token), self.starts.get(token + 1)) {
            (Some(start), Some(end)) => &self.bytes[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// The tokens all of whose bytes can be stepped over.
    pub(crate) fn reachable<S>(&self, start: S, step: impl Fn(&S, u8) -> Option<S>) -> Mask {
        let mut mask = Mask(vec![0; self.len().div_ceil(32)]);
        // The states after each byte of the last token's walk, and how many bytes that could be walked.
        let mut walked: Vec<S> = vec![start];
        let mut last: &[u8] = &[];
        let mut barred: Option<usize> = None;
        for token in &self.sorted {
            let bytes = self.bytes(*token);
            let shared = last.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            last = bytes;
            if barred.is_some_and(|barred| shared > barred) {
                continue;
            }
            barred = None;
            walked.truncate(shared + 1);
            while walked.len() <= bytes.len() {
                match walked.last().and_then(|state| step(state, bytes[walked.len() - 1])) {
                    Some(state) => walked.push(state),
                    None => break,
                }
            }
            if walked.len() > bytes.len() {
                mask.0[*token as usize / 32] |= 1 << (token % 32);
            } else {
                barred = Some(walked.len() - 1);
            }
        }
        mask
    }

    /// Whether a token ends a text.
    pub fn ends(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    pub(crate) fn allow_ends(&self, mask: &mut Mask) {
        for end in &self.ends {
            mask.0[*end as usize / 32] |= 1 << (end % 32);
        }
    }
}
