//! Numbers with their units, where they stand in a text.

use attune_llama::order;
use std::ops::Range;

use super::{
    number,
    unit::{self, Dimension, Unit},
};
use crate::{
    brief::is_han,
    scan::{Scan, Word, is_word},
};

/// A number and its unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quantity {
    pub(crate) value: f64,
    pub(crate) unit: Option<Unit>,
    /// Number and unit, in characters of the scan.
    pub(crate) span: Range<usize>,
    /// The number alone.
    pub(crate) number: Range<usize>,
    /// Written in words.
    pub(crate) spelled: bool,
}

impl Quantity {
    /// The words before and after the number, without a plural's `s`; in Chinese the characters.
    pub(crate) fn beside(&self, scan: &Scan, words: &[Word]) -> [Option<String>; 2] {
        let before = words.iter().rev().find(|word| word.span.end <= self.number.start);
        let after = words.iter().find(|word| word.span.start >= self.number.end);
        let bare = |word: Option<&Word>| word.map(|word| word.text.trim_end_matches('s').to_owned());
        let han = |c: char| is_han(c).then(|| c.to_string());
        [
            han(scan.before(self.number.start)).or_else(|| bare(before)),
            han(scan.get(self.number.end)).or_else(|| bare(after)),
        ]
    }

    /// In the dimension's base unit.
    fn base(&self) -> f64 {
        self.value * self.unit.map_or(1.0, |unit| unit.factor)
    }

    /// Whether this, as a text has it, is that fact.
    ///
    /// `about` is the attribute whose whole value the fact's number is, if it is.
    pub(crate) fn agrees(&self, fact: &Self, about: Option<&str>) -> bool {
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3);
        match (self.unit, fact.unit) {
            (Some(ours), Some(theirs)) if ours.dimension == theirs.dimension => {
                same(self.base(), fact.base())
            }
            (Some(_), Some(_)) => false,
            (None, _) => same(self.value, fact.value),
            (Some(ours), None) => {
                let Some(about) = about else { return false };
                let counts =
                    ["port", "count", "number", "quantity", "数量"].iter().any(|word| about.contains(word));
                let priced = about.contains("price") || about.contains('价');
                let allowed = match ours.dimension {
                    Dimension::Port | Dimension::Piece | Dimension::Layer => true,
                    dimension if dimension.is_money() => priced,
                    _ => !counts,
                };
                allowed && same(self.value, fact.value)
            }
        }
    }
}

/// All quantities of a text in order. Letters and digits in one (`i5`, `l2`) are none; see [`codes`].
pub(crate) fn quantities(scan: &Scan) -> Vec<Quantity> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < scan.chars.len() {
        match in_digits(scan, at).or_else(|| in_chinese(scan, at)) {
            Some(quantity) => {
                at = quantity.span.end;
                found.push(quantity);
            }
            None => at += 1,
        }
    }
    in_words(scan, &mut found);
    order::sort_by_key(&mut found, |quantity| quantity.span.start);
    found
}

/// Words of letters and digits in one that are no quantity: `i5`, `3d`, `l2`; ordinals are left out.
pub(crate) fn codes(scan: &Scan) -> Vec<Range<usize>> {
    let quantities = quantities(scan);
    let words = scan.words().into_iter().filter(|word| {
        let digits = word.text.bytes().filter(u8::is_ascii_digit).count();
        digits > 0 && digits < word.text.len()
    });
    let free = words.filter(|word| {
        !["st", "nd", "rd", "th"]
            .iter()
            .any(|end| word.text.trim_end_matches(end).bytes().all(|b| b.is_ascii_digit()))
            && !quantities.iter().any(|q| q.span.start < word.span.end && word.span.start < q.span.end)
    });
    free.map(|word| word.span).collect()
}

fn in_digits(scan: &Scan, at: usize) -> Option<Quantity> {
    let before = scan.before(at);
    if is_word(before) || (matches!(before, '.' | ',') && scan.before(at.saturating_sub(1)).is_ascii_digit())
    {
        return None;
    }
    let (value, end) = number::digits(scan, at)?;
    let sign = unit_before(scan, at);
    let (tail, unit) = unit_after(scan, end);
    if unit.is_none() && is_word(scan.get(end)) && !scan.get(end).is_ascii_digit() {
        return None;
    }
    let start = sign.map_or(at, |(start, _)| start);
    let unit = sign.map(|(_, unit)| unit).or(unit);
    let tail = if sign.is_some() { end } else { tail };
    Some(Quantity { value, unit, span: start..tail, number: at..end, spelled: false })
}

fn in_words(scan: &Scan, found: &mut Vec<Quantity>) {
    let words = scan.words();
    let mut at = 0;
    while at < words.len() {
        let Some((value, taken)) = number::spelled(&words, at) else {
            at += 1;
            continue;
        };
        let number = words[at].span.start..words[at + taken - 1].span.end;
        let (end, unit) = unit_after(scan, number.end);
        let sign = unit_before(scan, number.start);
        let (start, unit) = sign.map_or((number.start, unit), |(start, unit)| (start, Some(unit)));
        // `one` is a pronoun as often as a number; `one of`, `two-tone` and `one-shoulder` count nothing.
        let counts = value != 1.0 || unit.is_some_and(|unit| unit.dimension != Dimension::Times);
        let compound = scan.get(number.end) == '-' && unit.is_none();
        if counts && !compound {
            found.push(Quantity { value, unit, span: start..end, number, spelled: true });
        }
        at += taken;
    }
}

