//! Lists of materials, brands and claims: one concept a line, its names in both languages parted by `|`, the first its key.

use attune_llama::order;
use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::OnceLock,
};

use crate::scan::{Scan, folded, is_word};

const MATERIALS: &str = include_str!("../lexicon/materials.txt");
const BRANDS: &str = include_str!("../lexicon/brands.txt");
const CLAIMS: &str = include_str!("../lexicon/claims.txt");
const HARMLESS: &str = include_str!("../lexicon/harmless.txt");

/// What a concept is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Material,
    Brand,
    Claim,
}

/// Where a text names a concept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) kind: Kind,
    pub(crate) concept: String,
    pub(crate) span: Range<usize>,
}

struct Entry {
    phrase: String,
    concept: usize,
}

/// The lists, indexed by first character.
pub(crate) struct Lexicon {
    concepts: Vec<(Kind, String)>,
    entries: HashMap<char, Vec<Entry>>,
}

impl Lexicon {
    /// The lists that the crate carries.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Lexicon> = OnceLock::new();
        SHARED.get_or_init(|| {
            Self::read(&[(Kind::Material, MATERIALS), (Kind::Brand, BRANDS), (Kind::Claim, CLAIMS)])
        })
    }

    fn read(lists: &[(Kind, &str)]) -> Self {
        let mut lexicon = Self { concepts: Vec::new(), entries: HashMap::new() };
        for &(kind, list) in lists {
            for line in lines(list) {
                let concept = lexicon.concepts.len();
                for (at, name) in line.split('|').map(folded).enumerate() {
                    if at == 0 {
                        lexicon.concepts.push((kind, name.clone()));
                    }
                    let Some(first) = name.chars().next() else { continue };
                    lexicon.entries.entry(first).or_default().push(Entry { phrase: name, concept });
                }
            }
        }
        lexicon
    }

    /// Every mention, those inside longer ones too.
    fn all(&self, scan: &Scan) -> Vec<(Range<usize>, usize)> {
        let mut found = Vec::new();
        for at in 0..scan.chars.len() {
            let Some(entries) = self.entries.get(&scan.chars[at]) else { continue };
            for entry in entries {
                if let Some(end) = whole(scan, at, &entry.phrase) {
                    found.push((at..end, entry.concept));
                }
            }
        }
        found
    }

    /// What facts grant: every concept they name and do not deny, also inside longer names (`棉` in `棉麻`), but a
    /// material not out of its imitation.
    pub(crate) fn concepts(&self, scan: &Scan) -> BTreeSet<String> {
        let all = self.all(scan);
        let imitation = |span: &Range<usize>| {
            all.iter().any(|(outer, concept)| {
                outer != span && outer.start <= span.start && span.end <= outer.end && {
                    let name = &self.concepts[*concept].1;
                    ["faux", "vegan", "imitation", "artificial"].iter().any(|word| name.contains(word))
                }
            })
        };
        let granted = all.iter().filter(|(span, _)| !scan.is_denied(span.start, 2) && !imitation(span));
        granted.map(|(_, concept)| self.concepts[*concept].1.clone()).collect()
    }

    /// What a text names: the longest mention at each place, what it denies left out.
    pub(crate) fn mentions(&self, scan: &Scan) -> Vec<Mention> {
        let mut all = self.all(scan);
        order::sort_by_key(&mut all, |(span, _)| (span.start, std::cmp::Reverse(span.end)));
        let harmless: Vec<Range<usize>> = lines(HARMLESS).flat_map(|phrase| scan.find(phrase)).collect();
        let mut found: Vec<Mention> = Vec::new();
        for (span, concept) in all {
            if found.last().is_some_and(|last| span.start < last.span.end)
                || scan.is_denied(span.start, 5)
                || super::inside(&span, &harmless)
            {
                continue;
            }
            let (kind, concept) = self.concepts[concept].clone();
            found.push(Mention { kind, concept, span });
        }
        found
    }
}

/// A list's lines without comments.
pub(crate) fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether a phrase stands at `at` as whole words, a plural's ending aside; where it ends.
pub(crate) fn whole(scan: &Scan, at: usize, phrase: &str) -> Option<usize> {
    let first = phrase.chars().next()?;
    if is_word(first) && is_word(scan.before(at)) {
        return None;
    }
    let mut end = scan.is_at(at, phrase)?;
    if phrase.chars().next_back().is_some_and(is_word) {
        for ending in ["es", "s"] {
            if let Some(past) = scan.is_at(end, ending).filter(|&past| !is_word(scan.get(past))) {
                end = past;
                break;
            }
        }
        if is_word(scan.get(end)) {
            return None;
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concepts(text: &str) -> Vec<String> {
        Lexicon::shared().concepts(&Scan::new(text)).into_iter().collect()
    }

    #[test]
    fn concepts_are_the_same_in_both_languages() {
        assert_eq!(concepts("pure cotton, water-proof"), concepts("纯棉 防水"));
        assert_eq!(concepts("a faux leather bag, not waterproof"), ["faux leather"]);
        assert!(concepts("棉麻").contains(&"cotton".to_owned()));
    }

    #[test]
    fn no_name_stands_twice() {
        for list in [MATERIALS, BRANDS, CLAIMS] {
            let mut seen = BTreeSet::new();
            for name in lines(list).flat_map(|line| line.split('|')) {
                assert!(!name.trim().is_empty() && seen.insert(folded(name)), "{name}");
            }
        }
    }
}
