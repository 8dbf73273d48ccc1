//! The Worker surface: conversion and transport around the core.
//!
//! | | |
//! |---|---|
//! | `POST /rank/<model>` | Metarank's ranking request and answer; `?explain=true` |
//! | `POST /predict/<model>` | effects of every candidate, in the page's own order |
//! | `POST /v1/decide` | Attune's own request and decision; `?model=<model>` |
//! | `POST /feedback` | events: Attune's, Metarank's, GA4's; one, an array, or JSON lines |
//! | `POST /v1/forget` | forgets one shopper's profile, in `server` mode |
//! | `GET /health` | what is running |
//!
//! Everything else is the storefront's static files. Errors are problem documents (RFC 9457).

mod answer;
mod body;
mod bundle;
mod feedback;
mod health;
mod predict;
mod problem;
mod profile;
mod rank;
mod settings;

use worker::{Context, Env, Method, Request, Result, event, web_sys::Response};

use answer::Answer;
use problem::Problem;
use settings::Settings;

/// Builds the network's plan while the script starts, where the time budget is a second and not a request's.
#[event(start)]
#[expect(unsafe_code, reason = "the linker's own function has no safe form")]
fn start() {
    #[cfg(target_family = "wasm")]
    {
        unsafe extern "C" {
            fn __wasm_call_ctors();
        }
        // SAFETY: made by the linker; it fills tract's lists of kernels, and a second call does nothing. Without this
        // call the linker would put one before every export.
        unsafe { __wasm_call_ctors() }
    }
    let _ = bundle::engine();
    let _ = bundle::integrity();
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    match route(request, &env).await {
        Ok(response) => Ok(response),
        Err(problem) => answer::problem(&problem),
    }
}

const ROUTES: &str = "POST /rank/<model>, POST /predict/<model>, POST /v1/decide, POST /feedback, POST /v1/forget, GET /health";

async fn route(request: Request, env: &Env) -> Answer {
    let path = request.path();
    let settings = Settings::read(env);
    let post = |name| only(&request, &[Method::Post], name);
    match path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["rank", model] => {
            post("/rank/<model>")?;
            let engine = bundle::model(model, env, &settings).await?;
            rank::rank(request, env, &settings, engine).await
        }
        ["predict", model] => {
            post("/predict/<model>")?;
            let engine = bundle::model(model, env, &settings).await?;
            predict::predict(request, engine).await
        }
        ["v1", "decide"] => {
            post("/v1/decide")?;
            let engine = bundle::model(&rank::query(&request, "model", "default"), env, &settings).await?;
            rank::decide(request, env, &settings, engine).await
        }
        ["feedback"] => {
            post("/feedback")?;
            feedback::feedback(request, env, &settings).await
        }
        ["v1", "forget"] => {
            post("/v1/forget")?;
            feedback::forget(request, env, &settings).await
        }
        ["health"] => {
            only(&request, &[Method::Get, Method::Head], "/health")?;
            health::health(&settings)
        }
        _ => files(request, env).await,
    }
}

fn only(request: &Request, methods: &[Method], route: &str) -> std::result::Result<(), Problem> {
    if methods.contains(&request.method()) {
        return Ok(());
    }
    let allowed: Vec<_> = methods.iter().map(AsRef::as_ref).collect();
    let allowed = allowed.join(", ");
    let detail = format!("{route} takes {allowed}");
    Err(Problem::new(405, "method_not_allowed", detail).with_header("allow", allowed))
}

/// The storefront, where there is one.
async fn files(request: Request, env: &Env) -> Answer {
    let missing =
        || Problem::new(404, "not_found", format!("there is no such page; the Worker knows {ROUTES}"));
    if !matches!(request.method(), Method::Get | Method::Head) {
        return Err(missing());
    }
    let assets = env.assets("ASSETS").map_err(|_| missing())?;
    match assets.fetch_request(request).await {
        Ok(response) if response.status_code() == 404 => Err(missing()),
        Ok(response) => Ok(response.into()),
        Err(error) => Err(Problem::new(503, "files_unavailable", error.to_string())),
    }
}
