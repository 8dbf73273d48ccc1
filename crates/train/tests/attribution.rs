//! The rules by which outcomes join decisions, on logs small enough to know the answer.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::io::Write;
use std::path::PathBuf;

use attune_train::clean::Cleaning;
use attune_train::join::Rules;
use attune_train::source::{Observation, Source};
use proptest::prelude::*;

const DAY: i64 = 86_400_000;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("attune-{name}-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, lines: &[String]) {
        std::fs::write(self.0.join(name), lines.join("\n")).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn decision(id: &str, at: i64, show: usize, items: &[&str]) -> String {
    let items: Vec<_> = items.iter().map(|id| format!(r#"{{"id":"{id}","propensity":0.25}}"#)).collect();
    format!(
        r#"{{"type":"decision","v":1,"id":"{id}","at":{at},"seed":"1","temperature":0.5,"slots":[{{"id":"home","show":{show},"items":[{}]}}]}}"#,
        items.join(",")
    )
}

fn outcome(id: &str, decision: &str, item: &str, kind: &str, at: i64) -> String {
    format!(
        r#"{{"type":"outcome","id":"{id}","decision":"{decision}","slot":"home","item":"{item}","kind":"{kind}","at":{at}}}"#
    )
}

fn read(folder: &Folder) -> (Vec<Observation>, Cleaning) {
    let source = Source::open(&folder.0, None, Rules::default()).unwrap();
    let mut rows = source.rows().unwrap();
    let mut all = Vec::new();
    while let Some(row) = rows.next_row().unwrap() {
        all.push(row);
    }
    let cleaning = rows.cleaning().clone();
    (all, cleaning)
}

/// (item, click, conversion; `None` is unknown)
fn labels(rows: &[Observation]) -> Vec<(String, Option<bool>, Option<bool>)> {
    let settled = |label: attune_train::source::Label| label.known.then_some(label.value > 0.5);
    rows.iter()
        .map(|row| (row.candidate.id.clone(), settled(row.labels[0]), settled(row.labels[1])))
        .collect()
}

#[test]
fn a_small_log_gives_the_labels_that_were_worked_out_by_hand() {
    let folder = Folder::new("hand");
    folder
        .write("items.jsonl", &[r#"{"type":"item","id":"a","fields":{"price":3,"name":"Lamp"}}"#.to_owned()]);
    folder.write(
        "decisions.jsonl",
        &[
            decision("d1", 0, 2, &["a", "b", "c"]),
            decision("d2", DAY, 2, &["a", "b"]),
            decision("d2", DAY, 2, &["a", "b"]),
            decision("d3", 2 * DAY, 2, &["a", "b", "c"]),
            decision("d4", 20 * DAY, 1, &["a", "b"]),
        ],
    );
    folder.write(
        "outcomes.jsonl",
        &[
            outcome("o1", "d1", "a", "click", 1_000),
            outcome("o1", "d1", "a", "click", 1_000),
            outcome("o2", "d1", "c", "click", 2_000),
            outcome("o3", "d2", "b", "conversion", DAY + 5_000),
            outcome("o4", "d3", "b", "impression", 2 * DAY),
            outcome("o5", "d3", "c", "impression", 2 * DAY),
            outcome("o6", "d1", "a", "conversion", 6 * DAY),
            outcome("o7", "d3", "c", "conversion", 9 * DAY),
            outcome("o8", "d1", "a", "conversion", 7 * DAY + 1),
            outcome("o9", "d3", "b", "conversion", 9 * DAY + 1),
            outcome("o10", "d2", "b", "return", 10 * DAY),
            outcome("o11", "nobody", "b", "click", 11 * DAY),
            outcome("o12", "d4", "a", "conversion", 20 * DAY + 5),
        ],
    );
    let (rows, cleaning) = read(&folder);
    let is = |item: &str, click, conversion| (item.to_owned(), click, conversion);
    assert_eq!(
        labels(&rows),
        [
            is("a", Some(true), Some(true)),
            is("b", Some(false), Some(false)),
            is("a", Some(false), Some(false)),
            // Bought and sent back.
            is("b", Some(false), Some(false)),
            // Only what came into view; the second conversion came a millisecond too late.
            is("b", Some(false), Some(false)),
            is("c", Some(false), Some(true)),
            // The window is open when the log ends.
            is("a", Some(false), None),
        ]
    );
    assert_eq!(rows[0].candidate.fields.get("price").and_then(attune::Value::number), Some(3.0));
    assert_eq!(rows.iter().map(|row| row.position).collect::<Vec<_>>(), [0, 1, 0, 1, 1, 2, 0]);
    // (1/3) / 0.25 and (1/2) / 0.25.
    assert!((rows[0].weight - 4.0 / 3.0).abs() < 1e-6 && (rows[1].weight - 2.0).abs() < 1e-6);
    let dropped =
        |reason: &str| cleaning.dropped.iter().find(|(own, _)| own.contains(reason)).map_or(0, |(_, n)| *n);
    assert_eq!(dropped("decision logged twice"), 1);
    assert_eq!(dropped("outcome logged twice"), 1);
    assert_eq!(dropped("item that was not shown"), 1);
    assert_eq!(dropped("outside the attribution window"), 2);
    assert_eq!(dropped("without a decision"), 1);
    assert_eq!((cleaning.kept, cleaning.dropped_total()), (7, 6));
    assert_eq!(cleaning.read, 1 + 5 + 13);
}

#[test]
fn one_packed_file_reads_as_three_plain_ones() {
    let lines = [
        outcome("o1", "d1", "b", "click", 7),
        r#"{"type":"item","id":"a","fields":{"price":3}}"#.to_owned(),
        decision("d1", 5, 2, &["a", "b"]),
    ];
    let plain = Folder::new("three");
    plain.write("o.jsonl", &lines[..1]);
    plain.write("i.jsonl", &lines[1..2]);
    plain.write("d.jsonl", &lines[2..]);
    let packed = Folder::new("one");
    let file = std::fs::File::create(packed.0.join("log.jsonl.gz")).unwrap();
    let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gz.write_all(lines.join("\n").as_bytes()).unwrap();
    gz.finish().unwrap();
    assert_eq!(read(&plain).0, read(&packed).0);
    assert_eq!(labels(&read(&packed).0)[1].1, Some(true));
}

#[test]
fn metarank_events_are_a_log() {
    let folder = Folder::new("metarank");
    let lines = [
        r#"{"event":"item","id":"i1","timestamp":"1","item":"p1","fields":[{"name":"category","value":"lamp"}]}"#,
        r#"{"event":"interaction","id":"x0","timestamp":"5","user":"u","type":"click","item":"p1"}"#,
        r#"{"event":"ranking","id":"r1","timestamp":"10","user":"u","items":[{"id":"p1"},{"id":"p2"}]}"#,
        r#"{"event":"interaction","id":"x1","timestamp":"12","user":"u","ranking":"r1","type":"click","item":"p2"}"#,
        r#"{"event":"interaction","id":"x2","timestamp":"13","user":"u","ranking":"r1","type":"dance","item":"p2"}"#,
        "{\"event\":\"rank",
    ];
    folder.write("events.jsonl", &lines.map(str::to_owned));
    let (rows, cleaning) = read(&folder);
    let clicks: Vec<_> = labels(&rows).into_iter().map(|(item, click, _)| (item, click)).collect();
    assert_eq!(clicks, [("p1".to_owned(), Some(false)), ("p2".to_owned(), Some(true))]);
    let profile = rows[0].view.profile.as_ref().unwrap();
    assert!(
        profile.preference("category", "lamp", 10) > 0.99,
        "the click before the ranking taught the profile"
    );
    assert_eq!(profile.touched("p2"), None, "the click after it did not");
    assert_eq!(cleaning.dropped_total(), 2, "{cleaning}");
}

#[derive(Debug, Clone)]
struct Told {
    decisions: Vec<i64>,
    outcomes: Vec<(usize, usize, usize, i64)>,
}

fn told() -> impl Strategy<Value = Told> {
    let decisions = prop::collection::vec(0..40 * DAY, 1..12).prop_map(|mut at| {
        at.sort_unstable();
        at
    });
    let outcomes = prop::collection::vec((0..14_usize, 0..4_usize, 0..3_usize, -DAY..20 * DAY), 0..40);
    (decisions, outcomes).prop_map(|(decisions, outcomes)| Told { decisions, outcomes })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// The streaming join says what a join over everything in memory says, and counts every line.
    #[test]
    fn streaming_joins_as_a_join_in_memory(told in told()) {
        const ITEMS: [&str; 3] = ["a", "b", "c"];
        const KINDS: [&str; 3] = ["click", "conversion", "return"];
        let rules = Rules::default();
        let mut outcomes: Vec<_> = told.outcomes.iter().enumerate().map(|(n, (of, item, kind, after))| {
            let at = told.decisions.get(*of).copied().unwrap_or(3 * DAY) + after;
            (at, n, *of, *item, *kind)
        }).collect();
        outcomes.sort_unstable();
        let folder = Folder::new("property");
        let decisions: Vec<_> =
            told.decisions.iter().enumerate().map(|(n, at)| decision(&format!("d{n}"), *at, 3, &ITEMS)).collect();
        folder.write("decisions.jsonl", &decisions);
        let lines: Vec<_> = outcomes.iter().map(|(at, n, of, item, kind)| {
            outcome(&format!("o{n}"), &format!("d{of}"), ITEMS.get(*item).unwrap_or(&"zz"), KINDS[*kind], *at)
        }).collect();
        if !lines.is_empty() {
            folder.write("outcomes.jsonl", &lines);
        }
        let (rows, cleaning) = read(&folder);

        let end = told.decisions.iter().copied().chain(outcomes.iter().map(|o| o.0)).max().unwrap_or(0);
        let mut expected = Vec::new();
        for (n, at) in told.decisions.iter().enumerate() {
            for (i, item) in ITEMS.iter().enumerate() {
                let (mut click, mut bought, mut returned) = (false, 0, 0);
                for (time, _, of, its, kind) in &outcomes {
                    let after = time - at;
                    if *of != n || *its != i || after < -rules.slack {
                        continue;
                    }
                    match kind {
                        0 => click |= after <= rules.window,
                        1 => bought += i32::from(after <= rules.window),
                        _ => returned += i32::from(after <= rules.window + rules.returns),
                    }
                }
                let open = at + rules.window > end;
                expected.push(((*item).to_owned(), Some(click), (!open).then_some(bought > returned)));
            }
        }
        prop_assert_eq!(labels(&rows), expected);
        prop_assert_eq!(cleaning.kept as usize, rows.len());
        prop_assert_eq!(cleaning.read as usize, decisions.len() + lines.len());
    }
}
