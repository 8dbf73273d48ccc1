//! Ridge regression on who wins: which arm of a contest a click went to.

use std::collections::{BTreeMap, HashMap, VecDeque};

use attune_text::{GramKind, Reading, STYLE};
use serde::{Deserialize, Serialize};

use super::arms::{Arm, contests};

/// How strongly a model is held back. Chosen on earlier weeks than those it is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Penalty {
    /// Ridge on standardised style features.
    pub style: f64,
    /// Ridge on words and pairs.
    pub words: f64,
    /// Ridge on pieces of words.
    pub pieces: f64,
    /// Overdispersion a click: a contest with c clicks an arm counts 1 / (1 + overdispersion · c), because headlines
    /// differ by more than sampling and one contest must not speak for the many clicks it has.
    pub overdispersion: f64,
}

/// The fewest tests that a word, pair or piece must occur in.
const FEWEST: [usize; 3] = [2, 3, 4];
/// L-BFGS (Liu and Nocedal, 1989): pairs remembered, and most steps.
const MEMORY: usize = 10;
const STEPS: usize = 300;

/// A linear model on the scale of log-odds, before it is rounded and centred.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Weight of each style feature a unit, and its mean.
    pub style: Vec<(f64, f64)>,
    /// Weights by symbol, and whether it is a word.
    pub grams: BTreeMap<u32, (f64, bool)>,
    /// Mean over the fitted arms of what the n-grams add.
    pub grams_mean: f64,
}

impl Linear {
    /// The score, centred on the fitted arms.
    #[must_use]
    pub fn score(&self, reading: &Reading) -> f64 {
        let style = self.style.iter().zip(reading.style).map(|((weight, mean), x)| weight * (x - mean));
        self.grams(reading) - self.grams_mean + style.sum::<f64>()
    }

    fn grams(&self, reading: &Reading) -> f64 {
        let weights = reading.grams.iter().filter_map(|gram| self.grams.get(&gram.symbol));
        reading.share * weights.map(|(weight, _)| weight).sum::<f64>()
    }
}

/// Arms prepared for fitting: what does not depend on the penalty.
pub struct Problem<'a> {
    arms: &'a [Arm],
    readings: &'a [Reading],
    among: &'a [usize],
    contests: Vec<Vec<usize>>,
    symbols: BTreeMap<u32, GramKind>,
    moments: Vec<(f64, f64)>,
    rows: Vec<Row>,
}

/// An arm: standardised style, the columns of its known n-grams, and what these count.
struct Row {
    style: [f64; STYLE.len()],
    grams: Vec<u32>,
    share: f64,
}

impl<'a> Problem<'a> {
    /// Prepares the arms `among`, compared within each `key`.
    #[must_use]
    pub fn of(
        arms: &'a [Arm],
        readings: &'a [Reading],
        among: &'a [usize],
        key: impl Fn(&Arm) -> u32,
    ) -> Self {
        let symbols = vocabulary(arms, readings, among);
        let moments = moments(readings, among);
        let columns: HashMap<u32, u32> = symbols.keys().copied().zip(0..).collect();
        let contests = contests(arms, among, key);
        let row = |at: &usize| {
            let reading = &readings[*at];
            let mut style = [0.0; STYLE.len()];
            for ((to, x), (mean, sd)) in style.iter_mut().zip(reading.style).zip(&moments) {
                *to = (x - mean) / sd;
            }
            let grams = reading.grams.iter().filter_map(|gram| columns.get(&gram.symbol).copied()).collect();
            Row { style, grams, share: reading.share }
        };
        let rows = contests.iter().flatten().map(row).collect();
        Self { arms, readings, among, contests, symbols, moments, rows }
    }

