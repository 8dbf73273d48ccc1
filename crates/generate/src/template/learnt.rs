//! Sentences for dialogue acts, learnt from the training part of RNNLG (Apache-2.0): for each set of slots the references
//! that are most like all others said for it.
//!
//! A reference is kept only if its slots are right, nothing of its values is left in it, and the guard lets it pass, so
//! what is filled in later is as true as the act.

use attune_llama::order;
use std::{
    collections::BTreeMap,
    hash::{Hash as _, Hasher as _},
};

use crate::{
    act::Act,
    brief::Brief,
    delexicalise::{Marks, delexicalise, is_whole, lexicalise},
    evaluate::{rnnlg::Row, slots::slot_errors},
    guard::Guard,
    normalise,
};

/// Acts like the one in hand whose references also vote.
const NEIGHBOURS: usize = 12;
/// A table larger than this is none of ours.
const MOST_BYTES: usize = 8 << 20;

/// Sentences with marks for values, by the act's signature; the best first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learnt(BTreeMap<String, Vec<String>>);

impl Learnt {
    /// Reads a table: `signature`, a tab, `sentence`, a line each.
    pub fn parse(text: &str) -> Self {
        let mut table: BTreeMap<String, Vec<String>> = BTreeMap::new();
        if text.len() <= MOST_BYTES {
            for (signature, sentence) in text.lines().filter_map(|line| line.split_once('\t')) {
                table.entry(signature.to_owned()).or_default().push(sentence.to_owned());
            }
        }
        Self(table)
    }

    /// The table as [`Learnt::parse`] reads it.
    pub fn to_text(&self) -> String {
        let lines =
            self.0.iter().flat_map(|(signature, all)| all.iter().map(move |s| format!("{signature}\t{s}\n")));
        lines.collect()
    }

    /// How many sentences there are.
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sentences for an act, its values filled in, as people write; none where the act was never seen.
    pub fn say(&self, act: &Act) -> Vec<String> {
        let all = self.0.get(&act.signature());
        let filled = all.into_iter().flatten().map(|text| lexicalise(text, act, Marks::Numbered));
        filled.map(|text| normalise::presentable(&text)).collect()
    }

