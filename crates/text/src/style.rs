//! Style: what a text is like whatever it is about. The marks of English and of Chinese writing are read alike.

use crate::grams::{Token, head, is_ideograph};

/// Names of the style features, in the order of [`style`].
pub const STYLE: [&str; 37] = [
    "words",
    "words over 8",
    "words over 12",
    "words over 16",
    "words over 20",
    "characters",
    "characters over 80",
    "word length",
    "word variety",
    "sentences",
    "question mark",
    "exclamation mark",
    "ellipsis",
    "quotation",
    "colon",
    "dash",
    "bracket",
    "commas",
    "full stop at the end",
    "number",
    "number first",
    "currency or percent",
    "hashtag or mention",
    "words in capitals",
    "capitalised words",
    "I, we",
    "you",
    "he",
    "she",
    "they",
    "this, that",
    "question word",
    "negation",
    "superlative",
    "question word first",
    "this, that first",
    "contraction",
];

/// Words an ideograph counts for: a written Chinese word has some 1.6 characters.
const WORDS_AN_IDEOGRAPH: f64 = 0.6;

/// English words and Chinese parts of words that mean one thing.
struct Lexicon {
    english: &'static [&'static str],
    chinese: &'static [&'static str],
}

const FIRST: Lexicon = Lexicon {
    english: &[
        "i", "me", "my", "mine", "we", "us", "our", "ours", "i'm", "i've", "i'd", "i'll", "we're", "we've",
        "we'll",
    ],
    chinese: &["我", "咱"],
};
const SECOND: Lexicon = Lexicon {
    english: &["you", "your", "yours", "you're", "you've", "you'll", "you'd", "yourself"],
    chinese: &["你", "您"],
};
const HE: Lexicon = Lexicon {
    english: &["he", "him", "his", "he's", "he'd", "himself", "man", "boy", "guy"],
    chinese: &["他"],
};
const SHE: Lexicon = Lexicon {
    english: &["she", "her", "hers", "she's", "she'd", "herself", "woman", "girl", "mom"],
    chinese: &["她"],
};
const THEY: Lexicon = Lexicon {
    english: &["they", "them", "their", "they're", "they've", "people"],
    chinese: &["他们", "她们", "大家"],
};
const DEMONSTRATIVE: Lexicon = Lexicon {
    english: &["this", "that", "these", "those", "here", "here's", "there", "that's"],
    chinese: &["这", "那", "此"],
};
const INTERROGATIVE: Lexicon = Lexicon {
    english: &["what", "why", "how", "who", "when", "where", "which", "what's", "who's"],
    chinese: &["什么", "为什么", "怎么", "如何", "谁", "哪"],
};
const NEGATION: Lexicon = Lexicon {
    english: &[
        "no",
        "not",
        "never",
        "nothing",
        "nobody",
        "without",
        "don't",
        "won't",
        "can't",
        "didn't",
        "isn't",
        "doesn't",
        "wasn't",
        "aren't",
        "couldn't",
        "wouldn't",
        "shouldn't",
    ],
    chinese: &["不", "没", "别", "无"],
};
const SUPERLATIVE: Lexicon = Lexicon {
    english: &[
        "most", "best", "worst", "ever", "always", "every", "only", "first", "last", "greatest", "biggest",
    ],
    chinese: &["最", "第一", "唯一", "永远"],
};

impl Lexicon {
    fn has(&self, token: &Token) -> bool {
        self.english.contains(&token.lower.as_str())
    }

    /// Occurrences, at most 2.
    fn count(&self, text: &str, tokens: &[Token]) -> f64 {
        let english = tokens.iter().filter(|token| self.has(token)).count();
        let chinese: usize = self.chinese.iter().map(|part| text.matches(part).count()).sum();
        (english + chinese).min(2) as f64
    }

    fn opens(&self, text: &str, tokens: &[Token]) -> f64 {
        let first = tokens.first();
        let begins = first.is_some_and(|token| {
            self.has(token)
                || self
                    .chinese
                    .iter()
                    .any(|part| text.get(token.span.start..).is_some_and(|rest| rest.starts_with(part)))
        });
        f64::from(u8::from(begins))
    }
}

