//! What to do with a text that the guard stops: edit it, ask again, or fall back to the template; and what was done.

use attune_llama::order;
use serde::{Deserialize, Serialize};

use crate::{
    Brief,
    brief::{AttributeValue, Language},
    facts::quantity::quantities,
    guard::{Finding, Guard, GuardReport, Kind},
    scan::Scan,
};

/// Rounds of editing: an edit can bring up a new finding.
const ROUNDS: usize = 4;

/// One thing that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// How.
    pub kind: RepairKind,
    /// The piece before; empty for what was added.
    pub before: String,
    /// The piece after; empty for what was removed.
    pub after: String,
}

/// How a text was repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairKind {
    /// A number or price became the fact's.
    Corrected,
    /// A phrase or sentence was taken out.
    Removed,
    /// What had to be said was added.
    Added,
    /// Cut to the length.
    Shortened,
    /// Markup or control characters were taken out.
    Cleaned,
    /// The text was thrown away and written again.
    Again,
    /// The text was thrown away for the template's.
    Template,
}

/// What became of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It may go out, as it was or as it was repaired.
    Passed {
        /// The text.
        text: String,
        /// What was changed.
        repairs: Vec<Repair>,
        /// What the guard says of it now.
        report: GuardReport,
    },
    /// Too little would be left: write it again, or use the template.
    Again {
        /// What the guard says of the text as it was.
        report: GuardReport,
    },
}

/// Checks a text and mends it where that leaves a text worth having.
pub fn repair(text: &str, brief: &Brief, guard: &Guard<'_>) -> Outcome {
    let first = guard.check(text);
    let mut report = first.clone();
    let mut text = text.trim().to_owned();
    let length = text.chars().count();
    let mut repairs = Vec::new();
    for _ in 0..ROUNDS {
        if report.passes() {
            break;
        }
        // From the end, so that earlier spans stay right; one edit a finding, and none inside what is gone.
        report = guard.check(&text);
        let mut findings: Vec<Finding> = report.blocking().cloned().collect();
        order::sort_by_key(&mut findings, |finding| {
            std::cmp::Reverse((finding.span.start, finding.span.end))
        });
        if findings.iter().any(|finding| matches!(finding.kind, Kind::Leak)) || is_foreign(&findings, &text) {
            return Outcome::Again { report: first };
        }
        let mut limit = usize::MAX;
        for finding in findings {
            if finding.span.end > limit && finding.kind != Kind::Missing {
                continue;
            }
            let Some((span, after, kind)) = edit(&text, &finding, brief, guard) else { continue };
            repairs.push(Repair { kind, before: text[span.clone()].to_owned(), after: after.clone() });
            text.replace_range(span.clone(), &after);
            limit = span.start;
        }
        text = tidy(&text);
        report = guard.check(&text);
    }
    let added = repairs
        .iter()
        .filter(|repair| repair.kind == RepairKind::Added)
        .map(|repair| repair.after.chars().count());
    let kept = text.chars().count().saturating_sub(added.sum());
    let worth = kept > 0 && kept * 3 >= length.min(brief.length().max);
    if report.passes() && worth {
        Outcome::Passed { text, repairs, report }
    } else {
        Outcome::Again { report: first }
    }
}

/// A text that is wholly in another language cannot be mended.
fn is_foreign(findings: &[Finding], text: &str) -> bool {
    findings.iter().any(|finding| finding.kind == Kind::Language && finding.span == (0..text.len()))
}

/// The span to replace, and by what.
fn edit(
    text: &str,
    finding: &Finding,
    brief: &Brief,
    guard: &Guard<'_>,
) -> Option<(std::ops::Range<usize>, String, RepairKind)> {
    let span = finding.span.clone();
    match finding.kind {
        Kind::Number | Kind::Price => match correction(text, finding, guard) {
            Some(right) => Some((span, right, RepairKind::Corrected)),
            None => Some((clause(text, &span), String::new(), RepairKind::Removed)),
        },
        Kind::Markup => Some((span, " ".to_owned(), RepairKind::Cleaned)),
        Kind::Missing => {
            let said = addition(&finding.what, brief)?;
            let gap = if brief.language() == Language::Zh || text.is_empty() { "" } else { " " };
            Some((text.len()..text.len(), format!("{gap}{said}"), RepairKind::Added))
        }
        Kind::Length if !span.is_empty() && span.start > 0 => {
            let kept = shortened(text, brief.length().max);
            Some((kept..text.len(), String::new(), RepairKind::Shortened))
        }
        Kind::Length => None,
        _ => Some((clause(text, &span), String::new(), RepairKind::Removed)),
    }
}

