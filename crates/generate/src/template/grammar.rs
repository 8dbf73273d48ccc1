//! A small grammar of texts: rules with alternatives, optional parts and slots.
//!
//! ```text
//! # a comment
//! class colour = color, colour            words that belong together
//! opening = Meet {name}[ by {brand}]. | (This/Here) is {name}.
//! opening.elegant = {name:cap}[, {category:a}].
//! ```
//!
//! `|` parts alternatives, `(a/b)` is a choice inside one, `[…]` is left out where a slot in it is empty, `{slot}` is the
//! slot's text, with `:a` an English article before it (where it is one thing that can be counted) and `:cap` a capital, `<rule>` another rule. `\` takes the meaning
//! off a sign. An alternative whose slots outside brackets are not all filled is not chosen.

use std::collections::BTreeMap;

use thiserror::Error;

use super::noun::is_countable;
use crate::random::Random;

/// Brackets in brackets deeper than this are refused.
const DEEPEST: usize = 16;
/// Rules in rules deeper than this give nothing, which ends a rule that names itself.
const DEEPEST_RULE: usize = 8;

/// Parsed rules and classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grammar {
    rules: BTreeMap<String, Vec<Sequence>>,
    classes: Vec<(String, Vec<String>)>,
}

/// Why a grammar cannot be read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("line {line}: {reason}")]
pub struct GrammarError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: &'static str,
}

type Sequence = Vec<Part>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot { name: String, form: Form },
    Rule(String),
    Optional(Sequence),
    Choice(Vec<Sequence>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Article,
    Capital,
}

/// Slots and their texts.
pub type Slots<'a> = BTreeMap<&'a str, String>;

impl Grammar {
    /// Reads a grammar.
    ///
    /// # Errors
    /// When a line is no rule, or its brackets do not match.
    pub fn parse(text: &str) -> Result<Self, GrammarError> {
        let mut grammar = Self::default();
        for (at, line) in text.lines().enumerate() {
            let wrong = |reason| GrammarError { line: at + 1, reason };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, body) =
                line.split_once(" = ").ok_or_else(|| wrong("a rule is written name = text"))?;
            let name = name.trim();
            if let Some(class) = name.strip_prefix("class ") {
                let words =
                    body.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty());
                grammar.classes.push((class.trim().to_owned(), words.collect()));
                continue;
            }
            let chars: Vec<char> = body.trim().chars().collect();
            let mut reader = Reader { chars: &chars, at: 0 };
            let alternatives = reader.alternatives('|', 0).map_err(wrong)?;
            if reader.at < chars.len() {
                return Err(wrong("a bracket is closed that was not opened"));
            }
            grammar.rules.entry(name.to_owned()).or_default().extend(alternatives);
        }
        Ok(grammar)
    }

    /// The first class one of whose words is `name`, else whose word is part of it.
    pub fn class(&self, name: &str) -> Option<&str> {
        let name = name.to_lowercase();
        let whole = self.classes.iter().find(|(_, words)| words.contains(&name));
        let part =
            || self.classes.iter().find(|(_, words)| words.iter().any(|word| name.contains(word.as_str())));
        whole.or_else(part).map(|(class, _)| class.as_str())
    }

    /// Whether there is a rule of this name.
    pub fn has(&self, rule: &str) -> bool {
        self.rules.contains_key(rule)
    }

    /// One way to say a rule with these slots; nothing where no alternative's slots are filled.
    pub(crate) fn say(&self, rule: &str, slots: &Slots<'_>, random: &mut Random) -> Option<String> {
        self.expand_rule(rule, slots, random, 0)
    }

    fn expand_rule(
        &self,
        rule: &str,
        slots: &Slots<'_>,
        random: &mut Random,
        depth: usize,
    ) -> Option<String> {
        let all = self.rules.get(rule).filter(|_| depth < DEEPEST_RULE)?;
        let open: Vec<&Sequence> = all.iter().filter(|sequence| is_open(sequence, slots)).collect();
        let chosen = open.get(random.below(open.len()))?;
        self.expand(chosen, slots, random, depth)
    }

    fn expand(
        &self,
        sequence: &Sequence,
        slots: &Slots<'_>,
        random: &mut Random,
        depth: usize,
    ) -> Option<String> {
        let mut text = String::new();
        for part in sequence {
            match part {
                Part::Text(words) => text.push_str(words),
                Part::Slot { name, form } => text.push_str(&form.of(slots.get(name.as_str())?)),
                Part::Rule(rule) => text.push_str(&self.expand_rule(rule, slots, random, depth + 1)?),
                Part::Optional(inner) if is_open(inner, slots) => {
                    text.push_str(&self.expand(inner, slots, random, depth).unwrap_or_default());
                }
                Part::Optional(_) => {}
                Part::Choice(choices) => {
                    let open: Vec<&Sequence> =
                        choices.iter().filter(|choice| is_open(choice, slots)).collect();
                    text.push_str(&self.expand(open.get(random.below(open.len()))?, slots, random, depth)?);
                }
            }
        }
        Some(text)
    }
}

