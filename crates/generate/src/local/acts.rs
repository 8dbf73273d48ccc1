//! How Attune's own copywriter is asked, and which of its drafts is served.
//!
//! It reads an act in one line, its values as marks: `inform isforbusinesscomputing=no SLOT_MEMORY SLOT_NAME SLOT_TYPE`, and
//! writes a sentence with the marks in it. Of several drafts the one is served that says every fact once, and among those
//! the one most like the others.

use attune_llama::sample::Sampling;

use crate::Brief;
use crate::act::{Act, Slot, Value};
use crate::brief::AttributeValue;
use crate::delexicalise::{Marks, delexicalise, lexicalise, mark};
use crate::evaluate::bleu::Bleu;
use crate::evaluate::slots::slot_errors;
use crate::normalise;
use crate::rung::{Draft, Failure};

/// The most tokens of a sentence.
pub(super) const MOST: usize = 96;
/// Drafts of one act.
pub(super) const DRAFTS: usize = 16;
/// How they are drawn.
pub(super) const SAMPLING: Sampling = Sampling {
    temperature: 0.8,
    top_k: 0,
    top_p: 1.0,
    min_p: 0.0,
    repetition_penalty: 1.0,
    frequency_penalty: 0.0,
    window: 64,
    seed: 0,
};

/// The act of a brief: its own, or one that informs of its facts.
pub(super) fn of(brief: &Brief) -> Result<Act, Failure> {
    if let Some(act) = &brief.act {
        return Act::parse(act).map_err(|error| Failure::new("act_unusable", error.to_string()));
    }
    let facts = &brief.facts;
    let text = |name: &str, value: &Option<String>| {
        value.clone().map(|value| Slot { name: name.to_owned(), value: Value::Text(value) })
    };
    let mut slots: Vec<Slot> =
        [text("name", &facts.name), text("type", &facts.category)].into_iter().flatten().collect();
    slots.extend(
        facts
            .price
            .as_ref()
            .map(|price| Slot { name: "price".to_owned(), value: Value::Text(price.to_string()) }),
    );
    for attribute in &facts.attributes {
        let name: String = attribute
            .name
            .chars()
            .filter(|char| char.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        slots.extend(attribute.values.iter().map(|value| Slot {
            name: name.clone(),
            value: match value {
                AttributeValue::Flag(true) => Value::Yes,
                AttributeValue::Flag(false) => Value::No,
                value => Value::Text(value.to_string()),
            },
        }));
    }
    if slots.is_empty() {
        return Err(Failure::new("act_unusable", "the copywriter needs a name or attributes"));
    }
    Ok(Act { kind: "inform".to_owned(), slots })
}

/// The line of an act, with its line feed. The slots are sorted: the order in which a shop gives its facts does not matter.
pub fn prompt(act: &Act) -> String {
    let mut slots: Vec<(&str, String)> = act
        .slots
        .iter()
        .enumerate()
        .map(|(at, slot)| {
            let name = slot.name.as_str();
            let said = match slot.value {
                Value::Text(_) => mark(act, at, Marks::Numbered),
                Value::Yes => format!("{name}=yes"),
                Value::No => format!("{name}=no"),
                Value::Nothing => format!("{name}=none"),
                Value::Any => format!("{name}=dontcare"),
                Value::Asked => format!("{name}=?"),
            };
            (name, said)
        })
        .collect();
    slots.sort();
    let mut line = act.kind.clone();
    for (_, said) in slots {
        line.push(' ');
        line.push_str(&said);
    }
    line.push('\n');
    line
}

/// The marks of a text, in the order they stand.
pub fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter(|word| word.starts_with("SLOT_"))
}

/// A sentence with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Sentence {
    /// In RNNLG's normal form, for a surface to capitalise.
    pub text: String,
    /// Facts that are missing, doubled or added.
    pub wrong: usize,
    /// How much its draft is like the others, 0 to 1.
    pub consensus: f64,
    /// Tokens of its draft.
    pub tokens: usize,
}

