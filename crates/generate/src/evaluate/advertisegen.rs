//! AdvertiseGen files: one JSON object a line, attributes as `content` and copy as `summary` (Shao et al. 2019).
//!
//! The data is CC BY-NC: for evaluation, never for what ships.

use serde::Deserialize;

use super::{Beside, DataError, Rung, Scores, bleu::Bleu, share};
use crate::brief::Brief;

/// One row: attributes in the file's order, and what a person wrote of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Attribute and value; an attribute may come more than once.
    pub attributes: Vec<(String, String)>,
    /// The reference.
    pub summary: String,
}

#[derive(Deserialize)]
struct Line {
    content: String,
    summary: String,
}

/// Reads a file's rows.
///
/// # Errors
/// When a line is not such an object, or an attribute has no `#` between name and value.
pub fn read(text: &str) -> Result<Vec<Row>, DataError> {
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let parsed: Line = serde_json::from_str(line)
            .map_err(|e| DataError::Json { line: at + 1, reason: e.to_string() })?;
        let pair = |text: &str| text.split_once('#').map(|(a, b)| (a.to_owned(), b.to_owned()));
        let attributes: Option<Vec<_>> = parsed.content.split('*').map(pair).collect();
        let attributes = attributes.ok_or_else(|| DataError::Row {
            row: rows.len() + 1,
            reason: format!("attributes are written name#value*name#value, not `{}`", parsed.content),
        })?;
        rows.push(Row { attributes, summary: parsed.summary });
    }
    if rows.is_empty() { Err(DataError::Empty) } else { Ok(rows) }
}

/// Attributes whose value stands in the text, letters of either case.
pub fn covered(attributes: &[(String, String)], text: &str) -> usize {
    let text = text.to_lowercase();
    attributes.iter().filter(|(_, value)| text.contains(&value.to_lowercase())).count()
}

/// Scores a rung: coverage of all attributes of all texts, and BLEU-4 over characters.
pub fn evaluate(rows: &[Row], rung: &mut Rung<'_>) -> Scores {
    let (mut bleu, mut outputs, mut silent, mut slots, mut found) = (Bleu::default(), 0, 0, 0, 0);
    let (mut all, mut people) = (0, 0);
    for row in rows {
        let mut texts = rung(&Brief::from_attributes(&row.attributes));
        if texts.is_empty() {
            silent += 1;
            texts.push(String::new());
        }
        let reference = spread(&row.summary);
        for text in &texts {
            bleu.add(&[spread(text)], std::slice::from_ref(&reference));
            slots += row.attributes.len();
            found += covered(&row.attributes, text);
        }
        outputs += texts.len();
        all += row.attributes.len();
        people += covered(&row.attributes, &row.summary);
    }
    Scores {
        rows: rows.len(),
        outputs,
        silent,
        bleu: bleu.score(),
        slot_error: None,
        coverage: Some(share(found, slots)),
        slots,
        wrong: slots - found,
        human: Some(Beside { bleu: None, slot_error: None, coverage: Some(share(people, all)) }),
        baseline: None,
    }
}

/// Characters with spaces between them.
fn spread(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(|c| [c, ' ']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_is_of_values_that_stand_in_the_text() {
        let rows =
            read("{\"content\":\"类型#裤*版型#宽松*图案#线条\",\"summary\":\"宽松的阔腿裤\"}\n").unwrap();
        let scores = evaluate(&rows, &mut |_| vec!["宽松的裤子，线条利落".into()]);
        assert_eq!((scores.coverage, scores.slots, scores.wrong), (Some(1.0), 3, 0));
        assert_eq!(scores.human.unwrap().coverage, Some(2.0 / 3.0));
        assert!(matches!(read("{\"content\":\"裤\",\"summary\":\"\"}"), Err(DataError::Row { row: 1, .. })));
        assert!(matches!(read("x"), Err(DataError::Json { line: 1, .. })));
    }
}
