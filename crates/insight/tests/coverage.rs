//! Shops whose truth is known: intervals hold it as often as they say, marks and movers are rarely chance, and sums agree.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use attune::decision::Arm;
use attune::effect::logistic;
use attune::rank::Random;
use attune_insight::{Key, Limits, Report, Row, Seen, Survey, Tally, Verdict};

const DAY: i64 = 86_400_000;
const HEADS: [&str; 1] = ["click"];

/// One shown item.
#[derive(Clone)]
struct Shown {
    decision: u64,
    shopper: u64,
    arm: Arm,
    at: i64,
    item: usize,
    segment: &'static str,
    hit: bool,
    predicted: f64,
    parts: Vec<f32>,
}

/// A shop with these many shoppers, whose moods differ, and which come more or less often.
struct Shop {
    random: Random,
    shoppers: u64,
    decisions: u64,
    items: usize,
    held: f64,
    /// Logit of a click; what ranking adds; how far shoppers differ.
    base: f64,
    gain: f64,
    mood: f64,
}

impl Shop {
    fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        Self {
            random,
            shoppers: 400,
            decisions: 3000,
            items: 12,
            held: 0.0,
            base: -2.2,
            gain: 0.0,
            mood: 0.5,
        }
    }

    fn normal(random: &mut Random) -> f64 {
        (0..12).map(|_| random.unit()).sum::<f64>() - 6.0
    }

    /// Plays the shop. `shift` is what an item's logit changes by in the second half.
    fn play(&mut self, shift: impl Fn(usize) -> f64) -> Vec<Shown> {
        let random = &mut self.random;
        let shoppers: Vec<(f64, Arm, f64, &str)> = (0..self.shoppers)
            .map(|_| {
                let mood = self.mood * Self::normal(random);
                let arm = if random.unit() < self.held { Arm::Holdout } else { Arm::Treatment };
                (mood, arm, random.unit() + 0.1, if random.unit() < 0.6 { "mobile" } else { "desktop" })
            })
            .collect();
        let mut shown = Vec::new();
        for decision in 0..self.decisions {
            let (shopper, (mood, arm, _, segment)) = loop {
                let at = (random.unit() * self.shoppers as f64) as usize;
                if random.unit() < shoppers[at].2 {
                    break (at as u64, shoppers[at]);
                }
            };
            let at = (decision * 60 * DAY as u64 / self.decisions) as i64;
            let late = at >= 30 * DAY;
            for _ in 0..4 {
                let item = (random.unit() * random.unit() * self.items as f64) as usize;
                let gain = if arm == Arm::Treatment { self.gain } else { 0.0 };
                let taste = 0.3 * Self::normal(random);
                let known = self.base + gain - 0.1 * item as f64 + taste;
                let truth = known + mood + if late { shift(item) } else { 0.0 };
                shown.push(Shown {
                    decision,
                    shopper,
                    arm,
                    at,
                    item,
                    segment,
                    hit: random.unit() < logistic(truth),
                    predicted: logistic(known),
                    parts: vec![(-0.1 * item as f64) as f32, taste as f32, (self.base + gain) as f32],
                });
            }
        }
        shown
    }
}