/// The only fact that the wrong quantity can mean: the one of its dimension.
fn correction(text: &str, finding: &Finding, guard: &Guard<'_>) -> Option<String> {
    let scan = Scan::new(text);
    let wrong = quantities(&scan).into_iter().find(|q| scan.bytes(&q.span) == finding.span)?;
    let dimension = wrong.unit?.dimension;
    let mut facts: Vec<_> = guard
        .known()
        .quantities
        .iter()
        .filter(|fact| fact.quantity.unit.is_some_and(|unit| unit.dimension == dimension))
        .collect();
    facts.dedup_by(|a, b| a.quantity.agrees(&b.quantity, None));
    // Said rightly elsewhere: this one means something else.
    let said = quantities(&scan).iter().any(|q| facts.iter().any(|fact| q.agrees(&fact.quantity, None)));
    let [fact] = facts.as_slice() else { return None };
    let unit = fact.quantity.unit.zip(wrong.unit).filter(|(a, b)| a.factor == b.factor)?;
    let number = scan.bytes(&wrong.number);
    let value = fact.quantity.value;
    let money = unit.0.dimension.is_money() && value.fract() != 0.0;
    let right = if money { format!("{value:.2}") } else { format!("{value}") };
    (!said).then(|| {
        format!("{}{right}{}", &text[finding.span.start..number.start], &text[number.end..finding.span.end])
    })
}

/// A sentence for what had to be said: a required phrase as it is, an attribute's value with its name.
fn addition(what: &str, brief: &Brief) -> Option<String> {
    if brief.act.is_some() {
        return None;
    }
    let zh = brief.language() == Language::Zh;
    let attribute = brief.facts.attributes.iter().find(|attribute| {
        attribute.values.iter().any(|value| matches!(value, AttributeValue::Text(text) if text == what))
    });
    let said = match attribute {
        Some(attribute) if zh => format!("{}为{what}", attribute.name),
        Some(attribute) => format!("{}: {what}", attribute.name),
        None => what.to_owned(),
    };
    let end = if said.ends_with(['.', '!', '?', '。', '！', '？']) {
        ""
    } else if zh {
        "。"
    } else {
        "."
    };
    Some(format!("{said}{end}"))
}

/// The clause round a span that can go without breaking its sentence, else the sentence.
///
/// In Chinese a clause between commas stands alone; in English only what follows the last comma does not carry the verb.
fn clause(text: &str, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let ends = |c: char| matches!(c, '。' | '！' | '？' | '；' | '\n');
    let pauses = |c: char| matches!(c, '，' | ',' | '、');
    let mut start = 0;
    let mut pause = 0;
    for (at, c) in text[..span.start].char_indices() {
        let next = text[at + c.len_utf8()..].chars().next();
        if ends(c) || (matches!(c, '.' | '!' | '?') && next.is_none_or(char::is_whitespace)) {
            start = at + c.len_utf8();
            pause = start;
        } else if pauses(c) {
            pause = at + if c == '，' { c.len_utf8() } else { 0 };
        }
    }
    let mut end = text.len();
    let mut stop = text.len();
    for (at, c) in text[span.end..].char_indices() {
        let at = at + span.end;
        let next = text[at + c.len_utf8()..].chars().next();
        if ends(c) || (matches!(c, '.' | '!' | '?') && next.is_none_or(char::is_whitespace)) {
            end = at + c.len_utf8();
            stop = stop.min(at);
            break;
        }
        if c == '，' {
            stop = stop.min(at + c.len_utf8());
        }
    }
    let chinese = Language::of(&text[start..end]) == Language::Zh;
    let alone = text[pause..stop].chars().count() * 10 < text[start..end].chars().count() * 9;
    if chinese && alone && pause < stop {
        // The last clause leaves its sentence's end behind, tidied later.
        pause..stop
    } else {
        start..end
    }
}

