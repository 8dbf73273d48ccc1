//! `POST /v1/chat/completions`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use attune_generate::protocol::{ChatRequest, Choice, Completion, FinishReason, Said, Usage};
use attune_generate::remote::sse::{DONE, event};
use attune_generate::rung::Failure;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Shop;
use super::body::{self, Script};
use super::problem::Problem;
use super::queue::{Event, Work};

/// What the protocol has beside [`ChatRequest`].
#[derive(Debug, Default, Deserialize)]
struct More {
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

pub(super) async fn completions(State(shop): State<Arc<Shop>>, request: Request<Body>) -> Response<Body> {
    answer(&shop, request).await.unwrap_or_else(Problem::openai)
}

async fn answer(shop: &Shop, request: Request<Body>) -> Result<Response<Body>, Problem> {
    let (head, body) = request.into_parts();
    let text = body::text(&head.headers, body).await?;
    let wrong = |what: String| Problem::new(StatusCode::BAD_REQUEST, "malformed", what);
    let asked = ChatRequest::parse(&text).map_err(wrong)?;
    let more: More = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let Some(model) = &shop.model else {
        return Err(Failure::new(
            "model_absent",
            "this server has no model: start it with --model FILE.gguf",
        )
        .into());
    };
    if !asked.model.is_empty() && asked.model != *model {
        let detail = format!("the model {:?} is not here: {model:?} is", asked.model);
        return Err(Problem::new(StatusCode::NOT_FOUND, "model_not_found", detail));
    }
    let (n, streams) = (asked.n, asked.stream);
    let mut events = shop.queue.submit(Work::Chat(Box::new(asked)))?;
    // What is wrong with the prompt is told by a status, even where the answer is to stream.
    let prompt_tokens = match events.recv().await {
        Some(Event::Began { tokens }) => tokens,
        Some(Event::Failed(failure)) => return Err(failure.into()),
        _ => return Err(Failure::new("model_gone", "the model has stopped").into()),
    };
    let form = Form { id: id(), model: model.clone(), created: now(), prompt_tokens };
    if streams {
        let usage = more.stream_options.is_some_and(|options| options.include_usage);
        let chunks =
            Chunks { form, begun: vec![false; n], written: 0, usage, ended: vec![false; n], failed: false };
        return Ok(body::stream(events, chunks));
    }
    Ok(body::json(&whole(form, n, events).await?))
}

/// What all parts of an answer share.
struct Form {
    id: String,
    model: String,
    created: u64,
    prompt_tokens: usize,
}

impl Form {
    fn completion(&self, object: &str, choices: Vec<Choice>, usage: Option<Usage>) -> Completion {
        Completion {
            id: self.id.clone(),
            object: object.to_owned(),
            created: self.created,
            model: self.model.clone(),
            choices,
            usage,
            ..Completion::default()
        }
    }

    fn usage(&self, written: usize) -> Usage {
        Usage {
            prompt_tokens: self.prompt_tokens,
            completion_tokens: written,
            total_tokens: self.prompt_tokens + written,
        }
    }
}

/// An answer in one piece.
async fn whole(form: Form, n: usize, mut events: UnboundedReceiver<Event>) -> Result<Completion, Problem> {
    let mut texts = vec![(String::new(), None); n];
    let mut written = 0;
    while let Some(event) = events.recv().await {
        match event {
            Event::Piece { index, text, tokens, finish } => {
                written += tokens;
                if let Some((said, ended)) = texts.get_mut(index) {
                    said.push_str(&text);
                    *ended = finish.or(*ended);
                }
            }
            Event::Failed(failure) => return Err(failure.into()),
            _ => {}
        }
    }
    if texts.iter().any(|(_, finish)| finish.is_none()) {
        return Err(Failure::new("model_gone", "the model has stopped").into());
    }
    let choices = (0..)
        .zip(texts)
        .map(|(index, (text, finish_reason))| Choice {
            index,
            message: Some(Said::text(text)),
            finish_reason,
            ..Choice::default()
        })
        .collect();
    let usage = form.usage(written);
    Ok(form.completion("chat.completion", choices, Some(usage)))
}

/// An answer as it comes.
struct Chunks {
    form: Form,
    begun: Vec<bool>,
    ended: Vec<bool>,
    written: usize,
    /// Whether an event of its own says how many tokens there were.
    usage: bool,
    failed: bool,
}

impl Chunks {
    fn chunk(&self, choices: Vec<Choice>, usage: Option<Usage>) -> String {
        let completion = self.form.completion("chat.completion.chunk", choices, usage);
        serde_json::to_string(&completion).map(|json| event(&json)).unwrap_or_default()
    }

    fn part(&self, index: usize, delta: Said, finish_reason: Option<FinishReason>) -> Choice {
        Choice { index, delta: Some(delta), finish_reason, ..Choice::default() }
    }

    fn fail(&mut self, failure: Failure) -> String {
        self.failed = true;
        event(&serde_json::json!({ "error": Problem::from(failure).error() }).to_string())
    }
}

impl Script for Chunks {
    fn take(&mut self, told: Event) -> String {
        match told {
            Event::Piece { index, text, tokens, finish } if index < self.begun.len() => {
                self.written += tokens;
                let mut out = String::new();
                if !std::mem::replace(&mut self.begun[index], true) {
                    out += &self.chunk(vec![self.part(index, Said::text(""), None)], None);
                }
                if !text.is_empty() {
                    let said = Said { role: None, content: Some(text) };
                    out += &self.chunk(vec![self.part(index, said, None)], None);
                }
                if finish.is_some() {
                    self.ended[index] = true;
                    // Asked for it comes alone, as the protocol has it; else with the last part, for whoever counts.
                    let last = self.ended.iter().all(|ended| *ended) && !self.usage;
                    let usage = last.then(|| self.form.usage(self.written));
                    out += &self.chunk(vec![self.part(index, Said::default(), finish)], usage);
                }
                out
            }
            Event::Failed(failure) => self.fail(failure),
            _ => String::new(),
        }
    }

    fn end(&mut self) -> String {
        if self.failed {
            return String::new();
        }
        if !self.ended.iter().all(|ended| *ended) {
            return self.fail(Failure::new("model_gone", "the model has stopped"));
        }
        let usage = match self.usage {
            true => self.chunk(Vec::new(), Some(self.form.usage(self.written))),
            false => String::new(),
        };
        usage + &event(DONE)
    }
}

fn id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
    format!("chatcmpl-{since:x}{:04x}", NEXT.fetch_add(1, Ordering::Relaxed) & 0xFFFF)
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
