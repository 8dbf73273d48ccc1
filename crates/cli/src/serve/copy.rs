//! `POST /generate`: `{"brief": …, "n": 3, "seed": 0}` in, the ladder's answer out; as events for whoever accepts them.

use std::sync::Arc;

use attune_generate::Brief;
use attune_generate::brief::BriefError;
use attune_generate::ladder::Wanted;
use attune_generate::remote::sse::event;
use attune_generate::rung::{Failure, Kind};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode, header};
use serde::Deserialize;
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
    let accepts = head.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let streams = accepts.into_iter().any(|accept| accept.to_ascii_lowercase().contains("text/event-stream"));
    let text = body::text(&head.headers, body).await?;
    let asked: Asked = serde_json::from_str(&text)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "malformed", error.to_string()))?;
    let wanted = asked.wanted(shop.wanted)?;
    let (brief, notes) = Brief::parse(&asked.brief.to_string()).map_err(|error| {
        let status = match &error {
            BriefError::Size(_) => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Problem::new(status, "brief_unusable", error.to_string())
    })?;
    let mut events = shop.queue.submit(Work::Copy(Box::new(brief), wanted))?;
    if streams {
        return Ok(body::stream(events, Telling { notes, ended: false }));
    }
    while let Some(told) = events.recv().await {
        match told {
            Event::Copy(copy) => return Ok(body::json(&with_notes(&copy, &notes))),
            Event::Refused(left) => {
                let detail = "no text could be written that is true";
                let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "copy_refused", detail);
                return Err(problem.with("left", serde_json::to_value(left).unwrap_or_default()));
            }
            Event::Failed(failure) => return Err(failure.into()),
            _ => {}
        }
    }
    Err(Failure::new("model_gone", "the model has stopped").into())
}

/// A brief, and what is wanted of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    brief: Value,
    #[serde(default)]
    n: Option<usize>,
    #[serde(default)]
    seed: u64,
    /// The highest rung that is tried; the server's own where absent.
    #[serde(default)]
    rung: Option<Kind>,
    /// Not on a rung below.
    #[serde(default)]
    only: bool,
}

impl Asked {
    fn wanted(&self, mut wanted: Wanted) -> Result<Wanted, Problem> {
        wanted.n = self.n.unwrap_or(wanted.n);
        if !(1..=MOST).contains(&wanted.n) {
            let detail = format!("n is 1 to {MOST}");
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many", detail);
            return Err(problem.with("limit", MOST.into()));
        }
        // No rung above those that the server was started with.
        wanted.from = self.rung.unwrap_or(wanted.from).max(wanted.from);
        wanted.seed = self.seed;
        wanted.descend &= !self.only;
        Ok(wanted)
    }
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
            Event::Copy(copy) => self.last("copy", with_notes(&copy, &self.notes)),
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
    fn what_is_wanted_stays_within_what_the_server_has() {
        let own = Wanted { from: Kind::Cpu, ..Wanted::default() };
        let wanted = |json: &str| serde_json::from_str::<Asked>(json).unwrap().wanted(own);
        let asked = wanted(r#"{"brief":{},"n":2,"seed":9,"rung":"remote","only":true}"#).unwrap();
        assert_eq!((asked.n, asked.seed, asked.from, asked.descend), (2, 9, Kind::Remote, false));
        assert_eq!(wanted(r#"{"brief":{},"rung":"gpu"}"#).unwrap().from, Kind::Cpu);
        assert!(wanted(r#"{"brief":{},"n":0}"#).is_err() && wanted(r#"{"brief":{},"n":17}"#).is_err());
    }
}
