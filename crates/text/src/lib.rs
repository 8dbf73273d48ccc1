//! What a headline or another piece of copy is expected to do, before anyone has seen it.
//!
//! A [`TextModel`] is a small file of weights: one per known word, pair of words and piece of a word, one per style
//! feature. A text's score is their sum, so that what each phrase adds is known exactly. The score is the log-odds of a
//! click relative to comparable copy: other texts for the same offer, at the same place and time. [`choose`] takes the
//! best few of many candidates.
//!
//! Everything here is pure arithmetic in one order: the same text and file give the same bits in every runtime.

mod binary;
mod choose;
mod effect;
mod error;
mod grams;
mod style;

pub use choose::{Choice, Chosen, Preference, choose};
pub use effect::Effect;
pub use error::{Error, Result};
pub use grams::{Gram, GramKind, MAX_TEXT, Token, grams, tokens};
pub use style::{STYLE, style};

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Two-sided 90 % quantile of the normal distribution.
pub const Z90: f64 = 1.644_853_626_951_472_2;
/// Share of a text's words that must be known for its effect to be told from words.
const FAMILIAR: f64 = 0.5;
/// Words from which on the sum over n-grams grows with their number's square root only.
const FEWEST_WORDS: usize = 4;

/// What a text model is, for people and audits.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TextCard {
    /// The model's name.
    pub name: String,
    /// The version of Attune that wrote it.
    pub attune: String,
    /// The language its words are of, as a BCP 47 tag.
    pub language: String,
    /// What it was trained on: source, licence, attribution, hash, rows.
    #[serde(default)]
    pub data: serde_json::Value,
    /// Measured on texts of later weeks than those it was fitted on.
    #[serde(default)]
    pub metrics: serde_json::Value,
    /// What it must not be used for, in words.
    #[serde(default)]
    pub limits: Vec<String>,
}

/// Weight and usual value of a style feature.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StyleWeight {
    /// Log-odds a unit.
    pub weight: f32,
    /// The feature's mean over the training copy, where it adds nothing.
    pub mean: f32,
}

/// A text model's parts, as the trainer fits them. [`TextModel::new`] checks them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fitted {
    /// What it is.
    pub card: TextCard,
    /// Known n-grams, by rising symbol, with their weights in units of `scale`.
    pub grams: Vec<(u32, i8)>,
    /// Log-odds of a weight of 1.
    pub scale: f32,
    /// One for each of [`STYLE`], in its order.
    pub style: Vec<StyleWeight>,
    /// Makes the mean score of the training copy 0.
    pub bias: f32,
    /// Logit of the training copy's click-through rate.
    pub base: f32,
    /// Standard deviation of what the model leaves open, when all words are known; scaled so that ±[`Z90`] of it
    /// is a 90 % interval.
    pub known_spread: f32,
    /// The same when no word is known.
    pub unknown_spread: f32,
    /// Quantiles of the scores of copy that was not fitted on, at equal steps from the least to the greatest.
    pub quantiles: Vec<f32>,
}

/// A loaded text model.
#[derive(Debug, Clone)]
pub struct TextModel {
    fitted: Fitted,
}

/// What a text's effect is told from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Its words and its style.
    Words,
    /// Mostly its style: most words are unknown, as in another language than the model's. The interval is wide.
    Style,
}

/// What a phrase adds to the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phrase {
    /// The words, as written.
    pub text: String,
    /// Where they are, in bytes.
    pub span: Range<usize>,
    /// Log-odds added: above 0 it helps, below it hurts.
    pub contribution: f64,
}

/// What a style feature adds to the score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StyleShare {
    /// One of [`STYLE`].
    pub name: &'static str,
    /// Log-odds added, relative to the training copy's mean.
    pub contribution: f64,
}

