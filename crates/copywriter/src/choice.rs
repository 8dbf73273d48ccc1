//! Which of several drafts is served: one that says every fact once, and among those the one most like the others.
//!
//! Wen et al. (2015, "Semantically Conditioned LSTM-based Natural Language Generation for Spoken Dialogue Systems",
//! section 3) rank drafts by their slot errors too. Of equally right drafts, the one with the highest mean BLEU against
//! all others is taken (Kumar and Byrne, "Minimum Bayes-Risk Decoding for Statistical Machine Translation", 2004): what
//! many drafts say is what the network believes, where the likeliest draft is only the shortest.

use attune_generate::act::Act;
use attune_generate::delexicalise::{Marks, delexicalise, lexicalise};
use attune_generate::evaluate::bleu::Bleu;
use attune_generate::evaluate::slots::slot_errors;
use attune_generate::normalise;

use crate::prompt::{marks, prompt};
use crate::writer::Draft;

/// A text with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The text in RNNLG's normal form, for a surface to capitalise.
    pub text: String,
    /// Facts that are missing, doubled or added.
    pub wrong: usize,
    /// How much it is like the other drafts, 0 to 1.
    pub consensus: f64,
    /// The mean log probability of its tokens.
    pub likelihood: f32,
}

/// The drafts of an act, best first, without doubles.
#[must_use]
pub fn ranked(act: &Act, drafts: &[Draft]) -> Vec<Text> {
    let ended: Vec<&Draft> =
        drafts.iter().filter(|draft| draft.ended && !draft.text.trim().is_empty()).collect();
    let mut texts: Vec<Text> = Vec::new();
    for (at, draft) in ended.iter().enumerate() {
        if ended[..at].iter().any(|before| before.text == draft.text) {
            continue;
        }
        let others = ended.iter().enumerate().filter(|(other, _)| *other != at);
        let (sum, count) = others.fold((0.0, 0), |(sum, count), (_, other)| {
            let mut bleu = Bleu::default();
            bleu.add(std::slice::from_ref(&draft.text), std::slice::from_ref(&other.text));
            (sum + bleu.score(), count + 1)
        });
        let text = lexicalise(&draft.text, act, Marks::Numbered);
        let wrong = wrong(act, &draft.text, &text);
        let consensus = if count == 0 { 0.0 } else { sum / f64::from(count) };
        texts.push(Text { text, wrong, consensus, likelihood: draft.likelihood });
    }
    texts.sort_by(|a, b| {
        let consensus = b.consensus.total_cmp(&a.consensus);
        a.wrong.cmp(&b.wrong).then(consensus).then(b.likelihood.total_cmp(&a.likelihood))
    });
    texts
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

    fn draft(text: &str, likelihood: f32) -> Draft {
        Draft { ids: Vec::new(), text: text.to_owned(), likelihood, ended: true }
    }

    #[test]
    fn a_draft_that_says_everything_is_before_a_likelier_one() {
        let act =
            Act::parse("inform(name=attis 10;type=television;price=900 dollars;hasusbport=true)").unwrap();
        let drafts = [
            draft("the SLOT_NAME SLOT_TYPE has usb port -s", -0.1),
            draft("the SLOT_NAME SLOT_TYPE is SLOT_PRICE and has usb port -s", -0.5),
            draft("the SLOT_NAME is SLOT_PRICE , SLOT_PRICE and has usb port -s", -0.2),
            draft("the SLOT_NAME SLOT_TYPE is SLOT_PRICE", -0.2),
            Draft { ended: false, ..draft("the SLOT_NAME SLOT_TYPE is SLOT_PRICE and has usb and", -0.1) },
        ];
        let texts = ranked(&act, &drafts);
        assert_eq!(texts[0].text, "the attis 10 television is 900 dollars and has usb port -s");
        assert_eq!(texts.len(), 4);
        assert_eq!(texts[0].wrong, 0);
        assert!(texts[1..].iter().all(|text| text.wrong > 0));
        assert!(ranked(&act, &[]).is_empty());
    }

    #[test]
    fn of_equally_right_drafts_the_common_one_is_first() {
        let act = Act::parse("inform(name=attis 10;type=television)").unwrap();
        let drafts = [
            draft("SLOT_NAME ! yes , a television indeed", -0.1),
            draft("the SLOT_NAME is a nice television", -0.4),
            draft("the SLOT_NAME is a great television", -0.4),
        ];
        assert!(ranked(&act, &drafts)[0].text.starts_with("the attis 10 is a"));
    }
}
