//! Wrong facts planted in texts that are true, and how many the guard finds; true texts, and how many it wrongly stops.
//!
//! The guard was made with one half of each file's rows in sight (`cargo test … -- --ignored --nocapture` prints what it
//! misses there); the bars are held on the other half.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod data;
mod plants;

use attune_generate::{
    Brief,
    guard::{Guard, Kind},
};
use plants::{Plant, Random};

/// A text that its brief supports.
struct Sample {
    brief: Brief,
    text: String,
}

const FACTS: [Kind; 6] =
    [Kind::Number, Kind::Price, Kind::Material, Kind::Attribute, Kind::Name, Kind::Claim];

fn samples(odd: bool) -> Option<Vec<(&'static str, Vec<Sample>)>> {
    let half = |at: usize| (at % 2 == 1) == odd;
    let mut all = Vec::new();
    for name in ["laptop", "tv"] {
        all.push((name, plants::rnnlg(&data::read(&format!("rnnlg/{name}/valid.json.gz"))?, half)));
    }
    all.push(("catalogue", plants::catalogue(&data::read("catalog/products.yaml.gz")?, half)));
    all.push(("advertisegen", plants::advertisegen(&data::read("advertisegen/train_5000.jsonl.gz")?, half)));
    Some(all)
}

/// Plants caught of plants made, and true texts stopped of true texts, by source; what went wrong is printed.
fn figures(odd: bool, show: usize) -> Option<Vec<(&'static str, [usize; 4])>> {
    let mut figures = Vec::new();
    for (source, samples) in samples(odd)? {
        let mut random = Random::new(7);
        let (mut caught, mut planted, mut stopped, mut shown) = (0, 0, 0, [0; 2]);
        for sample in &samples {
            let guard = Guard::new(&sample.brief);
            let before = guard.check(&sample.text);
            let alarms: Vec<_> = before.blocking().filter(|f| FACTS.contains(&f.kind)).cloned().collect();
            if !alarms.is_empty() {
                stopped += 1;
                if shown[0] < show {
                    shown[0] += 1;
                    println!(
                        "STOPPED {source}: {:?}\n   {}\n   {:?}",
                        alarms.iter().map(|f| (&f.what, &f.reason)).collect::<Vec<_>>(),
                        sample.text,
                        sample.brief.act
                    );
                }
                // A plant in a text that is stopped anyway proves nothing.
                continue;
            }
            for Plant { text, what } in plants::plant(sample, &mut random) {
                planted += 1;
                let report = guard.check(&text);
                let kinds = FACTS.iter().chain(&[Kind::Regulated]);
                if kinds.into_iter().any(|&kind| report.has(kind)) {
                    caught += 1;
                } else if shown[1] < show {
                    shown[1] += 1;
                    println!("MISSED {source}: {what}\n   {text}\n   {:?}", sample.brief.act);
                }
            }
        }
        println!(
            "{source}: {caught} of {planted} plants caught, {stopped} of {} true texts stopped",
            samples.len()
        );
        figures.push((source, [caught, planted, stopped, samples.len()]));
    }
    Some(figures)
}

/// On the half that the guard was made with; with `ATTUNE_MISSES` set, what it misses there is printed.
#[test]
fn the_half_in_sight() {
    let most = if std::env::var_os("ATTUNE_MISSES").is_some() { 40 } else { 0 };
    let Some(figures) = figures(false, most) else { return };
    assert!(figures.iter().all(|(_, [caught, planted, ..])| caught == planted), "{figures:?}");
}

#[test]
fn planted_facts_are_caught_and_true_texts_pass() {
    let Some(figures) = figures(true, 5) else { return };
    for (source, [caught, planted, stopped, texts]) in figures {
        assert!(planted >= 200, "{source}: {planted} plants");
        assert_eq!(caught, planted, "{source}: plants missed");
        assert!(stopped * 100 <= texts * 2, "{source}: {stopped} of {texts} true texts stopped");
    }
}
