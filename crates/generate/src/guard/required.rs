//! What had to be said: required phrases, and all slots where a dialogue act is to be said.

use super::{Check, Finding, Kind, Severity};
use crate::{
    act::{Act, Value},
    brief::AttributeValue,
    delexicalise::{Marks, delexicalise},
    evaluate::slots::slot_errors,
    facts::quantity,
    normalise,
    scan::{Scan, folded},
};

/// The values that are said and those that are not.
pub(super) fn check(check: &mut Check<'_>) -> (Vec<String>, Vec<String>) {
    for phrase in &check.brief.required {
        if check.scan.find(&folded(phrase)).is_empty() {
            missing(check, phrase, Severity::Block);
        }
    }
    if let Some(act) = check.brief.act.as_deref().and_then(|act| Act::parse(act).ok()) {
        slots(check, &act);
    }
    let facts = &check.brief.facts;
    let (mut said, mut unsaid) = (Vec::new(), Vec::new());
    let mut sort = |text: String, is_said: bool| if is_said { said.push(text) } else { unsaid.push(text) };
    for text in [&facts.name, &facts.brand].into_iter().flatten() {
        sort(text.clone(), !check.scan.find(&folded(text)).is_empty());
    }
    if let Some(price) = &facts.price {
        sort(price.to_string(), says(&check.scan, &price.to_string()));
    }
    for attribute in &facts.attributes {
        for value in &attribute.values {
            let (text, is_said) = match value {
                AttributeValue::Flag(_) => {
                    (attribute.name.clone(), !check.scan.find(&folded(&attribute.name)).is_empty())
                }
                _ => (value.to_string(), says(&check.scan, &value.to_string())),
            };
            sort(text, is_said);
        }
    }
    for claim in &facts.claims {
        sort(claim.clone(), says(&check.scan, claim));
    }
    (said, unsaid)
}

/// Whether a value stands in the text, word for word or as the same quantity.
pub(crate) fn says(scan: &Scan, value: &str) -> bool {
    let value = folded(value);
    if !scan.find(&value).is_empty() {
        return true;
    }
    let wanted = quantity::quantities(&Scan::new(&value));
    !wanted.is_empty() && {
        let found = quantity::quantities(scan);
        wanted.iter().all(|wanted| found.iter().any(|found| found.agrees(wanted, None)))
    }
}

/// Every slot of the act, by the corpus's own count and by its values.
fn slots(check: &mut Check<'_>, act: &Act) {
    let text = normalise::answer(check.text);
    let delexicalised = delexicalise(&text, act, Marks::Plain);
    let counted = !matches!(act.kind.as_str(), "?select" | "suggest");
    for slot in &act.slots {
        if let Value::Text(value) = &slot.value {
            let mark = format!("SLOT_{}", slot.name.to_uppercase());
            let said = delexicalised.split(' ').any(|word| word == mark) || text.contains(value.as_str());
            if slot.name != "type" && !said {
                missing(check, value, Severity::Block);
            }
        }
    }
    if counted
        && slot_errors(act, &delexicalised).wrong > 0
        && !check.findings.iter().any(|f| f.kind == Kind::Missing)
    {
        missing(check, "a slot is said too often or not at all", Severity::Block);
    }
}

fn missing(check: &mut Check<'_>, what: &str, severity: Severity) {
    let end = check.text.len();
    check.push(Finding {
        kind: Kind::Missing,
        severity,
        span: end..end,
        what: what.to_owned(),
        reason: "this had to be said".into(),
    });
}