/// The style features of a text, each of the order of 1. `tokens` are those of the same text.
#[must_use]
pub fn style(text: &str, tokens: &[Token]) -> [f64; STYLE.len()] {
    let read = head(text);
    let text = read.trim();
    let ideographs = tokens.iter().filter(|token| token.lower.chars().all(is_ideograph)).count();
    let latin = tokens.len() - ideographs;
    let words = latin as f64 + WORDS_AN_IDEOGRAPH * ideographs as f64;
    let characters = text.chars().count() as f64 + ideographs as f64;
    let any = |marks: &[char]| f64::from(u8::from(text.contains(marks)));
    let flag = |yes: bool| f64::from(u8::from(yes));
    let share = |n: usize| if tokens.is_empty() { 0.0 } else { n as f64 / tokens.len() as f64 };
    let over = |limit: f64| ((words - limit).max(0.0) / 5.0).min(4.0);
    let letters: usize = tokens.iter().map(|token| token.lower.chars().count()).sum();
    let mut distinct: Vec<&str> = tokens.iter().map(|token| token.lower.as_str()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let sentences = tokens.iter().filter(|token| token.opens).count();
    let ends = |marks: &[char]| text.trim_end_matches(['"', '\'', '\u{201d}', '\u{2019}']).ends_with(marks);
    let dots = text.contains("...") || text.contains('…');
    let cased = cased(text);
    [
        (words / 10.0).min(4.0),
        over(8.0),
        over(12.0),
        over(16.0),
        over(20.0),
        (characters / 50.0).min(4.0),
        ((characters - 80.0).max(0.0) / 30.0).min(4.0),
        if latin > 0 { ((letters - ideographs) as f64 / latin as f64 / 4.0).min(3.0) } else { 1.0 },
        share(distinct.len()),
        (sentences.min(4)) as f64,
        any(&['?', '？']),
        any(&['!', '！']),
        flag(dots),
        any(&['"', '\u{201c}', '\u{201d}', '\u{2018}', '「', '『', '《']),
        any(&[':', '：']),
        flag(text.contains(['—', '–']) || text.contains(" - ")),
        any(&['(', '[', '（', '【']),
        text.matches([',', '，', '、', ';', '；']).count().min(4) as f64,
        flag(ends(&['.', '。']) && !text.ends_with("...")),
        flag(text.contains(|letter: char| letter.is_numeric())),
        flag(text.starts_with(|letter: char| letter.is_numeric())),
        any(&['$', '€', '£', '¥', '￥', '%', '％']),
        any(&['#', '@', '＃']),
        (cased.shouted / cased.words.max(1.0) * 4.0).min(4.0),
        cased.capitalised / cased.words.max(1.0),
        FIRST.count(text, tokens),
        SECOND.count(text, tokens),
        HE.count(text, tokens),
        SHE.count(text, tokens),
        THEY.count(text, tokens),
        DEMONSTRATIVE.count(text, tokens),
        INTERROGATIVE.count(text, tokens),
        NEGATION.count(text, tokens),
        SUPERLATIVE.count(text, tokens),
        INTERROGATIVE.opens(read, tokens),
        DEMONSTRATIVE.opens(read, tokens),
        tokens.iter().filter(|token| token.lower.contains('\'')).count().min(3) as f64,
    ]
}

struct Cased {
    words: f64,
    shouted: f64,
    capitalised: f64,
}

fn cased(text: &str) -> Cased {
    let mut count = Cased { words: 0.0, shouted: 0.0, capitalised: 0.0 };
    for word in text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'' && letter != '\u{2019}')
    {
        let mut letters = word.chars().filter(|letter| letter.is_alphabetic());
        let Some(first) = letters.next() else { continue };
        if !(first.is_uppercase() || first.is_lowercase()) {
            continue;
        }
        count.words += 1.0;
        count.capitalised += f64::from(u8::from(first.is_uppercase()));
        let mut rest = 0;
        let loud = first.is_uppercase() && letters.inspect(|_| rest += 1).all(char::is_uppercase);
        count.shouted += f64::from(u8::from(loud && rest > 0));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grams::tokens;

    fn of(text: &str, name: &str) -> f64 {
        let at = STYLE.iter().position(|known| *known == name).unwrap();
        style(text, &tokens(text))[at]
    }

    #[test]
    fn english_and_chinese_marks_are_read_alike() {
        for (english, chinese, name) in [
            ("Why not?", "为什么不呢？", "question mark"),
            ("Why not?", "为什么不呢？", "question word first"),
            ("Why not?", "为什么不呢？", "negation"),
            ("You need it!", "您需要它！", "you"),
            ("3 lamps", "3盏灯", "number first"),
            ("This is it", "这就是它", "this, that first"),
            ("The \"best\" oak", "“最”好的橡木", "quotation"),
        ] {
            assert_eq!(of(english, name), 1.0, "{english} {name}");
            assert_eq!(of(chinese, name), 1.0, "{chinese} {name}");
        }
    }

    #[test]
    fn case_and_length() {
        assert_eq!(of("He SAID it", "words in capitals"), 4.0 / 3.0);
        assert_eq!(of("I said it", "words in capitals"), 0.0);
        assert_eq!(of("He Said it", "capitalised words"), 2.0 / 3.0);
        assert_eq!(of("one two three", "words"), 0.3);
        assert_eq!(of("  \u{3000}", "words"), 0.0);
        assert_eq!(of("It's done.", "full stop at the end"), 1.0);
        assert_eq!(of("Wait...", "full stop at the end"), 0.0);
        assert!(style(&"A! ".repeat(90_000), &tokens(&"A! ".repeat(90_000))).iter().all(|x| *x <= 4.0));
    }
}