/// Where a text of at most `most` characters ends: at a sentence, else at a word.
fn shortened(text: &str, most: usize) -> usize {
    let limit = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    let head = &text[..limit];
    let sentence = head.char_indices().rev().find(|&(at, c)| {
        let next = text[at + c.len_utf8()..].chars().next();
        matches!(c, '。' | '！' | '？' | '\n')
            || (matches!(c, '.' | '!' | '?') && next.is_none_or(char::is_whitespace))
    });
    match sentence {
        Some((at, c)) => at + c.len_utf8(),
        None => head.rfind([' ', '，', ',']).filter(|&at| at * 2 > limit).unwrap_or(limit),
    }
}

/// Single spaces, no comma before an end or at the beginning.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' if out.is_empty() || out.ends_with([' ', '\n']) => {}
            '.' | '。' | '！' | '？' | '!' | '?' | ',' | '，' => {
                while out.ends_with([' ', ',', '，', '、']) {
                    out.pop();
                }
                let doubled =
                    out.ends_with(['。', '！', '？']) || (c == ',' && out.ends_with(['.', '!', '?']));
                if !out.is_empty() && !doubled {
                    out.push(c);
                }
            }
            _ => out.push(c),
        }
    }
    out.truncate(out.trim_end_matches([' ', ',', '，', '、', '\n']).len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(json: &str, text: &str) -> (String, Vec<RepairKind>) {
        let (brief, _) = Brief::parse(json).unwrap();
        match repair(text, &brief, &Guard::new(&brief)) {
            Outcome::Passed { text, repairs, .. } => (text, repairs.into_iter().map(|r| r.kind).collect()),
            Outcome::Again { report } => (format!("{:?}", report.findings), vec![RepairKind::Again]),
        }
    }

    const TENT: &str = r#"{"facts":{"name":"Dome Tent","price":{"amount":129.5,"currency":"USD"},
        "attributes":{"weight":{"value":2.4,"unit":"kg"},"sleeps":3}},"required":["easy to pitch"]}"#;

    #[test]
    fn numbers_become_the_facts_and_claims_go() {
        let (text, kinds) = mended(
            TENT,
            "Meet the Dome Tent, easy to pitch. It weighs 4.2 kg. It is waterproof. Yours for $199.",
        );
        assert_eq!(text, "Meet the Dome Tent, easy to pitch. It weighs 2.4 kg. Yours for $129.50.");
        assert_eq!(kinds, [RepairKind::Corrected, RepairKind::Removed, RepairKind::Corrected]);
    }

    #[test]
    fn what_is_missing_is_added_and_markup_goes() {
        let (text, kinds) = mended(TENT, "Meet the **Dome Tent**. It sleeps 3.");
        assert_eq!(text, "Meet the Dome Tent. It sleeps 3. easy to pitch.");
        assert!(kinds.contains(&RepairKind::Added) && kinds.contains(&RepairKind::Cleaned));
    }

    #[test]
    fn a_chinese_clause_goes_alone() {
        let json = r#"{"facts":{"category":"上衣","attributes":{"颜色":"白色","材质":"棉"}}}"#;
        let (text, kinds) = mended(json, "这款白色上衣采用棉质面料，全国销量第一，穿着舒适。");
        assert_eq!(text, "这款白色上衣采用棉质面料，穿着舒适。");
        assert_eq!(kinds, [RepairKind::Removed]);
    }

    #[test]
    fn a_long_text_ends_with_a_sentence() {
        let json = r#"{"facts":{"name":"Cup"},"length":{"max":30}}"#;
        assert_eq!(mended(json, "A cup for tea. A cup for coffee. A cup for you.").0, "A cup for tea.");
    }

    #[test]
    fn what_cannot_be_mended_is_written_again() {
        for text in ["这是一顶帐篷。", "As an AI language model, I love the Dome Tent.", "It is waterproof."]
        {
            assert_eq!(mended(TENT, text).1, [RepairKind::Again], "{text}");
        }
    }
}