    /// Fits the model.
    ///
    /// Given a contest's clicks, arm i has each with probability nᵢ·e^sᵢ / Σ nⱼ·e^sⱼ (n impressions, s score): the
    /// conditional likelihood of rare counts, in which whatever the arms share (story, time, place) cancels (McFadden,
    /// 1974; Cameron and Trivedi, "Regression analysis of count data", 2013, chapter 9).
    ///
    /// Each weight is fitted in units of 1 / √ridge, so that the penalty is the same for all and the steps are few; an
    /// infinite ridge leaves the column out.
    #[must_use]
    pub fn fit(&self, penalty: &Penalty) -> Linear {
        let unit = |ridge: f64| if ridge.is_finite() { 1.0 / ridge.sqrt() } else { 0.0 };
        let units: Vec<f64> = std::iter::repeat_n(unit(penalty.style), STYLE.len())
            .chain(self.symbols.values().map(|kind| match kind {
                GramKind::Word | GramKind::Pair => unit(penalty.words),
                GramKind::Piece => unit(penalty.pieces),
            }))
            .collect();
        let likelihood = Likelihood::of(self.arms, &self.contests, penalty.overdispersion);
        let (mut scores, mut slope) = (vec![0.0; self.rows.len()], vec![0.0; self.rows.len()]);
        let scaled = minimise(units.len(), |scaled, gradient| {
            let weights: Vec<f64> = scaled.iter().zip(&units).map(|(w, unit)| w * unit).collect();
            self.times(&weights, &mut scores);
            let loss = likelihood.loss(&scores, &mut slope);
            self.transposed_times(&slope, gradient);
            gradient.iter_mut().zip(&units).zip(scaled).for_each(|((g, unit), w)| *g = *g * unit + w);
            loss + 0.5 * scaled.iter().map(|w| w * w).sum::<f64>()
        });
        let weights: Vec<f64> = scaled.iter().zip(&units).map(|(w, unit)| w * unit).collect();
        let (style, grams) = weights.split_at(STYLE.len());
        let style = self.moments.iter().zip(style).map(|((mean, sd), weight)| (weight / sd, *mean)).collect();
        let grams = self.symbols.iter().zip(grams);
        let grams = grams.map(|((symbol, kind), weight)| (*symbol, (*weight, *kind == GramKind::Word)));
        let mut fitted = Linear { style, grams: grams.collect(), grams_mean: 0.0 };
        let total: f64 = self.among.iter().map(|at| fitted.grams(&self.readings[*at])).sum();
        fitted.grams_mean = total / self.among.len().max(1) as f64;
        fitted
    }

    fn times(&self, weights: &[f64], scores: &mut [f64]) {
        let (style, grams) = weights.split_at(STYLE.len());
        for (row, score) in self.rows.iter().zip(scores) {
            let of_grams: f64 = row.grams.iter().map(|column| grams[*column as usize]).sum();
            *score = row.share * of_grams + row.style.iter().zip(style).map(|(x, w)| x * w).sum::<f64>();
        }
    }

    fn transposed_times(&self, slope: &[f64], gradient: &mut [f64]) {
        gradient.fill(0.0);
        let (style, grams) = gradient.split_at_mut(STYLE.len());
        for (row, slope) in self.rows.iter().zip(slope) {
            style.iter_mut().zip(row.style).for_each(|(g, x)| *g += x * slope);
            row.grams.iter().for_each(|column| grams[*column as usize] += row.share * slope);
        }
    }
}

/// The symbols that occur in enough tests, with what they are.
fn vocabulary(arms: &[Arm], readings: &[Reading], among: &[usize]) -> BTreeMap<u32, GramKind> {
    // (kind, number of tests, last test): arms of a test come one after the other once sorted.
    let mut counts: HashMap<u32, (GramKind, usize, u32)> = HashMap::new();
    let mut order = among.to_vec();
    order.sort_by_key(|at| arms[*at].test);
    for at in order {
        let test = arms[at].test;
        for gram in &readings[at].grams {
            let count = counts.entry(gram.symbol).or_insert((gram.kind, 0, u32::MAX));
            if count.2 != test {
                (count.1, count.2) = (count.1 + 1, test);
            }
        }
    }
    let kept = counts.into_iter().filter(|(_, (kind, tests, _))| *tests >= FEWEST[*kind as usize]);
    kept.map(|(symbol, (kind, ..))| (symbol, kind)).collect()
}

