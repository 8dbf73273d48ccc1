//! A copy, as people read it.

use std::fmt::Write as _;

use attune_generate::ladder::{Candidate, Copy, Left, Predicted};
use attune_generate::repair::{Repair, RepairKind};

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

fn effect(predicted: &Predicted) -> String {
    let [low, high] = predicted.interval;
    format!(
        "{} {:+.3} ({low:+.3} to {high:+.3} at {:.0} %), better than {:.0} % of comparable copy",
        predicted.effect,
        predicted.value,
        100.0 * predicted.level,
        100.0 * predicted.better_than
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
