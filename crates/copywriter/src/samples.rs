//! Texts as ids, and how they make batches.

use rand::seq::SliceRandom;

use crate::vocabulary::Vocabulary;
use crate::{CopywriterError, random};

/// What is asked and what is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The facts, as [`attune_generate::local::acts::prompt`] writes them.
    pub prompt: String,
    /// The text, with placeholders for the facts' values.
    pub text: String,
}

/// A pair as ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The prompt, the text, the end.
    pub ids: Vec<u32>,
    /// How many ids are the prompt's.
    pub prompt: usize,
}

impl Sample {
    /// A pair's ids, or nothing when they are more than `context`.
    ///
    /// # Errors
    /// The vocabulary's.
    pub fn new(
        pair: &Pair,
        vocabulary: &Vocabulary,
        context: usize,
    ) -> Result<Option<Self>, CopywriterError> {
        let mut ids = vocabulary.encode(&pair.prompt)?;
        let prompt = ids.len();
        ids.extend(vocabulary.encode(&pair.text)?);
        ids.push(vocabulary.end());
        Ok((ids.len() <= context && prompt > 0).then_some(Self { ids, prompt }))
    }

    /// How many ids are to be learned.
    #[must_use]
    pub fn targets(&self) -> usize {
        self.ids.len() - self.prompt
    }
}

/// The batches of a pass over samples of these lengths: every sample once, in an order drawn from `seed` and the pass, with samples
/// of like length side by side so that little is padded.
#[must_use]
pub fn batches(lengths: &[usize], size: usize, seed: u64, pass: u64) -> Vec<Vec<usize>> {
    /// Batches among which samples are ordered by length.
    const POOL: usize = 8;
    let mut random = random::at(seed, [pass, 1]);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(&mut random);
    for pool in order.chunks_mut(size * POOL) {
        pool.sort_by_key(|sample| lengths[*sample]);
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(size).map(<[usize]>::to_vec).collect();
    batches.shuffle(&mut random);
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_has_every_sample_once_in_another_order_each_time() {
        let lengths: Vec<usize> = (0..100).map(|n| n * 7 % 31).collect();
        let pass = batches(&lengths, 8, 1, 0);
        let mut all: Vec<usize> = pass.concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        assert_eq!(pass, batches(&lengths, 8, 1, 0));
        assert_ne!(pass, batches(&lengths, 8, 1, 1));
        assert!(batches(&[], 8, 1, 0).is_empty());
    }
}
