//! The text-effect model, learnt from headline tests: what a headline does for clicks, whatever it is about.
//!
//! [`train`] holds the last weeks out, chooses how strongly to hold the model back on rolling weeks before them, fits,
//! calibrates on copy that was not fitted on, rounds to one byte a weight, measures on the weeks held out, and then fits
//! once more on all weeks as it was chosen: that is what ships, with the figures of the model that did not see the
//! last weeks.

pub mod arms;
pub mod calibrate;
pub mod figures;
pub mod fit;

use std::path::Path;

use attune_text::TextModel;
use attune_text::{Fitted, Reading, StyleWeight, TextCard};
use serde::Serialize;
use serde_json::json;

use crate::error::TrainError;
use crate::source::{Input, LoadError};
use arms::{Arm, contests};
use calibrate::{Scale, calibrate, gain};
use figures::{Figures, measure, winners};
use fit::{Linear, Penalty, Problem};

/// Blocks of weeks that a model fitted on what came before is validated on, and where the first begins, as a share of
/// the arms.
const BLOCKS: usize = 3;
const FIRST_BLOCK: f64 = 0.55;
/// The most n-grams kept; those of the smallest weight go.
const MOST_GRAMS: usize = 27_000;

/// What a training run is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The model's name, for the card.
    pub name: String,
    /// How many of the last weeks are held out.
    pub holdout_weeks: usize,
    /// Seed of the bootstrap.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { name: "text".to_owned(), holdout_weeks: 5, seed: 1 }
    }
}

/// A setting tried on the rolling weeks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// The setting.
    pub penalty: Penalty,
    /// Gain in tempered log-likelihood over a constant, a contest: what it is chosen by.
    pub gain: f64,
    /// Share of significant pairs whose winner it names.
    pub winners: f64,
}

/// What was learnt and how good it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Arms and tests read.
    pub arms: usize,
    /// See `arms`.
    pub tests: usize,
    /// First and last week held out.
    pub holdout: (u32, u32),
    /// Settings tried, on weeks before these.
    pub trials: Vec<Trial>,
    /// The one taken.
    pub chosen: Penalty,
    /// Its calibration.
    pub scale: Scale,
    /// Measured on the weeks held out, with a model that saw none of them.
    pub figures: Figures,
    /// Largest difference between the rounded file's score and the unrounded model's, over the weeks held out.
    pub rounding: f64,
    /// N-grams in the file.
    pub grams: usize,
    /// Size of the file.
    pub bytes: usize,
}

/// A finished model.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The file.
    pub bytes: Vec<u8>,
    /// How it was made and what it is worth.
    pub report: Report,
}

