//! A catalogue's descriptions as acts and sentences.
//!
//! A description says much that no fact of the product does ("multiple compartments"). Only sentences that name the
//! product, or what it is, are taken, and only where every other word is one that products of many categories share:
//! what is left says nothing that the next product's facts would have to hold.

use std::collections::{BTreeSet, HashMap};

use attune_generate::act::{Act, Slot, Value};
use attune_generate::delexicalise::{Marks, delexicalise, is_whole};
use attune_generate::normalise;
use saphyr::{LoadableYamlNode, Yaml};

use crate::samples::Pair;
use attune_generate::local::acts::prompt;

/// Categories that must share a word.
const SHARED: usize = 6;

const COLOURS: [&str; 24] = [
    "beige",
    "black",
    "blue",
    "brown",
    "burgundy",
    "charcoal",
    "cream",
    "gold",
    "golden",
    "gray",
    "green",
    "grey",
    "ivory",
    "khaki",
    "maroon",
    "navy",
    "orange",
    "pink",
    "purple",
    "red",
    "silver",
    "turquoise",
    "white",
    "yellow",
];

const MATERIALS: [&str; 22] = [
    "bamboo",
    "brass",
    "canvas",
    "ceramic",
    "cotton",
    "denim",
    "glass",
    "leather",
    "linen",
    "marble",
    "metal",
    "plastic",
    "porcelain",
    "rattan",
    "silk",
    "steel",
    "stoneware",
    "suede",
    "velvet",
    "wicker",
    "wooden",
    "wool",
];

struct Sentence {
    category: String,
    act: Act,
    text: String,
}

/// How many products there are, and the sentences that are taken, as `describe CATEGORY(name=…;type=…;color=…;material=…)`.
///
/// # Errors
/// When the text is no YAML list of products with `name`, `style`, `category` and `description`.
pub(crate) fn pairs(yaml: &str) -> Result<(usize, Vec<Pair>), String> {
    let documents = Yaml::load_from_str(yaml).map_err(|problem| problem.to_string())?;
    let products = documents.first().and_then(Yaml::as_sequence).ok_or("a list of products was expected")?;
    let mut sentences = Vec::new();
    for (at, product) in products.iter().enumerate() {
        let text = |key: &str| {
            let value = product.as_mapping_get(key).and_then(Yaml::as_str);
            value.ok_or_else(|| format!("the product at {at} has no text `{key}`"))
        };
        let (name, style, category) =
            (normalise::reference(text("name")?), text("style")?, text("category")?);
        for sentence in sentences_of(text("description")?) {
            let act = act(&sentence, &name, style, category);
            let text = delexicalise(&sentence, &act, Marks::Numbered);
            sentences.push(Sentence { category: category.to_owned(), act, text });
        }
    }
    let mut categories: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for sentence in &sentences {
        for word in sentence.text.split(' ') {
            categories.entry(word).or_default().insert(&sentence.category);
        }
    }
    let shared = |word: &str| word.starts_with("SLOT_") || categories[word].len() >= SHARED;
    let taken = sentences.iter().filter(|Sentence { act, text, .. }| {
        let named = text.contains("SLOT_NAME") || text.contains("SLOT_TYPE");
        named && text.split(' ').all(shared) && is_whole(text, act)
    });
    let pairs =
        taken.map(|Sentence { act, text, .. }| Pair { prompt: prompt(act), text: text.clone() }).collect();
    Ok((products.len(), pairs))
}

fn sentences_of(description: &str) -> Vec<String> {
    let mut sentences = vec![description];
    for end in [". ", "! ", "? "] {
        sentences = sentences.into_iter().flat_map(|text| text.split_inclusive(end)).collect();
    }
    sentences.into_iter().map(normalise::answer).collect()
}

/// What of the product a sentence says.
fn act(sentence: &str, name: &str, style: &str, category: &str) -> Act {
    let said = |words: &str| !words.is_empty() && format!(" {sentence} ").contains(&format!(" {words} "));
    let without_name = sentence.replace(name, "");
    let first = |words: &[&str]| without_name.split(' ').find(|word| words.contains(word)).map(str::to_owned);
    let slots = [
        ("name", said(name).then(|| name.to_owned())),
        ("type", said(style).then(|| style.to_owned())),
        ("color", first(&COLOURS)),
        ("material", first(&MATERIALS)),
    ];
    let slots = slots
        .into_iter()
        .filter_map(|(slot, value)| Some(Slot { name: slot.to_owned(), value: Value::Text(value?) }));
    Act { kind: format!("describe {category}"), slots: slots.collect() }
}
