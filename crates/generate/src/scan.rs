//! A text as the guard reads it: folded characters with the places they came from, and words.

use std::ops::Range;

use crate::brief::is_han;

/// A text with letters in lower case and full-width forms as ASCII, one character for each of the original.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    /// Folded characters.
    pub(crate) chars: Vec<char>,
    /// The byte at which each character begins, and the text's length.
    at: Vec<usize>,
    /// Whether a character was a capital.
    capital: Vec<bool>,
}

/// A run of letters and digits of a script that parts its words, in character positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
    /// Begins with a capital.
    pub(crate) capital: bool,
    /// The first word of a sentence or line.
    pub(crate) first: bool,
}

impl Scan {
    pub(crate) fn new(text: &str) -> Self {
        let mut scan = Self { chars: Vec::new(), at: Vec::new(), capital: Vec::new() };
        for (at, c) in text.char_indices() {
            scan.chars.push(fold(c));
            scan.at.push(at);
            scan.capital.push(c.is_uppercase());
        }
        scan.at.push(text.len());
        scan
    }

    /// Character positions as bytes of the original.
    pub(crate) fn bytes(&self, span: &Range<usize>) -> Range<usize> {
        self.at[span.start]..self.at[span.end]
    }

    pub(crate) fn get(&self, at: usize) -> char {
        self.chars.get(at).copied().unwrap_or('\0')
    }

    /// The character before `at`, or a space.
    pub(crate) fn before(&self, at: usize) -> char {
        at.checked_sub(1).map_or(' ', |at| self.get(at))
    }

    pub(crate) fn text(&self, span: Range<usize>) -> String {
        self.chars[span].iter().collect()
    }

    /// Whether `phrase` (folded) begins at `at`.
    pub(crate) fn is_at(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut end = at;
        for c in phrase.chars() {
            if self.get(end) != c || end >= self.chars.len() {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// Where a folded phrase stands: whole words (a plural's `s` aside) in scripts that part words, anywhere in Chinese.
    pub(crate) fn find(&self, phrase: &str) -> Vec<Range<usize>> {
        let (Some(first), Some(last)) = (phrase.chars().next(), phrase.chars().next_back()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for at in 0..self.chars.len() {
            if self.chars[at] != first || (is_word(first) && is_word(self.before(at))) {
                continue;
            }
            let Some(mut end) = self.is_at(at, phrase) else { continue };
            if is_word(last) {
                if self.get(end) == 's' && !is_word(self.get(end + 1)) {
                    end += 1;
                }
                if is_word(self.get(end)) {
                    continue;
                }
            }
            found.push(at..end);
        }
        found
    }

    pub(crate) fn words(&self) -> Vec<Word> {
        let mut words = Vec::new();
        let mut first = true;
        let mut at = 0;
        while at < self.chars.len() {
            let c = self.chars[at];
            if !is_word(c) {
                // An initial's or a decimal's point ends no sentence.
                let ends = matches!(c, '.' | '!' | '?' | '\n' | ':' | '•' | '。' | '；')
                    && !is_word(self.get(at + 1));
                first |= ends;
                at += 1;
                continue;
            }
            let start = at;
            while is_word(self.get(at)) || (matches!(self.get(at), '\'' | '’') && is_word(self.get(at + 1)))
            {
                at += 1;
            }
            words.push(Word {
                text: self.text(start..at),
                span: start..at,
                capital: self.capital[start],
                first,
            });
            first = false;
        }
        words
    }

    /// Whether a word that denies stands in the sentence before `at`, at most `reach` words away; in Chinese, just before.
    pub(crate) fn is_denied(&self, at: usize, reach: usize) -> bool {
        if "不非无没未仿".contains(self.before(at)) || self.text(at.saturating_sub(2)..at) == "没有" {
            return true;
        }
        let start = (0..at).rev().find(|&i| self.ends_sentence(i)).map_or(0, |i| i + 1);
        let before = Self {
            chars: self.chars[start..at].to_vec(),
            at: vec![0; at - start + 1],
            capital: vec![false; at - start],
        };
        before.words().iter().rev().take(reach).any(|word| is_denial(&word.text))
    }

    fn ends_sentence(&self, at: usize) -> bool {
        match self.get(at) {
            '.' => !is_word(self.get(at + 1)),
            c => matches!(c, '!' | '?' | '\n' | '。' | '；'),
        }
    }
}

fn is_denial(word: &str) -> bool {
    const LIST: [&str; 22] = [
        "no",
        "not",
        "non",
        "without",
        "lacks",
        "lack",
        "lacking",
        "never",
        "cannot",
        "neither",
        "nor",
        "dont",
        "doesnt",
        "isnt",
        "faux",
        "imitation",
        "excluding",
        "except",
        "outside",
        "opposed",
        "rather",
        "instead",
    ];
    LIST.contains(&word) || word.ends_with("n't") || word.ends_with("n’t")
}

/// A letter or digit of a script that parts its words.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() && !is_han(c) && !matches!(c, '\u{3040}'..='\u{30ff}')
}

fn fold(c: char) -> char {
    let c = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' => ' ',
        '’' | '‘' => '\'',
        '‐' | '‑' => '-',
        '￥' => '¥',
        _ => c,
    };
    c.to_lowercase().next().unwrap_or(c)
}

/// A phrase folded as a [`Scan`] folds a text.
pub(crate) fn folded(text: &str) -> String {
    text.chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_original() {
        let text = "Ｗool ÅNGSTRÖM 棉 WOOLS woolly";
        let scan = Scan::new(text);
        let found: Vec<&str> = scan.find("wool").iter().map(|span| &text[scan.bytes(span)]).collect();
        assert_eq!(found, ["Ｗool", "WOOLS"]);
        assert_eq!(scan.find("棉").len(), 1);
    }

    #[test]
    fn denial_reaches_through_its_clause() {
        let denied = |text: &str, word: &str| {
            let scan = Scan::new(text);
            scan.is_denied(scan.find(word)[0].start, 6)
        };
        assert!(denied("it does not have any usb ports", "usb"));
        assert!(denied("it doesn't come with usb", "usb"));
        assert!(!denied("it is not small. it has usb", "usb"));
        assert!(denied("这款不防水", "防水"));
    }
}
