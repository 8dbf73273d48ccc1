//! Small pictures: SVG for the lines, HTML for the letters, so that letters stay readable at every width.

use attune_insight::{Bin, Interval, Mover, Period, Side};
use maud::{Markup, html};

use super::figures;
use super::words::Words;

/// Places are percent of the picture's width and height; `y` grows upwards.
struct Scale {
    most: f64,
}

impl Scale {
    /// From 0 to a round number not below `most`.
    fn to(most: f64) -> Self {
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let unit = 10_f64.powf(most.log10().floor());
        let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
        let round = steps.into_iter().map(|step| step * unit).find(|round| *round >= most * 0.999);
        Self { most: round.unwrap_or(most) }
    }

    fn at(&self, value: f64) -> f64 {
        100.0 * (value / self.most).clamp(0.0, 1.0)
    }

    fn ticks(&self) -> [f64; 3] {
        [0.0, self.most / 2.0, self.most]
    }
}

fn x(value: f64) -> String {
    format!("{value:.2}")
}

fn y(value: f64) -> String {
    format!("{:.2}", 100.0 - value)
}

fn dot(class: &str, across: f64, up: f64) -> Markup {
    html! { path class={ (class) " dot" } d={ "M" (x(across)) " " (y(up)) "h0" } {} }
}

fn upright(class: &str, across: f64, low: f64, high: f64) -> Markup {
    html! { path class=(class) d={ "M" (x(across)) " " (y(low)) "V" (y(high)) } {} }
}

fn axes(ticks: &[f64], scale: &Scale) -> Markup {
    html! {
        @for tick in ticks { path class="grid" d={ "M0 " (y(scale.at(*tick))) "H100" } {} }
        path class="axis" d="M0 100H100" {}
    }
}

/// A picture with its letters.
fn plot(size: &str, label: &str, ticks: &[(f64, String)], below: &[String], lines: &Markup) -> Markup {
    html! {
        div class="plot" {
            div class="y" aria-hidden="true" {
                @for (up, text) in ticks { span style={ "bottom:" (x(*up)) "%" } { (text) } }
            }
            svg class=(size) viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label=(label) { (lines) }
            div class="x" aria-hidden="true" { @for text in below { span { (text) } } }
        }
    }
}

/// Predicted across, observed upwards.
pub(crate) fn calibration(words: &Words, title: &str, bins: &[Bin]) -> Markup {
    let high = |bin: &Bin| bin.interval.map_or(bin.observed, |interval| interval.high);
    let scale = Scale::to(bins.iter().map(|bin| high(bin).max(bin.predicted)).fold(0.0, f64::max));
    let ticks = scale.ticks();
    let label = bins.iter().fold(format!("{title}."), |said, bin| {
        said + &format!(
            " {} {}, {} {}.",
            words.predicted,
            figures::percent(bin.predicted),
            words.observed,
            figures::percent(bin.observed)
        )
    });
    let lines = html! {
        (axes(&ticks, &scale))
        path class="dash" d="M0 100L100 0" {}
        @for bin in bins {
            @if let Some(interval) = bin.interval {
                (upright("ranked whisker", scale.at(bin.predicted), scale.at(interval.low), scale.at(interval.high)))
            }
        }
        @for bin in bins { (dot("ranked", scale.at(bin.predicted), scale.at(bin.observed))) }
    };
    let named: Vec<_> = ticks.iter().map(|tick| (scale.at(*tick), round_percent(*tick))).collect();
    let mut below: Vec<_> = ticks.iter().map(|tick| round_percent(*tick)).collect();
    below[1] = format!("{} →", words.predicted);
    html! {
        p class="up" aria-hidden="true" { "↑ " (words.observed) }
        (plot("square", &label, &named, &below, &lines))
    }
}

