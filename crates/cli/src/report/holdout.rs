//! The section of the hold-out: what ranking brought.

use attune_insight::{Comparison, Interval};
use maud::{Markup, html};

use super::figures::{self, count};
use super::page::capital;
use super::words::{Words, fill};
use super::{Findings, picture};

/// What ranking brought, in a sentence.
pub(crate) fn verdict(it: &Comparison, words: &Words) -> String {
    let Some((lift, interval)) = it.lift.zip(it.lift_interval) else { return words.small_holdout.to_owned() };
    let (low, high) = (figures::signed_percent(interval.low), figures::signed_percent(interval.high));
    let what = words.what(&it.head);
    let (text, lift) = if interval.contains(0.0) {
        (words.no_gain, figures::signed_percent(lift))
    } else {
        let n = figures::signed_percent(lift.abs()).replace('+', "");
        (words.gain, fill(if lift > 0.0 { words.more } else { words.fewer }, &[("n", &n)]))
    };
    fill(text, &[("lift", &lift), ("what", &what), ("low", &low), ("high", &high)])
}

/// The section.
pub(crate) fn section(findings: &Findings, words: &Words) -> Markup {
    let arms = &findings.report.arms;
    html! {
        section aria-labelledby="holdout" {
            h2 id="holdout" { (words.holdout_title) }
            @if arms.held_out {
                p class="lead" { (words.holdout_lead) }
                @for (head, comparison) in arms.comparisons.iter().enumerate() {
                    (compared(findings, words, head, comparison))
                }
                @if arms.without_shopper > 0 {
                    p class="soft" { (fill(words.without_shopper, &[("n", &count(arms.without_shopper))])) }
                }
            } @else {
                div class="card" {
                    p { (words.holdout_missing) }
                    p { (words.holdout_how) }
                    pre { code { "\"holdout\": {\"share\": 0.1, \"seed\": \"2026-autumn\"}" } }
                    p { (words.holdout_shopper) }
                }
                div class="pair spaced" {
                    @for (head, of) in findings.report.heads.iter().enumerate() {
                        (over_time(findings, words, head, &of.name, false))
                    }
                }
            }
        }
    }
}

fn compared(findings: &Findings, words: &Words, head: usize, it: &Comparison) -> Markup {
    let what = words.what(&it.head);
    let title = capital(&fill(words.per_decision, &[("what", &what)]));
    let bars = fill(words.bars, &[("what", &capital(&what))]);
    let lift = capital(&fill(words.lift, &[("what", &what)]));
    let would = match it.would.zip(it.would_interval) {
        Some((would, interval)) => fill(
            words.would,
            &[
                ("would", &figures::about(would)),
                ("what", &what),
                ("was", &count(it.was)),
                ("low", &figures::about(interval.low)),
                ("high", &figures::about(interval.high)),
            ],
        ),
        None => words.would_unsure.to_owned(),
    };
    let arms = [(words.treatment, "ranked", &it.treatment), (words.holdout, "kept", &it.holdout)];
    html! {
        div class="card" {
            div class="scroll" tabindex="0" role="region" aria-label=(title) {
                table class="plain" {
                    caption { (title) }
                    thead { tr {
                        th scope="col" { (words.arm) }
                        th scope="col" { (title) span class="below-name" { (words.interval) } }
                        th scope="col" { (capital(&what)) } th scope="col" { (words.decisions) }
                    } }
                    tbody {
                        @for (name, class, side) in arms {
                            tr {
                                th scope="row" { (swatch(class)) (name) }
                                td { (with_interval(words, side.rate, side.interval, figures::mean)) }
                                td { (count(side.hits)) } td { (count(side.decisions)) }
                            }
                        }
                        tr {
                            th scope="row" { (words.difference) }
                            td { (with_interval(words, it.difference, it.difference_interval, figures::signed_mean)) } td {} td {}
                        }
                        tr {
                            th scope="row" { (words.relative) }
                            td { (with_interval(words, it.lift, it.lift_interval, figures::signed_percent)) } td {} td {}
                        }
                    }
                }
            }
            p class="would" { (would) }
        }
        div class="pair spaced" {
            @if it.difference.is_some() { figure class="card" {
                figcaption { (bars) }
                (picture::bars(&bars, &arms))
                @if let Some((value, interval)) = it.lift.zip(it.lift_interval) {
                    figcaption class="second" { (lift) }
                    (picture::around_nothing(&lift, value, interval))
                }
            } }
            (over_time(findings, words, head, &it.head, true))
        }
        @if head + 1 < findings.report.arms.comparisons.len() { div class="gap" {} }
    }
}

/// A value, and below it its interval.
fn with_interval(
    words: &Words,
    value: Option<f64>,
    interval: Option<Interval>,
    text: fn(f64) -> String,
) -> Markup {
    let range = match interval {
        Some(it) => fill(words.to, &[("low", &text(it.low)), ("high", &text(it.high))]),
        None => words.too_few.to_owned(),
    };
    html! { b { (value.map_or_else(|| "–".to_owned(), text)) } span class="below-name" { (range) } }
}

fn over_time(findings: &Findings, words: &Words, head: usize, name: &str, both: bool) -> Markup {
    let arms = &findings.report.arms;
    let title = fill(words.daily, &[("what", &capital(&words.what(name)))]);
    html! {
        @if !arms.periods.is_empty() {
            figure class="card" {
                figcaption {
                    (title)
                    @if arms.period_days > 1 {
                        span class="soft" { " · " (fill(words.daily_days, &[("n", &arms.period_days.to_string())])) }
                    }
                }
                @if both {
                    ul class="legend" {
                        li { (swatch("ranked")) (words.treatment) }
                        li { (swatch("kept")) (words.holdout) }
                    }
                }
                (picture::over_time(&title, head, &arms.periods, both))
            }
        }
    }
}

fn swatch(class: &str) -> Markup {
    html! {
        svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" { path class={ (class) " swatch" } d="M8 50H92" {} }
    }
}
