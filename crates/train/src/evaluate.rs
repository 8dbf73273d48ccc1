//! What a bundle is worth on data: its calibrated probabilities beside a constant.

use attune::Engine;
use serde::Serialize;
use serde_json::Value;

use crate::clean::Cleaning;
use crate::error::TrainError;
use crate::metrics::{Metrics, Scored, measure};
use crate::source::{InputHash, Source};
use crate::split::{Part, Split};

/// Figures of one head.
#[derive(Debug, Clone, Serialize)]
pub struct HeadEvaluation {
    /// The head.
    pub head: String,
    /// The rate of these very rows for every row: the best a constant can do.
    pub constant: Metrics,
    /// The bundle, calibrated, at the positions where the items stood.
    pub bundle: Metrics,
    /// 1 − log loss / log loss of the constant.
    pub log_loss_gain: f64,
}

/// Figures of a bundle.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The bundle's checksum, hex.
    pub bundle: String,
    /// The files and their hashes.
    pub files: Vec<InputHash>,
    /// Whether these are the files it was trained on; then only their test part was used.
    pub trained_on: bool,
    /// What was read, kept and dropped.
    pub cleaning: Cleaning,
    /// Observations used.
    pub rows: u64,
    /// Per head that the data have a target for.
    pub heads: Vec<HeadEvaluation>,
}

/// Scores every observation with the bundle. On the files it was trained on, only the test part counts.
///
/// # Errors
/// [`TrainError::Targets`] when no target has a head's name; what reading can fail with;
/// [`TrainError::Table`] when no observation is left.
pub fn evaluate(
    engine: &Engine,
    source: &Source,
    mut progress: impl FnMut(u64),
) -> Result<Evaluation, TrainError> {
    let targets = source.targets();
    let pairs: Vec<(usize, usize)> = engine
        .heads()
        .iter()
        .enumerate()
        .filter_map(|(head, of)| targets.iter().position(|name| *name == of.name).map(|at| (head, at)))
        .collect();
    if pairs.is_empty() {
        let wanted: Vec<_> = engine.heads().iter().map(|head| head.name.as_str()).collect();
        return Err(TrainError::Targets { found: targets.join(", "), wanted: wanted.join(", ") });
    }
    let files = hashes(source)?;
    let split = trained_split(&engine.card().data, &files);
    let mut scored: Vec<Vec<Scored>> = vec![Vec::new(); pairs.len()];
    let mut rows = source.rows()?;
    let (mut read, mut used) = (0_u64, 0_u64);
    while let Some(row) = rows.next_row()? {
        read += 1;
        if read.is_multiple_of(4096) {
            progress(rows.bytes_read());
        }
        if split.as_ref().is_some_and(|split| split.part(&row) != Part::Test) {
            continue;
        }
        used += 1;
        let logits = engine.run(&engine.encode_at(&row.moment(), &[&row.candidate], row.position))?;
        let group = (row.view.group ^ (row.view.group >> 32)) as u32;
        for (into, (head, at)) in scored.iter_mut().zip(&pairs) {
            let label = row.labels[*at];
            if label.known && row.weight > 0.0 {
                let of = &engine.heads()[*head];
                let logit = (of.slope * f64::from(logits[*head]) + of.intercept) as f32;
                into.push(Scored { logit, label: label.value, weight: row.weight, group });
            }
        }
    }
    if used == 0 {
        return Err(
            crate::table::TableError::Empty("no observation is left to evaluate on".to_owned()).into()
        );
    }
    let heads = pairs
        .iter()
        .zip(&scored)
        .map(|((head, _), rows)| {
            let weight: f64 = rows.iter().map(|row| f64::from(row.weight)).sum();
            let hits: f64 = rows.iter().map(|row| f64::from(row.weight * row.label)).sum();
            let rate = (hits / weight.max(1e-9)).clamp(1e-6, 1.0 - 1e-6);
            let flat = (rate / (1.0 - rate)).ln() as f32;
            let constant: Vec<Scored> = rows.iter().map(|row| Scored { logit: flat, ..*row }).collect();
            let threshold = threshold(&engine.card().metrics, &engine.heads()[*head].name);
            let (constant, bundle) = (measure(&constant, 0.5), measure(rows, threshold));
            let log_loss_gain = 1.0 - bundle.log_loss / constant.log_loss;
            HeadEvaluation { head: engine.heads()[*head].name.clone(), constant, bundle, log_loss_gain }
        })
        .collect();
    Ok(Evaluation {
        bundle: engine.hash().to_owned(),
        files,
        trained_on: split.is_some(),
        cleaning: rows.cleaning().clone(),
        rows: used,
        heads,
    })
}

/// Whether a bundle was trained on these very files: it then predicts them better than it will other days.
///
/// # Errors
/// What reading can fail with.
pub fn trained_on(engine: &Engine, source: &Source) -> Result<bool, TrainError> {
    Ok(trained_split(&engine.card().data, &hashes(source)?).is_some())
}

fn hashes(source: &Source) -> Result<Vec<InputHash>, TrainError> {
    Ok(source.inputs().iter().map(crate::source::Input::hash).collect::<Result<_, _>>()?)
}

/// The probability from which a row is called positive, chosen in training on rows of their own; ½ when the card does not
/// tell.
fn threshold(metrics: &Value, head: &str) -> f64 {
    let heads = metrics["heads"].as_array().map_or(&[][..], Vec::as_slice);
    let of = heads.iter().find(|of| of["head"] == head);
    of.and_then(|of| of["student"]["decision"]["threshold"].as_f64()).unwrap_or(0.5)
}

/// The split of a card, when the card's files are these.
fn trained_split(data: &Value, files: &[InputHash]) -> Option<Split> {
    let survey = &data["survey"];
    let known: Vec<&str> =
        survey["files"].as_array()?.iter().filter_map(|file| file["sha256"].as_str()).collect();
    let same = !files.is_empty() && files.iter().all(|file| known.contains(&file.sha256.as_str()));
    same.then(|| serde_json::from_value(survey["split"].clone()).ok()).flatten()
}
