//! `POST /generate`: a brief in, the ladder's answer out; as events for whoever accepts them.

use std::sync::Arc;

use attune_generate::Brief;
use attune_generate::brief::BriefError;
use attune_generate::ladder::Wanted;
use attune_generate::remote::sse::event;
use attune_generate::rung::{Failure, Kind};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};

use super::Shop;
use super::body::{self, Script};
use super::problem::Problem;
use super::queue::{Event, Work};

/// The most texts at once.
const MOST: usize = 16;

pub(super) async fn generate(State(shop): State<Arc<Shop>>, request: Request<Body>) -> Response<Body> {
    answer(&shop, request).await.unwrap_or_else(Problem::document)
}

async fn answer(shop: &Shop, request: Request<Body>) -> Result<Response<Body>, Problem> {
    let (head, body) = request.into_parts();
    let wanted = wanted(head.uri.query().unwrap_or_default(), shop.wanted)?;
    let accepts = head.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let streams = accepts.into_iter().any(|accept| accept.to_ascii_lowercase().contains("text/event-stream"));
    let text = body::text(&head.headers, body).await?;
    let (brief, notes) = Brief::parse(&text).map_err(|error| {
        let (status, code) = match &error {
            BriefError::Json(_) => (StatusCode::BAD_REQUEST, "malformed"),
            BriefError::Size(_) => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            BriefError::Empty => (StatusCode::UNPROCESSABLE_ENTITY, "brief_empty"),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "brief"),
        };
        Problem::new(status, code, error.to_string())
    })?;
    let mut events = shop.queue.submit(Work::Copy(Box::new(brief), wanted))?;
    if streams {
        return Ok(body::stream(events, Telling { notes, ended: false }));
    }
    while let Some(told) = events.recv().await {
        match told {
            Event::Copy(copy) => return Ok(body::json(&with_notes(&*copy, &notes))),
            Event::Refused(left) => {
                let detail = "no rung could write copy for this brief";
                let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail);
                return Err(problem.with("left", serde_json::to_value(left).unwrap_or_default()));
            }
            Event::Failed(failure) => return Err(failure.into()),
            _ => {}
        }
    }
    Err(Failure::new("model_gone", "the model has stopped").into())
}

/// `n`, `seed`, `rung` and `only` of the query.
fn wanted(query: &str, mut wanted: Wanted) -> Result<Wanted, Problem> {
    let wrong = |what: &str| Problem::new(StatusCode::BAD_REQUEST, "query", what);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "n" => {
                wanted.n = value
                    .parse()
                    .ok()
                    .filter(|n| (1..=MOST).contains(n))
                    .ok_or_else(|| wrong("n is 1 to 16"))?;
            }
            "seed" => wanted.seed = value.parse().map_err(|_| wrong("seed is a whole number"))?,
            "rung" => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.name() == value);
                wanted.from = kind.ok_or_else(|| wrong("rung is gpu, cpu, remote or template"))?;
            }
            "only" => {
                wanted.descend = match value {
                    "true" | "1" | "" => false,
                    "false" | "0" => true,
                    _ => return Err(wrong("only is true or false")),
                };
            }
            _ => return Err(wrong("n, seed, rung and only can be asked for")),
        }
    }
    Ok(wanted)
}

/// Events for whoever watches.
struct Telling {
    notes: Vec<String>,
    ended: bool,
}

impl Script for Telling {
    fn take(&mut self, told: Event) -> String {
        let value = match told {
            Event::Told(told) => serde_json::to_value(told).unwrap_or_default(),
            Event::Copy(copy) => self.last("copy", with_notes(&*copy, &self.notes)),
            Event::Refused(left) => self.last("refused", json!({ "left": left })),
            Event::Failed(failure) => {
                self.last("failed", json!({ "code": failure.code, "message": failure.message }))
            }
            Event::Began { .. } | Event::Piece { .. } => return String::new(),
        };
        event(&value.to_string())
    }

    fn end(&mut self) -> String {
        if self.ended {
            return String::new();
        }
        self.take(Event::Failed(Failure::new("model_gone", "the model has stopped")))
    }
}

impl Telling {
    fn last(&mut self, kind: &str, mut value: Value) -> Value {
        self.ended = true;
        value["type"] = kind.into();
        value
    }
}

/// The answer, with what was cut from the brief.
fn with_notes(copy: &attune_generate::ladder::Copy, notes: &[String]) -> Value {
    let mut value = serde_json::to_value(copy).unwrap_or_default();
    if !notes.is_empty() {
        value["notes"] = json!(notes);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_says_what_is_wanted_or_what_is_wrong() {
        let asked = wanted("n=2&seed=9&rung=remote&only=true", Wanted::default()).unwrap();
        assert_eq!((asked.n, asked.seed, asked.from, asked.descend), (2, 9, Kind::Remote, false));
        for query in ["n=0", "n=17", "n=x", "seed=-1", "rung=cloud", "only=maybe", "m=1"] {
            assert!(wanted(query, Wanted::default()).is_err(), "{query}");
        }
    }
}
