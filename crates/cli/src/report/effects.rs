//! The section of effects: predicted beside observed.

use attune_insight::{Cell, Interval, Key, Table, Verdict};
use maud::{Markup, html};

use super::figures::{self, count, percent, percents};
use super::page::{NAME, capital};
use super::words::{Words, close_up, fill};
use super::{Findings, picture};

/// The section.
pub(crate) fn section(findings: &Findings, words: &Words) -> Markup {
    let report = &findings.report;
    let marks = &report.marks;
    let chance = figures::about(0.1 * marks.compared as f64);
    let text = match (marks.compared, marks.marked) {
        (0, _) => words.marks_empty,
        (_, 0) => words.marks_none,
        _ => words.marks_some,
    };
    let said = fill(
        text,
        &[
            ("compared", &count(marks.compared as u64)),
            ("outside", &count(marks.outside as u64)),
            ("chance", &chance),
            ("marked", &count(marks.marked as u64)),
        ],
    );
    html! {
        section aria-labelledby="effects" {
            h2 id="effects" { (words.effects_title) }
            p class="lead" { (words.effects_lead) }
            div class="pair" {
                @for head in &report.heads {
                    @let title = fill(words.curve, &[("what", &words.rate(&head.name))]);
                    figure class="card" {
                        figcaption { (title) }
                        @if head.calibration.len() > 1 {
                            (picture::calibration(words, &title, &head.calibration))
                            p class="soft" { (words.curve_note) }
                        } @else { p class="soft" { (words.too_few) } }
                    }
                }
            }
            ul class="notes between" { li class=[(marks.marked > 0).then_some("warn")] { (said) } }
            @for (at, table) in report.tables.iter().enumerate() { (items(findings, words, table, at == 0)) }
        }
    }
}

/// The largest value that a table's small pictures reach to: what is too uncertain does not set the scale.
fn most(table: &Table) -> f64 {
    let cells =
        table.lines.iter().flat_map(|line| &line.cells).filter(|cell| cell.verdict != Verdict::TooFew);
    let highs = cells.flat_map(|cell| [cell.interval.map(|it| it.high), cell.predicted]).flatten();
    let most = highs.fold(0.0, f64::max);
    if most > 0.0 { most } else { 1.0 }
}

fn items(findings: &Findings, words: &Words, table: &Table, open: bool) -> Markup {
    let (what, segment) = (words.rate(&table.head), words.segment(&table.segment));
    let title = match &findings.by {
        None => fill(words.by_segment, &[("what", &what), ("segment", &segment)]),
        Some(field) => {
            let by = words.segment(field);
            close_up(&fill(words.by_field_segment, &[("what", &what), ("segment", &segment), ("field", &by)]))
        }
    };
    let by = findings.by.as_ref().map_or_else(|| words.by_item.to_owned(), |by| capital(&words.segment(by)));
    let most = most(table);
    let cells = table.lines.iter().flat_map(|line| &line.cells);
    let marked = cells.filter(|cell| matches!(cell.verdict, Verdict::Above | Verdict::Below)).count();
    let marked = match marked {
        0 => words.none_marked.to_owned(),
        n => fill(words.marked, &[("n", &n.to_string())]),
    };
    html! {
        details class="card" open[open] {
            summary { (title) " " span class="soft" { "· " (marked) } }
            ul class="legend" {
                li { (picture::cell(Some(0.5), Some(Interval { low: 0.2, high: 0.8 }), None, 1.0)) (words.legend_observed) }
                li { (picture::cell(None, None, Some(0.5), 1.0)) (words.legend_predicted) }
                li { span class="mark above" { "▲" } (words.above) }
                li { span class="mark below" { "▼" } (words.below) }
                @if table.segment == "tag" { li { (words.tags_overlap) } }
            }
            div class="scroll" tabindex="0" role="region" aria-label=(title) {
                table class="effects" {
                    caption class="unseen" { (title) }
                    thead { tr {
                        th scope="col" { (by) }
                        @for column in &table.columns { th scope="col" { bdi { (name(words, &table.segment, column, "")) } } }
                    } }
                    tbody {
                        @for line in &table.lines {
                            tr class=[match line.key { Key::All => Some("all"), Key::Value(_) => None, _ => Some("rest") }] {
                                th scope="row" {
                                    bdi { (name(words, "", &line.key, &line.label)) }
                                    @if let Key::Value(id) = &line.key && *id != line.label && findings.by.is_none() {
                                        bdi class="soft" { (figures::cut(id, NAME)) }
                                    }
                                }
                                @for cell in &line.cells { td { (figure(words, cell, most)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A line's or column's name.
fn name(words: &Words, field: &str, key: &Key, label: &str) -> String {
    match key {
        Key::All => words.all.to_owned(),
        Key::Missing => words.missing.to_owned(),
        Key::Others => words.others.to_owned(),
        Key::Value(value) if label.is_empty() => figures::cut(&words.value(field, value), NAME),
        Key::Value(_) => figures::cut(label, NAME),
    }
}

fn figure(words: &Words, cell: &Cell, most: f64) -> Markup {
    let Some((observed, predicted)) = cell.observed.zip(cell.predicted) else {
        return html! { span class="soft" { "–" } };
    };
    let rows = fill(words.of_rows, &[("hits", &count(cell.hits)), ("rows", &count(cell.rows))]);
    let (sign, class, said) = match cell.verdict {
        Verdict::Above => ("▲", "above", words.above),
        Verdict::Below => ("▼", "below", words.below),
        _ => ("", "", ""),
    };
    html! {
        div class="cell" {
            @if cell.verdict == Verdict::TooFew {
                span class="few" { (words.too_few) }
                span class="soft" { (rows) }
                span class="soft" { (words.predicted) " " (percent(predicted)) }
            } @else {
                span class="both" {
                    span class="soft" { (words.predicted) " " (percent(predicted)) }
                    b { (percent(observed)) }
                }
                (picture::cell(Some(observed), cell.interval, Some(predicted), most))
                @if let Some(interval) = cell.interval { span class="soft" { (percents(interval)) } }
                span class="soft" { (rows) }
                @if !sign.is_empty() { span { span class={ "mark " (class) } { (sign) " " (said) } } }
            }
        }
    }
}
