//! The page. Everything that comes from the log is escaped by the templates.

use attune_insight::{Clusters, Comparison, Interval, Key, Mover, Side, Table, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figures::{self, count, percent, percents};
use super::style::STYLE;
use super::words::{Language, Words, fill};
use super::{Findings, picture};

/// The longest name in a table.
const NAME: usize = 60;

/// The page as one file.
pub(crate) fn render(findings: &Findings, language: Language) -> String {
    let words = language.words();
    let page = html! {
        (DOCTYPE)
        html lang=(words.lang) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="generator" content="attune report";
                title { (words.title) " · " (findings.bundle.name) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (top(findings, words))
                main {
                    (holdout(findings, words))
                    (effects(findings, words))
                    (movers(findings, words))
                    (left_out(findings, words))
                    (method(findings, words))
                }
                footer {
                    (fill(words.made, &[("version", env!("CARGO_PKG_VERSION")), ("log", &findings.log)]))
                }
            }
        }
    };
    page.into_string()
}

/// The one thing to know.
pub(crate) fn headline(findings: &Findings, words: &Words) -> String {
    let arms = &findings.report.arms;
    if !arms.held_out {
        return words.no_holdout.to_owned();
    }
    let first = arms.comparisons.first();
    let known = first.and_then(|it| Some((it, it.lift?, it.lift_interval?, it.difference_interval?)));
    let Some((comparison, lift, interval, difference)) = known else { return words.small_holdout.to_owned() };
    let (low, high) = (figures::signed_percent(interval.low), figures::signed_percent(interval.high));
    let what = words.what(&comparison.head);
    let (text, lift) = if difference.contains(0.0) {
        (words.no_gain, figures::signed_percent(lift))
    } else {
        let n = figures::signed_percent(lift.abs()).replace('+', "");
        (words.gain, fill(if lift > 0.0 { words.more } else { words.fewer }, &[("n", &n)]))
    };
    fill(text, &[("lift", &lift), ("what", &what), ("low", &low), ("high", &high)])
}

fn top(findings: &Findings, words: &Words) -> Markup {
    let report = &findings.report;
    let period = match report.from.zip(report.to) {
        Some((from, to)) => fill(words.period, &[("from", &figures::day(from)), ("to", &figures::day(to))]),
        None => words.no_time.to_owned(),
    };
    let bundle = &findings.bundle;
    let hash = figures::short(&bundle.hash);
    html! {
        header class="top" {
            h1 { (words.title) }
            p class="kicker" {
                (period) " · " (fill(words.bundle, &[("name", &figures::cut(&bundle.name, NAME)), ("hash", &hash)]))
            }
            p class="headline" { (headline(findings, words)) }
            dl class="keys" {
                (key(words.decisions, &count(report.decisions), words.decisions_note))
                (key(words.impressions, &count(report.rows), words.impressions_note))
                @for head in &report.heads {
                    @let rate = head.total.observed.map_or_else(|| "–".to_owned(), percent);
                    @let note = if head.name == "conversion" { words.conversions_note } else { words.clicks_note };
                    @let title = match head.name.as_str() {
                        "click" => words.clicks.to_owned(),
                        "conversion" => words.conversions.to_owned(),
                        other => other.to_owned(),
                    };
                    (key(&title, &count(head.total.hits), &fill(note, &[("rate", &rate), ("n", &count(head.total.rows))])))
                }
                @if report.shoppers > 0 {
                    @let n = count(report.shoppers);
                    @let n = if report.more_shoppers { fill(words.more_than, &[("n", &n)]) } else { n };
                    (key(words.shoppers, &n, words.shoppers_note))
                }
            }
            ul class="notes" {
                @let (fine, said) = matching(findings, words);
                li class=[(!fine).then_some("warn")] { (said) }
                @if bundle.trained_on { li class="warn" { (words.trained_on) } }
                @if report.arms.held_out && report.arms.fell_back > 0 {
                    li class="warn" { (fill(words.fell_back, &[("n", &count(report.arms.fell_back))])) }
                }
            }
        }
    }
}

fn key(title: &str, value: &str, note: &str) -> Markup {
    html! { div { dt { (title) } dd class="big" { (value) } dd class="small" { (note) } } }
}

/// Whether the log is this bundle's.
fn matching(findings: &Findings, words: &Words) -> (bool, String) {
    let (bundle, all) = (&findings.bundle, findings.report.decisions);
    if bundle.decided == all {
        return (true, words.match_all.to_owned());
    }
    let others = bundle.in_log.iter().filter(|(hash, _)| *hash != bundle.hash).take(4).map(|(hash, n)| {
        let text = if hash.is_empty() { words.bundle_without } else { words.bundle_other };
        fill(text, &[("n", &count(*n)), ("hash", &figures::short(hash))])
    });
    let join = if words.lang == "en" { ", " } else { "," };
    let others = others.collect::<Vec<_>>().join(join);
    let text = if bundle.decided > 0 { words.match_some } else { words.match_none };
    (false, fill(text, &[("n", &count(bundle.decided)), ("all", &count(all)), ("others", &others)]))
}

