//! What attributes are called, and which values are whose.

use attune_llama::order;
use std::{collections::BTreeMap, sync::OnceLock};

use super::{
    lexicon,
    quantity::{self, Quantity},
};
use crate::{
    brief::{AttributeValue, Facts, is_han},
    scan::{Scan, folded},
};

const NAMES: &str = include_str!("../lexicon/attributes.txt");

/// Words of names that say how a thing is told rather than what: `screen size`, `battery life`.
const GENERIC: [&str; 26] = [
    "size", "rating", "range", "life", "time", "level", "rate", "count", "number", "type", "kind", "total",
    "maximum", "minimum", "class", "amount", "with", "from", "this", "that", "max", "min", "of", "the",
    "port", "ports",
];

/// Attributes whose values go with anything: a black strap, a slim case.
const EVERYWHERE: [&str; 12] = [
    "colour", "color", "style", "design", "look", "pattern", "finish", "颜色", "风格", "图案", "版型", "工艺",
];

/// One attribute's values, in forms that can be compared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    /// With the attribute's name, where the quantity is all of the value.
    pub(crate) quantities: Vec<(Quantity, Option<String>)>,
    /// Values in words, folded.
    pub(crate) texts: Vec<String>,
    /// Its values may stand before anything.
    pub(crate) everywhere: bool,
}

/// A name and the attributes that may be meant by it.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    /// Folded.
    pub(crate) phrase: String,
    pub(crate) of: Vec<usize>,
    /// Whether it is all that one attribute is called: `screen` of `screen size` is not.
    pub(crate) whole: bool,
}

/// The attributes of a brief that have values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    pub(crate) values: Vec<Values>,
    /// Longest first.
    pub(crate) names: Vec<Name>,
}

impl Attributes {
    pub(crate) fn of(facts: &Facts) -> Self {
        let mut all = Self::default();
        let mut names: BTreeMap<String, (Vec<usize>, bool)> = BTreeMap::new();
        let price = facts.price.as_ref().map(|price| ("price".to_owned(), vec![price.to_string()]));
        let texts = |value: &AttributeValue| match value {
            AttributeValue::Flag(_) => None,
            value => Some(value.to_string()),
        };
        let attributes =
            facts.attributes.iter().filter(|attribute| attribute.name != "name").map(|attribute| {
                (attribute.name.clone(), attribute.values.iter().filter_map(texts).collect())
            });
        for (name, values) in price.into_iter().chain(attributes) {
            let values: Vec<String> = values;
            if values.is_empty() {
                continue;
            }
            let at = all.values.len();
            all.values.push(Values::of(&name, &values));
            for (phrase, whole) in phrases(&name) {
                let (of, is_whole) = names.entry(phrase).or_default();
                of.push(at);
                *is_whole |= whole;
            }
        }
        all.names = names.into_iter().map(|(phrase, (of, whole))| Name { phrase, of, whole }).collect();
        order::sort_by_key(&mut all.names, |name| std::cmp::Reverse(name.phrase.chars().count()));
        all
    }
}

impl Values {
    fn of(name: &str, values: &[String]) -> Self {
        let mut all = Self::default();
        let name = folded(name);
        all.everywhere = EVERYWHERE.iter().any(|word| name.contains(word));
        for value in values {
            let scan = Scan::new(value);
            let mut whole = false;
            for quantity in quantity::quantities(&scan) {
                let all_of_it = quantity.span == (0..scan.chars.len());
                whole |= all_of_it;
                all.quantities.push((quantity, all_of_it.then(|| name.clone())));
            }
            if !whole {
                all.texts.push(folded(value));
            }
        }
        all
    }
}

/// What an attribute of this name is called, and whether that is all of its name.
fn phrases(name: &str) -> Vec<(String, bool)> {
    let spaced = spaced(name);
    let mut phrases = vec![(singular(&spaced).to_owned(), true)];
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let latin = !spaced.contains(is_han);
    if latin && words.len() > 1 {
        let own = words.iter().filter(|word| word.len() > 3 && !GENERIC.contains(word));
        phrases.extend(own.map(|word| (singular(word).to_owned(), false)));
    }
    for line in lists() {
        for &entry in line {
            // `screensize` is `screen` and what is told of it.
            let is = match spaced.strip_prefix(entry).map(generic) {
                Some(Some(rest)) if rest.is_empty() => Some(true),
                Some(Some(rest)) => {
                    phrases.extend(line.iter().map(|other| (format!("{other}{rest}"), true)));
                    Some(false)
                }
                _ if latin && entry.len() > 3 && words.contains(&entry) => Some(false),
                _ if !latin && entry.chars().count() > 1 && spaced.contains(entry) => Some(false),
                _ => None,
            };
            if let Some(whole) = is {
                phrases.extend(line.iter().map(|other| ((*other).to_owned(), whole)));
            }
        }
    }
    phrases
}

/// The words of a text that is nothing but generic ones, run together or not, a space before each.
fn generic(text: &str) -> Option<String> {
    let (mut rest, mut words) = (text.trim_start(), String::new());
    while !rest.is_empty() {
        let word = GENERIC.iter().filter(|word| rest.starts_with(**word)).max_by_key(|word| word.len())?;
        words.push(' ');
        words.push_str(word);
        rest = rest[word.len()..].trim_start();
    }
    Some(words)
}

/// Without a plural's or a verb's `s`, which is found all the same.
fn singular(word: &str) -> &str {
    word.strip_suffix('s').filter(|rest| rest.len() > 2 && !rest.ends_with(['s', 'u', 'i'])).unwrap_or(word)
}

fn lists() -> &'static [Vec<&'static str>] {
    static LISTS: OnceLock<Vec<Vec<&'static str>>> = OnceLock::new();
    LISTS.get_or_init(|| lexicon::lines(NAMES).map(|line| line.split('|').collect()).collect())
}

/// `screen_size` and `screenSize` as words, folded.
fn spaced(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().chars() {
        if c.is_uppercase() && out.ends_with(|last: char| last.is_lowercase()) {
            out.push(' ');
        }
        out.push(if matches!(c, '_' | '-') { ' ' } else { c });
    }
    folded(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_has_more_names_than_its_own() {
        let has = |name: &str, phrase: &str| {
            let same = phrases(name).into_iter().filter(|(known, _)| known == phrase);
            same.map(|(_, whole)| whole).reduce(|a, b| a | b)
        };
        assert_eq!(has("memory", "ram"), Some(true));
        assert_eq!(has("screenSize", "screen size"), Some(true));
        assert_eq!(has("screensize", "display size"), Some(true));
        assert_eq!(has("screen_size", "screen"), Some(false));
        assert_eq!(has("screensizerange", "screen size range"), Some(true));
        assert_eq!(has("hdmi ports", "hdmi port"), Some(true));
        assert_eq!(has("refresh rate", "refresh"), Some(false));
        assert_eq!(has("refresh rate", "rate"), None);
        assert_eq!(has("运行内存", "内存"), Some(true));
        assert_eq!(has("sleeps", "ram"), None);
    }
}
