//! How Attune's own copywriter is asked, and which of its drafts is served.
//!
//! It reads an act in one line, its values as marks: `inform isforbusinesscomputing=no SLOT_MEMORY SLOT_NAME SLOT_TYPE`, and
//! writes a sentence with the marks in it. Of several drafts the one is served that says every fact once, and among those
//! the one most like the others.

use attune_llama::order;
use attune_llama::sample::Sampling;

use crate::Brief;
use crate::act::{Act, Slot, Value};
use crate::brief::AttributeValue;
use crate::delexicalise::{Marks, delexicalise, lexicalise, mark};
use crate::evaluate::bleu::Bleu;
use crate::evaluate::slots::slot_errors;
use crate::normalise;
use crate::rung::{Draft, Failure};
use crate::template::grammar::article;

/// The most tokens of a sentence.
pub(super) const MOST: usize = 96;
/// Drafts of one act.
pub(super) const DRAFTS: usize = 16;
/// How they are drawn: descriptions were a small part of the training, and are told by what is likeliest.
pub(super) fn sampling(act: &Act) -> Sampling {
    let temperature = if act.kind.starts_with("describe") { 0.4 } else { 0.8 };
    Sampling { temperature, ..SAMPLING }
}

const SAMPLING: Sampling = Sampling {
    temperature: 0.8,
    top_k: 0,
    top_p: 1.0,
    min_p: 0.0,
    repetition_penalty: 1.0,
    frequency_penalty: 0.0,
    window: 64,
    seed: 0,
};

/// What a description says of a product; other facts are told as dialogue acts tell them.
const DESCRIBED: [&str; 4] = ["name", "type", "color", "material"];
/// The most facts of one sentence.
const FACTS: usize = 6;

/// What is asked for a brief: its own act, or sentences about the facts that the model has marks for, as `knows` says. Each is about
/// some of them; a text leaves the others unsaid, and its report tells which.
pub(super) fn of(brief: &Brief, knows: &dyn Fn(&str) -> bool) -> Result<Vec<Act>, Failure> {
    if let Some(act) = &brief.act {
        let act = Act::parse(act).map_err(|error| Failure::new("act_unusable", error.to_string()))?;
        return Ok(vec![act]);
    }
    let mut slots = slots(brief);
    slots.truncate(FACTS * 4);
    let whole = Act { kind: String::new(), slots };
    let known = |at: &usize| knows(&mark(&whole, *at, Marks::Numbered));
    let slots: Vec<&Slot> = (0..whole.slots.len()).filter(known).map(|at| &whole.slots[at]).collect();
    let (described, told): (Vec<&Slot>, Vec<&Slot>) =
        slots.into_iter().partition(|slot| DESCRIBED.contains(&slot.name.as_str()));
    let (subject, traits): (Vec<&Slot>, Vec<&Slot>) =
        described.into_iter().partition(|slot| DESCRIBED[..2].contains(&slot.name.as_str()));
    if subject.is_empty() {
        return Err(Failure::new("act_unusable", "the copywriter needs a name or a category"));
    }
    let act = |kind: &str, parts: &[&[&Slot]]| Act {
        kind: kind.to_owned(),
        slots: parts.iter().flat_map(|part| part.iter().take(FACTS)).map(|slot| (*slot).clone()).collect(),
    };
    let mut acts = Vec::new();
    if !told.is_empty() {
        acts.push(act("inform", &[&subject, &told]));
    }
    let category = brief.facts.category.as_deref().unwrap_or("product").to_lowercase();
    let category: String = category.chars().take_while(|char| char.is_alphanumeric()).collect();
    let describe = format!("describe {category}");
    acts.extend(traits.iter().map(|one| act(&describe, &[&subject, &[*one]])));
    if traits.len() != 1 {
        acts.push(act(&describe, &[&subject, &traits]));
    }
    Ok(acts)
}

/// The facts of a brief that are texts.
fn slots(brief: &Brief) -> Vec<Slot> {
    let facts = &brief.facts;
    let text = |name: &str, value: String| Slot { name: name.to_owned(), value: Value::Text(value) };
    let mut slots = Vec::new();
    slots.extend(facts.name.clone().map(|name| text("name", name)));
    slots.extend(facts.category.clone().map(|category| text("type", category)));
    slots.extend(facts.price.as_ref().map(|price| text("price", price.to_string())));
    for attribute in &facts.attributes {
        let letters = attribute.name.chars().filter(|char| char.is_alphanumeric());
        let name: String = letters.flat_map(char::to_lowercase).collect();
        let name = if name == "colour" { "color" } else { &name };
        let said = attribute.values.iter().filter(|value| !matches!(value, AttributeValue::Flag(_)));
        slots.extend(said.map(|value| text(name, value.to_string())));
    }
    slots
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
        let text = lexicalise(&named_once(&draft.text, act), act, Marks::Numbered);
        let wrong = wrong(act, &draft.text, &text);
        let consensus = sum / (drafts.len() - 1).max(1) as f64;
        sentences.push(Sentence { text, wrong, consensus, tokens: draft.tokens });
    }
    order::sort_by(&mut sentences, |a, b| a.wrong.cmp(&b.wrong).then(b.consensus.total_cmp(&a.consensus)));
    sentences
}

