//! `POST /predict/<model>`: the effects of every candidate, in the page's own order.

use attune::Request as WireRequest;
use attune::event::metarank::RankRequest;
use worker::Request;

use crate::answer::{Answer, json};
use crate::bundle::Loaded;
use crate::problem::Problem;
use crate::{body, bundle, rank};

/// Takes Attune's request (`slots`) or Metarank's (`items`). Without a bundle that can be used there is nothing to
/// fall back on: 503.
pub(crate) async fn predict(mut request: Request, engine: Loaded) -> Answer {
    let explain = rank::explain(&request);
    let text = body::text(&mut request, body::MAX_REQUEST).await?;
    let wire = read(&text, explain)?;
    let engine = engine
        .map_err(|error| Problem::new(503, "no_bundle", error.to_string()).with("cause", error.code()))?;
    json(&engine.predicted(&wire)?)
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