fn holdout(findings: &Findings, words: &Words) -> Markup {
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
                    p style="margin-top:0" { (words.holdout_missing) }
                    p { (words.holdout_how) }
                    pre { code { "\"holdout\": {\"share\": 0.1, \"seed\": \"2026-autumn\"}" } }
                    p { (words.holdout_shopper) }
                }
                div class="pair" style="margin-top:16px" {
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
    let mean = |side: &Side| side.rate.map_or_else(|| "–".to_owned(), figures::mean);
    let range = |interval: Option<Interval>| match interval {
        Some(it) => format!("{}–{}", figures::mean(it.low), figures::mean(it.high)),
        None => words.too_few.to_owned(),
    };
    let signed = |interval: Option<Interval>, text: fn(f64) -> String| match interval {
        Some(it) => both_ends(words, &text(it.low), &text(it.high)),
        None => words.too_few.to_owned(),
    };
    let dash = || "–".to_owned();
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
    html! {
        div class="card" {
            div class="scroll" tabindex="0" role="region" aria-label=(title) {
                table class="plain" {
                    caption { (title) }
                    thead { tr {
                        th scope="col" { (words.arm) } th scope="col" { (words.decisions) }
                        th scope="col" { (capital(&what)) } th scope="col" { (title) } th scope="col" { (words.interval) }
                    } }
                    tbody {
                        @for (name, side) in [(words.treatment, &it.treatment), (words.holdout, &it.holdout)] {
                            tr {
                                th scope="row" { (name) }
                                td { (count(side.decisions)) } td { (count(side.hits)) } td { (mean(side)) } td { (range(side.interval)) }
                            }
                        }
                        tr {
                            th scope="row" { (words.difference) } td {} td {}
                            td { b { (it.difference.map_or_else(dash, figures::signed_mean)) } }
                            td { (signed(it.difference_interval, figures::signed_mean)) }
                        }
                        tr {
                            th scope="row" { (words.relative) } td {} td {}
                            td { b { (it.lift.map_or_else(dash, figures::signed_percent)) } }
                            td { (signed(it.lift_interval, figures::signed_percent)) }
                        }
                    }
                }
            }
            p class="would" { (would) }
        }
        div class="pair" style="margin-top:16px" {
            figure class="card" {
                figcaption { (fill(words.bars, &[("what", &capital(&what))])) }
                (picture::bars(&fill(words.bars, &[("what", &what)]), &[
                    (words.treatment, "ranked", &it.treatment), (words.holdout, "kept", &it.holdout),
                ]))
            }
            (over_time(findings, words, head, &it.head, true))
        }
        @if head + 1 < findings.report.arms.comparisons.len() { div style="height:28px" {} }
    }
}

/// "+1% to +2%", in the language's own way.
fn both_ends(words: &Words, low: &str, high: &str) -> String {
    if words.lang == "en" { format!("{low} to {high}") } else { format!("{low} 至 {high}") }
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
        svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" { path class={ (class) " dot" } style="stroke-width:4" d="M8 50H92" {} }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn effects(findings: &Findings, words: &Words) -> Markup {
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
                        (picture::calibration(words, &title, &head.calibration))
                        p class="soft" { (words.curve_note) }
                    }
                }
            }
            ul class="notes" style="margin-bottom:16px" { li class=[(marks.marked > 0).then_some("warn")] { (said) } }
            @for table in &report.tables { (items(findings, words, table)) }
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