/// Whether the slots outside brackets are filled.
fn is_open(sequence: &Sequence, slots: &Slots<'_>) -> bool {
    sequence.iter().all(|part| match part {
        Part::Slot { name, .. } => slots.get(name.as_str()).is_some_and(|text| !text.is_empty()),
        Part::Choice(choices) => choices.iter().any(|choice| is_open(choice, slots)),
        _ => true,
    })
}

impl Form {
    fn of(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Article if is_countable(text) => format!("{} {text}", article(text)),
            Self::Article => text.to_owned(),
            Self::Capital => capital(text),
        }
    }
}

/// `a` or `an`, by the sound the word begins with.
pub(crate) fn article(text: &str) -> &'static str {
    let first: String = text.chars().take_while(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let vowel = first.starts_with(['a', 'e', 'i', 'o', 'u']);
    // `a usb port`, `a european`, `a one-piece`; `an hour`, `an hdmi port`, `an lcd`, `an 8 inch`, `an 11 inch`.
    let consonant = ["uni", "use", "usu", "usb", "eu", "one", "once", "ux", "ut"]
        .iter()
        .any(|start| first.starts_with(start));
    let named =
        ["hour", "hono", "heir", "hdmi", "hd", "lcd", "led", "mp", "rgb", "sd", "ssd", "fm", "xl", "nfc"];
    let spoken = named.iter().any(|start| first.starts_with(start))
        || first.starts_with('8')
        || matches!(first.as_str(), "11" | "18");
    if (vowel && !consonant) || spoken { "an" } else { "a" }
}

/// The first letter as a capital.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

impl Reader<'_> {
    /// Sequences parted by `mark`, up to a closing bracket or the end.
    fn alternatives(&mut self, mark: char, depth: usize) -> Result<Vec<Sequence>, &'static str> {
        if depth > DEEPEST {
            return Err("brackets are too deep");
        }
        let mut all = vec![Sequence::new()];
        let mut text = String::new();
        while let Some(&c) = self.chars.get(self.at) {
            if matches!(c, ']' | ')') {
                break;
            }
            self.at += 1;
            let part = match c {
                '\\' => {
                    let literal = self.chars.get(self.at).ok_or("a `\\` at the end")?;
                    text.push(*literal);
                    self.at += 1;
                    continue;
                }
                '{' => {
                    let inside = self.until('}')?;
                    let (name, form) = inside.split_once(':').unwrap_or((&inside, ""));
                    let form = match form {
                        "" => Form::Plain,
                        "a" => Form::Article,
                        "cap" => Form::Capital,
                        _ => return Err("a slot's form is `a` or `cap`"),
                    };
                    Part::Slot { name: name.to_owned(), form }
                }
                '<' => Part::Rule(self.until('>')?),
                '[' => Part::Optional(self.bracket(']', '\0', depth)?.pop().unwrap_or_default()),
                '(' => Part::Choice(self.bracket(')', '/', depth)?),
                _ if c == mark => {
                    finish(&mut all, &mut text, mark == '|');
                    all.push(Sequence::new());
                    continue;
                }
                _ => {
                    text.push(c);
                    continue;
                }
            };
            if !text.is_empty() {
                let words = if all.last().is_some_and(Vec::is_empty) && mark == '|' {
                    text.trim_start().to_owned()
                } else {
                    text.clone()
                };
                push(&mut all, Part::Text(words));
                text.clear();
            }
            push(&mut all, part);
        }
        finish(&mut all, &mut text, mark == '|');
        Ok(all)
    }

    fn bracket(&mut self, close: char, mark: char, depth: usize) -> Result<Vec<Sequence>, &'static str> {
        let inside = self.alternatives(mark, depth + 1)?;
        if self.chars.get(self.at) != Some(&close) {
            return Err("a bracket is not closed");
        }
        self.at += 1;
        Ok(inside)
    }

    fn until(&mut self, close: char) -> Result<String, &'static str> {
        let rest = &self.chars[self.at..];
        let end = rest.iter().position(|&c| c == close).ok_or("a slot or rule is not closed")?;
        self.at += end + 1;
        Ok(rest[..end].iter().collect())
    }
}