/// Both arms over time.
pub(crate) fn over_time(title: &str, head: usize, periods: &[Period], both: bool) -> Markup {
    let arms = [("kept", "fill-kept"), ("ranked", "fill-ranked")];
    let side = |period: &Period, arm: usize| -> Option<Side> {
        let sides = if arm == 0 { &period.holdout } else { &period.treatment };
        sides.get(head).filter(|side| side.rate.is_some()).cloned()
    };
    let shown = |arm: &usize| *arm == 1 || both;
    // A day with one lucky decision must not flatten all the others.
    let mut tops: Vec<f64> = periods
        .iter()
        .flat_map(|period| {
            [0, 1].into_iter().filter(shown).filter_map(|arm| side(period, arm)).collect::<Vec<_>>()
        })
        .filter_map(|side| side.interval.map(|interval| interval.high).or(side.rate))
        .collect();
    tops.sort_by(f64::total_cmp);
    let scale = Scale::to(tops.get(tops.len().saturating_sub(1) * 98 / 100).copied().unwrap_or(1.0));
    let across = |index: usize| {
        if periods.len() < 2 { 50.0 } else { 100.0 * index as f64 / (periods.len() - 1) as f64 }
    };
    let lines = html! {
        (axes(&scale.ticks(), &scale))
        @for (arm, (line, band)) in arms.iter().enumerate().filter(|(arm, _)| shown(arm)) {
            @let points: Vec<(f64, Side)> =
                periods.iter().enumerate().filter_map(|(at, period)| Some((across(at), side(period, arm)?))).collect();
            @let sure: Vec<(f64, Interval)> =
                points.iter().filter_map(|(at, side)| Some((*at, side.interval?))).collect();
            @if sure.len() > 1 { path class=(band) d=(area(&sure, &scale)) {} }
            @if points.len() == 1 {
                @for (at, side) in &points { (dot(line, *at, scale.at(side.rate.unwrap_or(0.0)))) }
            } @else if !points.is_empty() { path class={ (line) " thin" } d=(path(&points, &scale)) {} }
        }
    };
    let named: Vec<_> = scale.ticks().iter().map(|tick| (scale.at(*tick), short(*tick))).collect();
    let days: Vec<i64> = periods.iter().map(|period| period.from).collect();
    let mut below: Vec<String> = Vec::new();
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        below.push(figures::day(*first));
        if days.len() > 1 {
            below.push(figures::day(*last));
        }
    }
    plot("wide", title, &named, &below, &lines)
}

fn round_percent(share: f64) -> String {
    format!("{}%", short(100.0 * share))
}

fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn path(points: &[(f64, Side)], scale: &Scale) -> String {
    let place = |(at, side): &(f64, Side)| format!("{} {}", x(*at), y(scale.at(side.rate.unwrap_or(0.0))));
    format!("M{}", points.iter().map(place).collect::<Vec<_>>().join("L"))
}

fn area(points: &[(f64, Interval)], scale: &Scale) -> String {
    let upper = points.iter().map(|(at, it)| format!("{} {}", x(*at), y(scale.at(it.high))));
    let lower = points.iter().rev().map(|(at, it)| format!("{} {}", x(*at), y(scale.at(it.low))));
    format!("M{}Z", upper.chain(lower).collect::<Vec<_>>().join("L"))
}

/// Two rates with their intervals, on one scale from 0.
pub(crate) fn bars(title: &str, arms: &[(&str, &str, &Side)]) -> Markup {
    let high = |side: &Side| side.interval.map(|it| it.high).or(side.rate).unwrap_or(0.0);
    let scale = Scale::to(arms.iter().map(|(.., side)| high(side)).fold(0.0, f64::max));
    html! {
        div class="bars" role="img" aria-label=(title) {
            @for (name, class, side) in arms {
                div {
                    div class="name" { (name) b { (side.rate.map_or_else(String::new, figures::mean)) } }
                    svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" {
                        rect class="grid-fill" x="0" y="20" width="100" height="60" {}
                        @if let Some(rate) = side.rate {
                            rect class={ "bar-" (class) } x="0" y="20" width=(x(scale.at(rate))) height="60" {}
                        }
                        @if let Some(it) = side.interval {
                            path class="over" d={ "M" (x(scale.at(it.low))) " 50H" (x(scale.at(it.high)))
                                "M" (x(scale.at(it.low))) " 32V68M" (x(scale.at(it.high))) " 32V68" } {}
                        }
                    }
                }
            }
        }
    }
}