/// Trains on the Upworthy Research Archive's table at `path`. `stage` is told what is being done.
///
/// # Errors
/// [`TrainError::Load`] when the table cannot be read or is too small; [`TrainError::Bundle`] when the file that came out
/// does not load again.
pub fn train(path: &Path, settings: &Settings, stage: &mut dyn FnMut(&str)) -> Result<Trained, TrainError> {
    stage("read");
    let hash = Input::at(path)?.hash()?;
    let arms = arms::read(path)?;
    let readings: Vec<Reading> = arms.iter().map(|arm| Reading::of(&arm.text)).collect();
    let mut weeks: Vec<u32> = arms.iter().map(|arm| arm.week).collect();
    weeks.sort_unstable();
    let mut distinct = weeks.clone();
    distinct.dedup();
    let first = distinct.len().checked_sub(settings.holdout_weeks).filter(|at| *at >= 2 * BLOCKS);
    let (Some(first), true) = (first, settings.holdout_weeks > 0) else {
        return Err(LoadError::Unlearnable(format!(
            "{} weeks are too few to hold {} out and choose on {} before",
            distinct.len(),
            settings.holdout_weeks,
            2 * BLOCKS
        ))
        .into());
    };
    let holdout = (distinct[first], distinct[distinct.len() - 1]);
    let within = |from: u32, until: u32| -> Vec<usize> {
        (0..arms.len()).filter(|at| (from..until).contains(&arms[*at].week)).collect()
    };
    let (development, held) = (within(0, holdout.0), within(holdout.0, u32::MAX));
    let folds = folds(&arms, &development);
    if [&development, &held]
        .into_iter()
        .chain(folds.iter().map(|fold| &fold.1))
        .any(|part| arms::pairs(&arms, part).is_empty())
    {
        return Err(
            LoadError::Unlearnable("a stretch of weeks has no two headlines to compare".to_owned()).into()
        );
    }

    let folds: Vec<Fold> = folds
        .iter()
        .map(|(past, weeks)| Fold { past: Problem::of(&arms, &readings, past, |arm| arm.test), weeks })
        .collect();
    let trials = choose(&arms, &readings, &folds, stage);
    let best = trials.iter().max_by(|a, b| a.gain.total_cmp(&b.gain)).map(|trial| trial.penalty);
    let chosen = best.ok_or_else(|| LoadError::Unlearnable("there is no setting to choose".to_owned()))?;

    stage("fit, calibrate");
    let (_, scores) = try_out(&arms, &readings, &folds, &chosen);
    let validated: Vec<usize> = folds.iter().flat_map(|fold| fold.weeks.iter().copied()).collect();
    let scale = calibrate(&arms, &validated, &scores, chosen.overdispersion);
    let problem = Problem::of(&arms, &readings, &development, |arm| arm.test);
    let linear = problem.fit(&chosen);
    let model = rounded(&arms, &development, &linear, &scale, TextCard::default())?;

    stage("measure");
    let style = Penalty { words: f64::INFINITY, pieces: f64::INFINITY, ..chosen };
    let style = problem.fit(&style);
    let mut by_style = vec![0.0; arms.len()];
    held.iter().for_each(|at| by_style[*at] = style.score(&readings[*at]));
    let figures = measure(&arms, &held, &model, &by_style, settings.seed);
    let rounding = held
        .iter()
        .map(|at| (model.score(&arms[*at].text) - scale.slope * linear.score(&readings[*at])).abs());
    let rounding = rounding.fold(0.0, f64::max);

    stage("fit on all weeks");
    let all: Vec<usize> = (0..arms.len()).collect();
    let linear = Problem::of(&arms, &readings, &all, |arm| arm.test).fit(&chosen);
    let tests = arms.iter().map(|arm| arm.test).max().map_or(0, |last| last as usize + 1);
    let card = TextCard {
        name: settings.name.clone(),
        attune: env!("CARGO_PKG_VERSION").to_owned(),
        language: "en".to_owned(),
        data: json!({
            "source": "Upworthy Research Archive (Matias, Munger, Le Quere and Ebersole, Scientific Data, 2021)",
            "licence": "CC BY 4.0",
            "file": hash, "arms": arms.len(), "tests": tests, "weeks": [weeks[0], weeks[weeks.len() - 1]],
        }),
        metrics: json!({"holdout_weeks": holdout, "penalty": chosen, "figures": figures}),
        limits: LIMITS.map(str::to_owned).to_vec(),
    };
    let model = rounded(&arms, &all, &linear, &scale, card)?;
    let bytes = model.to_bytes()?;
    let again = TextModel::from_bytes(&bytes)?;
    let grams = again.fitted().grams.len();
    let report = Report {
        arms: arms.len(),
        tests,
        holdout,
        trials,
        chosen,
        scale,
        figures,
        rounding,
        grams,
        bytes: bytes.len(),
    };
    Ok(Trained { bytes, report })
}

const LIMITS: [&str; 4] = [
    "Learnt from news headlines in English on one site in 2013 and 2014: words that worked there may not sell here.",
    "Tells copy for one offer apart; says nothing of which offer is better.",
    "Of other languages only style is read; no such copy was measured, and the interval is as wide as copy differs.",
    "The figures are of a model that did not see the weeks held out; the file is fitted on all weeks in the same way.",
];

/// Weeks to fit on and the weeks after them to validate on.
fn folds(arms: &[Arm], development: &[usize]) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut weeks: Vec<u32> = development.iter().map(|at| arms[*at].week).collect();
    weeks.sort_unstable();
    let bound = |block: usize| {
        let share = FIRST_BLOCK + (1.0 - FIRST_BLOCK) * block as f64 / BLOCKS as f64;
        weeks.get((share * weeks.len() as f64) as usize).copied().unwrap_or(u32::MAX)
    };
    let part = |from: u32, until: u32| -> Vec<usize> {
        development.iter().copied().filter(|at| (from..until).contains(&arms[*at].week)).collect()
    };
    (0..BLOCKS).map(|block| (part(0, bound(block)), part(bound(block), bound(block + 1)))).collect()
}

/// A stretch of weeks to validate on, and all before it.
struct Fold<'a> {
    past: Problem<'a>,
    weeks: &'a [usize],
}

/// Where the search begins.
const START: Penalty = Penalty { style: 320.0, words: 80.0, pieces: 320.0, overdispersion: 0.2 };

/// Values to try for each setting in turn.
const RIDGES: [f64; 5] = [40.0, 80.0, 160.0, 320.0, 640.0];
const OVERDISPERSIONS: [f64; 3] = [0.1, 0.2, 0.4];

/// One setting of a penalty.
type Axis = fn(&mut Penalty) -> &mut f64;