fn items(findings: &Findings, words: &Words, table: &Table) -> Markup {
    let (what, segment) = (words.rate(&table.head), words.segment(&table.segment));
    let title = match &findings.by {
        None => fill(words.by_segment, &[("what", &what), ("segment", &segment)]),
        Some(field) => {
            fill(words.by_field_segment, &[("what", &what), ("segment", &segment), ("field", field)])
        }
    };
    let most = most(table);
    html! {
        div class="card" {
            div class="scroll" tabindex="0" role="region" aria-label=(title) {
                table class="effects" {
                    caption { (title) }
                    thead { tr {
                        th scope="col" { (findings.by.as_deref().unwrap_or(words.by_item)) }
                        @for column in &table.columns { th scope="col" { (name(words, &table.segment, column, "")) } }
                    } }
                    tbody {
                        @for line in &table.lines {
                            tr class=[match line.key { Key::All => Some("all"), Key::Value(_) => None, _ => Some("rest") }] {
                                th scope="row" {
                                    span { (name(words, "", &line.key, &line.label)) }
                                    @if let Key::Value(id) = &line.key && *id != line.label && findings.by.is_none() {
                                        span class="soft" { (figures::cut(id, NAME)) }
                                    }
                                }
                                @for cell in &line.cells { td { (figure(words, cell, most)) } }
                            }
                        }
                    }
                }
            }
            ul class="legend" style="margin:10px 0 0" {
                li { (picture::cell(Some(0.5), Some(Interval { low: 0.2, high: 0.8 }), None, 1.0)) (words.legend_observed) }
                li { (picture::cell(None, None, Some(0.5), 1.0)) (words.legend_predicted) }
                li { span class="mark above" { "▲" } (words.above) }
                li { span class="mark below" { "▼" } (words.below) }
                @if table.segment == "tag" { li { (words.tags_overlap) } }
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

fn figure(words: &Words, cell: &attune_insight::Cell, most: f64) -> Markup {
    let Some((observed, predicted)) = cell.observed.zip(cell.predicted) else {
        return html! { span class="soft" { "–" } };
    };
    let rows = fill(words.of_rows, &[("hits", &count(cell.hits)), ("rows", &count(cell.rows))]);
    html! {
        div class="cell" {
            @if cell.verdict == Verdict::TooFew {
                span class="soft" { (words.too_few) }
                span class="soft" { (rows) }
                span class="soft" { (words.predicted) " " (percent(predicted)) }
            } @else {
                span {
                    @match cell.verdict {
                        Verdict::Above => span class="mark above" title=(words.above) { "▲" },
                        Verdict::Below => span class="mark below" title=(words.below) { "▼" },
                        _ => {},
                    }
                    b { (percent(observed)) }
                }
                (picture::cell(Some(observed), cell.interval, Some(predicted), most))
                span class="soft" { (words.predicted) " " (percent(predicted)) }
                @if let Some(interval) = cell.interval { span class="soft" { (percents(interval)) } }
                span class="soft" { (rows) }
                @match cell.verdict {
                    Verdict::Above => span class="soft above" { (words.above) },
                    Verdict::Below => span class="soft below" { (words.below) },
                    _ => {},
                }
            }
        }
    }
}

fn movers(findings: &Findings, words: &Words) -> Markup {
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
    let rest_text =
        if mover.unexplained_interval.contains(0.0) { words.why_rest_chance } else { words.why_rest };
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
                (figures::cut(&mover.label, NAME))
                @if mover.key != mover.label { " " span class="soft" { (figures::cut(&mover.key, NAME)) } }
                " " span class=[Some(if mover.stands_out { "badge out" } else { "badge" })] { (badge) }
            }
            div class="mover" {
                div {
                    p { (change) }
                    (picture::halves(words, &change, mover))
                    ul class="legend" style="margin:8px 0 0" {
                        li { (picture::cell(Some(0.5), Some(Interval { low: 0.2, high: 0.8 }), None, 1.0)) (words.legend_observed) }
                        li { svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" { path class="dash" style="stroke:var(--kept)" d="M4 50H96" {} } (words.legend_predicted) }
                    }
                }
                div {
                    h4 style="margin-top:8px" { (words.why) }
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

fn left_out(findings: &Findings, words: &Words) -> Markup {
    let cleaning = &findings.cleaning;
    let said = |counts: &std::collections::BTreeMap<String, u64>| {
        let mut said: Vec<(String, u64)> = Vec::new();
        for (reason, n) in counts {
            let Some(reason) = words.reason(reason) else { continue };
            match said.iter_mut().find(|(own, _)| *own == reason) {
                Some((_, sum)) => *sum += n,
                None => said.push((reason, *n)),
            }
        }
        said.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        said
    };
    let lead = fill(words.data_lead, &[("read", &count(cleaning.read)), ("kept", &count(cleaning.kept))]);
    let parts = [(words.data_reason, said(&cleaning.dropped)), (words.data_note, said(&cleaning.noted))];
    html! {
        section aria-labelledby="data" {
            h2 id="data" { (words.data_title) }
            p class="lead" { (lead) @if cleaning.dropped.is_empty() { " " (words.data_clean) } }
            div class="pair" {
                @for (title, rows) in parts.iter().filter(|(_, rows)| !rows.is_empty()) {
                    div class="card" {
                        table class="plain" {
                            thead { tr { th scope="col" { (title) } th scope="col" { (words.count) } } }
                            tbody { @for (reason, n) in rows { tr { td class="text" { (reason) } td style="text-align:right" { (count(*n)) } } } }
                        }
                    }
                }
            }
        }
    }
}

fn method(findings: &Findings, words: &Words) -> Markup {
    let clusters = match findings.report.clusters {
        Clusters::Shopper => words.method_shopper,
        Clusters::Decision => words.method_decision,
        Clusters::Mixed => words.method_mixed,
    };
    let window = findings.window.to_string();
    html! {
        section aria-labelledby="method" {
            h2 id="method" { (words.method_title) }
            ul class="method" {
                li { (words.method_interval) }
                li { (clusters) }
                li { (words.method_marks) }
                li { (words.method_few) }
                li { (fill(words.method_conversion, &[("window", &window)])) }
                li { (words.method_weights) }
            }
        }
    }
}
