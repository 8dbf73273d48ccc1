//! Values out of a sentence and back in: `the apollo 73 has …` ↔ `the SLOT_NAME has …`.
//!
//! With [`Marks::Plain`] both directions are RNNLG's `ExactMatchDataLexicaliser`, on which slot error is counted. There the
//! two products of a comparison share their marks, and a sentence that names the second one first gets its values
//! swapped; [`Marks::Numbered`] tells them apart, and is what a model should learn and be filled by.

use crate::act::{Act, Value};
use attune_llama::order;

/// A value of more parts than this is matched as it stands, not in every order of its parts.
const MOST_PARTS: usize = 4;

/// How the values of a slot that comes more than once are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// All alike, `SLOT_NAME`, as RNNLG has them.
    Plain,
    /// `SLOT_NAME_1`, `SLOT_NAME_2`, where a slot has more than one value; `SLOT_NAME` where it has one.
    Numbered,
}

/// Replaces each value of the act by its mark, once, longest values first; the parts of `a and b` match in any order.
///
/// `text` is [`normalised`](crate::normalise::normalise).
pub fn delexicalise(text: &str, act: &Act, marks: Marks) -> String {
    let mut values: Vec<(usize, &str)> = texts(act).collect();
    order::sort_by_key(&mut values, |(_, value)| std::cmp::Reverse(value.chars().count()));
    let mut text = text.to_owned();
    for (at, value) in values {
        if let Some(found) = orders(value).into_iter().find(|order| text.contains(order.as_str())) {
            text = replaced(&text, &found, &mark(act, at, marks));
        }
    }
    text
}

/// Puts the act's values in the places of their marks.
pub fn lexicalise(text: &str, act: &Act, marks: Marks) -> String {
    let mut values: Vec<(usize, &str)> = texts(act).collect();
    order::sort_by_key(&mut values, |&(at, _)| std::cmp::Reverse(act.slots[at].name.len()));
    let mut text = text.to_owned();
    for (at, value) in values {
        let mark = mark(act, at, marks);
        text = replaced(&text, &mark, value);
        // A mark that says which value it is may stand more than once; RNNLG's may not.
        while marks == Marks::Numbered && has(&text, &mark) {
            text = replaced(&text, &mark, value);
        }
    }
    let kind = act.text("type").unwrap_or("item");
    while has(&text, "SLOT_TYPE") {
        text = replaced(&text, "SLOT_TYPE", kind);
    }
    text
}

/// Whether a mark is left in the text, or a value of the act: such a text is no template.
pub fn is_whole(delexicalised: &str, act: &Act) -> bool {
    texts(act).all(|(at, value)| {
        let mark = mark(act, at, Marks::Numbered);
        act.slots[at].name == "type" || (count(delexicalised, &mark) >= 1 && !has(delexicalised, value))
    })
}

/// The mark of the slot at `at` of the act.
pub fn mark(act: &Act, at: usize, marks: Marks) -> String {
    let name = act.slots[at].name.to_uppercase();
    let several =
        act.slots.iter().filter(|s| s.name == act.slots[at].name && s.value.text().is_some()).count() > 1;
    match marks {
        Marks::Numbered if several => format!("SLOT_{name}_{}", act.place(at)),
        _ => format!("SLOT_{name}"),
    }
}

fn texts(act: &Act) -> impl Iterator<Item = (usize, &str)> {
    act.slots.iter().enumerate().filter_map(|(at, slot)| match &slot.value {
        Value::Text(text) if !text.is_empty() => Some((at, text.as_str())),
        _ => None,
    })
}

fn has(text: &str, words: &str) -> bool {
    count(text, words) > 0
}

fn count(text: &str, words: &str) -> usize {
    format!(" {text} ").matches(&format!(" {words} ")).count()
}

/// The first place where `from` stands as whole words becomes `to`.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let padded = format!(" {text} ").replacen(&format!(" {from} "), &format!(" {to} "), 1);
    padded[1..padded.len() - 1].to_owned()
}

/// A value's parts round `and` or `or` in every order, as Python's `itertools.permutations` gives them.
fn orders(value: &str) -> Vec<String> {
    let spread = value.replace(" or ", " and ");
    let parts: Vec<&str> = spread.split(" and ").collect();
    if parts.len() == 1 || parts.len() > MOST_PARTS {
        return vec![value.to_owned()];
    }
    let mut all = Vec::new();
    permute(&parts, &mut Vec::new(), &mut all);
    [" and ", " or "].iter().flat_map(|joint| all.iter().map(|order| order.join(joint))).collect()
}

fn permute<'a>(parts: &[&'a str], taken: &mut Vec<usize>, all: &mut Vec<Vec<&'a str>>) {
    if taken.len() == parts.len() {
        all.push(taken.iter().map(|&at| parts[at]).collect());
        return;
    }
    for at in 0..parts.len() {
        if !taken.contains(&at) {
            taken.push(at);
            permute(parts, taken, all);
            taken.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare() -> Act {
        Act::parse("?compare(name=attis 10;price=1000 dollars;name=apollo 73;price=900 dollars)").unwrap()
    }

    #[test]
    fn numbered_marks_keep_two_products_apart() {
        let text = "the apollo 73 costs 900 dollars , while the attis 10 costs 1000 dollars";
        let marked = delexicalise(text, &compare(), Marks::Numbered);
        assert_eq!(marked, "the SLOT_NAME_2 costs SLOT_PRICE_2 , while the SLOT_NAME_1 costs SLOT_PRICE_1");
        assert_eq!(lexicalise(&marked, &compare(), Marks::Numbered), text);
        assert!(is_whole(&marked, &compare()));
        let plain = delexicalise(text, &compare(), Marks::Plain);
        assert_eq!(plain, "the SLOT_NAME costs SLOT_PRICE , while the SLOT_NAME costs SLOT_PRICE");
        assert_ne!(lexicalise(&plain, &compare(), Marks::Plain), text);
    }

    #[test]
    fn parts_match_in_any_order() {
        let act = Act::parse("inform(accessories=remote control and 3d glasses;type=television)").unwrap();
        let marked = delexicalise("a television with 3d glasses or remote control", &act, Marks::Plain);
        assert_eq!(marked, "a SLOT_TYPE with SLOT_ACCESSORIES");
    }

    #[test]
    fn a_value_left_over_is_told() {
        let act = Act::parse("inform(name=attis 10;type=television)").unwrap();
        assert!(!is_whole("the SLOT_NAME , yes the attis 10", &act));
        assert!(!is_whole("the television", &act));
    }
}
