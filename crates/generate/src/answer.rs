//! What a rung answers: candidates that the guard let pass, and how each came about.

use serde::{Deserialize, Serialize};

use crate::{
    Brief,
    guard::{Finding, Guard, GuardReport},
    repair::{Outcome, Repair, RepairKind, repair},
};

/// A way to write, from the heaviest to the surest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// A model on the graphics processor.
    Gpu,
    /// A model on the processor.
    Cpu,
    /// A model on a server.
    Remote,
    /// No model: the grammars.
    Template,
}

/// Texts for a brief, and where they came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The rung that wrote.
    pub rung: Rung,
    /// Why this one, for people.
    pub why: String,
    /// Different texts, the best first.
    pub candidates: Vec<Candidate>,
    /// Decoding speed, where tokens were decoded and a clock was at hand.
    pub tokens_per_second: Option<f64>,
    /// What was cut from the brief.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One text that may go out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The text.
    pub text: String,
    /// What it is predicted to bring, where something predicts.
    pub predicted: Option<Prediction>,
    /// What it says of the facts.
    pub facts: Checked,
    /// What was changed to let it pass.
    pub repairs: Vec<Repair>,
}

/// A predicted effect with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The expected effect.
    pub effect: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// The guard's word on a text that passed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Facts of the brief that it says.
    pub said: Vec<String>,
    /// Facts that it leaves out.
    pub unsaid: Vec<String>,
    /// Findings that do not keep it in.
    pub notes: Vec<Finding>,
}

impl Candidate {
    /// A text after guard and repair; `None` where it has to be written again.
    pub fn of(text: &str, brief: &Brief, guard: &Guard<'_>) -> Option<Self> {
        match repair(text, brief, guard) {
            Outcome::Passed { text, repairs, report } => {
                Some(Self { text, predicted: None, facts: report.into(), repairs })
            }
            Outcome::Again { .. } => None,
        }
    }

    /// A template's text in the place of one that had to be thrown away, which is told.
    pub fn in_place_of(thrown: &str, template: &str, brief: &Brief, guard: &Guard<'_>) -> Option<Self> {
        let mut candidate = Self::of(template, brief, guard)?;
        let told =
            Repair { kind: RepairKind::Template, before: thrown.to_owned(), after: candidate.text.clone() };
        candidate.repairs.insert(0, told);
        Some(candidate)
    }
}

impl From<GuardReport> for Checked {
    fn from(report: GuardReport) -> Self {
        Self { said: report.said, unsaid: report.unsaid, notes: report.findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_cannot_be_mended_gives_way_to_the_template() {
        let (brief, _) = Brief::parse(r#"{"facts":{"name":"Cup","attributes":{"colour":"red"}}}"#).unwrap();
        let guard = Guard::new(&brief);
        assert_eq!(Candidate::of("As an AI I cannot.", &brief, &guard), None);
        let candidate =
            Candidate::in_place_of("As an AI I cannot.", "Cup. It comes in red.", &brief, &guard).unwrap();
        assert_eq!(candidate.repairs[0].kind, RepairKind::Template);
        assert_eq!(
            (candidate.facts.said, candidate.facts.unsaid.len()),
            (vec!["Cup".into(), "red".into()], 0)
        );
    }
}
