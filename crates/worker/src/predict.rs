//! `POST /predict/<model>`: the effects of every candidate, in the page's own order.

use std::collections::BTreeMap;

use attune::Request as WireRequest;
use attune::decision::Effect;
use attune::event::metarank::RankRequest;
use attune::{Engine, Prediction};
use serde::Serialize;
use worker::Request;

use crate::bundle::Loaded;
use crate::problem::{Problem, json};
use crate::{Answer, body, bundle, rank};

#[derive(Serialize)]
struct Predicted<'a> {
    bundle: &'a str,
    schema: &'a str,
    slots: Vec<PredictedSlot<'a>>,
}

#[derive(Serialize)]
struct PredictedSlot<'a> {
    id: String,
    candidates: Vec<PredictedCandidate<'a>>,
}

#[derive(Serialize)]
struct PredictedCandidate<'a> {
    id: String,
    /// By head; bit for bit what the other runtimes get.
    logits: BTreeMap<&'a str, f32>,
    effects: BTreeMap<&'a str, Effect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributions: Option<BTreeMap<String, BTreeMap<String, f32>>>,
}

impl<'a> PredictedCandidate<'a> {
    fn new(engine: &'a Engine, id: String, prediction: &Prediction, explain: bool) -> Self {
        let names = || engine.heads().iter().map(|head| head.name.as_str());
        Self {
            id,
            logits: names().zip(prediction.logits.iter().copied()).collect(),
            effects: names().zip(prediction.effects.iter().copied()).collect(),
            attributions: explain.then(|| engine.attributions(prediction)),
        }
    }
}

/// Takes Attune's request (`slots`) or Metarank's (`items`). Without a bundle that can be used there is nothing to
/// fall back on: 503.
pub(crate) async fn predict(mut request: Request, engine: Loaded) -> Answer {
    let explain = rank::explain(&request);
    let text = body::text(&mut request, body::MAX_REQUEST).await?;
    let wire = read(&text, explain)?;
    let engine = engine
        .map_err(|error| Problem::new(503, "no_bundle", error.to_string()).with("cause", error.code()))?;
    let predictions = engine.predict(&wire)?;
    let slots = wire.slots.into_iter().zip(predictions).map(|(slot, predictions)| {
        let candidates = slot.candidates.into_iter().zip(&predictions).map(|(candidate, prediction)| {
            PredictedCandidate::new(engine, candidate.id, prediction, wire.explain)
        });
        PredictedSlot { id: slot.id, candidates: candidates.collect() }
    });
    json(&Predicted { bundle: engine.hash(), schema: engine.schema(), slots: slots.collect() })
}

fn read(text: &str, explain: bool) -> Result<WireRequest, Problem> {
    match WireRequest::from_json(text) {
        Ok(mut wire) => {
            wire.explain |= explain;
            Ok(wire)
        }
        Err(error) if error.code() != "malformed" => Err(error.into()),
        Err(error) => match RankRequest::from_json(text) {
            Ok(metarank) => Ok(metarank.into_request(bundle::name(), rank::now(), explain).0),
            Err(_) if text.contains("\"slots\"") => Err(error.into()),
            Err(other) => Err(other.into()),
        },
    }
}
