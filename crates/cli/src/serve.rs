//! `attune serve`: the same models and the same ladder over HTTP, OpenAI's chat completions among it.

mod access;
mod body;
mod chat;
mod connections;
mod copy;
mod problem;
mod queue;
mod writing;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use attune_generate::ladder::Wanted;
use attune_generate::rung::Kind;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, Response, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::access::Key;
use self::problem::Problem;
use self::queue::Queue;
use crate::generate::{RungArguments, Rungs};

/// The key's variable where none is named.
const KEY: &str = "ATTUNE_SERVE_KEY";

#[derive(Args)]
#[command(after_help = "Examples:
  attune serve --model smollm2
  ATTUNE_SERVE_KEY=… attune serve --host 0.0.0.0 --origin https://shop.example
  curl localhost:8788/v1/chat/completions -d '{\"messages\":[{\"role\":\"user\",\"content\":\"A headline for a red mug\"}],\"stream\":true}'
  curl localhost:8788/generate -H 'accept: text/event-stream' -d '{\"brief\":{\"facts\":{\"name\":\"Apollo backpack\"}},\"n\":3}'

Routes: POST /v1/chat/completions and GET /v1/models as OpenAI's clients know them (base address http://host:8788/v1);
POST /generate takes a brief, and n, seed, rung, only; GET /health. One job is written at a time; when the
queue is full the answer is 429, with the seconds to wait.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    rungs: RungArguments,
    /// The address to listen at.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 8788)]
    port: u16,
    /// The environment variable with the key that clients must send; ATTUNE_SERVE_KEY, where it is set, when absent.
    #[arg(long, value_name = "NAME")]
    key_env: Option<String>,
    /// A site whose pages may call, as `https://shop.example`; `*` for all. May be given several times.
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Jobs that may wait.
    #[arg(long, default_value_t = 16, value_name = "N")]
    queue: usize,
    /// Seconds that a job may wait and take.
    #[arg(long, default_value_t = 120.0, value_name = "SECONDS")]
    timeout: f64,
    /// Texts that are written side by side, 1 to 16.
    #[arg(long, default_value_t = 4, value_name = "N")]
    lanes: usize,
    /// Tokens of prompt and answer together.
    #[arg(long, default_value_t = 2048, value_name = "N")]
    context: usize,
    /// Seconds that answers have to end when the server is told to stop.
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    grace: u64,
}

/// What all requests share.
struct Shop {
    queue: Queue,
    /// The model's name, its rung and its device.
    model: Option<String>,
    rung: Option<Kind>,
    device: Option<String>,
    wanted: Wanted,
    key: Option<Key>,
    origins: Vec<String>,
    began: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure!((1..=16).contains(&arguments.lanes), "--lanes is 1 to 16");
    ensure!(arguments.context >= 64, "--context is at least 64");
    ensure!(
        arguments.timeout > 0.0 && arguments.timeout <= 86_400.0,
        "--timeout is above 0 and at most a day"
    );
    let key = key(arguments.key_env.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(arguments, key))
}

fn key(named: Option<&str>) -> Result<Option<Key>> {
    let key = std::env::var(named.unwrap_or(KEY)).ok().filter(|key| !key.trim().is_empty());
    match (key, named) {
        (Some(key), _) => Ok(Some(Key::new(key.trim()))),
        (None, Some(name)) => bail!("--key-env names {name}, which is not set"),
        (None, None) => Ok(None),
    }
}

async fn serve(arguments: &Arguments, key: Option<Key>) -> Result<()> {
    let wanted = arguments.rungs.wanted(Wanted::default().n, 0);
    let (rungs, lanes, context) = (arguments.rungs.clone(), arguments.lanes, arguments.context);
    let build = move || Rungs::new(&rungs, |settings| (settings.lanes, settings.capacity) = (lanes, context));
    let address = (arguments.host, arguments.port);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{}:{} cannot be listened at", arguments.host, arguments.port))?;
    let (queue, jobs) = queue::queue(arguments.queue, Duration::from_secs_f64(arguments.timeout));
    let (loaded, ready) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name("model".to_owned())
        .spawn(move || writing::run(build, wanted.from, jobs, loaded))?;
    let stopped = stopped()?;
    let mut stopped = std::pin::pin!(stopped);
    let loaded = tokio::select! {
        loaded = ready => loaded.context("the model's thread stopped")??,
        () = &mut stopped => return Ok(()),
    };
    let at = listener.local_addr()?;
    match &loaded {
        Some((model, _, device)) => eprintln!("serve: {model} on {device}"),
        None => eprintln!("serve: no model; briefs go to {} and below", wanted.from.name()),
    }
    if key.is_none() && !at.ip().is_loopback() {
        eprintln!("serve: whoever reaches {at} may ask: set {KEY} to ask for a key");
    }
    let (model, rung, device) = match loaded {
        Some((model, rung, device)) => (Some(model), Some(rung), Some(device)),
        None => (None, None, None),
    };
    let origins = arguments.origins.iter().map(|origin| origin.trim_end_matches('/').to_owned()).collect();
    let shop = Shop { queue, model, rung, device, wanted, key, origins, began: chat::now() };
    eprintln!("serve: listening at http://{at}");
    connections::serve(listener, router(shop), stopped, Duration::from_secs(arguments.grace)).await?;
    // With the last connection the queue has ended, and with it the thread.
    for _ in 0..50 {
        if thread.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eprintln!("serve: stopped");
    Ok(())
}

fn router(shop: Shop) -> Router {
    let shop = Arc::new(shop);
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/models", get(models))
        .route("/v1/models/{name}", get(model))
        .route("/generate", post(copy::generate))
        .route("/health", get(health))
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(Arc::clone(&shop), access::check))
        .with_state(shop)
}

async fn nowhere(request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    let detail = "there is /v1/chat/completions, /v1/models, /generate and /health";
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail).at(path)
}

async fn not_so(request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    let detail = format!("{path} does not answer {}", request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail).at(path)
}

fn described(shop: &Shop, name: &str) -> serde_json::Value {
    json!({ "id": name, "object": "model", "created": shop.began, "owned_by": "attune" })
}

async fn models(State(shop): State<Arc<Shop>>) -> Response<Body> {
    let all: Vec<_> = shop.model.iter().map(|name| described(&shop, name)).collect();
    body::json(&json!({ "object": "list", "data": all }))
}

async fn model(State(shop): State<Arc<Shop>>, Path(name): Path<String>) -> Response<Body> {
    match &shop.model {
        Some(own) if *own == name => body::json(&described(&shop, own)),
        _ => Problem::new(StatusCode::NOT_FOUND, "model_not_found", "this model is not here").openai(),
    }
}

async fn health(State(shop): State<Arc<Shop>>) -> Response<Body> {
    match shop.queue.open() {
        Some(open) => body::json(&json!({
            "status": "ok",
            "version": env!("CARGO_PKG_VERSION"),
            "model": shop.model,
            "rung": shop.rung,
            "device": shop.device,
            "open": open,
        })),
        None => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "model_gone",
            "the model has stopped: start the server again",
        )
        .document(),
    }
}

/// Ends with the first signal that asks the server to stop.
fn stopped() -> Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}