/// Mean and standard deviation of each style feature.
fn moments(readings: &[Reading], among: &[usize]) -> Vec<(f64, f64)> {
    let n = among.len().max(1) as f64;
    let moment = |column: usize| {
        let mean = among.iter().map(|at| readings[*at].style[column]).sum::<f64>() / n;
        let square = among.iter().map(|at| (readings[*at].style[column] - mean).powi(2)).sum::<f64>() / n;
        // A feature that hardly ever occurs must not get a huge weight a unit.
        (mean, square.sqrt().max(0.05))
    };
    (0..STYLE.len()).map(moment).collect()
}

/// The conditional likelihood of contests that lie one after the other.
pub struct Likelihood {
    /// Impressions and clicks of each arm.
    counts: Vec<(f64, f64)>,
    /// Where each contest ends, and how much a click of it counts.
    contests: Vec<(usize, f64)>,
}

impl Likelihood {
    /// Of these contests.
    #[must_use]
    pub fn of(arms: &[Arm], contests: &[Vec<usize>], overdispersion: f64) -> Self {
        let counts = contests.iter().flatten().map(|at| (arms[*at].impressions, arms[*at].clicks)).collect();
        let mut end = 0;
        let weigh = |contest: &Vec<usize>| {
            end += contest.len();
            let clicks: f64 = contest.iter().map(|at| arms[*at].clicks).sum();
            (end, 1.0 / (1.0 + overdispersion * clicks / contest.len() as f64))
        };
        Self { counts, contests: contests.iter().map(weigh).collect() }
    }

    /// Minus the log-likelihood of the scores; `slope` becomes its gradient.
    pub fn loss(&self, scores: &[f64], slope: &mut [f64]) -> f64 {
        let (mut start, mut loss) = (0, 0.0);
        for (end, weight) in &self.contests {
            loss +=
                weight * contest(&scores[start..*end], &self.counts[start..*end], &mut slope[start..*end]);
            slope[start..*end].iter_mut().for_each(|slope| *slope *= weight);
            start = *end;
        }
        loss
    }
}

/// Minus the log-likelihood of one contest (impressions and clicks of each arm), and its gradient.
pub fn contest(scores: &[f64], counts: &[(f64, f64)], slope: &mut [f64]) -> f64 {
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let odds = |score: &f64, count: &(f64, f64)| count.0 * (score - greatest).exp();
    let total: f64 = scores.iter().zip(counts).map(|(score, count)| odds(score, count)).sum();
    let clicks: f64 = counts.iter().map(|count| count.1).sum();
    let mut loss = 0.0;
    for ((score, count), slope) in scores.iter().zip(counts).zip(slope) {
        let share = odds(score, count) / total;
        loss -= count.1 * share.max(f64::MIN_POSITIVE).ln();
        *slope = clicks * share - count.1;
    }
    loss
}

