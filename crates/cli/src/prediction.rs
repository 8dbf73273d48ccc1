//! What copy is expected to bring, by a text model.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use attune::TextModel;
use attune::text::{Preference, choose};
use attune_generate::Brief;
use attune_generate::brief::Language;
use attune_generate::ladder::{Predicted, Predictor};

/// The text model that comes with Attune.
const OWN: &str = "models/text.en.attune-text";
/// The level of a text effect's interval.
const LEVEL: f64 = 0.9;

/// A text model, asked for click-through rates relative to comparable copy.
struct Clicks {
    model: TextModel,
    /// The click-through rate of comparable copy.
    base: f64,
}

/// The text model that is named, else the one that comes with Attune, where it is here.
pub(crate) fn load(named: Option<&Path>) -> Result<Option<Box<dyn Predictor>>> {
    let own = || Some(PathBuf::from(OWN)).filter(|path| path.is_file());
    let Some(path) = named.map(Path::to_owned).or_else(own) else { return Ok(None) };
    let place = || format!("the text model {}", path.display());
    let model = TextModel::from_bytes(&std::fs::read(&path).with_context(place)?).with_context(place)?;
    let base = 1.0 / (1.0 + (-f64::from(model.fitted().base)).exp());
    Ok(Some(Box::new(Clicks { model, base })))
}

impl Predictor for Clicks {
    fn predict(&self, texts: &[&str], brief: &Brief) -> Vec<Option<Predicted>> {
        let language = match brief.language() {
            Language::En => "en",
            Language::Zh => "zh",
        };
        if !self.model.card().language.starts_with(language) {
            return vec![None; texts.len()];
        }
        let relative = |rate: f64| rate / self.base - 1.0;
        texts
            .iter()
            .map(|text| {
                let effect = self.model.predict(text);
                Some(Predicted {
                    effect: "ctr",
                    value: relative(effect.rate.value),
                    interval: [relative(effect.rate.low), relative(effect.rate.high)],
                    level: LEVEL,
                    better_than: effect.percentile / 100.0,
                })
            })
            .collect()
    }

    fn choose(&self, texts: &[&str], predicted: &[Option<Predicted>], n: usize) -> Vec<usize> {
        let score = |predicted: &Option<Predicted>| predicted.as_ref().map_or(0.0, |told| told.value);
        let scored: Vec<(&str, f64)> = texts.iter().copied().zip(predicted.iter().map(score)).collect();
        let preference = Preference { count: n, ..Preference::default() };
        choose(&scored, &preference).chosen.iter().map(|chosen| chosen.index).collect()
    }
}
