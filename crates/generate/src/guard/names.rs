//! Every material, brand and other name of the text is one of the facts.

use std::{ops::Range, sync::OnceLock};

use super::{Check, Kind};
use crate::{
    brief::{Language, is_han},
    facts::{
        inside,
        lexicon::{self, Kind as Concept, Lexicon},
    },
    scan::Word,
};

const WORDS: &str = include_str!("../lexicon/words.txt");

/// Words before which, or after which, a name stands.
const BEFORE: [&str; 12] = [
    "by",
    "from",
    "called",
    "named",
    "brand",
    "brands",
    "label",
    "maker",
    "designer",
    "manufacturer",
    "vs",
    "versus",
];
const AFTER: [&str; 6] = ["brand", "branded", "label", "inc", "corp", "ltd"];

/// What makes the Chinese words before it a maker's name, and words that are none.
const MAKERS: [&str; 7] = ["品牌", "牌", "旗舰店", "出品", "旗下", "家的", "专柜"];
const NO_NAMES: [&str; 22] = [
    "大", "名", "招", "王", "品", "老", "国际", "知名", "高端", "这个", "各大", "同", "多", "潮", "该", "自",
    "女装", "男装", "原创", "奢侈", "国内", "时尚",
];

pub(super) fn check(check: &mut Check<'_>) {
    let quoted = check.known.quoted(&check.scan);
    for mention in Lexicon::shared().mentions(&check.scan) {
        let kind = match mention.kind {
            Concept::Material => Kind::Material,
            Concept::Brand => Kind::Name,
            Concept::Claim => Kind::Claim,
        };
        if inside(&mention.span, &quoted) || check.known.concepts.contains(&mention.concept) {
            continue;
        }
        let reason = match kind {
            Kind::Material => "the facts name no such material",
            Kind::Name => "a brand that is not the product's",
            _ => "nothing in the facts supports this",
        };
        check.find(kind, &mention.span, reason);
    }
    for span in strangers(check, &quoted) {
        check.find(Kind::Name, &span, "a name that the facts do not have");
    }
    for span in chinese_makers(check) {
        check.find(Kind::Name, &span, "a maker that the facts do not name");
    }
}

/// Words of Latin letters that are names by their capitals or their place, and in no fact.
fn strangers(check: &Check<'_>, quoted: &[Range<usize>]) -> Vec<Range<usize>> {
    let words = check.scan.words();
    let latin = |word: &Word| word.text.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’'));
    let chinese = check.brief.language() == Language::Zh;
    let titled = is_titled(&words);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let bare = word.text.trim_end_matches("'s").trim_end_matches("’s");
        if !latin(word) || bare.chars().count() < 2 || inside(&word.span, quoted) || is_granted(check, bare) {
            continue;
        }
        let common = is_common(bare);
        let next = words.get(at + 1).filter(|next| next.span.start <= word.span.end + 1);
        let last = at.checked_sub(1).map(|at| &words[at]).filter(|last| last.span.end + 1 >= word.span.start);
        let replaces =
            check.known.tails.iter().any(|tail| check.scan.is_at(word.span.end + 1, tail).is_some());
        let placed = replaces
            || last.is_some_and(|last| BEFORE.contains(&last.text.as_str()))
            || next.is_some_and(|next| AFTER.contains(&next.text.as_str()));
        // Beside a number or a name a slip of the pen is likelier than a name.
        let beside = (next.is_some_and(|next| next.text.bytes().all(|b| b.is_ascii_digit()) && !titled)
            || quoted
                .iter()
                .any(|quote| quote.start == word.span.end + 1 || quote.end + 1 == word.span.start))
            && !common
            && !is_slip(bare);
        let named = if word.capital {
            !common || (!word.first && !titled && !chinese)
        } else {
            !common && (placed || beside)
        };
        if named {
            found.push(word.span.clone());
        }
    }
    found
}

