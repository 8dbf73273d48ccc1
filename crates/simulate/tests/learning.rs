//! The loop is closed: what was planted is learnt, and a bundle that is played brings what it should.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use attune::Engine;
use attune_simulate::{Options, Truth, simulate};
use attune_train::distil::Options as Fit;
use attune_train::join::Rules;
use attune_train::source::Source;
use attune_train::{Settings, Trained, evaluate, train};

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("attune-learning-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

fn learn(data: &Path) -> Trained {
    let source = Source::open(data, None, Rules::default()).unwrap();
    let settings = Settings {
        name: "test".to_owned(),
        options: Fit { seed: 2, passes: 3, most_passes: 12, rounds: 20, ..Fit::default() },
        scratch: data.join("about"),
        objective: Vec::new(),
        limits: Vec::new(),
    };
    train(&source, &settings, &mut |_| ()).unwrap()
}

/// Without tastes everything that moves clicks is in the log: a model can learn nearly all of it.
#[test]
fn what_was_planted_is_recovered() {
    let out = folder("planted");
    let truth = Truth {
        taste_category: 0.0,
        taste_style: 0.0,
        taste_color: 0.0,
        price_fit: 0.0,
        home_makers: 0.0,
        category: [0.6, 0.3, 0.0, -0.5, 0.4, 0.1, 0.3, -0.8]
            .into_iter()
            .zip(Truth::default().category)
            .map(|(worth, (name, _))| (name, worth))
            .collect(),
        ..Truth::default()
    };
    // Drawn evenly, so that every propensity weighs the same and the losses below are of one kind.
    let options = Options { temperature: 1e9, truth: truth.clone(), ..Options::new(120_000, 8, out.clone()) };
    let summary = simulate(&options, None, |_| ()).unwrap();
    let trained = learn(&out);
    let click = &trained.report.heads[0];
    let (constant, oracle) = (click.constant.log_loss, summary.click_log_loss);
    let share = (constant - click.student.log_loss) / (constant - oracle);
    assert!(share > 0.8, "the student has {share} of what can be had");
    assert!((0.85..1.15).contains(&click.student.calibration_slope), "{}", click.student.calibration_slope);

    // Evaluated anew from the file, on the part that training did not see, the figures are the same.
    let engine = Engine::load(&trained.bytes).unwrap();
    let source = Source::open(&out, None, Rules::default()).unwrap();
    let again = evaluate(&engine, &source, |_| ()).unwrap();
    assert!(again.trained_on);
    assert!((again.heads[0].bundle.auc - click.student.auc).abs() < 1e-4);
    assert!((again.heads[0].bundle.log_loss - click.student.log_loss).abs() < 1e-4);

    // The position's part of the logit falls as it was planted.
    let row = source.rows().unwrap().next_row().unwrap().unwrap();
    let at = engine.encoder().list().features.iter().position(|f| f.name == "position").unwrap();
    let heads = engine.heads().len();
    let part = |position| engine.encode_at(&row.moment(), &[&row.candidate], position).shares[at * heads];
    let (learnt, planted) = (f64::from(part(7) - part(0)), truth.position * 8.0_f64.ln());
    assert!((learnt - planted).abs() < 0.3 * planted.abs(), "{learnt}, planted {planted}");
    let _ = fs::remove_dir_all(out);
}

/// With tastes, a bundle that was learnt from the shop's own policy brings more clicks and purchases than it.
#[test]
fn a_played_bundle_brings_more() {
    let (out, played) = (folder("policy"), folder("played"));
    let options = Options::new(120_000, 8, out.clone());
    let before = simulate(&options, None, |_| ()).unwrap();
    let trained = learn(&out);
    let engine = Engine::load(&trained.bytes).unwrap();
    let options = Options { temperature: 0.05, ..Options::new(40_000, 8, played.clone()) };
    let after = simulate(&options, Some(&engine), |_| ()).unwrap();
    assert_eq!(after.policy, engine.hash());
    let brings = after.click_probability / before.click_probability;
    assert!(brings > 1.1, "times {brings} clicks");
    assert!(after.conversion_probability > 1.1 * before.conversion_probability);
    // What it logged can be learnt from again.
    let source = Source::open(&played, None, Rules::default()).unwrap();
    let evaluation = evaluate(&engine, &source, |_| ()).unwrap();
    assert!(!evaluation.trained_on && evaluation.cleaning.dropped.is_empty());
    assert!(evaluation.heads[0].bundle.auc > 0.6);
    for path in [out, played] {
        let _ = fs::remove_dir_all(path);
    }
}

#[test]
fn the_same_log_and_seed_give_the_same_bundle() {
    let out = folder("bytes");
    simulate(&Options::new(16_000, 8, out.clone()), None, |_| ()).unwrap();
    let (first, second) = (learn(&out), learn(&out));
    assert!(first.bytes == second.bytes);
    let _ = fs::remove_dir_all(out);
}