fn push(all: &mut [Sequence], part: Part) {
    if let Some(last) = all.last_mut() {
        last.push(part);
    }
}

/// Ends a sequence; spaces round an alternative's mark are no text.
fn finish(all: &mut [Sequence], text: &mut String, trim: bool) {
    let first = all.last().is_some_and(Vec::is_empty);
    let mut words = std::mem::take(text);
    if trim {
        words.truncate(words.trim_end().len());
        if first {
            words = words.trim_start().to_owned();
        }
    }
    if !words.is_empty() {
        push(all, Part::Text(words));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str, slots: &[(&'static str, &str)]) -> std::collections::BTreeSet<String> {
        let grammar = Grammar::parse(text).unwrap();
        let slots: Slots<'_> = slots.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        (0..64).filter_map(|seed| grammar.say("top", &slots, &mut Random::new(seed, 0))).collect()
    }

    #[test]
    fn alternatives_choices_options_and_rules() {
        let text = "top = <hi> {x:cap}[ by {y}]. | See (this/that): {y}\nhi = Meet | Oh,\n";
        let expected = ["Meet Apple.", "Oh, Apple."];
        assert_eq!(all(text, &[("x", "apple")]).into_iter().collect::<Vec<_>>(), expected);
        assert!(all(text, &[("x", "apple"), ("y", "z")]).contains("See that: z"));
        assert_eq!(all("top = \\[{x:a}\\]", &[("x", "hour")]).into_iter().next().unwrap(), "[an hour]");
        assert!(all("top = {y}", &[("x", "a")]).is_empty() && all("top = <top>", &[]).is_empty());
    }

    #[test]
    fn articles_follow_the_sound() {
        for (word, expected) in [
            ("usb port", "a"),
            ("hdmi port", "an"),
            ("8 inch", "an"),
            ("80 inch", "an"),
            ("10 inch", "a"),
            ("European plug", "a"),
            ("hour", "an"),
            ("eco rating", "an"),
            ("18 watt", "an"),
            ("180 watt", "a"),
        ] {
            assert_eq!(article(word), expected, "{word}");
        }
    }

    #[test]
    fn what_is_no_grammar_is_told() {
        for (text, line) in
            [("x", 1), ("\na = [b", 2), ("a = b)", 1), ("a = {b", 1), ("a = {b:c}", 1), ("a = \\", 1)]
        {
            assert_eq!(Grammar::parse(text).unwrap_err().line, line, "{text}");
        }
        assert!(Grammar::parse(&format!("a = {}", "[".repeat(10_000))).is_err());
    }

    proptest! {
        #[test]
        fn reading_and_saying_never_panic(text in "[ab|/(){}<>:= \\[\\]\\\\\n.]{0,60}", seed: u64) {
            if let Ok(grammar) = Grammar::parse(&format!("a = b\n{text}")) {
                let slots: Slots<'_> = [("a", "x".to_owned())].into();
                let _ = grammar.say("a", &slots, &mut Random::new(seed, 0));
            }
        }
    }
}