    /// Learns from training rows: at most `keep` sentences for each set of slots.
    pub fn learn(rows: &[Row], keep: usize) -> Self {
        let mut groups: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
        for row in rows {
            let reference = Reference::of(row);
            groups.entry(row.act.signature()).or_default().push(reference);
        }
        let mut table = BTreeMap::new();
        let keys: Vec<(&String, Vec<&str>)> = groups.keys().map(|key| (key, features(key))).collect();
        for (signature, own) in &keys {
            let mut near: Vec<(f64, &String)> = keys
                .iter()
                .filter(|(_, other)| other.first() == own.first())
                .map(|(key, other)| (cosine(own, other), *key))
                .collect();
            order::sort_by(&mut near, |a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
            near.truncate(NEIGHBOURS);
            let votes: Vec<(f64, &Reference)> = near
                .iter()
                .flat_map(|(weight, key)| groups[*key].iter().map(move |r| (weight.powi(4), r)))
                .collect();
            let mut ranked: Vec<(f64, &Reference)> = groups[*signature]
                .iter()
                .filter(|reference| reference.sound)
                .map(|reference| (likeness(reference, &votes), reference))
                .collect();
            order::sort_by(&mut ranked, |a, b| b.0.total_cmp(&a.0).then_with(|| a.1.text.cmp(&b.1.text)));
            let mut texts: Vec<String> = Vec::new();
            for (_, reference) in ranked {
                if texts.len() < keep && !texts.contains(&reference.text) {
                    texts.push(reference.text.clone());
                }
            }
            if !texts.is_empty() {
                table.insert((*signature).clone(), texts);
            }
        }
        Self(table)
    }
}

struct Reference {
    text: String,
    /// Hashes of n-grams with their counts, sorted.
    grams: [Vec<(u64, u32)>; 4],
    words: usize,
    /// May be said again with other values.
    sound: bool,
}

impl Reference {
    fn of(row: &Row) -> Self {
        let normal = normalise::reference(&row.reference);
        let text = delexicalise(&normal, &row.act, Marks::Numbered);
        let plain = delexicalise(&normal, &row.act, Marks::Plain);
        let letters =
            text.chars().all(|c| c.is_ascii_alphabetic() || " .,?!'-_".contains(c) || c.is_ascii_digit());
        let brief = Brief::from_act(&row.act);
        let sound = letters
            && is_whole(&text, &row.act)
            && slot_errors(&row.act, &plain).wrong == 0
            && !text.split(' ').any(|word| word.bytes().any(|b| b.is_ascii_digit()) && !word.starts_with("SLOT_"))
            && Guard::new(&brief).check(&normalise::presentable(&normal)).passes()
            // Two marks side by side came of a sentence that is none.
            && lexicalise(&text, &row.act, Marks::Numbered) == normal;
        let words: Vec<&str> = text.split(' ').collect();
        let grams = [1, 2, 3, 4].map(|n| {
            let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
            for gram in words.windows(n) {
                let mut hasher = std::hash::DefaultHasher::new();
                gram.hash(&mut hasher);
                *counts.entry(hasher.finish()).or_default() += 1;
            }
            counts.into_iter().collect()
        });
        let words = words.len();
        Self { text, grams, words, sound }
    }
}

/// The weighted sum of a smoothed sentence BLEU against the votes, its own left out.
fn likeness(candidate: &Reference, votes: &[(f64, &Reference)]) -> f64 {
    let others = votes.iter().filter(|(_, vote)| !std::ptr::eq(*vote, candidate));
    others.map(|(weight, vote)| weight * bleu(candidate, vote)).sum()
}

fn bleu(candidate: &Reference, reference: &Reference) -> f64 {
    let mut sum = 0.0;
    for n in 0..4 {
        let same = shared(&candidate.grams[n], &reference.grams[n]);
        let all = candidate.words.saturating_sub(n).max(1) as f64;
        let smooth = if n == 0 { 1e-3 } else { 0.5 };
        sum += ((f64::from(same) + smooth) / (all + 0.5)).ln();
    }
    let short = (1.0 - reference.words as f64 / candidate.words.max(1) as f64).min(0.0);
    (sum / 4.0 + short).exp()
}

/// How many n-grams two sorted lists have in common.
fn shared(a: &[(u64, u32)], b: &[(u64, u32)]) -> u32 {
    let (mut at, mut same) = (0, 0);
    for &(gram, count) in a {
        while at < b.len() && b[at].0 < gram {
            at += 1;
        }
        if let Some(&(_, other)) = b.get(at).filter(|(other, _)| *other == gram) {
            same += count.min(other);
        }
    }
    same
}

/// An act's kind and its slots with marks.
fn features(signature: &str) -> Vec<&str> {
    signature.split(['(', ')', ';']).filter(|part| !part.is_empty()).collect()
}

fn cosine(a: &[&str], b: &[&str]) -> f64 {
    let same = a.iter().filter(|feature| b.contains(feature)).count();
    same as f64 / ((a.len() * b.len()) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::rnnlg;

    const ROWS: &str = r#"[["inform(name=attis 10;type=television;hdmiport=2)", "the attis 10 television has 2 hdmi ports .", ""],
        ["inform(name=apollo 73;type=television;hdmiport=4)", "the apollo 73 television has 4 hdmi ports", ""],
        ["inform(name=apollo 73;type=television;hdmiport=4)", "with 4 hdmi ports and 99 games , it is apollo 73 , a television", ""]]"#;

    #[test]
    fn the_usual_sentence_is_learnt_and_filled() {
        let learnt = Learnt::learn(&rnnlg::read(ROWS).unwrap(), 2);
        assert_eq!(learnt.len(), 1);
        assert_eq!(Learnt::parse(&learnt.to_text()), learnt);
        let act = Act::parse("inform(name=typhon 48;type=television;hdmiport=1)").unwrap();
        assert_eq!(learnt.say(&act), ["The typhon 48 television has 1 hdmi ports."]);
        assert!(learnt.say(&Act::parse("goodbye()").unwrap()).is_empty());
    }
}
