//! RNNLG files: `[dialogue act, reference, baseline]` rows behind `#` comment lines (Wen et al. 2016, Apache-2.0).
//!
//! As in RNNLG, acts with equal features are said alike: the references of all of them, with the values exchanged, are
//! the references of each. A file is scored by itself, so more rows mean more references.

use std::collections::HashMap;

use super::{Beside, DataError, Rung, Scores, bleu::Bleu, share, slots::slot_errors};
use crate::{
    act::Act,
    brief::Brief,
    delexicalise::{Marks, delexicalise, lexicalise},
    normalise,
};

/// One row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What is to be said.
    pub act: Act,
    /// What a person wrote.
    pub reference: String,
    /// What the corpus's handcrafted generator wrote.
    pub baseline: String,
}

/// Reads a file's rows.
///
/// # Errors
/// When what follows the comment lines is not a list of three strings a row, or an act cannot be read.
pub fn read(text: &str) -> Result<Vec<Row>, DataError> {
    let comments = text.split_inclusive('\n').take_while(|line| line.starts_with('#'));
    let (lines, bytes) = comments.fold((0, 0), |(lines, bytes), line| (lines + 1, bytes + line.len()));
    let raw: Vec<[String; 3]> = serde_json::from_str(&text[bytes..])
        .map_err(|e| DataError::Json { line: e.line() + lines, reason: e.to_string() })?;
    if raw.is_empty() {
        return Err(DataError::Empty);
    }
    let row = |(at, [act, reference, baseline]): (usize, [String; 3])| {
        let act = Act::parse(&act).map_err(|e| DataError::Row { row: at + 1, reason: e.to_string() })?;
        Ok(Row { act, reference, baseline })
    };
    raw.into_iter().enumerate().map(row).collect()
}

/// References by what their acts have in common, values taken out.
#[derive(Debug)]
pub struct References(HashMap<String, Vec<String>>);

impl References {
    /// Groups the references of a file.
    pub fn new(rows: &[Row]) -> Self {
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        for row in rows {
            let text = delexicalise(&normalise::reference(&row.reference), &row.act, Marks::Plain);
            groups.entry(row.act.signature()).or_default().push(text);
        }
        Self(groups)
    }

    /// The references of an act, with its values.
    pub fn of(&self, act: &Act) -> Vec<String> {
        let group = self.0.get(&act.signature());
        group.into_iter().flatten().map(|text| lexicalise(text, act, Marks::Plain)).collect()
    }
}

/// Scores a rung on a file's rows.
pub fn evaluate(rows: &[Row], rung: &mut Rung<'_>) -> Scores {
    let references = References::new(rows);
    let (mut ours, mut baseline, mut human) = (Tally::default(), Tally::default(), Tally::default());
    let mut silent = 0;
    for row in rows {
        let of = references.of(&row.act);
        let mut answers: Vec<String> =
            rung(&Brief::from_act(&row.act)).iter().map(|text| normalise::answer(text)).collect();
        if answers.is_empty() {
            silent += 1;
            answers.push(String::new());
        }
        ours.add(&row.act, &answers, &of);
        // Out of its values and into them again, as the toolkit has it.
        let theirs = delexicalise(&normalise::reference(&row.baseline), &row.act, Marks::Plain);
        baseline.add(&row.act, &[lexicalise(&theirs, &row.act, Marks::Plain)], &of);
        human.add(&row.act, &[normalise::reference(&row.reference)], &of);
    }
    Scores {
        rows: rows.len(),
        outputs: ours.outputs,
        silent,
        bleu: ours.bleu.score(),
        slot_error: Some(share(ours.wrong, ours.slots)),
        coverage: None,
        slots: ours.slots,
        wrong: ours.wrong,
        human: Some(Beside { bleu: None, slot_error: Some(share(human.wrong, human.slots)), coverage: None }),
        baseline: Some(Beside {
            bleu: Some(baseline.bleu.score()),
            slot_error: Some(share(baseline.wrong, baseline.slots)),
            coverage: None,
        }),
    }
}

#[derive(Default)]
struct Tally {
    bleu: Bleu,
    outputs: usize,
    slots: usize,
    wrong: usize,
}

impl Tally {
    fn add(&mut self, act: &Act, answers: &[String], references: &[String]) {
        self.bleu.add(answers, references);
        self.outputs += answers.len();
        for answer in answers {
            let errors = slot_errors(act, &delexicalise(answer, act, Marks::Plain));
            self.slots += errors.slots;
            self.wrong += errors.wrong;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r##"#####
# comment
[["inform(name=attis 10;type=television;hasusbport=true)", "the attis 10 television has usb ports .", "attis 10 is a television which has usb ports."],
 ["inform(name=apollo 73;type=television;hasusbport=true)", "apollo 73 is a television with a usb port", "x"]]"##;

    #[test]
    fn references_are_shared_by_acts_of_equal_features() {
        let rows = read(FILE).unwrap();
        assert_eq!(
            References::new(&rows).of(&rows[1].act),
            ["the apollo 73 television has usb port -s", "apollo 73 is a television with a usb port"]
        );
        let scores = evaluate(&rows, &mut |_| vec!["The attis 10 television has USB ports.".into()]);
        assert_eq!((scores.slots, scores.wrong, scores.outputs), (4, 1, 2));
        assert!(evaluate(&rows, &mut |_| Vec::new()).slot_error >= Some(1.0));
    }

    #[test]
    fn what_is_no_file_is_told() {
        assert!(matches!(read("#\n[[\"inform\",\"\",\"\"]]"), Err(DataError::Row { row: 1, .. })));
        assert!(matches!(read("#\n#\n{"), Err(DataError::Json { line: 3, .. })));
        assert!(matches!(read("[]"), Err(DataError::Empty)));
    }
}