/// The predicted effect of a text. Intervals are 90 %.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextEffect {
    /// Log-odds of a click relative to comparable copy; 0 is as good as the mean.
    pub log_odds: Effect,
    /// Click-through rate where comparable copy has the training data's.
    pub rate: Effect,
    /// Better than this share of comparable copy, in percent, by predicted effect.
    pub percentile: f64,
    /// What the effect is told from.
    pub evidence: Evidence,
    /// Share of the words that the model knows.
    pub familiar: f64,
    /// What the phrases add, from what matters most on. With `style` and `baseline` they sum to the score.
    pub phrases: Vec<Phrase>,
    /// What style adds, from what matters most on.
    pub style: Vec<StyleShare>,
    /// What is added to every text.
    pub baseline: f64,
}

impl TextEffect {
    /// Click-through rate where comparable copy has the rate `base`, a share between 0 and 1.
    #[must_use]
    pub fn rate_at(&self, base: f64) -> Effect {
        let base = base.clamp(1e-9, 1.0 - 1e-9);
        self.log_odds.rate(libm::log(base / (1.0 - base)))
    }
}

/// A text taken apart: what one encoder reads for training and for serving.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Its words.
    pub tokens: Vec<Token>,
    /// Its n-grams, each once.
    pub grams: Vec<Gram>,
    /// Its style, in the order of [`STYLE`].
    pub style: [f64; STYLE.len()],
    /// What an n-gram's weight is multiplied by: 1 / √words, so that long copy is not extreme for its length.
    pub share: f64,
}

impl Reading {
    /// Reads a text; of a very long one the beginning, [`MAX_TEXT`] bytes.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let tokens = tokens(text);
        let share = 1.0 / (tokens.len().max(FEWEST_WORDS) as f64).sqrt();
        Self { grams: grams(&tokens), style: style(text, &tokens), share, tokens }
    }
}

impl TextModel {
    /// A model of these parts.
    ///
    /// # Errors
    /// [`Error::Unusable`] when they do not fit each other or hold a number that is not finite.
    pub fn new(fitted: Fitted) -> Result<Self> {
        let broken = |why: &str| Err(Error::Unusable(format!("it {why}")));
        let numbers = [fitted.scale, fitted.bias, fitted.base, fitted.known_spread, fitted.unknown_spread];
        let style = fitted.style.iter().flat_map(|style| [style.weight, style.mean]);
        if !numbers.into_iter().chain(style).chain(fitted.quantiles.iter().copied()).all(sensible) {
            return broken("holds a number that is not finite or out of range");
        }
        if fitted.style.len() != STYLE.len() {
            return broken("has other style features than this Attune: train it again");
        }
        if !fitted.grams.is_sorted_by(|a, b| a.0 < b.0) {
            return broken("has n-grams that are not sorted");
        }
        if fitted.quantiles.len() < 2 || !fitted.quantiles.is_sorted() {
            return broken("has quantiles that are not sorted");
        }
        if fitted.known_spread < 0.0 || fitted.unknown_spread < fitted.known_spread {
            return broken("has spreads that do not grow");
        }
        Ok(Self { fitted })
    }

    /// The parts.
    #[must_use]
    pub fn fitted(&self) -> &Fitted {
        &self.fitted
    }

    /// What the model is.
    #[must_use]
    pub fn card(&self) -> &TextCard {
        &self.fitted.card
    }

    /// The expected log-odds of a text relative to comparable copy; the value of [`TextModel::predict`] without the rest.
    #[must_use]
    pub fn score(&self, text: &str) -> f64 {
        let reading = Reading::of(text);
        self.total(&self.phrases(&reading), &self.style(&reading))
    }

