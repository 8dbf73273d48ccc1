//! Pre-tokenisers: what byte-level BPE cuts a text into. Each is a regular expression in the model's `tokenizer.json`; here they are
//! written out, so that no engine for them is loaded.

use crate::order;
use unicode_normalization::char::{canonical_combining_class, compose as pair, decompose_canonical};
use unicode_normalization::{IsNormalized, is_nfc_quick};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// Which expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pieces {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    Gpt2,
    /// Every digit by itself, then GPT-2's.
    SmolLm,
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`, with
    /// so many digits together.
    Digits(usize),
}

/// Canonical composition (NFC; Unicode Standard Annex 15). The library's own iterator brings the tables of compatible decomposition with it, which
/// a page would download for nothing.
pub(super) fn compose(text: &str) -> String {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return text.to_owned();
    }
    let mut parts: Vec<(char, u8)> = Vec::new();
    let mut marks = Vec::new();
    // Marks stand in the order of their classes, those of one class as they came.
    let settle = |parts: &mut Vec<_>, marks: &mut Vec<(char, u8)>| {
        order::sort_by_key(marks, |(_, class)| *class);
        parts.append(marks);
    };
    for char in text.chars() {
        decompose_canonical(char, |part| match canonical_combining_class(part) {
            0 => {
                settle(&mut parts, &mut marks);
                parts.push((part, 0));
            }
            class => marks.push((part, class)),
        });
    }
    settle(&mut parts, &mut marks);
    let mut composed: Vec<char> = Vec::new();
    let (mut starter, mut between) = (None, None);
    for (char, class) in parts {
        let open = between.is_none_or(|before| before < class);
        let whole = starter.filter(|_| open).and_then(|at: usize| Some((at, pair(composed[at], char)?)));
        if let Some((at, whole)) = whole {
            composed[at] = whole;
            continue;
        }
        (starter, between) = if class == 0 { (Some(composed.len()), None) } else { (starter, Some(class)) };
        composed.push(char);
    }
    composed.into_iter().collect()
}

impl Pieces {
    /// Calls `each` with the pieces of a text, in order.
    pub(super) fn cut(self, text: &str, mut each: impl FnMut(&str)) {
        match self {
            Self::Gpt2 => pieces(text, gpt2, each),
            Self::SmolLm => {
                let mut rest = text;
                while let Some(at) = rest.find(char::is_numeric) {
                    pieces(&rest[..at], gpt2, &mut each);
                    let digit = run(&rest[at..], 1, char::is_numeric);
                    each(&rest[at..at + digit]);
                    rest = &rest[at + digit..];
                }
                pieces(rest, gpt2, each);
            }
            Self::Digits(digits) => pieces(text, |rest| llama3(rest, digits), each),
        }
    }
}

fn pieces(text: &str, length: impl Fn(&str) -> usize, mut each: impl FnMut(&str)) {
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(length(rest));
        each(piece);
        rest = after;
    }
}

/// The length of the first piece of a text that is not empty.
fn gpt2(rest: &str) -> usize {
    if let Some(length) = contraction(rest, |character| character) {
        return length;
    }
    let space = usize::from(rest.starts_with(' '));
    let word = &rest[space..];
    for kind in [letter, char::is_numeric, other] {
        if word.starts_with(kind) {
            return space + run(word, usize::MAX, kind);
        }
    }
    white(rest)
}

fn llama3(rest: &str, digits: usize) -> usize {
    // `(?i)` folds case, and ſ is a form of s.
    let folded = |character: char| if character == 'ſ' { 's' } else { character.to_ascii_lowercase() };
    if let Some(length) = contraction(rest, folded) {
        return length;
    }
    let first = rest.chars().next().unwrap_or_default();
    let before = match first {
        '\r' | '\n' => 0,
        _ if letter(first) || first.is_numeric() => 0,
        _ => first.len_utf8(),
    };
    if rest[before..].starts_with(letter) {
        return before + run(&rest[before..], usize::MAX, letter);
    }
    if first.is_numeric() {
        return run(rest, digits, char::is_numeric);
    }
    let space = usize::from(first == ' ');
    if rest[space..].starts_with(other) {
        let end = space + run(&rest[space..], usize::MAX, other);
        return end + run(&rest[end..], usize::MAX, |character| matches!(character, '\r' | '\n'));
    }
    let blank = run(rest, usize::MAX, char::is_whitespace);
    match rest[..blank].rfind(['\r', '\n']) {
        Some(at) => at + 1,
        None => white(rest),
    }
}

/// White space: all of it at the end of the text, else all but the last character, which belongs to the next word.
fn white(rest: &str) -> usize {
    let blank = run(rest, usize::MAX, char::is_whitespace);
    match rest[..blank].char_indices().next_back() {
        Some((last, _)) if blank < rest.len() && last > 0 => last,
        _ => blank,
    }
}

/// `'s|'t|'re|'ve|'m|'ll|'d`
fn contraction(rest: &str, folded: impl Fn(char) -> char) -> Option<usize> {
    let mut characters = rest.strip_prefix('\'')?.chars();
    let first = characters.next()?;
    match folded(first) {
        's' | 't' | 'm' | 'd' => return Some(1 + first.len_utf8()),
        _ => {}
    }
    let second = characters.next()?;
    let pair = [folded(first), folded(second)];
    matches!(pair, ['r', 'e'] | ['v', 'e'] | ['l', 'l']).then_some(3)
}

/// Bytes of the characters that `kind` holds for, at the beginning, at most so many.
fn run(text: &str, most: usize, kind: impl Fn(char) -> bool) -> usize {
    text.chars().take(most).take_while(|character| kind(*character)).map(char::len_utf8).sum()
}

/// `\p{L}`
fn letter(character: char) -> bool {
    match character {
        '\0'..='\x7f' => character.is_ascii_alphabetic(),
        _ => character.general_category_group() == GeneralCategoryGroup::Letter,
    }
}

/// `[^\s\p{L}\p{N}]`
fn other(character: char) -> bool {
    !character.is_whitespace() && !letter(character) && !character.is_numeric()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization as _;

    use super::compose;

    #[test]
    fn composition_is_the_librarys() {
        for text in [
            "e\u{301}",
            "a\u{323}\u{307}",
            "a\u{307}\u{323}",
            "\u{1100}\u{1161}\u{11a8}",
            "\u{301}e\u{301}",
            "각",
            "\u{212b}",
            "ﬁ",
            "क\u{93c}",
            "\u{344}",
        ] {
            assert_eq!(compose(text), text.nfc().collect::<String>(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn of_any_text(text in "(\\PC|[a-e\u{300}-\u{345}\u{1100}-\u{11ff}\u{ac00}-\u{ac40}\u{591}-\u{5c7}\u{3099}\u{309a}か-ヶ]){0,24}") {
            prop_assert_eq!(compose(&text), text.nfc().collect::<String>());
        }
    }
}