/// Minimises a smooth convex function by L-BFGS with backtracking (Nocedal and Wright, "Numerical optimization", 2006,
/// algorithms 3.1 and 7.4). `function` returns the value and writes the gradient.
pub fn minimise(n: usize, mut function: impl FnMut(&[f64], &mut [f64]) -> f64) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (mut at, mut gradient) = (vec![0.0; n], vec![0.0; n]);
    let mut value = function(&at, &mut gradient);
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    for _ in 0..STEPS {
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut shares = Vec::new();
        for (step, change, curvature) in memory.iter().rev() {
            let share = dot(step, &direction) / curvature;
            direction.iter_mut().zip(change).for_each(|(d, c)| *d -= share * c);
            shares.push(share);
        }
        let scale = match memory.back() {
            Some((_, change, curvature)) => curvature / dot(change, change),
            None => 1.0 / dot(&gradient, &gradient).sqrt().max(1e-12),
        };
        direction.iter_mut().for_each(|d| *d *= scale);
        for ((step, change, curvature), share) in memory.iter().zip(shares.into_iter().rev()) {
            let back = share - dot(change, &direction) / curvature;
            direction.iter_mut().zip(step).for_each(|(d, s)| *d += back * s);
        }
        let slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            break;
        }
        let mut length = 1.0;
        let mut next_gradient = vec![0.0; n];
        let (next, next_value) = loop {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(x, d)| x + length * d).collect();
            let tried = function(&next, &mut next_gradient);
            if tried <= value + 1e-4 * length * slope {
                break (next, tried);
            }
            length *= 0.5;
            if length < 1e-10 {
                return at;
            }
        };
        let step: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&step, &change);
        let gain = value - next_value;
        (at, gradient, value) = (next, next_gradient, next_value);
        if gain < 1e-8 * value.abs().max(1.0) {
            break;
        }
        if curvature > 1e-12 {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back((step, change, curvature));
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(test: u32, clicks: f64) -> Arm {
        Arm { text: String::new(), test, image: test, week: 201401, impressions: 1e6, clicks }
    }

    fn reading(words: f64, question: f64) -> Reading {
        let mut style = [0.0; STYLE.len()];
        (style[0], style[10]) = (words, question);
        Reading { tokens: Vec::new(), grams: Vec::new(), style, share: 1.0 }
    }

    /// With two arms of as many impressions each click is a coin toss on the difference: scikit-learn's
    /// `LogisticRegression(C=1/ridge, fit_intercept=False)` on these, weighted by clicks, says the weights.
    #[test]
    fn scikit_learn_fits_the_same() {
        let tests = [
            [(0.2, 1.0, 30.0), (0.9, 0.0, 20.0)],
            [(0.5, 0.0, 12.0), (1.3, 1.0, 18.0)],
            [(1.1, 1.0, 40.0), (0.4, 0.0, 25.0)],
            [(0.3, 1.0, 9.0), (0.8, 1.0, 11.0)],
            [(0.7, 0.0, 22.0), (0.1, 0.0, 31.0)],
        ];
        let both = || tests.iter().zip(0..).flat_map(|(test, id)| test.iter().map(move |arm| (id, *arm)));
        let arms: Vec<Arm> = both().map(|(id, (_, _, clicks))| arm(id, clicks)).collect();
        let readings: Vec<Reading> =
            both().map(|(_, (words, question, _))| reading(words, question)).collect();
        let among: Vec<usize> = (0..arms.len()).collect();
        let problem = Problem::of(&arms, &readings, &among, |arm| arm.test);
        for (ridge, words, question) in
            [(2.0, -0.075_453_95, 0.446_080_17), (50.0, -0.026_167_26, 0.324_575_9)]
        {
            let penalty = Penalty { style: ridge, words: 1.0, pieces: 1.0, overdispersion: 0.0 };
            let fitted = problem.fit(&penalty);
            assert!((fitted.style[0].0 - words).abs() < 2e-4, "{} {words}", fitted.style[0].0);
            assert!((fitted.style[10].0 - question).abs() < 2e-4, "{} {question}", fitted.style[10].0);
            assert!((fitted.style[0].1 - 0.63).abs() < 1e-12);
        }
    }

    #[test]
    fn impressions_are_an_offset() {
        // One arm shown twice as often and clicked twice as often is no better.
        let mut slope = [0.0; 2];
        contest(&[0.3, 0.3], &[(2000.0, 20.0), (1000.0, 10.0)], &mut slope);
        assert!(slope.iter().all(|slope| slope.abs() < 1e-9), "{slope:?}");
        let loss = contest(&[900.0, -900.0], &[(1.0, 0.0), (1.0, 1.0)], &mut slope);
        assert!(loss.is_finite() && slope.iter().all(|slope| slope.is_finite()));
    }

    #[test]
    fn a_bowl_is_found_the_bottom_of() {
        let at = minimise(3, |x, gradient| {
            let away = [x[0] - 1.0, 10.0 * (x[1] + 2.0), 0.1 * (x[2] - 30.0)];
            gradient.copy_from_slice(&[2.0 * away[0], 20.0 * away[1], 0.2 * away[2]]);
            away.iter().map(|a| a * a).sum()
        });
        assert!(
            (at[0] - 1.0).abs() < 1e-3 && (at[1] + 2.0).abs() < 1e-3 && (at[2] - 30.0).abs() < 1e-2,
            "{at:?}"
        );
    }
}
