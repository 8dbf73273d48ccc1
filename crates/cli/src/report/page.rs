//! The page. Everything that comes from the log is escaped by the templates.

use attune_insight::Clusters;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::figures::{self, count, percent};
use super::holdout::verdict;
use super::style::STYLE;
use super::words::{Language, Words, fill};
use super::{Findings, effects, holdout, movers};

/// The longest name in a table.
pub(crate) const NAME: usize = 60;

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
                    (holdout::section(findings, words))
                    (effects::section(findings, words))
                    (movers::section(findings, words))
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
            @for it in report.arms.comparisons.iter().skip(1).filter(|it| it.lift_interval.is_some()) {
                p class="further" { (verdict(it, words)) }
            }
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

/// With a capital letter.
pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
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