fn in_chinese(scan: &Scan, at: usize) -> Option<Quantity> {
    if let Some(start) = scan.is_at(at, "百分之") {
        let (value, end) = number::chinese(scan, start).or_else(|| number::digits(scan, start))?;
        let unit = Some(Unit { dimension: Dimension::Percent, factor: 1.0 });
        return Some(Quantity { value, unit, span: at..end, number: start..end, spelled: true });
    }
    let before = scan.before(at);
    // `第二`, `这两年`, `近几年` count nothing of the product.
    if matches!(before, '第' | '这' | '那' | '几' | '近' | '数' | '每' | '约') || is_numeral(before) {
        return None;
    }
    let (value, end) = number::chinese(scan, at)?;
    let (tail, unit) = unit_after(scan, end);
    let unit = unit.filter(|_| is_han(scan.get(end)) || scan.get(end) == '%')?;
    let loose = matches!(
        unit.dimension,
        Dimension::Day
            | Dimension::Layer
            | Dimension::Piece
            | Dimension::Degree
            | Dimension::Times
            | Dimension::Length
    );
    let year = unit.dimension == Dimension::Month && unit.factor > 1.0;
    // `一天`, `一年四季`, `一层`, `百年`: ways of speaking.
    let idiom = (value <= 1.0 && (loose || year)) || (year && value >= 100.0 && end == at + 1);
    // `一寸`, `十分` and the like; `二元`, `多元` are styles.
    let style = unit.dimension == Dimension::Inch && value <= 1.0;
    (!idiom && !style).then_some(Quantity {
        value,
        unit: Some(unit),
        span: at..tail,
        number: at..end,
        spelled: true,
    })
}

fn is_numeral(c: char) -> bool {
    "零一二三四五六七八九十百千两半".contains(c)
}

/// A sign of money that ends at `at`, a space between at most: where it begins.
fn unit_before(scan: &Scan, at: usize) -> Option<(usize, Unit)> {
    unit::before(|sign| {
        let gap = usize::from(scan.before(at) == ' ');
        let start = at.checked_sub(gap + sign.chars().count())?;
        let whole = !sign.starts_with(char::is_alphabetic)
            || !is_word(scan.before(start))
            || sign.starts_with(is_han);
        (scan.is_at(start, sign) == Some(at - gap) && whole).then_some(start)
    })
}

/// A unit at `at`, after a space or hyphen at most; a Latin one ends with its word.
fn unit_after(scan: &Scan, at: usize) -> (usize, Option<Unit>) {
    let gap = usize::from(matches!(scan.get(at), ' ' | '-'));
    let found = unit::after(|name| {
        let mut end = scan.is_at(at + gap, name)?;
        // `20 in the box`, `3 m`: a preposition and a single letter after a space are no units.
        let loose = gap == 1
            && scan.get(at) == ' '
            && matches!(name, "in" | "m" | "s" | "p" | "k" | "x" | "y" | "v" | "l" | "h" | "''");
        if name.ends_with(|c: char| c.is_ascii_alphabetic()) {
            let plural = scan.get(end) == 's' && !is_word(scan.get(end + 1)) && name.len() > 1;
            end += usize::from(plural);
            if loose || is_word(scan.get(end)) {
                return None;
            }
        }
        Some(end)
    });
    match found {
        // RNNLG's normal form parts the plural: `2 port -s`.
        Some((end, unit)) => (scan.is_at(end, " -s").unwrap_or(end), Some(unit)),
        None => (at, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(f64, Option<Dimension>)> {
        quantities(&Scan::new(text)).into_iter().map(|q| (q.value, q.unit.map(|u| u.dimension))).collect()
    }

    #[test]
    fn quantities_are_read_in_both_languages() {
        use Dimension::*;
        assert_eq!(read("lasts eight hours, or 8h, or 8-hour"), [(8.0, Some(Time)); 3]);
        assert_eq!(
            read("$1,299.00 or ¥1299 or 1299 dollars"),
            [(1299.0, Some(Dollar)), (1299.0, Some(Yuan)), (1299.0, Some(Dollar))]
        );
        assert_eq!(
            read("a 15.6\" screen, 100% cotton, 1080p"),
            [(15.6, Some(Inch)), (100.0, Some(Percent)), (1080.0, Some(Lines))]
        );
        assert_eq!(
            read("续航八小时，三年质保，售价199元，打八折"),
            [(8.0, Some(Time)), (3.0, Some(Month)), (199.0, Some(Yuan)), (8.0, Some(Discount))]
        );
        assert_eq!(read("which one do you prefer, the i5 or the l2? one of a kind"), []);
        assert_eq!(read("一年四季百搭，十分显瘦，一款这两年的第二件"), []);
        assert_eq!(read("with 2 hdmi ports and 20 in the box"), [(2.0, None), (20.0, None)]);
    }

    #[test]
    fn the_same_measure_agrees_in_other_units() {
        let one = |text: &str| quantities(&Scan::new(text)).remove(0);
        for (a, b, same) in [
            ("eight hours", "8h", true),
            ("480 minutes", "8 小时", true),
            ("1 tb", "1000 gb", true),
            ("1 year", "12 months", true),
            ("8 hours", "8 days", false),
            ("1.5 kg", "1500克", true),
            ("33.7 inch", "37.3 inch", false),
            ("8", "8 hours", true),
            ("$8", "8 hours", false),
        ] {
            assert_eq!(one(a).agrees(&one(b), None), same, "{a} {b}");
        }
    }
}
