//! The Worker surface: conversion and transport around the core.
//!
//! | | |
//! |---|---|
//! | `POST /rank/<model>` | Metarank's ranking request and answer; `?explain=true` |
//! | `POST /predict/<model>` | effects of every candidate, in the page's own order |
//! | `POST /rank`, `POST /v1/decide` | Attune's own request and decision, all slots of a page; `?model=<model>` |
//! | `POST /feedback` | events: Attune's, Metarank's, GA4's; one, an array, or JSON lines |
//! | `POST /v1/log`, `GET /v1/log` | the decision log: lines in, lines out |
//! | `POST /v1/export`, `POST /v1/forget` | all that is kept of one shopper |
//! | `GET`, `PUT`, `DELETE /v1/rollout` | another bundle for a share of the shoppers |
//! | `POST /generate`, `POST /v1/chat/completions` | copy for a brief of facts; OpenAI's chat completions |
//! | `GET /health`, `GET /metrics`, `GET /openapi.json` | what is running, what it counted, what it understands |
//!
//! Everything else is the shop: pages of an origin, whose slots are put in order as they stream by, or static files.
//! Errors are problem documents (RFC 9457).

mod access;
mod answer;
mod body;
mod bundle;
mod dashboard;
mod feedback;
mod generate;
mod health;
mod html;
mod log;
mod metrics;
mod object;
mod predict;
mod problem;
mod profile;
mod rank;
mod rollout;
mod settings;

use worker::{Context, Env, Method, Request, Result, event, web_sys::Response};

use access::Access;
use answer::Answer;
use problem::Problem;
use settings::{Origin, Settings};

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
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let settings = Settings::of(&env);
    let Some((route, access)) = Route::of(&request, settings) else {
        let answer = match settings.origin {
            Origin::Files => files(request, &env).await,
            _ => html::page(request, &env, context, settings, bundle::trusted(settings)).await,
        };
        return answer.or_else(|problem| answer::problem(&problem));
    };
    if let Some(answer) = access::preflight(&request, settings) {
        return answer.or_else(|problem| answer::problem(&problem)).inspect(|response| {
            if let Some(origin) = access::reader(&request, settings) {
                access::share(response, &origin);
            }
        });
    }
    let reader = access::reader(&request, settings);
    let name = route.name();
    let answer = match access::check(&request, &env, settings, access).await {
        Ok(()) => route.answer(request, &env, &context, settings).await,
        Err(problem) => Err(problem),
    };
    let response = answer.or_else(|problem| answer::problem(&problem))?;
    metrics::count("requests", &format!("{name}:{}", response.status()));
    if let Some(origin) = reader {
        access::share(&response, &origin);
    }
    Ok(response)
}

/// The Worker's own routes.
enum Route {
    Rank(String),
    Predict(String),
    Decide(&'static str),
    Feedback,
    Log,
    Export,
    Forget,
    Rollout,
    Generate,
    Chat,
    Health,
    Metrics,
    OpenApi,
}

impl Route {
    /// The route of a path, and what it asks of its caller.
    fn of(request: &Request, settings: &Settings) -> Option<(Self, Access)> {
        let path = request.path();
        let mut path = path.trim_matches('/');
        if !settings.prefix.is_empty() {
            path = path.strip_prefix(settings.prefix.as_str())?.strip_prefix('/')?;
        }
        let reads = request.method() == Method::Get;
        Some(match path.split('/').collect::<Vec<_>>().as_slice() {
            ["rank"] => (Self::Decide("/rank"), Access::Ranking),
            ["rank", model] => (Self::Rank((*model).to_owned()), Access::Ranking),
            ["predict", model] => (Self::Predict((*model).to_owned()), Access::Ranking),
            ["v1", "decide"] => (Self::Decide("/v1/decide"), Access::Ranking),
            ["feedback"] => (Self::Feedback, Access::Writing),
            ["v1", "log"] => (Self::Log, if reads { Access::Shop } else { Access::Writing }),
            ["v1", "export"] => (Self::Export, Access::Shop),
            ["v1", "forget"] => (Self::Forget, Access::Shop),
            ["v1", "rollout"] => (Self::Rollout, Access::Shop),
            ["generate"] => (Self::Generate, generate::access(settings)),
            ["v1", "chat", "completions"] => (Self::Chat, generate::access(settings)),
            ["health"] => (Self::Health, Access::Open),
            ["metrics"] => (Self::Metrics, Access::Shop),
            ["openapi.json"] => (Self::OpenApi, Access::Open),
            _ => return None,
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Rank(_) => "/rank/<model>",
            Self::Predict(_) => "/predict/<model>",
            Self::Decide(name) => name,
            Self::Feedback => "/feedback",
            Self::Log => "/v1/log",
            Self::Export => "/v1/export",
            Self::Forget => "/v1/forget",
            Self::Rollout => "/v1/rollout",
            Self::Generate => "/generate",
            Self::Chat => "/v1/chat/completions",
            Self::Health => "/health",
            Self::Metrics => "/metrics",
            Self::OpenApi => "/openapi.json",
        }
    }

    fn methods(&self) -> &'static [Method] {
        match self {
            Self::Log => &[Method::Get, Method::Post],
            Self::Rollout => &[Method::Get, Method::Put, Method::Delete],
            Self::Health | Self::Metrics | Self::OpenApi => &[Method::Get, Method::Head],
            _ => &[Method::Post],
        }
    }

    async fn answer(
        self,
        request: Request,
        env: &Env,
        context: &Context,
        settings: &'static Settings,
    ) -> Answer {
        only(&request, self.methods(), self.name())?;
        let asked = |model| rank::Asked { model, env, context, settings };
        match &self {
            Self::Rank(model) => rank::rank(request, asked(model)).await,
            Self::Predict(model) => {
                predict::predict(request, bundle::model(model, env, settings).await?).await
            }
            Self::Decide(_) => {
                let model = rank::query(&request, "model", "default");
                rank::decide(request, asked(&model)).await
            }
            Self::Feedback => feedback::feedback(request, env, settings).await,
            Self::Log if request.method() == Method::Get => log::read(&request, env, settings).await,
            Self::Log => log::receive(request, env, settings).await,
            Self::Export => feedback::export(request, env, settings).await,
            Self::Forget => feedback::forget(request, env, settings).await,
            Self::Rollout => rollout::route(request, env, settings).await,
            Self::Generate => generate::copy(request, env, settings).await,
            Self::Chat => generate::chat(request, env, settings).await,
            Self::Health => health::health(settings),
            Self::Metrics => metrics::metrics(),
            Self::OpenApi => answer::text(include_str!("../openapi.json"), "application/json"),
        }
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
    let missing = || {
        Problem::new(
            404,
            "not_found",
            "there is no such page; GET /openapi.json describes what the Worker knows",
        )
    };
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
