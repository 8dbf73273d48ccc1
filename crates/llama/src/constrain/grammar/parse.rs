//! Reading a grammar's text.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use super::{Alternatives, Element};
use crate::{Error, Result};

/// The most bytes of a grammar, rules of it (those made of repetitions too), and repetitions of one element.
const LIMITS: (usize, usize, usize) = (64 * 1024, 4_096, 256);
/// Groups in groups.
const DEPTH: usize = 64;
/// Elements in a row.
const LONGEST: usize = 1_024;

/// All rules, `root` first.
pub(super) fn rules(text: &str) -> Result<Vec<Alternatives>> {
    if text.len() > LIMITS.0 {
        return Err(Error::Input(format!("a grammar has at most {} bytes", LIMITS.0)));
    }
    let mut parser = Parser {
        chars: text.chars().peekable(),
        line: 1,
        names: BTreeMap::new(),
        rules: Vec::new(),
        depth: 0,
    };
    parser.rule_of("root");
    parser.space(true);
    while parser.chars.peek().is_some() {
        let name = parser.name()?;
        parser.space(false);
        for wanted in "::=".chars() {
            parser.expect(wanted)?;
        }
        let alternatives = parser.alternatives()?;
        let rule = parser.rule_of(&name);
        if parser.rules[rule].replace(alternatives).is_some() {
            return Err(parser.error(format!("{name} is there twice")));
        }
        parser.space(true);
    }
    let missing = parser.names.iter().find(|(_, rule)| parser.rules[**rule].is_none());
    if let Some((name, _)) = missing {
        return Err(Error::Input(format!("the grammar has no rule {name}")));
    }
    let rules: Vec<Alternatives> = parser.rules.into_iter().flatten().collect();
    left_recursion(&rules)?;
    Ok(rules)
}

struct Parser<'t> {
    chars: Peekable<Chars<'t>>,
    line: usize,
    names: BTreeMap<String, usize>,
    rules: Vec<Option<Alternatives>>,
    depth: usize,
}

