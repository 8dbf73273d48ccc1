//! The counts the publishers of real data state. Looked for in `ATTUNE_DATA` (default `../shared/data`) and among what
//! `attune data fetch` has cached; what is not there is skipped, and said so in the file `ATTUNE_SKIPS` names.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::io::Write;
use std::path::PathBuf;

use attune_train::join::Rules;
use attune_train::source::{Mapping, Source};
use attune_train::split::Split;
use attune_train::survey::Survey;

fn data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap().join("../..");
    let shared = std::env::var_os("ATTUNE_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let cache = std::env::var_os("ATTUNE_CACHE").map_or_else(|| home.join(".cache/attune"), PathBuf::from);
    let found = [shared, cache.join("data")].into_iter().map(|at| at.join(name)).find(|path| path.exists());
    if found.is_none()
        && let Some(skips) = std::env::var_os("ATTUNE_SKIPS")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(skips)
    {
        let _ = writeln!(file, "train: real data {name} is not there (ATTUNE_DATA, attune data fetch)");
    }
    found
}

fn survey(name: &str, mapping: &str) -> Option<Survey> {
    let mapping = Mapping::read(mapping).unwrap();
    let source = Source::open(&data(name)?, Some(&mapping), Rules::default()).unwrap();
    Some(Survey::of(&source, 1, |_| {}).unwrap())
}

#[test]
fn online_shoppers() {
    let Some(survey) = survey("online_shoppers", "online-shoppers") else { return };
    assert_eq!((survey.targets[0].known, survey.targets[0].positive), (12_330, 1_908));
    assert_eq!(survey.cleaning.dropped_total(), 0, "{}", survey.cleaning);
}

#[test]
fn hillstrom() {
    let Some(survey) = survey("hillstrom", "hillstrom") else { return };
    assert_eq!(survey.cleaning.kept, 64_000);
    assert_eq!(survey.cleaning.dropped_total(), 0);
    let visit = survey.targets.iter().find(|target| target.name == "click").unwrap();
    assert!((visit.rate().unwrap() - 0.14678).abs() < 1e-4, "{:?}", visit.rate());
}

#[test]
fn upworthy_clicks_of_impressions() {
    let Some(survey) = survey("upworthy", "upworthy") else { return };
    assert_eq!(survey.cleaning.read, 12_344);
    assert_eq!(survey.cleaning.dropped_total(), 0, "{}", survey.cleaning);
    assert!(survey.targets[0].weight > 1e6);
}

#[test]
fn open_bandit() {
    for campaign in ["all", "men", "women"] {
        let Some(random) = survey(&format!("obd/random/{campaign}"), "obd") else { return };
        assert_eq!(random.cleaning.kept, 10_000, "{}", random.cleaning);
        assert!(matches!(random.split, Split::Time { .. }));
        // Drawn evenly: every weight is 1.
        assert!((random.targets[0].weight - 10_000.0).abs() < 5.0, "{}", random.targets[0].weight);
        if campaign == "all" {
            assert_eq!(random.targets[0].positive, 38);
            let bandit = survey("obd/bts/all", "obd").unwrap();
            assert_eq!(bandit.targets[0].positive, 42);
            // Weighted, the bandit's clicks estimate those of the even policy (0.0038), clipping aside.
            let rate = bandit.targets[0].rate().unwrap();
            assert!((0.001..0.008).contains(&rate), "{rate}");
        }
    }
}
