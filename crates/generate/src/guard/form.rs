//! Length, markup, scripts, forbidden phrases, and what is left of a prompt.

use super::{Check, Finding, Kind, Severity};
use crate::{
    brief::{Language, Length, is_han},
    facts::lexicon,
    scan::folded,
};

const LEAKS: &str = include_str!("../lexicon/leaks.txt");

/// Markup and addresses; what may follow decides for the signs that are also punctuation.
const SIGNS: [&str; 17] = [
    "</",
    "/>",
    "&lt;",
    "&gt;",
    "&#",
    "&amp;",
    "&nbsp;",
    "http:",
    "https:",
    "www.",
    "javascript:",
    "data:text",
    "**",
    "__",
    "```",
    "](",
    "<!",
];

pub(super) fn check(check: &mut Check<'_>) {
    length(check);
    markup(check);
    language(check);
    for phrase in &check.brief.forbidden {
        for span in check.scan.find(&folded(phrase)) {
            check.find(Kind::Forbidden, &span, "the brief forbids this");
        }
    }
    for leak in lexicon::lines(LEAKS) {
        for span in check.scan.find(leak) {
            check.find(Kind::Leak, &span, "something of a prompt or a model's voice");
        }
    }
}

fn length(check: &mut Check<'_>) {
    let Length { min, max } = check.brief.length();
    let length = check.scan.chars.len();
    let visible = check.scan.chars.iter().any(|c| c.is_alphanumeric());
    if length > max && check.brief.act.is_none() {
        let over = check.text.char_indices().nth(max).map_or(check.text.len(), |(at, _)| at);
        check.at(
            Kind::Length,
            Severity::Block,
            over..check.text.len(),
            format!("{length} characters, at most {max}"),
        );
    } else if length < min || !visible {
        check.push(Finding {
            kind: Kind::Length,
            severity: Severity::Block,
            span: 0..check.text.len(),
            what: String::new(),
            reason: format!("{length} characters, at least {min}"),
        });
    }
}

fn markup(check: &mut Check<'_>) {
    for sign in SIGNS {
        let mut at = 0;
        while at < check.scan.chars.len() {
            if let Some(end) = check.scan.is_at(at, sign) {
                check.find(Kind::Markup, &(at..end), "markup or an address");
                at = end;
            } else {
                at += 1;
            }
        }
    }
    for at in 0..check.scan.chars.len() {
        let (c, next) = (check.scan.get(at), check.scan.get(at + 1));
        let control = (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffd}');
        let starts_line = at == 0 || check.scan.before(at) == '\n';
        let heading = starts_line && (c == '#' || (matches!(c, '*' | '-') && next == ' '));
        if control || (c == '<' && next.is_alphabetic()) || heading || c == '`' {
            check.find(Kind::Markup, &(at..at + 1), if control { "a control character" } else { "markup" });
        }
    }
    for word in check.scan.words() {
        let site = [".com", ".net", ".org", ".cn", ".io", ".shop", ".co"]
            .iter()
            .find_map(|end| check.scan.is_at(word.span.end, end));
        if let Some(end) = site.filter(|&end| !check.scan.get(end).is_alphanumeric()) {
            check.find(Kind::Markup, &(word.span.start..end), "an address");
        }
    }
}

fn language(check: &mut Check<'_>) {
    let wanted = check.brief.language();
    let letters = check.scan.chars.iter().filter(|c| c.is_alphabetic()).count();
    if letters > 0 && Language::of(check.text) != wanted {
        let name = if wanted == Language::Zh { "Chinese" } else { "English" };
        check.at(Kind::Language, Severity::Block, 0..check.text.len(), format!("the text is not in {name}"));
        return;
    }
    let foreign = |c: char| match wanted {
        Language::En => c.is_alphabetic() && !is_latin(c),
        Language::Zh => c.is_alphabetic() && !is_latin(c) && !is_han(c),
    };
    let mut at = 0;
    while at < check.scan.chars.len() {
        let run = check.scan.chars[at..].iter().take_while(|&&c| foreign(c)).count();
        if run > 0 {
            let text = check.scan.text(at..at + run);
            if check.known.text.find(&text).is_empty() {
                check.find(Kind::Language, &(at..at + run), "letters of another script");
            }
        }
        at += run.max(1);
    }
}

fn is_latin(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '\u{aa}' | '\u{ba}' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}