/// The drafts of an act, best first, without doubles.
///
/// Wen et al. (2015, "Semantically Conditioned LSTM-based Natural Language Generation for Spoken Dialogue Systems", section 3) rank
/// drafts by their slot errors too. Of equally right ones, the one with the highest mean BLEU against all others is taken (Kumar and Byrne,
/// "Minimum Bayes-Risk Decoding for Statistical Machine Translation", 2004): what many drafts say is what the network believes, where
/// the likeliest draft is only the shortest.
pub fn ranked(act: &Act, drafts: &[Draft]) -> Vec<Sentence> {
    let mut sentences: Vec<Sentence> = Vec::new();
    for (at, draft) in drafts.iter().enumerate() {
        if draft.text.trim().is_empty() || drafts[..at].iter().any(|before| before.text == draft.text) {
            continue;
        }
        let mut sum = 0.0;
        for (_, other) in drafts.iter().enumerate().filter(|(other, _)| *other != at) {
            let mut bleu = Bleu::default();
            bleu.add(std::slice::from_ref(&draft.text), std::slice::from_ref(&other.text));
            sum += bleu.score();
        }
        let text = lexicalise(&draft.text, act, Marks::Numbered);
        let wrong = wrong(act, &draft.text, &text);
        let consensus = sum / (drafts.len() - 1).max(1) as f64;
        sentences.push(Sentence { text, wrong, consensus, tokens: draft.tokens });
    }
    sentences.sort_by(|a, b| a.wrong.cmp(&b.wrong).then(b.consensus.total_cmp(&a.consensus)));
    sentences
}

/// Up to `n` sentences that say every fact once, as they are shown.
pub(super) fn chosen(act: &Act, drafts: &[Draft], n: usize) -> Vec<Draft> {
    ranked(act, drafts)
        .into_iter()
        .filter(|sentence| sentence.wrong == 0)
        .take(n)
        .map(|sentence| Draft { text: normalise::presentable(&sentence.text), tokens: sentence.tokens })
        .collect()
}

/// Marks that do not stand once, or that the act does not have, and what RNNLG counts as slot errors.
fn wrong(act: &Act, draft: &str, text: &str) -> usize {
    let line = prompt(act);
    let asked: Vec<&str> = marks(&line).filter(|mark| *mark != "SLOT_TYPE").collect();
    let said: Vec<&str> = marks(draft).filter(|mark| *mark != "SLOT_TYPE").collect();
    let count = |all: &[&str], one: &str| all.iter().filter(|mark| **mark == one).count();
    let missing: usize =
        asked.iter().map(|mark| usize::from(count(&said, mark) != count(&asked, mark))).sum();
    let added = said.iter().filter(|mark| !asked.contains(mark)).count();
    let scored = slot_errors(act, &delexicalise(&normalise::answer(text), act, Marks::Plain));
    missing + added + scored.wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        Draft { text: text.to_owned(), tokens: 9 }
    }

    #[test]
    fn facts_in_another_order_are_the_same_prompt() {
        let prompt_of = |act| prompt(&Act::parse(act).unwrap());
        let line = "inform isforbusinesscomputing=no SLOT_MEMORY SLOT_NAME SLOT_TYPE\n";
        assert_eq!(prompt_of("inform(name=a 1;type=laptop;memory=4 gb;isforbusinesscomputing=false)"), line);
        assert_eq!(prompt_of("inform(isforbusinesscomputing=no;memory=8 gb;type=laptop;name=b)"), line);
        assert_eq!(
            prompt_of("?compare(name=a;price=1;name=b;price=none)"),
            "?compare SLOT_NAME_1 SLOT_NAME_2 SLOT_PRICE price=none\n"
        );
        assert_eq!(prompt_of("goodbye()"), "goodbye\n");
    }

    #[test]
    fn a_draft_that_says_everything_once_is_first() {
        let act =
            Act::parse("inform(name=attis 10;type=television;price=900 dollars;hasusbport=true)").unwrap();
        let drafts = [
            draft("the SLOT_NAME SLOT_TYPE has usb port -s"),
            draft("the SLOT_NAME SLOT_TYPE is SLOT_PRICE and has usb port -s"),
            draft("the SLOT_NAME is SLOT_PRICE , SLOT_PRICE and has usb port -s"),
            draft("the SLOT_NAME SLOT_TYPE is SLOT_PRICE"),
        ];
        let sentences = ranked(&act, &drafts);
        assert_eq!(sentences[0].text, "the attis 10 television is 900 dollars and has usb port -s");
        assert_eq!(sentences[0].wrong, 0);
        assert!(sentences[1..].iter().all(|sentence| sentence.wrong > 0));
        assert!(ranked(&act, &[]).is_empty());
    }

    #[test]
    fn of_equally_right_drafts_the_common_one_is_first() {
        let act = Act::parse("inform(name=attis 10;type=television)").unwrap();
        let drafts = [
            draft("SLOT_NAME ! yes , a television indeed"),
            draft("the SLOT_NAME is a nice television"),
            draft("the SLOT_NAME is a great television"),
        ];
        assert!(ranked(&act, &drafts)[0].text.starts_with("the attis 10 is a"));
    }
}
