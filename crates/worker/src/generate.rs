//! `POST /generate` and `POST /v1/chat/completions`: copy, from a small model here, a server or templates.

mod copywriter;
mod events;
mod server;

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use attune_generate::Brief;
use attune_generate::ladder::{Clock, Copy, Ladder, Wanted};
use attune_generate::prompt::messages;
use attune_generate::protocol::ChatRequest;
use attune_generate::remote::relay::Relay;
use attune_generate::remote::{Remote, Transport as _};
use attune_generate::rung::{Failure, Kind, Local, Rung, Templates};
use futures_util::task::AtomicWaker;
use serde::Deserialize;
use worker::{Delay, Env, Request};

use crate::access::Access;
use crate::answer::{Answer, json, text};
use crate::problem::Problem;
use crate::settings::{Generate, Settings, Writes};
use crate::{body, rank};
use copywriter::Small;
use server::Server;

/// The most bytes of a brief or a conversation.
const MAX_BYTES: usize = 1_000_000;
/// Milliseconds that a server may take.
const PATIENCE: f64 = 25_000.0;
/// The most texts of one answer.
const MOST: usize = 8;

/// What the routes ask of their caller.
pub(crate) fn access(settings: &Settings) -> Access {
    if settings.generate == Generate::Open { Access::Writing } else { Access::Shop }
}

fn on(settings: &Settings) -> Result<(), Problem> {
    match settings.generate {
        Generate::Off => Err(Problem::new(
            404,
            "generate_off",
            "no copy is written here: set ATTUNE_GENERATE to key or open",
        )),
        _ => Ok(()),
    }
}

/// A brief, and how many texts are wanted.
#[derive(Deserialize)]
struct Asked {
    brief: serde_json::Value,
    #[serde(default = "three")]
    n: usize,
    #[serde(default)]
    seed: u64,
    /// The highest rung that is tried: the first that is set up where absent.
    from: Option<Kind>,
}

fn three() -> usize {
    3
}

/// The runtime's time. A deployed Worker's stands still while it computes.
#[derive(Clone, Copy)]
struct Time;

impl Clock for Time {
    fn now(&self) -> f64 {
        rank::now() as f64
    }

    fn sleep(&self, milliseconds: f64) -> Local<'_, ()> {
        Box::pin(sleep(milliseconds))
    }
}

/// Wakes whoever asked last.
#[derive(Default)]
struct Latest(AtomicWaker);

