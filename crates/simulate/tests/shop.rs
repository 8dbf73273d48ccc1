//! The simulated shop: repeatable, as its truth says, and read whole by the trainer in every form.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use attune::LogLine;
use attune_simulate::{Format, Options, Summary, simulate};
use attune_train::clean::Cleaning;
use attune_train::join::Rules;
use attune_train::source::{Mapping, Source};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("attune-shop-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn play(folder: &Folder, rows: u64, seed: u64, format: Format) -> Summary {
    let options = Options { format, ..Options::new(rows, seed, folder.0.clone()) };
    simulate(&options, None, |_| ()).unwrap()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(PathBuf::from(path.file_name().unwrap()), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folders = ["one", "two", "other"].map(Folder::new);
    for (folder, seed) in folders.iter().zip([5, 5, 6]) {
        play(folder, 4000, seed, Format::Attune);
    }
    let [one, two, other] = folders.map(|folder| files(&folder.0));
    assert!(one == two);
    assert!(one[Path::new("decisions.jsonl")] != other[Path::new("decisions.jsonl")]);
}

#[test]
fn every_form_is_read_whole() {
    for (format, name) in [(Format::Attune, "log"), (Format::Metarank, "metarank"), (Format::Csv, "csv")] {
        let folder = Folder::new(name);
        let summary = play(&folder, 16_000, 3, format);
        let mapping = (format == Format::Csv)
            .then(|| Mapping::read(folder.0.join("mapping.toml").to_str().unwrap()).unwrap());
        let source = Source::open(&folder.0, mapping.as_ref(), Rules::default()).unwrap();
        let mut rows = source.rows().unwrap();
        let (mut clicks, mut bought, mut unknown) = (0, 0, 0);
        while let Some(row) = rows.next_row().unwrap() {
            let at = |name: &str| source.targets().iter().position(|own| own == name).unwrap();
            let (click, conversion) = (row.labels[at("click")], row.labels[at("conversion")]);
            clicks += u64::from(click.value > 0.5);
            bought += u64::from(conversion.known && conversion.value > 0.5);
            unknown += u64::from(!conversion.known);
        }
        let cleaning: &Cleaning = rows.cleaning();
        assert!(cleaning.dropped.is_empty(), "{name}: {cleaning}");
        assert_eq!(cleaning.kept, summary.rows, "{name}");
        assert_eq!(clicks, summary.clicks, "{name}");
        let kept = summary.conversions - summary.returns;
        assert!(
            bought <= kept && bought + unknown / 20 >= kept,
            "{name}: {bought} of {kept}, {unknown} open"
        );
    }
}

#[test]
fn clicks_follow_the_truth() {
    let folder = Folder::new("truth");
    let summary = play(&folder, 80_000, 9, Format::Attune);
    let rows = summary.rows as f64;
    for (count, p) in
        [(summary.clicks, summary.click_probability), (summary.conversions, summary.conversion_probability)]
    {
        // Four standard deviations of a sum of independent draws.
        assert!((count as f64 / rows - p).abs() < 4.0 * (p / rows).sqrt(), "{count} of {rows}, expected {p}");
    }
    assert!((0.04..0.16).contains(&summary.click_probability));
    assert!((0.01..0.05).contains(&summary.conversion_probability));
}

#[test]
fn propensities_are_those_of_the_draws() {
    let folder = Folder::new("propensities");
    play(&folder, 40_000, 4, Format::Attune);
    let log = fs::read_to_string(folder.0.join("decisions.jsonl")).unwrap();
    let (mut expected, mut first_is_best, mut pages) = (0.0, 0.0, 0.0);
    let ratings: BTreeMap<String, f64> = fs::read_to_string(folder.0.join("items.jsonl"))
        .unwrap()
        .lines()
        .map(|line| {
            let item: serde_json::Value = serde_json::from_str(line).unwrap();
            (item["id"].as_str().unwrap().to_owned(), item["fields"]["rating"].as_f64().unwrap())
        })
        .collect();
    for line in log.lines() {
        let line: LogLine = serde_json::from_str(line).unwrap();
        let items = &line.decision.slots[0].items;
        assert!(items.iter().all(|item| item.propensity > 0.0 && item.propensity <= 1.0));
        assert_eq!(items.last().unwrap().propensity, 1.0);
        // Plackett and Luce: the best rated comes first with softmax probability, worked out here from the ratings.
        let of: Vec<f64> = items.iter().map(|item| ratings[&item.id]).collect();
        let (low, high) = of.iter().fold((f64::MAX, f64::MIN), |(l, h), r| (l.min(*r), h.max(*r)));
        let weights: Vec<f64> = of.iter().map(|r| ((r - high) / (high - low) / 0.35).exp()).collect();
        let total: f64 = weights.iter().sum();
        assert!((items[0].propensity - weights[0] / total).abs() < 1e-9);
        expected += of.iter().filter(|r| **r == high).count() as f64 / total;
        first_is_best += f64::from(u8::from(of[0] == high));
        pages += 1.0;
    }
    assert!((first_is_best / pages - expected / pages).abs() < 4.0 * (0.25_f64 / pages).sqrt());
}

#[test]
fn wrong_options_are_named() {
    let options = Options::new(0, 1, std::env::temp_dir().join("attune-never"));
    assert_eq!(simulate(&options, None, |_| ()).err().unwrap().to_string(), "rows: at least 1");
    let options = Options { rows: 8, products: 3, ..options };
    assert_eq!(simulate(&options, None, |_| ()).err().unwrap().to_string(), "products: at least 24");
}