/// A relative difference with its interval, and where no difference would be.
pub(crate) fn around_nothing(title: &str, value: f64, interval: Interval) -> Markup {
    let reach = Scale::to(interval.low.abs().max(interval.high.abs()).min(5.0)).most;
    let at = |value: f64| 50.0 + 50.0 * (value / reach).clamp(-1.0, 1.0);
    let ends = [-reach, 0.0, reach].map(figures::signed_percent);
    let label = format!(
        "{title}: {} ({} – {})",
        figures::signed_percent(value),
        figures::signed_percent(interval.low),
        figures::signed_percent(interval.high)
    );
    html! {
        div class="nothing" {
            svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label=(label) {
                path class="grid" d="M0 50H100" {}
                path class="axis" d="M50 0V100" {}
                path class="ranked whisker" d={ "M" (x(at(interval.low))) " 50H" (x(at(interval.high))) } {}
                (dot("ranked", at(value), 50.0))
            }
            div class="ends" aria-hidden="true" {
                span { (ends[0]) } span { "0" } span { (ends[2]) }
            }
        }
    }
}

/// Observed with its interval, and the prediction as a tick, from 0 to `most`.
pub(crate) fn cell(
    observed: Option<f64>,
    interval: Option<Interval>,
    predicted: Option<f64>,
    most: f64,
) -> Markup {
    let at = |value: f64| 2.0 + 0.96 * 100.0 * (value / most).clamp(0.0, 1.0);
    html! {
        svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" {
            path class="grid" d="M2 50H98" {}
            @if let Some(it) = interval {
                path class="ranked whisker" d={ "M" (x(at(it.low))) " 50H" (x(at(it.high))) } {}
            }
            @if let Some(observed) = observed { (dot("ranked", at(observed), 50.0)) }
            @if let Some(predicted) = predicted { (upright("kept tick", at(predicted), 0.0, 100.0)) }
        }
    }
}

/// A change to the left or right of nothing.
pub(crate) fn push(change: f64, most: f64) -> Markup {
    let to = 50.0 + 48.0 * (change / most.max(1e-12)).clamp(-1.0, 1.0);
    let (from, to) = (to.min(50.0), to.max(50.0));
    html! {
        svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" {
            rect x=(x(from)) y="15" width=(x((to - from).max(0.8))) height="70"
                fill={ "var(--" (if change < 0.0 { "below" } else { "above" }) ")" } {}
            path class="axis" d="M50 0V100" {}
        }
    }
}

/// An item's halves: observed with intervals, predicted as a broken line.
pub(crate) fn halves(words: &Words, title: &str, mover: &Mover) -> Markup {
    let highs = mover.intervals.iter().flatten().map(|it| it.high);
    let scale = Scale::to(highs.chain(mover.observed).chain(mover.predicted).fold(0.0, f64::max));
    let across = [12.0, 88.0];
    let lines = html! {
        (axes(&scale.ticks(), &scale))
        path class="dash predicted" d={
            "M12 " (y(scale.at(mover.predicted[0]))) "L88 " (y(scale.at(mover.predicted[1]))) } {}
        path class="ranked thin" d={
            "M12 " (y(scale.at(mover.observed[0]))) "L88 " (y(scale.at(mover.observed[1]))) } {}
        @for half in [0, 1] {
            @if let Some(it) = mover.intervals[half] {
                (upright("ranked whisker", across[half], scale.at(it.low), scale.at(it.high)))
            }
            (dot("ranked", across[half], scale.at(mover.observed[half])))
        }
    };
    let named: Vec<_> = scale.ticks().iter().map(|tick| (scale.at(*tick), round_percent(*tick))).collect();
    plot("small", title, &named, &[words.first_half.to_owned(), words.second_half.to_owned()], &lines)
}