impl Wake for Latest {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

/// Waits so many milliseconds. The runtime's own delay wakes who asked first, who is gone where events stream: each is asked for by
/// another task.
async fn sleep(milliseconds: f64) {
    let mut delay = pin!(Delay::from(Duration::from_secs_f64(milliseconds.max(0.0) / 1000.0)));
    let latest = Arc::new(Latest::default());
    let waker = Waker::from(Arc::clone(&latest));
    std::future::poll_fn(move |context| {
        latest.0.register(context.waker());
        delay.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await;
}

/// `POST /generate`: `{"brief": …, "n": 3, "seed": 0, "from": "cpu"}`. With `accept: text/event-stream` the texts stream as drafts before they are checked.
pub(crate) async fn copy(mut request: Request, env: &Env, settings: &'static Settings) -> Answer {
    on(settings)?;
    let streams = accepts_events(&request);
    let asked = body::text(&mut request, MAX_BYTES).await?;
    let malformed = |error: &dyn std::fmt::Display| Problem::new(400, "malformed", error.to_string());
    let asked: Asked = serde_json::from_str(&asked).map_err(|error| malformed(&error))?;
    if !(1..=MOST).contains(&asked.n) {
        return Err(Problem::new(422, "too_many", format!("n is 1 to {MOST}")).with("limit", MOST));
    }
    let brief = Brief::parse(&asked.brief.to_string())
        .map_err(|error| Problem::new(422, "brief_unusable", error.to_string()))?
        .0;
    let first = if settings.copywriter.is_empty() { Kind::Remote } else { Kind::Cpu };
    let wanted = Wanted {
        n: asked.n,
        seed: asked.seed,
        from: asked.from.unwrap_or(first),
        patience: PATIENCE,
        ..Wanted::default()
    };
    let env = env.clone();
    if streams {
        return events::stream(move |tell| {
            Box::pin(async move {
                ladder(&env, settings).compose(&brief, wanted, None, &Time, tell).await.map(named)
            })
        });
    }
    match ladder(&env, settings).compose(&brief, wanted, None, &Time, &mut |_| {}).await {
        Ok(copy) => json(&named(copy)),
        Err(left) => {
            Err(Problem::new(422, "copy_refused", "no text could be written that is true").with("left", left))
        }
    }
}

/// The copy with its model: the Worker's own may have been loaded on the way, and had no name before.
fn named(mut copy: Copy) -> Copy {
    if copy.rung == Kind::Cpu {
        copy.model = copy.model.or_else(copywriter::name);
    }
    copy
}

fn ladder<'e>(env: &'e Env, settings: &'static Settings) -> Ladder<'e> {
    let model = match &settings.writes {
        Writes::Nothing => "",
        Writes::Binding(model) | Writes::At { model, .. } => model,
    };
    let server = Server::new(env, settings)
        .map(|server| Box::new(Remote::new(server, model, messages)) as Box<dyn Rung>);
    let small = Small::new(env, settings).map(|small| Box::new(small) as Box<dyn Rung>);
    Ladder::new()
        .with(Kind::Cpu, small)
        .with(Kind::Remote, server)
        .with(Kind::Template, Ok(Box::new(Templates::default())))
}

fn accepts_events(request: &Request) -> bool {
    let accept = request.headers().get("accept").ok().flatten().unwrap_or_default();
    accept.split(',').any(|kind| kind.trim().starts_with("text/event-stream"))
}

/// `POST /v1/chat/completions`: OpenAI's request to the server that is set up, and its answer.
pub(crate) async fn chat(mut request: Request, env: &Env, settings: &'static Settings) -> Answer {
    on(settings)?;
    let asked = body::text(&mut request, MAX_BYTES).await?;
    let asked = ChatRequest::parse(&asked).map_err(|error| Problem::new(400, "malformed", error))?;
    let mut server = Server::new(env, settings).map_err(|failure| unserved(&failure))?;
    let body =
        serde_json::to_string(&asked).map_err(|error| Problem::new(500, "runtime", error.to_string()))?;
    let head = server.post(body).await.map_err(|failure| unserved(&failure))?;
    if !(200..300).contains(&head.status) {
        let what = format!("the server that writes answered {}", head.status);
        let status = if head.status == 429 { 429 } else { 502 };
        return Err(Problem::new(status, "remote_failed", what));
    }
    let model = match &settings.writes {
        Writes::Binding(model) | Writes::At { model, .. } if !model.is_empty() => model.clone(),
        _ => asked.model,
    };
    let now = rank::now();
    let relay = Relay::new(format!("chatcmpl-{now}"), model, (now / 1000).unsigned_abs());
    if asked.stream {
        return events::relay(relay, server.body());
    }
    let mut body = Vec::new();
    while let Some(part) = server.part().await.map_err(|failure| unserved(&failure))? {
        body.extend(part);
        if body.len() > MAX_BYTES {
            return Err(Problem::new(502, "remote_malformed", "the server that writes answered too much"));
        }
    }
    let answer = std::str::from_utf8(&body)
        .map_err(|_| Failure::new("remote_malformed", "the server that writes answered no text"))
        .and_then(|body| relay.whole(body))
        .map_err(|failure| unserved(&failure))?;
    text(&answer, "application/json")
}

fn unserved(failure: &Failure) -> Problem {
    let status = if failure.code == "remote_absent" { 503 } else { 502 };
    Problem::new(status, failure.code, failure.message.clone())
}