/// Whether the facts have the word, in this form or its plural.
fn is_granted(check: &Check<'_>, word: &str) -> bool {
    let has = |word: &str| check.known.words.contains(word);
    has(word)
        || has(&format!("{word}s"))
        || has(&format!("{word}'s"))
        || word.strip_suffix('s').is_some_and(has)
        || word.strip_suffix("es").is_some_and(has)
}

/// A word of the list or a form of one.
pub(super) fn is_common(word: &str) -> bool {
    let has = |word: &str| common().binary_search(&word).is_ok();
    if has(word) || word.split(['\'', '’']).next().is_some_and(has) {
        return true;
    }
    ["s", "es", "ed", "d", "ing", "ly", "er", "est", "y", "r"].iter().any(|ending| {
        let Some(stem) = word.strip_suffix(ending) else { return false };
        let doubled = stem.len() > 3 && stem.as_bytes()[stem.len() - 1] == stem.as_bytes()[stem.len() - 2];
        has(stem)
            || has(&format!("{stem}e"))
            || (ending.starts_with('e') || *ending == "ly")
                && stem.strip_suffix('i').is_some_and(|s| has(&format!("{s}y")))
            || (doubled && stem.get(..stem.len() - 1).is_some_and(has))
    })
}

/// Whether a word of the list is one letter away, two for long words, or two words were run together.
fn is_slip(word: &str) -> bool {
    let letters: Vec<char> = word.chars().collect();
    let reach = if letters.len() < 8 { 1 } else { 2 };
    let near = |other: &&str| {
        let other: Vec<char> = other.chars().collect();
        letters.len().abs_diff(other.len()) <= reach && distance(&letters, &other) <= reach
    };
    let joined = (2..letters.len().saturating_sub(1)).any(|at| {
        let (a, b): (String, String) = (letters[..at].iter().collect(), letters[at..].iter().collect());
        is_common(&a) && is_common(&b)
    });
    joined || common().iter().any(near)
}

/// Insertions, deletions, substitutions and swaps of neighbours (Damerau–Levenshtein, restricted).
fn distance(a: &[char], b: &[char]) -> usize {
    let (mut old, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut best = (last[j] + usize::from(a[i] != b[j])).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(old[j - 1] + 1);
            }
            row.push(best);
        }
        old = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Sorted, as the file is.
fn common() -> &'static [&'static str] {
    static SHARED: OnceLock<Vec<&'static str>> = OnceLock::new();
    SHARED.get_or_init(|| lexicon::lines(WORDS).collect())
}

/// Whether most longer words have capitals, as in headlines, where a capital tells nothing.
fn is_titled(words: &[Word]) -> bool {
    let long: Vec<&Word> = words.iter().filter(|word| word.text.len() > 3).collect();
    long.len() > 1 && long.iter().filter(|word| word.capital).count() * 5 > long.len() * 3
}

/// `森羽牌`, `来自森羽品牌`: the Chinese characters before a maker's mark, where the facts do not have them.
fn chinese_makers(check: &Check<'_>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for mark in MAKERS {
        for span in check.scan.find(mark) {
            let start = (span.start.saturating_sub(4)..span.start)
                .rev()
                .take_while(|&i| {
                    is_han(check.scan.get(i)) && !"的是由自和与，本我们个款".contains(check.scan.get(i))
                })
                .last()
                .unwrap_or(span.start);
            let name = check.scan.text(start..span.start);
            let known = name.is_empty()
                || NO_NAMES.iter().any(|no| name.ends_with(no))
                || (name.chars().count() < 2)
                || !check.known.text.find(&name).is_empty();
            if !known && !found.iter().any(|other| other.start < span.end && start < other.end) {
                found.push(start..span.end);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_are_sorted_and_found_with_their_forms() {
        assert!(common().is_sorted());
        assert!(["abilities", "zones", "a", "considered"].into_iter().all(is_common));
        assert!(!is_common("dornbracht"));
    }
}