/// Tries values of one setting after the other and keeps the best of each.
fn choose(arms: &[Arm], readings: &[Reading], folds: &[Fold], stage: &mut dyn FnMut(&str)) -> Vec<Trial> {
    let mut trials = vec![try_out(arms, readings, folds, &START).0];
    let mut best = trials[0].clone();
    let axes: [(&[f64], Axis); 4] = [
        (&RIDGES, |penalty| &mut penalty.words),
        (&RIDGES, |penalty| &mut penalty.pieces),
        (&RIDGES, |penalty| &mut penalty.style),
        (&OVERDISPERSIONS, |penalty| &mut penalty.overdispersion),
    ];
    for (values, axis) in axes {
        let from = best.penalty;
        for value in values {
            let mut penalty = from;
            *axis(&mut penalty) = *value;
            if trials.iter().any(|trial| trial.penalty == penalty) {
                continue;
            }
            let trial = try_out(arms, readings, folds, &penalty).0;
            stage(&format!(
                "setting {}: gain {:.4}, winners {:.3}",
                trials.len() + 1,
                trial.gain,
                trial.winners
            ));
            trials.push(trial.clone());
            if trial.gain > best.gain {
                best = trial;
            }
        }
    }
    trials
}

/// Fits on each fold's past and scores its weeks: the scores of all validated arms, and how good they are.
fn try_out(arms: &[Arm], readings: &[Reading], folds: &[Fold], penalty: &Penalty) -> (Trial, Vec<f64>) {
    let mut scores = vec![0.0; arms.len()];
    let (mut gained, mut count, mut right, mut told) = (0.0, 0.0, 0.0, 0);
    for fold in folds {
        let linear = fold.past.fit(penalty);
        fold.weeks.iter().for_each(|at| scores[*at] = linear.score(&readings[*at]));
        for contest in contests(arms, fold.weeks, |arm| arm.image) {
            let (gain, clicks) = gain(arms, &contest, &scores);
            // Tempered alike for all settings, so that they are compared by one measure.
            gained += gain / (1.0 + TEMPER * clicks / contest.len() as f64);
            count += 1.0;
        }
        let (share, pairs) = winners(arms, fold.weeks, &scores);
        right += share * pairs as f64;
        told += pairs;
    }
    let gain = gained / f64::max(count, 1.0);
    (Trial { penalty: *penalty, gain, winners: right / told.max(1) as f64 }, scores)
}

/// Overdispersion in the measure that settings are chosen by.
const TEMPER: f64 = 0.05;

/// The model with one byte a weight.
fn rounded(
    arms: &[Arm],
    fitted_on: &[usize],
    linear: &Linear,
    scale: &Scale,
    card: TextCard,
) -> Result<TextModel, TrainError> {
    let greatest = linear.grams.values().map(|(weight, _)| weight.abs()).fold(0.0, f64::max);
    let unit = (greatest / 127.0).max(f64::from(f32::MIN_POSITIVE));
    let mut grams: Vec<(u32, i8, bool)> = linear
        .grams
        .iter()
        .map(|(symbol, (weight, word))| (*symbol, (weight / unit).round() as i8, *word))
        // Words stay even where they add nothing: they say how much of a text is known.
        .filter(|(_, weight, word)| *weight != 0 || *word)
        .collect();
    if grams.len() > MOST_GRAMS {
        grams.sort_by_key(|(symbol, weight, word)| (!word, u8::MAX - weight.unsigned_abs(), *symbol));
        grams.truncate(MOST_GRAMS);
        grams.sort_unstable();
    }
    let style = linear
        .style
        .iter()
        .map(|(weight, mean)| StyleWeight { weight: (scale.slope * weight) as f32, mean: *mean as f32 });
    let (clicks, shown) = fitted_on
        .iter()
        .fold((0.0, 0.0), |(clicks, shown), at| (clicks + arms[*at].clicks, shown + arms[*at].impressions));
    let mut fitted = Fitted {
        card,
        grams: grams.into_iter().map(|(symbol, weight, _)| (symbol, weight)).collect(),
        scale: (scale.slope * unit) as f32,
        style: style.collect(),
        bias: 0.0,
        base: (clicks / (shown - clicks)).ln() as f32,
        known_spread: scale.known_spread as f32,
        unknown_spread: scale.unknown_spread as f32,
        quantiles: scale.quantiles.clone(),
    };
    // The mean over the copy is 0 after rounding and pruning, too.
    let unbiased = TextModel::new(fitted.clone())?;
    let total: f64 = fitted_on.iter().map(|at| unbiased.score(&arms[*at].text)).sum();
    fitted.bias = -(total / fitted_on.len().max(1) as f64) as f32;
    Ok(TextModel::new(fitted)?)
}
