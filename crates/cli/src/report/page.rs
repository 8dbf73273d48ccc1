//! The page. Everything that comes from the log is escaped by the templates.

use attune_insight::{Clusters, Comparison, Interval, Key, Mover, Table, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figures::{self, count, percent, percents};
use super::style::STYLE;
use super::words::{Language, Words, close_up, fill};
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
    match arms.comparisons.first() {
        Some(first) if arms.held_out => verdict(first, words),
        _ => words.no_holdout.to_owned(),
    }
}

/// What ranking brought, in a sentence.
fn verdict(it: &Comparison, words: &Words) -> String {
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
            @for it in report.arms.comparisons.iter().skip(1) { p class="further" { (verdict(it, words)) } }
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
    let others = others.collect::<Vec<_>>().join(words.comma);
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
            figure class="card" {
                figcaption { (bars) }
                (picture::bars(&bars, &arms))
                @if let Some((value, interval)) = it.lift.zip(it.lift_interval) {
                    figcaption class="second" { (lift) }
                    (picture::around_nothing(&lift, value, interval))
                }
            }
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

fn figure(words: &Words, cell: &attune_insight::Cell, most: f64) -> Markup {
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
                            tbody { @for (reason, n) in rows { tr { td class="text" { (reason) } td { (count(*n)) } } } }
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
