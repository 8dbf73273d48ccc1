//! Every number of the text is a number of the facts, in a unit that agrees.

use super::{Check, Kind};
use crate::facts::{inside, quantity};

/// Words before a number that count the products themselves: `these two`, `between the two`.
const TOGETHER: [&str; 6] = ["the", "these", "those", "both", "following", "other"];

pub(super) fn check(check: &mut Check<'_>) {
    let quoted = check.known.quoted(&check.scan);
    let words = check.scan.words();
    for found in quantity::quantities(&check.scan) {
        // A number that is part of a name or value quoted whole is that name's or value's.
        if inside(&found.number, &quoted) {
            continue;
        }
        if check.known.quantities.iter().any(|fact| found.agrees(&fact.quantity, &fact.about)) {
            continue;
        }
        let before = words.iter().rev().find(|word| word.span.end <= found.span.start);
        let together = before.is_some_and(|word| TOGETHER.contains(&word.text.as_str()));
        let products = found.spelled && found.unit.is_none() && found.value == check.known.products as f64;
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

/// Whether a code stands in the facts, set off by no spaces there (`3d` in `3d眼镜`).
fn is_part(code: &str, check: &Check<'_>) -> bool {
    !check.known.text.find(code).is_empty()
}
