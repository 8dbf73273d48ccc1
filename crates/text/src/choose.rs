//! From many candidate texts the best few that differ.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::grams::{symbol, tokens};

/// How candidates are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preference {
    /// How many are wanted.
    pub count: usize,
    /// What the score counts for, against being unlike those chosen before: 1 is the score alone, 0 variety alone.
    pub score: f64,
    /// From this similarity on a text is a near duplicate of a better one and left out; above 1, only equal texts are.
    pub duplicate: f64,
}

impl Default for Preference {
    fn default() -> Self {
        Self { count: 3, score: 0.7, duplicate: 0.8 }
    }
}

/// A chosen candidate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Chosen {
    /// Its place among the candidates given.
    pub index: usize,
    /// Its score.
    pub score: f64,
    /// Similarity to the most similar one chosen before it, 0 to 1.
    pub similarity: f64,
}

/// What was chosen, and what was not for being a duplicate.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Choice {
    /// The chosen, in the order of choice.
    pub chosen: Vec<Chosen>,
    /// Candidates left out as duplicates, each with the one it is a duplicate of.
    pub duplicates: Vec<(usize, usize)>,
}

/// The most candidates that are compared with each other; of more, the best.
const MAX_COMPARED: usize = 1_000;

/// The best few of `candidates` (text and score, higher is better), de-duplicated and diversified.
///
/// Texts that are equal but for case, spacing and punctuation are one, and so are those whose n-grams have a Jaccard
/// similarity of `duplicate` or more; the better of two stays. Of the rest the next chosen is the one with the greatest
/// score · relevance − (1 − score) · similarity to the nearest chosen one: maximal marginal relevance (Carbonell and
/// Goldstein, "The use of MMR", 1998), where relevance is the score between the worst and the best as 0 and 1. Ties go
/// to the higher score, then to the earlier candidate. A score that is not a number is the worst.
#[must_use]
pub fn choose<T: AsRef<str>>(candidates: &[(T, f64)], preference: &Preference) -> Choice {
    let score = |index: usize| {
        let given = candidates[index].1;
        if given.is_nan() { f64::NEG_INFINITY } else { given }
    };
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
    let mut choice = Choice::default();
    let mut pool: Vec<Candidate> = Vec::new();
    for index in order {
        let shingles = shingles(candidates[index].0.as_ref());
        let near = |other: &&Candidate| {
            other.shingles == shingles || jaccard(&other.shingles, &shingles) >= preference.duplicate
        };
        if let Some(better) = pool.iter().find(near) {
            choice.duplicates.push((index, better.index));
        } else if pool.len() < MAX_COMPARED {
            pool.push(Candidate { index, score: score(index), shingles, similarity: 0.0 });
        }
    }
    let finite = || pool.iter().map(|candidate| candidate.score).filter(|score| score.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let weight = if preference.score.is_nan() { 1.0 } else { preference.score.clamp(0.0, 1.0) };
    while choice.chosen.len() < preference.count && !pool.is_empty() {
        let marginal = |candidate: &Candidate| {
            weight * relevance(candidate.score, low, high) - (1.0 - weight) * candidate.similarity
        };
        // The pool is sorted by score and place, so the first of equals is the one that ties go to.
        let mut best = 0;
        for at in 1..pool.len() {
            if marginal(&pool[at]) > marginal(&pool[best]) {
                best = at;
            }
        }
        let taken = pool.remove(best);
        for left in &mut pool {
            left.similarity = left.similarity.max(jaccard(&left.shingles, &taken.shingles));
        }
        let score = candidates[taken.index].1;
        choice.chosen.push(Chosen { index: taken.index, score, similarity: taken.similarity });
    }
    choice
}

struct Candidate {
    index: usize,
    score: f64,
    shingles: BTreeSet<u64>,
    similarity: f64,
}

fn relevance(score: f64, low: f64, high: f64) -> f64 {
    if score >= high {
        1.0
    } else if score <= low {
        0.0
    } else {
        // Halved, so that the difference of two huge scores is finite.
        (0.5 * score - 0.5 * low) / (0.5 * high - 0.5 * low)
    }
}

/// Words and neighbouring pairs, whatever the case, spacing and punctuation. A text without a word is its marks.
fn shingles(text: &str) -> BTreeSet<u64> {
    let tokens = tokens(text);
    let pairs = tokens.windows(2).map(|pair| symbol(&format!("{} {}", pair[0].lower, pair[1].lower)));
    let mut found: BTreeSet<u64> = tokens.iter().map(|token| symbol(&token.lower)).chain(pairs).collect();
    if found.is_empty() {
        found.insert(symbol(text.trim()));
    }
    found
}

/// |A ∩ B| / |A ∪ B|.
fn jaccard(a: &BTreeSet<u64>, b: &BTreeSet<u64>) -> f64 {
    let both = a.intersection(b).count();
    let either = a.len() + b.len() - both;
    if either == 0 { 1.0 } else { both as f64 / either as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(candidates: &[(&str, f64)], preference: &Preference) -> Vec<usize> {
        choose(candidates, preference).chosen.iter().map(|chosen| chosen.index).collect()
    }

    #[test]
    fn duplicates_go_and_the_better_stays() {
        let candidates = [
            ("A lamp of solid oak for your desk", 0.1),
            ("a LAMP of solid oak, for your desk!", 0.3),
            ("Wool socks", 0.2),
            ("A lamp of solid oak for your desk today", 0.0),
        ];
        let choice = choose(&candidates, &Preference { count: 9, ..Preference::default() });
        assert_eq!(choice.chosen.iter().map(|chosen| chosen.index).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(choice.duplicates, [(0, 1), (3, 1)]);
        let strict = Preference { count: 9, duplicate: 1.1, ..Preference::default() };
        assert_eq!(choose(&candidates, &strict).duplicates, [(0, 1)]);
    }

    #[test]
    fn variety_counts() {
        let candidates = [
            ("warm light for long evenings", 1.0),
            ("warm light for short evenings", 0.95),
            ("oak that lasts", 0.6),
            ("nothing", 0.0),
        ];
        let pick = |score| indices(&candidates, &Preference { count: 2, score, duplicate: 0.9 });
        assert_eq!(pick(1.0), [0, 1]);
        assert_eq!(pick(0.3), [0, 2]);
    }

    #[test]
    fn ties_and_odd_scores_are_settled() {
        let tied = [("one", 1.0), ("two", 1.0), ("three", f64::NAN), ("four", f64::INFINITY)];
        assert_eq!(indices(&tied, &Preference { count: 4, ..Preference::default() }), [3, 0, 1, 2]);
        assert!(indices(&[], &Preference::default()).is_empty());
        assert_eq!(indices(&[("橡木灯", 0.0), ("橡木 灯", 0.0)], &Preference::default()), [0]);
        assert_eq!(indices(&[("!!", 0.0), ("??", 0.0)], &Preference::default()), [0, 1]);
    }
}