    /// The expected effect of a text. Total: every string has one.
    #[must_use]
    pub fn predict(&self, text: &str) -> TextEffect {
        let reading = Reading::of(text);
        let spans = self.phrases(&reading);
        let style = self.style(&reading);
        let score = self.total(&spans, &style);
        let words = reading.grams.iter().filter(|gram| gram.kind == GramKind::Word);
        let (all, known) = words.fold((0_u32, 0_u32), |(all, known), gram| {
            (all + 1, known + u32::from(self.weight(gram.symbol).is_some()))
        });
        let familiar = if all > 0 { f64::from(known) / f64::from(all) } else { 0.0 };
        let half = Z90 * self.spread(score, familiar);
        let log_odds = Effect { value: score, low: score - half, high: score + half };
        let mut phrases: Vec<Phrase> = spans
            .into_iter()
            .map(|(span, contribution)| Phrase {
                text: text.get(span.clone()).unwrap_or_default().to_owned(),
                span,
                contribution,
            })
            .collect();
        phrases.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
        let mut style: Vec<StyleShare> = STYLE
            .iter()
            .zip(style)
            .filter(|(_, contribution)| *contribution != 0.0)
            .map(|(name, contribution)| StyleShare { name, contribution })
            .collect();
        style.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
        TextEffect {
            log_odds,
            rate: log_odds.rate(f64::from(self.fitted.base)),
            percentile: self.percentile(score),
            evidence: if familiar >= FAMILIAR { Evidence::Words } else { Evidence::Style },
            familiar,
            phrases,
            style,
            baseline: f64::from(self.fitted.bias),
        }
    }

    /// Standard deviation of what is left open. Where words are unknown the model may be worth nothing, and the whole
    /// score wrong: it is added to the spread of copy as such.
    fn spread(&self, score: f64, familiar: f64) -> f64 {
        let known = f64::from(self.fitted.known_spread);
        let unknown = f64::from(self.fitted.unknown_spread);
        (familiar * known * known + (1.0 - familiar) * (unknown * unknown + score * score)).sqrt()
    }

    /// An n-gram's weight in units of the scale, where it is known.
    fn weight(&self, symbol: u32) -> Option<i8> {
        let grams = &self.fitted.grams;
        let at = grams.binary_search_by_key(&symbol, |(symbol, _)| *symbol).ok()?;
        grams.get(at).map(|(_, weight)| *weight)
    }

    /// What each span adds, in reading order of the spans.
    fn phrases(&self, reading: &Reading) -> Vec<(Range<usize>, f64)> {
        let unit = f64::from(self.fitted.scale) * reading.share;
        let mut spans: Vec<(Range<usize>, i32)> = Vec::new();
        for gram in &reading.grams {
            let Some(weight) = self.weight(gram.symbol) else { continue };
            // A word's pieces come right after it.
            match spans.last_mut().filter(|(span, _)| *span == gram.span) {
                Some((_, sum)) => *sum += i32::from(weight),
                None => spans.push((gram.span.clone(), i32::from(weight))),
            }
        }
        spans.retain(|(_, sum)| *sum != 0);
        spans.into_iter().map(|(span, sum)| (span, unit * f64::from(sum))).collect()
    }

    fn style(&self, reading: &Reading) -> [f64; STYLE.len()] {
        let mut shares = [0.0; STYLE.len()];
        for ((share, value), style) in shares.iter_mut().zip(reading.style).zip(&self.fitted.style) {
            *share = f64::from(style.weight) * (value - f64::from(style.mean));
        }
        shares
    }

    fn total(&self, phrases: &[(Range<usize>, f64)], style: &[f64]) -> f64 {
        let grams: f64 = phrases.iter().map(|(_, share)| share).sum();
        f64::from(self.fitted.bias) + grams + style.iter().sum::<f64>()
    }

    /// Share of comparable copy below a score, in percent.
    fn percentile(&self, score: f64) -> f64 {
        let quantiles = &self.fitted.quantiles;
        let above = quantiles.partition_point(|quantile| f64::from(*quantile) <= score);
        let (Some(low), Some(high)) =
            (above.checked_sub(1).and_then(|at| quantiles.get(at)), quantiles.get(above))
        else {
            return if above == 0 { 0.0 } else { 100.0 };
        };
        let (low, high) = (f64::from(*low), f64::from(*high));
        100.0 * ((above - 1) as f64 + (score - low) / (high - low)) / (quantiles.len() - 1) as f64
    }
}

/// Finite, and small enough for sums of thousands to be finite.
fn sensible(number: f32) -> bool {
    number.abs() <= 1e6
}

#[cfg(test)]
mod tests;
