//! A copy, as people read it.

use std::fmt::Write as _;

use attune_generate::ladder::{Candidate, Copy, Left};
use attune_generate::repair::{Repair, RepairKind};
use attune_text::{Evidence, TextEffect};

/// All of it.
pub(super) fn text(copy: &Copy, notes: &[String]) -> String {
    let mut said = String::new();
    for (number, candidate) in (1..).zip(&copy.candidates) {
        let _ = writeln!(said, "{number}. {}\n{}", candidate.text, checks(candidate));
    }
    let _ = writeln!(said, "rung   {} ({})", copy.rung.name(), copy.why);
    if let Some(model) = &copy.model {
        let _ = writeln!(said, "model  {model}");
    }
    if copy.refused > 0 {
        let _ = writeln!(said, "kept in: {} of the texts were not true, and are not here", copy.refused);
    }
    let speed = copy.tokens_per_second.map(|speed| format!(", {speed:.1} tokens/s")).unwrap_or_default();
    let _ = writeln!(said, "speed  {:.2} s{speed}", copy.took / 1000.0);
    for note in notes {
        let _ = writeln!(said, "brief  {note}");
    }
    said
}

fn checks(candidate: &Candidate) -> String {
    let facts = &candidate.facts;
    let said =
        if facts.said.is_empty() { "nothing of the attributes".to_owned() } else { facts.said.join(", ") };
    let mut line = format!("   facts      true; says {said}");
    if !facts.unsaid.is_empty() {
        let _ = write!(line, "; leaves out {}", facts.unsaid.join(", "));
    }
    for repair in &candidate.repairs {
        let _ = write!(line, "\n   repaired   {}", repaired(repair));
    }
    for finding in &facts.findings {
        let _ = write!(line, "\n   note       {}: {}", finding.what, finding.reason);
    }
    match &candidate.predicted {
        Some(predicted) => format!("   predicted  {}\n{line}\n", effect(predicted)),
        None => line + "\n",
    }
}

/// Against comparable copy: e to the log-odds is close to the ratio of the click-through rates, which are small.
fn effect(predicted: &TextEffect) -> String {
    let [value, low, high] = [predicted.log_odds.value, predicted.log_odds.low, predicted.log_odds.high]
        .map(|log_odds| 100.0 * log_odds.exp_m1());
    let unsure = if predicted.evidence == Evidence::Style { ", by its style alone" } else { "" };
    format!(
        "clicks {value:+.0} % against comparable copy ({low:+.0} to {high:+.0} % at 90 %), better than {:.0} % of it{unsure}",
        predicted.percentile
    )
}

fn repaired(repair: &Repair) -> String {
    let Repair { before, after, .. } = repair;
    match repair.kind {
        RepairKind::Corrected => format!("{before:?} became {after:?}"),
        RepairKind::Removed => format!("{before:?} was taken out"),
        RepairKind::Added => format!("{after:?} was added"),
        RepairKind::Shortened => "cut to its length".to_owned(),
        RepairKind::Cleaned => "markup was taken out".to_owned(),
        RepairKind::Again => "written again".to_owned(),
        RepairKind::Template => "the template's text took its place".to_owned(),
    }
}

/// Why no rung served.
pub(super) fn refusal(left: &[Left]) -> String {
    let reasons: Vec<String> =
        left.iter().map(|left| format!("{}: {}", left.rung.name(), left.failure.message)).collect();
    format!("no rung could write copy for this brief: {}", reasons.join("; "))
}
