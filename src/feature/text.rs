//! Text to symbols: lower-cased words and word pairs, and single and paired Chinese characters.

use super::symbol_of;
use crate::wire::MAX_TEXT;

/// The most n-grams read from one text.
pub const MAX_GRAMS: usize = 32;

const WORD: u64 = 0xcbf2_9ce4_8422_2325;

/// Calls `found` with the symbol of each n-gram, at most [`MAX_GRAMS`] times, in reading order: words and
/// pairs of neighbouring words of alphabetic scripts, characters and pairs of neighbouring characters of
/// Chinese.
pub fn grams(text: &str, mut found: impl FnMut(u64)) {
    let mut left = MAX_GRAMS;
    let mut emit = |symbol: u64| {
        if left > 0 {
            left -= 1;
            found(symbol);
        }
    };
    let mut before: Option<u64> = None;
    let mut word: Option<u64> = None;
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    for letter in text.chars().chain(std::iter::once(' ')) {
        if letter.is_ascii_alphanumeric() {
            let lower = letter.to_ascii_lowercase() as u8;
            word = Some(symbol_of(&[lower], word.unwrap_or(WORD)));
            continue;
        }
        if !is_ideograph(letter) && letter.is_alphanumeric() {
            for lower in letter.to_lowercase() {
                word = Some(step(word.unwrap_or(WORD), lower));
            }
            continue;
        }
        if let Some(done) = word.take() {
            emit(done);
            if let Some(before) = before {
                emit(pair(before, done));
            }
            before = Some(done);
        }
        if is_ideograph(letter) {
            let done = step(WORD, letter);
            emit(done);
            if let Some(before) = before {
                emit(pair(before, done));
            }
            before = Some(done);
        } else if !letter.is_whitespace() && letter != '-' && letter != '\'' {
            before = None;
        }
    }
}

fn step(state: u64, letter: char) -> u64 {
    symbol_of(letter.encode_utf8(&mut [0; 4]).as_bytes(), state)
}

fn pair(first: u64, second: u64) -> u64 {
    symbol_of(&second.to_le_bytes(), first ^ 0x9e37_79b9_7f4a_7c15)
}

/// CJK unified ideographs with extension A and the compatibility block.
fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        let mut n = 0;
        grams(text, |_| n += 1);
        n
    }

    #[test]
    fn words_and_pairs() {
        assert_eq!(count(""), 0);
        assert_eq!(count("Oak lamp"), 3);
        assert_eq!(count("Oak. Lamp"), 2);
        assert_eq!(count("橡木灯"), 5);
        assert_eq!(count(&"word ".repeat(5000)), MAX_GRAMS);
    }

    #[test]
    fn case_does_not_matter() {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        grams("OAK Lamp", |s| a.push(s));
        grams("oak lamp", |s| b.push(s));
        assert_eq!(a, b);
    }
}
