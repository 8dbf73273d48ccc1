//! `POST /predict/<model>`: the effects of every candidate, in the page's own order.

use attune::engine::Prediction;
use attune::event::metarank::RankRequest;
use attune::wire::Request as WireRequest;
use serde::Serialize;
use worker::Request;

use crate::problem::{Problem, json};
use crate::settings::Settings;
use crate::{Answer, body, bundle, rank};

#[derive(Serialize)]
struct Predicted<'a> {
    bundle: &'a str,
    schema: &'a str,
    slots: Vec<PredictedSlot>,
}

#[derive(Serialize)]
struct PredictedSlot {
    id: String,
    candidates: Vec<PredictedCandidate>,
}

#[derive(Serialize)]
struct PredictedCandidate {
    id: String,
    #[serde(flatten)]
    prediction: Prediction,
}

/// Takes Attune's request (`slots`) or Metarank's (`items`). Without a bundle that can be used there is nothing to
/// fall back on: 503.
pub(crate) async fn predict(mut request: Request, settings: &Settings) -> Answer {
    let explain = rank::explain(&request);
    let text = body::text(&mut request, body::MAX_REQUEST).await?;
    let wire = read(&text, explain)?;
    let engine = bundle::trusted(settings)
        .map_err(|error| Problem::new(503, "no_bundle", error.to_string()).with("cause", error.code()))?;
    let predictions = engine.predict(&wire)?;
    let slots = wire.slots.into_iter().zip(predictions).map(|(slot, predictions)| {
        let candidates = slot.candidates.into_iter().zip(predictions);
        let candidates =
            candidates.map(|(candidate, prediction)| PredictedCandidate { id: candidate.id, prediction });
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
