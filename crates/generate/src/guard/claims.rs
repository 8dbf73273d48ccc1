//! What the product is said to have and has not, and words that law or practice bans.

use super::{Check, Kind, Severity};
use crate::{
    brief::Language,
    facts::{inside, lexicon},
};

const REGULATED: &str = include_str!("../lexicon/regulated.txt");

/// Words for attributes that RNNLG and catalogues have as yes and no: what affirms them.
const FLAGS: [(&str, &[&str]); 3] =
    [("hasusbport", &["usb"]), ("isforbusinesscomputing", &["business"]), ("hashdmiport", &["hdmi"])];

pub(super) fn check(check: &mut Check<'_>) {
    regulated(check);
    flags(check);
}

fn regulated(check: &mut Check<'_>) {
    let chinese = Language::of(check.text) == Language::Zh;
    let quoted = check.known.quoted(&check.scan);
    let mut taken: Vec<std::ops::Range<usize>> = Vec::new();
    for line in lexicon::lines(REGULATED) {
        let mut parts = line.split('!');
        let Some(word) = parts.next() else { continue };
        let harmless: Vec<_> = parts.flat_map(|longer| check.scan.find(longer)).collect();
        for span in check.scan.find(word) {
            let denied = !chinese && check.scan.is_denied(span.start, 3) && !word.starts_with("no");
            if inside(&span, &harmless) || inside(&span, &taken) || inside(&span, &quoted) || denied {
                continue;
            }
            // `which would you like the best` ranks a liking, not the product.
            if word == "the best" && like(check, span.start) {
                continue;
            }
            check.find(Kind::Regulated, &span, "a superlative or absolute that is banned or needs proof");
            taken.push(span);
        }
    }
}

fn like(check: &Check<'_>, at: usize) -> bool {
    let words = check.scan.words();
    let before = words.iter().rev().filter(|word| word.span.end <= at).take(3);
    before
        .into_iter()
        .any(|word| ["like", "prefer", "suits", "fits", "works", "do", "you"].contains(&word.text.as_str()))
}

/// A `false` attribute affirmed, or a `true` one denied.
fn flags(check: &mut Check<'_>) {
    for (name, has) in check.known.flags.clone() {
        let listed = FLAGS.iter().find(|(flag, _)| *flag == name);
        let words: Vec<String> = listed
            .map_or_else(|| vec![name.clone()], |(_, words)| words.iter().map(|w| (*w).to_owned()).collect());
        let spans: Vec<_> = words.iter().flat_map(|word| check.scan.find(word)).collect();
        for span in spans {
            let denied = check.scan.is_denied(span.start, 12) || denied_after(check, span.end);
            if denied == has {
                let reason = if has { "the product has this" } else { "the product does not have this" };
                let bytes = check.scan.bytes(&span);
                // Two clauses of opposite sense are hard to tell apart: only a plain affirmation is kept in.
                let severity = if has { Severity::Note } else { Severity::Block };
                check.at(Kind::Claim, severity, bytes, reason);
            }
        }
    }
}

/// `usb ports are not included`: a denial shortly after.
fn denied_after(check: &Check<'_>, at: usize) -> bool {
    let end = (at..check.scan.chars.len())
        .find(|&i| matches!(check.scan.get(i), '.' | '!' | '?' | ',' | '。' | '，'));
    let rest = check.scan.text(at..end.unwrap_or(check.scan.chars.len()));
    rest.split_whitespace()
        .take(6)
        .any(|word| matches!(word, "not" | "no" | "without" | "cannot" | "lacking") || word.ends_with("n't"))
}
