//! Text to n-grams with their places: words, neighbouring pairs, and the pieces of words.

use std::collections::BTreeSet;
use std::ops::Range;

/// The most bytes of a text that are read.
pub const MAX_TEXT: usize = 4_096;
/// Lengths of a word's pieces in characters, its two edges marked `<` and `>` counted (Bojanowski et al., "Enriching
/// word vectors with subword information", 2017, section 3.2).
const PIECES: std::ops::RangeInclusive<usize> = 3..=5;
/// The longest word, in characters, that is taken apart.
const LONGEST: usize = 32;
/// Stands before a text's and a sentence's first word.
const OPENING: &str = "^";
/// Keeps pieces apart from words of the same letters.
const PIECE: char = '\u{1}';

/// A word, or one Chinese character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Where it is in the text, in bytes.
    pub span: Range<usize>,
    /// Lower-cased, apostrophes straight.
    pub lower: String,
    /// Whether it begins a sentence.
    pub opens: bool,
    /// Whether the token before is its neighbour: nothing but spaces, hyphens and quotes between them.
    pub follows: bool,
}

/// One n-gram of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gram {
    /// Its hash, folded to 32 bits.
    pub symbol: u32,
    /// The bytes it is about: for a piece, the whole word.
    pub span: Range<usize>,
    /// What it is.
    pub kind: GramKind,
}

/// What an n-gram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GramKind {
    /// A whole word, or a Chinese character.
    Word,
    /// Two neighbours, or a word that begins a sentence.
    Pair,
    /// Some letters of a word.
    Piece,
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo).
pub(crate) fn symbol(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What is read of a text: its first [`MAX_TEXT`] bytes, cut at a character.
pub(super) fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

/// The words of a text in reading order. A Chinese character is a word of its own.
#[must_use]
pub fn tokens(text: &str) -> Vec<Token> {
    let text = head(text);
    let mut found: Vec<Token> = Vec::new();
    let (mut opens, mut follows) = (true, false);
    let mut word: Option<(usize, String)> = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let end = at + letter.len_utf8();
        let next = letters.peek().map(|(_, next)| *next);
        if letter.is_alphanumeric() && !is_ideograph(letter) {
            let (_, lower) = word.get_or_insert_with(|| (at, String::new()));
            lower.extend(letter.to_lowercase());
            if next.is_none_or(|next| !continues(next)) {
                close(&mut word, end, &mut opens, &mut follows, &mut found);
            }
            continue;
        }
        if is_apostrophe(letter)
            && let Some((_, lower)) = &mut word
        {
            if next.is_some_and(|next| next.is_alphanumeric() && !is_ideograph(next)) {
                lower.push('\'');
            } else {
                close(&mut word, at, &mut opens, &mut follows, &mut found);
            }
            continue;
        }
        if is_ideograph(letter) {
            word = Some((at, letter.to_string()));
            close(&mut word, end, &mut opens, &mut follows, &mut found);
        } else if is_full_stop(letter) || (letter == '.' && next.is_none_or(|next| !next.is_alphanumeric())) {
            (opens, follows) = (true, false);
        } else if !(letter.is_whitespace() || letter == '-' || is_apostrophe(letter) || is_quote(letter)) {
            follows = false;
        }
    }
    found
}

fn close(
    word: &mut Option<(usize, String)>,
    end: usize,
    opens: &mut bool,
    follows: &mut bool,
    found: &mut Vec<Token>,
) {
    if let Some((start, lower)) = word.take() {
        found.push(Token { span: start..end, lower, opens: *opens, follows: *follows });
        (*opens, *follows) = (false, true);
    }
}

/// The n-grams of a text's tokens, each symbol once, at its first place.
#[must_use]
pub fn grams(tokens: &[Token]) -> Vec<Gram> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut add = |text: &str, span: Range<usize>, kind: GramKind| {
        let symbol = fold(symbol(text));
        if seen.insert(symbol) {
            found.push(Gram { symbol, span, kind });
        }
    };
    let mut before: Option<&Token> = None;
    for token in tokens {
        add(&token.lower, token.span.clone(), GramKind::Word);
        pieces(&token.lower, |piece| add(piece, token.span.clone(), GramKind::Piece));
        if token.opens {
            add(&format!("{OPENING} {}", token.lower), token.span.clone(), GramKind::Pair);
        }
        if let Some(before) = before.filter(|_| token.follows) {
            let span = before.span.start..token.span.end;
            add(&format!("{} {}", before.lower, token.lower), span, GramKind::Pair);
        }
        before = Some(token);
    }
    found
}

fn pieces(word: &str, mut found: impl FnMut(&str)) {
    let letters: Vec<char> = std::iter::once('<').chain(word.chars()).chain(std::iter::once('>')).collect();
    if letters.len() > LONGEST + 2 || word.chars().any(is_ideograph) {
        return;
    }
    let mut piece = String::new();
    for length in PIECES {
        for part in letters.windows(length).filter(|part| part.len() < letters.len()) {
            piece.clear();
            piece.push(PIECE);
            piece.extend(part);
            found(&piece);
        }
    }
}

fn fold(symbol: u64) -> u32 {
    (symbol ^ (symbol >> 32)) as u32
}

fn continues(letter: char) -> bool {
    (letter.is_alphanumeric() && !is_ideograph(letter)) || is_apostrophe(letter)
}

fn is_apostrophe(letter: char) -> bool {
    matches!(letter, '\'' | '\u{2019}')
}

fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '\u{2018}' | '\u{201c}' | '\u{201d}')
}

/// Ends a sentence wherever it stands.
fn is_full_stop(letter: char) -> bool {
    matches!(letter, '!' | '?' | '…' | '。' | '！' | '？' | '\n')
}

/// CJK unified ideographs with extension A and the compatibility block.
pub(super) fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.lower).collect()
    }

    #[test]
    fn words_have_their_places() {
        let text = "She Didn’t know. 'This' 纯棉 T-shirt";
        assert_eq!(words(text), ["she", "didn't", "know", "this", "纯", "棉", "t", "shirt"]);
        for token in tokens(text) {
            assert_eq!(text[token.span.clone()].to_lowercase().replace('’', "'"), token.lower);
        }
        let opens: Vec<bool> = tokens(text).iter().map(|token| token.opens).collect();
        assert_eq!(opens, [true, false, false, true, false, false, false, false]);
        assert!(words("' — !").is_empty());
    }

    #[test]
    fn pairs_do_not_cross_a_sentence() {
        let spans = |text: &str| -> Vec<String> {
            let found = grams(&tokens(text));
            found.iter().map(|gram| text[gram.span.clone()].to_owned()).filter(|t| t.contains(' ')).collect()
        };
        assert_eq!(spans("Oak lamp"), ["Oak lamp"]);
        assert!(spans("Oak. Lamp").is_empty());
        assert!(spans("Oak, lamp").is_empty());
    }

    #[test]
    fn each_symbol_once_and_case_does_not_matter() {
        assert_eq!(grams(&tokens("go go go")).len(), grams(&tokens("Go GO")).len());
        let hostile = "word ".repeat(50_000) + &"x".repeat(100_000);
        assert!(tokens(&hostile).len() <= MAX_TEXT);
        assert!(grams(&tokens(&"x".repeat(100_000))).len() <= 2);
    }
}