impl Parser<'_> {
    fn error(&self, what: impl std::fmt::Display) -> Error {
        Error::Input(format!("the grammar's line {}: {what}", self.line))
    }

    fn rule_of(&mut self, name: &str) -> usize {
        if let Some(rule) = self.names.get(name) {
            return *rule;
        }
        self.names.insert(name.to_owned(), self.rules.len());
        self.rules.push(None);
        self.rules.len() - 1
    }

    fn add(&mut self, alternatives: Alternatives) -> Result<Element> {
        if self.rules.len() >= LIMITS.1 {
            return Err(self.error("too many rules and repetitions"));
        }
        self.rules.push(Some(alternatives));
        Ok(Element::Rule(self.rules.len() - 1))
    }

    fn next(&mut self) -> Option<char> {
        let char = self.chars.next();
        if char == Some('\n') {
            self.line += 1;
        }
        char
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        match self.next() {
            Some(char) if char == wanted => Ok(()),
            other => Err(self.error(format!("{wanted:?} must stand here, not {other:?}"))),
        }
    }

    fn space(&mut self, lines: bool) {
        while let Some(char) = self.chars.peek().copied() {
            if char == '#' {
                while self.chars.peek().is_some_and(|char| *char != '\n') {
                    self.next();
                }
            } else if char.is_whitespace() && (lines || char != '\n') {
                self.next();
            } else {
                break;
            }
        }
    }

    fn name(&mut self) -> Result<String> {
        let mut name = String::new();
        while let Some(char) =
            self.chars.peek().filter(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_'))
        {
            name.push(*char);
            self.next();
        }
        if name.is_empty() { Err(self.error("a rule's name must stand here")) } else { Ok(name) }
    }

    fn alternatives(&mut self) -> Result<Alternatives> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.error("groups are nested too deep"));
        }
        let grouped = self.depth > 1;
        let mut alternatives = vec![self.sequence(grouped)?];
        loop {
            self.space(grouped);
            // An alternative may stand on the next line.
            let mut ahead = self.chars.clone();
            let on_next_line = !grouped && ahead.by_ref().find(|char| !char.is_whitespace()) == Some('|');
            if on_next_line {
                self.space(true);
            }
            if self.chars.peek() != Some(&'|') {
                break;
            }
            self.next();
            self.space(true);
            alternatives.push(self.sequence(grouped)?);
        }
        self.depth -= 1;
        Ok(alternatives)
    }

    fn sequence(&mut self, grouped: bool) -> Result<Vec<Element>> {
        let mut sequence = Vec::new();
        loop {
            self.space(grouped);
            let begun = sequence.len();
            match self.chars.peek().copied() {
                Some('"') => self.text(&mut sequence)?,
                Some('[') => sequence.push(self.class()?),
                Some('.') => {
                    self.next();
                    sequence.push(Element::Char { ranges: Vec::new(), outside: true });
                }
                Some('(') => {
                    self.next();
                    let alternatives = self.alternatives()?;
                    self.space(true);
                    self.expect(')')?;
                    let group = self.add(alternatives)?;
                    sequence.push(group);
                }
                Some(char) if char.is_ascii_alphanumeric() || matches!(char, '-' | '_') => {
                    let name = self.name()?;
                    sequence.push(Element::Rule(self.rule_of(&name)));
                }
                _ => return Ok(sequence),
            }
            self.repetition(&mut sequence, begun)?;
            if sequence.len() > LONGEST {
                return Err(self.error(format!("at most {LONGEST} characters and names in a row")));
            }
        }
    }

    /// `*`, `+`, `?`, `{m}`, `{m,}`, `{m,n}` after what stands from `begun` on.
    fn repetition(&mut self, sequence: &mut Vec<Element>, begun: usize) -> Result<()> {
        let (least, most) = match self.chars.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.next();
                let least = self.number()?;
                let mut most = Some(least);
                if self.chars.peek() == Some(&',') {
                    self.next();
                    most = if self.chars.peek() == Some(&'}') { None } else { Some(self.number()?) };
                }
                if most.is_some_and(|most| most < least) || self.chars.peek() != Some(&'}') {
                    return Err(self.error("a repetition is {m}, {m,} or {m,n}"));
                }
                (least, most)
            }
            _ => return Ok(()),
        };
        self.next();
        let repeated = sequence.split_off(begun);
        let once = match repeated.as_slice() {
            [only] => only.clone(),
            _ => self.add(vec![repeated])?,
        };
        sequence.extend(std::iter::repeat_n(once.clone(), least));
        match most {
            None => {
                let again = self.rules.len();
                let more = self.add(vec![vec![once, Element::Rule(again)], Vec::new()])?;
                sequence.push(more);
            }
            Some(most) => {
                let mut rest: Option<Element> = None;
                for _ in least..most {
                    let begins: Vec<Element> = std::iter::once(once.clone()).chain(rest).collect();
                    rest = Some(self.add(vec![begins, Vec::new()])?);
                }
                sequence.extend(rest);
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<usize> {
        let mut number = 0;
        let mut digits = 0;
        while let Some(digit) = self.chars.peek().and_then(|char| char.to_digit(10)) {
            number = number * 10 + digit as usize;
            digits += 1;
            if number > LIMITS.2 {
                return Err(self.error(format!("at most {} repetitions", LIMITS.2)));
            }
            self.next();
        }
        if digits == 0 { Err(self.error("a number must stand here")) } else { Ok(number) }
    }

    fn text(&mut self, sequence: &mut Vec<Element>) -> Result<()> {
        self.next();
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('\n') | None => return Err(self.error("a text has no end")),
                Some(char) => {
                    let char = self.escaped(char)?;
                    sequence.push(Element::Char { ranges: vec![(char, char)], outside: false });
                }
            }
        }
    }

    fn class(&mut self) -> Result<Element> {
        self.next();
        let outside = self.chars.peek() == Some(&'^');
        if outside {
            self.next();
        }
        let mut ranges = Vec::new();
        loop {
            let first = match self.next() {
                Some(']') => return Ok(Element::Char { ranges, outside }),
                Some('\n') | None => return Err(self.error("a class has no end")),
                Some(char) => self.escaped(char)?,
            };
            let mut ahead = self.chars.clone();
            let last = if ahead.next() == Some('-') && ahead.next().is_some_and(|char| char != ']') {
                self.next();
                let last = self.next().unwrap_or(first);
                self.escaped(last)?
            } else {
                first
            };
            if last < first {
                return Err(self.error(format!("{first:?}-{last:?} is no range")));
            }
            ranges.push((first, last));
        }
    }

    /// The character that `char` begins.
    fn escaped(&mut self, char: char) -> Result<char> {
        if char != '\\' {
            return Ok(char);
        }
        let digits = match self.next() {
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some(char) => return Ok(char),
            None => return Err(self.error("a text has no end")),
        };
        let mut code = 0_u32;
        for _ in 0..digits {
            let digit = self.next().and_then(|char| char.to_digit(16));
            code = code << 4
                | digit.ok_or_else(|| self.error(format!("{digits} hexadecimal digits must stand here")))?;
        }
        char::from_u32(code).ok_or_else(|| self.error(format!("there is no character {code:x}")))
    }
}

/// Refuses rules that come back to themselves before a character is read.
fn left_recursion(rules: &[Alternatives]) -> Result<()> {
    let mut nullable = vec![false; rules.len()];
    loop {
        let before = nullable.clone();
        for (rule, alternatives) in rules.iter().enumerate() {
            nullable[rule] |= alternatives
                .iter()
                .any(|sequence| sequence.iter().all(|e| matches!(e, Element::Rule(rule) if before[*rule])));
        }
        if nullable == before {
            break;
        }
    }
    // Depth first: 0 not seen, 1 on the way, 2 done.
    let mut seen = vec![0_u8; rules.len()];
    for root in 0..rules.len() {
        let mut way = vec![(root, false)];
        while let Some((rule, done)) = way.pop() {
            if done {
                seen[rule] = 2;
                continue;
            }
            match seen[rule] {
                0 => seen[rule] = 1,
                1 => return Err(Error::Input("a rule of the grammar begins with itself".to_owned())),
                _ => continue,
            }
            way.push((rule, true));
            for sequence in &rules[rule] {
                for element in sequence {
                    let Element::Rule(first) = element else { break };
                    match seen[*first] {
                        0 => way.push((*first, false)),
                        1 => return Err(Error::Input("a rule of the grammar begins with itself".to_owned())),
                        _ => {}
                    }
                    if !nullable[*first] {
                        break;
                    }
                }
            }
        }
    }
    Ok(())
}
