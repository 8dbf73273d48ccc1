//! What a brief allows to be said, in forms that can be compared: quantities, materials, names, claims.

pub(crate) mod attribute;
pub(crate) mod lexicon;
pub(crate) mod number;
pub(crate) mod quantity;
pub(crate) mod unit;

use attune_llama::order;
use std::collections::{BTreeMap, BTreeSet};

use crate::{
    brief::{AttributeValue, Brief},
    scan::{Scan, folded},
};
use attribute::Attributes;
use lexicon::Lexicon;
use quantity::Quantity;

/// The facts of a brief.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Quantities of prices, attributes, claims and description; numbers inside names are not among them.
    pub(crate) quantities: Vec<Fact>,
    /// Which values are whose.
    pub(crate) attributes: Attributes,
    /// Materials, brands and claims by the lexicon's first word for them.
    pub(crate) concepts: BTreeSet<String>,
    /// Attributes that the product has or has not, by name.
    pub(crate) flags: BTreeMap<String, bool>,
    /// Words of all facts.
    pub(crate) words: BTreeSet<String>,
    /// Letters and digits in one, such as `l2` or `i5`, and words of Latin script in Chinese.
    pub(crate) text: Scan,
    /// Names and values that may be quoted whole, longest first, folded.
    pub(crate) quotes: Vec<String>,
    /// The product's name without its first word, where a number shows that it is a name still: `typhon 51`.
    pub(crate) tails: Vec<String>,
    /// How many products there are, or how many values one attribute lists.
    pub(crate) products: usize,
}

/// A quantity of the facts.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) quantity: Quantity,
    /// The attribute, where the number is its whole value.
    pub(crate) about: Option<String>,
    /// The words before and after it.
    pub(crate) beside: [Option<String>; 2],
}

impl Known {
    pub(crate) fn of(brief: &Brief) -> Self {
        let facts = &brief.facts;
        let mut quantities = Vec::new();
        let mut add = |about: &str, text: &str| {
            let scan = Scan::new(text);
            let words = scan.words();
            for quantity in quantity::quantities(&scan) {
                let beside = quantity.beside(&scan, &words);
                let whole = quantity.span == (0..scan.chars.len()) && !about.is_empty();
                quantities.push(Fact { quantity, about: whole.then(|| folded(about)), beside });
            }
        };
        let mut flags = BTreeMap::new();
        let mut quotes: BTreeSet<String> =
            [&facts.name, &facts.brand].into_iter().flatten().map(|t| folded(t)).collect();
        let mut denied = Vec::new();
        if let Some(price) = &facts.price {
            add("price", &price.to_string());
        }
        let mut products = usize::from(facts.name.is_some());
        for attribute in &facts.attributes {
            products = products.max(attribute.values.len() + usize::from(attribute.name == "name"));
            for value in &attribute.values {
                match value {
                    AttributeValue::Flag(has) => {
                        // Two products of which one has it: nothing can be said of the word alone.
                        if !attribute.values.contains(&AttributeValue::Flag(!has)) {
                            flags.insert(folded(&attribute.name), *has);
                        }
                        if !has {
                            denied.push(folded(&attribute.name));
                        }
                    }
                    _ => {
                        let text = value.to_string();
                        // A second product's name is a name.
                        if attribute.name != "name" {
                            add(&attribute.name, &text);
                        }
                        let scan = Scan::new(&text);
                        // Numbers are compared as quantities, not as words.
                        if quantity::quantities(&scan).first().is_none_or(|q| q.span != (0..scan.chars.len()))
                        {
                            quotes.insert(folded(&text));
                        }
                    }
                }
            }
            add("", &attribute.name);
        }
        for text in facts.claims.iter().chain(&facts.description).chain(&brief.required) {
            add("", text);
        }
        let audience = brief.audience.segment.iter().chain(&brief.audience.interests);
        // What an act asks about or knows nothing of is named by its slot.
        let slots = brief.act.as_deref().map(|act| act.replace(['(', ')', ';', '='], "\n"));
        let all = audience.chain(&slots).fold(brief.fact_text(), |all, text| all + "\n" + text);
        let text = Scan::new(&all);
        let mut concepts = Lexicon::shared().concepts(&text);
        for name in denied {
            for concept in Lexicon::shared().concepts(&Scan::new(&name)) {
                concepts.remove(&concept);
            }
        }
        let name = facts.name.as_deref().map(folded).unwrap_or_default();
        let tails = name.match_indices(' ').map(|(at, _)| name[at + 1..].to_owned());
        let tails: Vec<String> =
            tails.filter(|tail| tail.contains(' ') && tail.contains(|c: char| c.is_ascii_digit())).collect();
        quotes.extend(tails.iter().cloned());
        let mut quotes: Vec<String> = quotes.into_iter().filter(|q| !q.trim().is_empty()).collect();
        order::sort_by_key(&mut quotes, |quote| std::cmp::Reverse(quote.len()));
        let attributes = Attributes::of(facts);
        let mut words: BTreeSet<String> = text.words().into_iter().map(|w| w.text).collect();
        // `RAM` is no name where the memory is told. That the drive is an SSD would have to be.
        let called = attributes.names.iter().map(|name| name.phrase.clone());
        words.extend(called.filter(|name| !["ssd", "hdd"].contains(&name.as_str())));
        Self { quantities, attributes, concepts, flags, words, text, quotes, tails, products }
    }

    /// Where the text quotes a name or a value whole.
    pub(crate) fn quoted(&self, scan: &Scan) -> Vec<std::ops::Range<usize>> {
        self.quotes.iter().flat_map(|quote| scan.find(quote)).collect()
    }
}

/// Whether one span is inside one of the others.
pub(crate) fn inside(span: &std::ops::Range<usize>, others: &[std::ops::Range<usize>]) -> bool {
    others.iter().any(|other| other.start <= span.start && span.end <= other.end)
}
