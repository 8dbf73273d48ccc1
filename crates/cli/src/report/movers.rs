//! The section of what moved, and why.

use attune_insight::{Interval, Mover};
use maud::{Markup, html};

use super::figures::{self, count, percent};
use super::page::NAME;
use super::words::{Words, fill};
use super::{Findings, picture};

/// The section.
pub(crate) fn section(findings: &Findings, words: &Words) -> Markup {
    let moved = &findings.report.movers;
    let middle = moved.middle.map_or_else(|| "–".to_owned(), figures::day);
    let lead = fill(words.movers_lead, &[("middle", &middle), ("compared", &count(moved.compared as u64))]);
    html! {
        section aria-labelledby="movers" {
            h2 id="movers" { (words.movers_title) }
            @if moved.compared == 0 {
                p class="lead" { (words.movers_nothing) }
            } @else {
                p class="lead" {
                    (lead) " "
                    @if moved.standing_out > 0 { (fill(words.movers_some, &[("n", &count(moved.standing_out as u64))])) }
                    @else { (words.movers_none) }
                }
                @for mover in &moved.told { (mover_card(findings, words, mover)) }
            }
        }
    }
}

fn mover_card(findings: &Findings, words: &Words, mover: &Mover) -> Markup {
    let points = |value: f64| fill(words.points, &[("n", &figures::signed_points(value))]);
    let bare = figures::signed_points;
    let change = fill(
        words.mover_change,
        &[
            ("what", &words.rate(&mover.head)),
            ("first", &percent(mover.observed[0])),
            ("second", &percent(mover.observed[1])),
            ("change", &points(mover.change)),
            ("low", &bare(mover.interval.low)),
            ("high", &bare(mover.interval.high)),
        ],
    );
    let expected = mover.predicted[1] - mover.predicted[0];
    let rest_text = match (mover.unexplained_interval.contains(0.0), mover.stands_out) {
        (true, _) => words.why_rest_chance,
        (false, true) => words.why_rest,
        (false, false) => words.why_rest_plain,
    };
    let rest = fill(
        rest_text,
        &[
            ("rest", &points(mover.unexplained)),
            ("low", &bare(mover.unexplained_interval.low)),
            ("high", &bare(mover.unexplained_interval.high)),
        ],
    );
    let most = mover.parts.iter().map(|part| part.change.abs()).fold(mover.other.abs(), f64::max);
    let badge = if mover.stands_out { words.stands_out } else { words.within_chance };
    html! {
        div class="card" {
            h3 {
                bdi { (figures::cut(&mover.label, NAME)) }
                @if mover.key != mover.label { " " bdi class="soft" { (figures::cut(&mover.key, NAME)) } }
                " " span class=[Some(if mover.stands_out { "badge out" } else { "badge" })] { (badge) }
            }
            div class="mover" {
                div {
                    p { (change) }
                    (picture::halves(words, &change, mover))
                    ul class="legend" {
                        li { (picture::cell(Some(0.5), Some(Interval { low: 0.2, high: 0.8 }), None, 1.0)) (words.legend_observed) }
                        li { svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" { path class="dash predicted" d="M4 50H96" {} } (words.legend_predicted) }
                    }
                }
                div {
                    h4 { (words.why) }
                    ul class="why" {
                        @for part in &mover.parts {
                            li {
                                span { (words.feature(findings.features.get(part.feature))) }
                                (picture::push(part.change, most)) span { (bare(part.change)) }
                            }
                        }
                        li { span { (words.why_other) } (picture::push(mover.other, most)) span { (bare(mover.other)) } }
                    }
                    p class="soft" { (fill(words.why_sum, &[("expected", &points(expected))])) " " (rest) }
                }
            }
        }
    }
}