fn report(shown: &[Shown], limits: Limits) -> Report {
    let fields = ["device".to_owned()];
    let keys: Vec<String> = (0..100).map(|item| format!("p{item}")).collect();
    let segments: Vec<Vec<Vec<String>>> =
        shown.iter().map(|row| vec![vec![row.segment.to_owned()]]).collect();
    let heads: Vec<[Seen<'_>; 1]> = shown
        .iter()
        .map(|row| [Seen { hit: Some(row.hit), predicted: row.predicted, parts: &row.parts }])
        .collect();
    let rows = shown.iter().zip(&segments).zip(&heads).map(|((row, segments), heads)| Row {
        decision: row.decision,
        shopper: Some(row.shopper),
        arm: Some(row.arm),
        kept: row.arm == Arm::Holdout,
        at: Some(row.at),
        key: Some(&keys[row.item]),
        label: &keys[row.item],
        segments,
        heads,
    });
    let mut survey = Survey::new(&fields);
    rows.clone().for_each(|row| survey.add(&row));
    let mut tally = Tally::new(survey.plan(limits), &HEADS.map(str::to_owned));
    rows.for_each(|row| tally.add(&row));
    tally.report()
}

/// The mean of `truth` over very many shoppers and rows: what the intervals should hold.
fn rate(gain: f64) -> f64 {
    let mut shop = Shop::new(99);
    (shop.shoppers, shop.decisions, shop.gain) = (100_000, 250_000, gain);
    let shown = shop.play(|_| 0.0);
    shown.iter().filter(|row| row.hit).count() as f64 / shown.len() as f64
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let (kept, ranked) = (rate(0.0), rate(0.25));
    let [mut rates, mut differences, mut lifts, mut naive] = [0; 4];
    let times = 300;
    for seed in 0..times {
        let mut shop = Shop::new(seed);
        (shop.held, shop.gain) = (0.3, 0.25);
        let found = report(&shop.play(|_| 0.0), Limits::default());
        let it = &found.arms.comparisons[0];
        // Four items a decision.
        rates += u32::from(it.holdout.interval.unwrap().contains(4.0 * kept));
        differences += u32::from(it.difference_interval.unwrap().contains(4.0 * (ranked - kept)));
        lifts += u32::from(it.lift_interval.unwrap().contains(ranked / kept - 1.0));
        let n = it.holdout.decisions as f64 * 4.0;
        let alone = attune_insight::interval::wilson(it.holdout.hits as f64, n, 1.645);
        naive += u32::from(alone.contains(kept));
    }
    let share = |n: u32| f64::from(n) / times as f64;
    eprintln!(
        "rate {:.3}, difference {:.3}, lift {:.3}; as if independent {:.3}",
        share(rates),
        share(differences),
        share(lifts),
        share(naive)
    );
    // Three standard deviations of 300 draws are 5 %.
    for held in [rates, differences, lifts] {
        assert!((0.85..=0.95).contains(&share(held)), "{}", share(held));
    }
    assert!(share(naive) < 0.87, "{}", share(naive));
}

#[test]
fn what_agrees_is_rarely_marked() {
    let (mut pages, mut marks, mut compared, mut outside, mut moved) = (0, 0, 0, 0, 0);
    let times = 200;
    for seed in 0..times {
        let mut shop = Shop::new(1000 + seed);
        shop.mood = 0.0;
        let found = report(&shop.play(|_| 0.0), Limits::default());
        compared += found.marks.compared;
        outside += found.marks.outside;
        marks += found.marks.marked;
        pages += u32::from(found.marks.marked > 0);
        moved += u32::from(found.movers.standing_out > 0);
    }
    let share = |n: u32| f64::from(n) / times as f64;
    eprintln!(
        "outside {:.3} of {compared}; pages with a mark {:.3}, with a mover {:.3}; marks {marks}",
        outside as f64 / compared as f64,
        share(pages),
        share(moved)
    );
    // Nothing is wrong here, so at most one page in ten should have a mark: three standard deviations are 6 %.
    assert!(share(pages) < 0.16 && share(moved) < 0.16);
    assert!((0.06..0.12).contains(&(outside as f64 / compared as f64)));
}

#[test]
fn what_moved_is_found_and_not_explained_away() {
    let mut shop = Shop::new(7);
    (shop.decisions, shop.shoppers) = (12_000, 3000);
    let shown = shop.play(|item| if item == 3 { 0.9 } else { 0.0 });
    let found = report(&shown, Limits::default());
    let first = &found.movers.told[0];
    assert_eq!((first.key.as_str(), first.stands_out), ("p3", true));
    assert!(first.unexplained_interval.low > 0.0 && first.change > 0.03, "{first:?}");
    assert!(found.movers.told.iter().all(|mover| mover.stands_out));
    // Three features: their parts are the whole of the predicted change.
    for mover in &found.movers.told {
        let parts: f64 = mover.parts.iter().map(|part| part.change).sum();
        let expected = mover.predicted[1] - mover.predicted[0];
        assert!((parts - expected).abs() < 1e-6, "{parts} {expected}");
        assert!(mover.other.abs() < 1e-6);
        assert!((mover.change - expected - mover.unexplained).abs() < 1e-12);
    }
}

#[test]
fn a_wrong_prediction_is_marked_with_its_direction() {
    let mut shop = Shop::new(8);
    shop.mood = 0.2;
    let mut shown = shop.play(|_| 0.0);
    for row in shown.iter_mut().filter(|row| row.item == 0) {
        row.predicted *= 2.0;
    }
    let found = report(&shown, Limits::default());
    let line = found.tables[0].lines.iter().find(|line| line.key == Key::Value("p0".to_owned())).unwrap();
    assert_eq!(line.cells[0].verdict, Verdict::Below);
    assert!(line.cells[0].outside && found.marks.marked > 0);
}

#[test]
fn lines_and_columns_add_up() {
    let mut shop = Shop::new(9);
    shop.items = 40;
    let limits = Limits { items: 5, values: 1, movers: 5 };
    let found = report(&shop.play(|_| 0.0), limits);
    let table = &found.tables[0];
    assert_eq!((table.lines.len(), table.columns.len()), (7, 3));
    assert_eq!((&table.lines[6].key, &table.columns[2]), (&Key::Others, &Key::Others));
    for column in 0..3 {
        let sum: u64 = table.lines[1..].iter().map(|line| line.cells[column].rows).sum();
        assert_eq!(sum, table.lines[0].cells[column].rows);
    }
    for line in &table.lines {
        let hits: u64 = line.cells[1..].iter().map(|cell| cell.hits).sum();
        assert_eq!(hits, line.cells[0].hits);
    }
    assert_eq!(found.rows, 12_000);
    assert_eq!(found.decisions, 3000);
    let decisions: u64 = found.arms.periods.iter().map(|period| period.treatment[0].decisions).sum();
    assert_eq!(decisions, 3000);
    assert!(!found.arms.held_out && found.arms.comparisons.is_empty());
}

#[test]
fn one_decision_tells_nothing_and_breaks_nothing() {
    let mut shop = Shop::new(10);
    shop.decisions = 1;
    let found = report(&shop.play(|_| 0.0), Limits::default());
    assert_eq!((found.decisions, found.rows, found.marks.compared), (1, 4, 0));
    let total = &found.heads[0].total;
    assert_eq!((total.verdict, total.interval, total.chance), (Verdict::TooFew, None, None));
    assert!(found.movers.told.is_empty() && found.movers.middle.is_none());
    assert_eq!(found.arms.periods.len(), 1);
    let json = |report: &Report| format!("{report:?}");
    assert!(!json(&found).contains("NaN") && !json(&found).contains("inf"));
    let none = report(&[], Limits::default());
    assert_eq!((none.rows, none.from, none.heads[0].total.observed), (0, None, None));
}

#[test]
fn decisions_that_no_holdout_could_take_are_left_out() {
    let mut shop = Shop::new(11);
    shop.held = 0.3;
    let shown = shop.play(|_| 0.0);
    let compared = |named: bool| {
        let mut survey = Survey::new(&[]);
        let heads = [Seen { hit: Some(true), predicted: 0.5, parts: &[] }];
        let row = |row: &Shown| Row {
            decision: row.decision,
            shopper: (named || row.arm == Arm::Treatment)
                .then_some(row.shopper)
                .filter(|_| !row.decision.is_multiple_of(3)),
            arm: Some(row.arm),
            kept: false,
            at: None,
            key: None,
            label: "",
            segments: &[],
            heads: &heads,
        };
        let shown: Vec<&Shown> = shown
            .iter()
            .filter(|it| !named || it.arm == Arm::Treatment || !it.decision.is_multiple_of(3))
            .collect();
        shown.iter().for_each(|it| survey.add(&row(it)));
        let mut tally = Tally::new(survey.plan(Limits::default()), &HEADS.map(str::to_owned));
        shown.iter().for_each(|it| tally.add(&row(it)));
        let found = tally.report();
        let it = &found.arms.comparisons[0];
        (found.decisions, it.treatment.decisions + it.holdout.decisions, found.arms.without_shopper)
    };
    let (all, used, left) = compared(true);
    assert!(left > 500 && used + left == all);
    // A hold-out without shoppers was made in another way: everything is compared.
    let (all, used, left) = compared(false);
    assert_eq!((used, left), (all, 0));
}
