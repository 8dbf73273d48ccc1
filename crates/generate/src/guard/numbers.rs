//! Every number of the text is a number of the facts, in a unit that agrees.

use super::{Check, Kind};
use crate::{
    facts::{
        Fact, inside,
        quantity::{self, Quantity},
        unit::Dimension,
    },
    scan::Word,
};

/// Words before a number that count the products themselves: `these two`, `between the two`.
const TOGETHER: [&str; 6] = ["the", "these", "those", "both", "following", "other"];

/// What a number of products found may be called.
const OFFERED: [&str; 14] = [
    "option",
    "match",
    "matche",
    "result",
    "product",
    "item",
    "model",
    "choice",
    "device",
    "unit",
    "television",
    "tv",
    "computer",
    "machine",
];

pub(super) fn check(check: &mut Check<'_>) {
    let quoted = check.known.quoted(&check.scan);
    let words = check.scan.words();
    for found in quantity::quantities(&check.scan) {
        // A number that is part of a name or value quoted whole is that name's or value's.
        if inside(&found.number, &quoted) {
            continue;
        }
        if check.known.quantities.iter().any(|fact| {
            found.agrees(&fact.quantity, fact.about.as_deref()) && counts_same(&found, fact, &words, check)
        }) {
            continue;
        }
        let before = words.iter().rev().find(|word| word.span.end <= found.span.start);
        let together = before.is_some_and(|word| TOGETHER.contains(&word.text.as_str()));
        let products = found.spelled && found.unit.is_none() && found.value <= check.known.products as f64;
        if found.spelled && found.unit.is_none() && (together && found.value == 2.0 || products) {
            continue;
        }
        let money = found.unit.is_some_and(|unit| unit.dimension.is_money());
        let (kind, reason) = if money {
            (Kind::Price, "no such price in the facts")
        } else {
            (Kind::Number, "no such number in the facts")
        };
        check.find(kind, &found.span, reason);
    }
    for code in quantity::codes(&check.scan) {
        let text = check.scan.text(code.clone());
        if !inside(&code, &quoted) && !check.known.words.contains(&text) && !is_part(&text, check) {
            check.find(Kind::Number, &code, "letters and digits that no fact has");
        }
    }
}

/// Whether a bare number counts what the fact counts: ports where the fact is a number of ports.
///
/// A plural that no fact has counts something else: `8 speakers` is not `8 gb`.
fn counts_same(found: &Quantity, fact: &Fact, words: &[Word], check: &Check<'_>) -> bool {
    let known = check.known;
    if found.unit.is_some() {
        return true;
    }
    // A number inside a value or text, as in `windows 7`, is the same number beside the same word.
    if fact.about.is_none() && fact.quantity.unit.is_none() {
        let ours = found.beside(&check.scan, words);
        return (0..2).any(|side| ours[side].is_some() && ours[side] == fact.beside[side]);
    }
    let next = words.iter().find(|word| word.span.start == found.span.end + 1);
    let counted =
        next.filter(|word| word.text.len() > 3 && word.text.ends_with('s') && !word.text.ends_with("ss"));
    let about = fact.about.as_deref().unwrap_or_default();
    if let Some(word) = counted
        && !(about == "count" && OFFERED.contains(&word.text.trim_end_matches('s')))
        && !known.words.contains(&word.text)
        && !known.words.contains(word.text.trim_end_matches('s'))
        && !["is", "was", "has", "this"].contains(&word.text.as_str())
        && !about.contains("port")
        && fact.quantity.unit.is_none_or(|unit| unit.dimension != Dimension::Port)
    {
        return false;
    }
    if !about.contains("port") {
        return true;
    }
    let after = words.iter().filter(|word| word.span.start >= found.span.end).take(5);
    let before = words.iter().rev().filter(|word| word.span.end <= found.span.start).take(5);
    after.chain(before).any(|word| ["port", "hdmi", "usb"].iter().any(|noun| word.text.starts_with(noun)))
}

/// Whether a code stands in the facts, set off by no spaces there (`3d` in `3d眼镜`).
fn is_part(code: &str, check: &Check<'_>) -> bool {
    !check.known.text.find(code).is_empty()
}
