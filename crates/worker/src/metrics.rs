//! `GET /metrics`: what this instance has counted, for Prometheus.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use attune::Decision;
use attune::decision::{Arm, Source};
use worker::Env;

use crate::answer::{self, Answer};
use crate::{bundle, dashboard, rank};

/// Families, their label, and what they count.
const FAMILIES: [(&str, &str, &str); 6] = [
    ("decisions", "result", "Decisions by who chose the order: model, holdout, or the code of the fallback."),
    ("log_lines", "result", "Lines of the decision log by what became of them."),
    ("origin", "result", "Requests to the shop's own server that went wrong."),
    ("pages", "result", "Answers of the shop's own server: passed as they came, or with slots put in order."),
    ("requests", "route_status", "Requests to the Worker's own routes, as route:status."),
    ("slots", "result", "Slots of pages by what became of them."),
];

thread_local! {
    static COUNTS: RefCell<BTreeMap<(&'static str, String), u64>> = const { RefCell::new(BTreeMap::new()) };
    static STARTED: (i64, u32) = (rank::now(), (worker::js_sys::Math::random() * f64::from(u32::MAX)) as u32);
}

/// Counts one of a family.
pub(crate) fn count(family: &'static str, label: &str) {
    add(family, label, 1);
}

pub(crate) fn add(family: &'static str, label: &str, n: usize) {
    if n > 0 {
        COUNTS.with_borrow_mut(|counts| *counts.entry((family, label.to_owned())).or_default() += n as u64);
    }
}

/// Counts a decision.
pub(crate) fn decided(env: &Env, decision: &Decision) {
    count("decisions", result(decision));
    dashboard::decided(env, decision);
}

/// What a decision came to: `model`, `holdout`, `page`, or the code of its fallback.
pub(crate) fn result(decision: &Decision) -> &str {
    match (&decision.fallback, decision.arm, decision.source) {
        (Some(fallback), ..) => fallback.code.as_str(),
        (None, Arm::Holdout, _) => "holdout",
        (None, _, Source::Model) => "model",
        (None, _, Source::Page) => "page",
    }
}

/// Bytes of the instance's memory.
fn memory() -> usize {
    #[cfg(target_family = "wasm")]
    return core::arch::wasm32::memory_size(0) * 65_536;
    #[cfg(not(target_family = "wasm"))]
    0
}

/// The counts in Prometheus' text form.
pub(crate) fn metrics() -> Answer {
    let (started, id) = STARTED.with(|started| *started);
    let isolate = format!("{id:08x}");
    let mut text = String::new();
    let bundle = bundle::engine().map_or("", |engine| engine.hash());
    let _ = write!(
        text,
        "# HELP attune_isolate Counts on this page are those of one isolate since it started; a Worker runs in many, and each answers for itself.\n\
         # TYPE attune_isolate gauge\n\
         attune_isolate{{isolate=\"{isolate}\",version=\"{}\",bundle=\"{bundle}\"}} 1\n\
         # HELP attune_isolate_start_time_seconds When this isolate answered for the first time.\n\
         # TYPE attune_isolate_start_time_seconds gauge\n\
         attune_isolate_start_time_seconds{{isolate=\"{isolate}\"}} {}\n\
         # HELP attune_isolate_memory_bytes WebAssembly memory of this isolate, which only grows.\n\
         # TYPE attune_isolate_memory_bytes gauge\n\
         attune_isolate_memory_bytes{{isolate=\"{isolate}\"}} {}\n",
        env!("CARGO_PKG_VERSION"),
        started / 1000,
        memory()
    );
    COUNTS.with_borrow(|counts| {
        for (family, label, help) in FAMILIES {
            let _ = write!(
                text,
                "# HELP attune_{family}_total {help} One isolate's.\n# TYPE attune_{family}_total counter\n"
            );
            for ((_, value), n) in counts.iter().filter(|((name, _), _)| *name == family) {
                // Every label is a code of ours, without quotes or line ends.
                let _ =
                    writeln!(text, "attune_{family}_total{{isolate=\"{isolate}\",{label}=\"{value}\"}} {n}");
            }
        }
    });
    answer::text(&text, "text/plain; version=0.0.4; charset=utf-8")
}
