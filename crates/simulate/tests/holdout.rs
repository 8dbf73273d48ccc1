//! What the report says of a hold-out, against the shop's truth: intervals hold it as often as they say.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use attune_insight::{Comparison, Limits, Row, Seen, Survey, Tally};
use attune_simulate::{Arms, Options, simulate};
use attune_train::join::Rules;
use attune_train::source::Source;

fn play(out: &Path, seed: u64) -> Arms {
    let options = Options { holdout: 0.4, ..Options::new(16_000, seed, out.to_owned()) };
    simulate(&options, None, |_| ()).unwrap().arms.unwrap()
}

/// The log read as `attune report` reads it, without a bundle's predictions.
fn compare(log: &Path) -> Vec<Comparison> {
    let source = Source::open(log, None, Rules::default()).unwrap();
    let heads = source.targets().to_vec();
    let mut survey = Survey::new(&[]);
    let mut tally = None;
    for pass in 0..2 {
        let mut rows = source.rows().unwrap();
        while let Some(seen) = rows.next_row().unwrap() {
            let labels = seen.labels.iter().map(|label| Seen {
                hit: label.known.then_some(label.value > 0.5),
                predicted: 0.1,
                parts: &[],
            });
            let labels: Vec<_> = labels.collect();
            let served = &seen.view.served;
            let row = Row {
                decision: served.decision,
                shopper: served.shopper,
                arm: served.arm,
                kept: false,
                at: seen.view.at,
                key: Some(&seen.candidate.id),
                label: "",
                segments: &[],
                heads: &labels,
            };
            if pass == 0 {
                survey.add(&row);
            } else {
                tally.get_or_insert_with(|| Tally::new(survey.plan(Limits::default()), &heads)).add(&row);
            }
        }
    }
    tally.unwrap().report().arms.comparisons
}

#[test]
fn a_holdouts_intervals_hold_the_truth() {
    let out: PathBuf = std::env::temp_dir().join(format!("attune-holdout-{}", std::process::id()));
    let _ = fs::remove_dir_all(&out);
    let times = 60;
    let (mut truths, mut found) = (Vec::new(), Vec::new());
    for seed in 0..times {
        truths.push(play(&out, 500 + seed));
        found.push(compare(&out));
    }
    let _ = fs::remove_dir_all(&out);
    // Shops are drawn from their seeds, so the truth about all of them is the mean over them.
    let mean = |of: fn(&Arms) -> f64| truths.iter().map(of).sum::<f64>() / times as f64;
    let clicks = mean(|arms| arms.treatment.clicks - arms.holdout.clicks);
    let conversions = mean(|arms| arms.treatment.conversions - arms.holdout.conversions);
    for (head, truth, name) in [(0, clicks, "click"), (1, 0.9 * conversions, "conversion")] {
        assert_eq!(found[0][head].head, name);
        let held = found.iter().filter(|it| it[head].difference_interval.unwrap().contains(truth)).count()
            as f64
            / times as f64;
        eprintln!("{name}: difference {truth:.4}, held by {held:.3} of {times} intervals");
        // Three standard deviations of 60 draws are 12 %.
        assert!((0.78..=1.0).contains(&held), "{name}: {held}");
    }
}