/// Up to `n` sentences that say every fact once, as they are shown.
pub(super) fn chosen(act: &Act, drafts: &[Draft], n: usize) -> Vec<Draft> {
    ranked(act, drafts)
        .into_iter()
        .filter(|sentence| sentence.wrong == 0)
        .take(n)
        .map(|sentence| Draft {
            text: normalise::presentable(&with_articles(&sentence.text)),
            tokens: sentence.tokens,
        })
        .collect()
}

/// The draft without the type beside a name that ends with it: not "the Alder desk lamp lamp".
fn named_once(draft: &str, act: &Act) -> String {
    let value = |name: &str| {
        let slot = act.slots.iter().find(|slot| slot.name == name)?;
        slot.value.text().map(str::to_lowercase)
    };
    match (value("name"), value("type")) {
        (Some(name), Some(kind)) if name.ends_with(&kind) => {
            draft.replace("SLOT_NAME SLOT_TYPE", "SLOT_NAME").replace("SLOT_TYPE SLOT_NAME", "SLOT_NAME")
        }
        _ => draft.to_owned(),
    }
}

/// `a` and `an` as the word after them wants it, which the model cannot know of a value.
fn with_articles(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let fitted = |at: usize| match (words[at], words.get(at + 1)) {
        ("a" | "an", Some(next)) => article(next),
        (word, _) => word,
    };
    (0..words.len()).map(fitted).collect::<Vec<_>>().join(" ")
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
    let act = normalised(act);
    let scored = slot_errors(&act, &delexicalise(&normalise::answer(text), &act, Marks::Plain));
    missing + added + scored.wrong
}

/// The act with values in RNNLG's normal form, as its scores read texts.
fn normalised(act: &Act) -> Act {
    let slots = act.slots.iter().map(|slot| Slot {
        name: slot.name.clone(),
        value: match &slot.value {
            Value::Text(value) => Value::Text(normalise::answer(value)),
            value => value.clone(),
        },
    });
    Act { kind: act.kind.clone(), slots: slots.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        Draft { text: text.to_owned(), tokens: 9 }
    }

    #[test]
    fn a_brief_is_asked_for_by_what_the_model_knows() {
        let (brief, _) = Brief::parse(
            r#"{"facts": {"name": "Alder", "category": "Desk lamp", "price": {"amount": 49, "currency": "EUR"},
            "attributes": {"Colour": "black", "material": "oak", "dimmable": true, "socket": "E27"}}}"#,
        ).unwrap();
        let marks = ["SLOT_NAME", "SLOT_TYPE", "SLOT_PRICE", "SLOT_COLOR", "SLOT_MATERIAL"];
        let prompts = |knows: &dyn Fn(&str) -> bool| -> Vec<String> {
            of(&brief, knows).unwrap().iter().map(prompt).collect()
        };
        assert_eq!(
            prompts(&|mark| marks.contains(&mark)),
            [
                "inform SLOT_NAME SLOT_PRICE SLOT_TYPE\n",
                "describe desk SLOT_COLOR SLOT_NAME SLOT_TYPE\n",
                "describe desk SLOT_MATERIAL SLOT_NAME SLOT_TYPE\n",
                "describe desk SLOT_COLOR SLOT_MATERIAL SLOT_NAME SLOT_TYPE\n",
            ]
        );
        assert_eq!(prompts(&|mark| mark == "SLOT_NAME"), ["describe desk SLOT_NAME\n"]);
        let act = &of(&brief, &|mark| marks.contains(&mark)).unwrap()[0];
        let drafts = [
            draft("the SLOT_NAME SLOT_TYPE is an SLOT_PRICE item"),
            draft("this is the SLOT_NAME and it costs SLOT_PRICE , SLOT_PRICE"),
        ];
        let texts: Vec<String> = chosen(act, &drafts, 2).into_iter().map(|draft| draft.text).collect();
        assert_eq!(texts, ["The Alder Desk lamp is a 49 EUR item."]);
        assert_eq!(of(&brief, &|_| false).unwrap_err().code, "act_unusable");
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
