//! `POST /rank/<model>` and `POST /v1/decide`.

use attune::decision::{Decision, Fallback};
use attune::event::metarank::{Answer as MetarankAnswer, RankRequest};
use attune::wire::{Mode, Request as WireRequest};
use worker::{Date, Env, Request};

use crate::answer::{Answer, json};
use crate::bundle::Loaded;
use crate::problem::Problem;
use crate::settings::{Profiles, Settings};
use crate::{body, bundle, profile};

/// Ranks in Metarank's form. A bundle that cannot be used costs the ranking, not the answer: the page's own order
/// comes back, and `fallback` says why.
pub(crate) async fn rank(mut request: Request, env: &Env, settings: &Settings, engine: Loaded) -> Answer {
    let explain = explain(&request);
    let text = body::text(&mut request, body::MAX_REQUEST).await?;
    let now = now();
    let (mut wire, mut lost) = RankRequest::from_json(&text)?.into_request(bundle::name(), now, explain);
    if wire.user_agent.is_none() {
        wire.user_agent = request.headers().get("user-agent").ok().flatten();
    }
    lost = remember(&mut wire, env, settings).await.or(lost);
    let start = clock();
    let mut decision = attune::decide(engine, &wire);
    note(&mut decision, lost);
    let mut answer = MetarankAnswer::new(decision, explain);
    let took = clock() - start;
    answer.took = (took > 0.0).then_some(took);
    json(&answer)
}

/// Decides in Attune's own form.
pub(crate) async fn decide(mut request: Request, env: &Env, settings: &Settings, engine: Loaded) -> Answer {
    let text = body::text(&mut request, body::MAX_REQUEST).await?;
    let decision = match settings.profiles {
        Profiles::None => attune::decide_json(engine, &text),
        Profiles::Server => match WireRequest::from_json(&text) {
            Ok(mut wire) => {
                let lost = remember(&mut wire, env, settings).await;
                let mut decision = attune::decide(engine, &wire);
                note(&mut decision, lost);
                decision
            }
            // The core says what is wrong, and keeps what can be kept.
            Err(_) => attune::decide_json(engine, &text),
        },
    };
    match &decision.fallback {
        Some(fallback) if fallback.code == "malformed" => {
            Err(Problem::new(400, "malformed", &fallback.message))
        }
        _ => json(&decision),
    }
}

/// In `server` mode, puts the shopper's stored profile into the request; says why, when it cannot.
async fn remember(wire: &mut WireRequest, env: &Env, settings: &Settings) -> Option<Fallback> {
    if settings.profiles != Profiles::Server || wire.profile.is_some() {
        return None;
    }
    let shopper = wire.shopper.as_deref()?;
    wire.mode = Mode::Contextual;
    match profile::stored(env, settings, shopper).await {
        Ok(profile) => {
            wire.profile = Some(profile);
            wire.mode = Mode::Server;
            None
        }
        Err(problem) => Some(problem),
    }
}

/// A lost profile is told unless something worse happened.
fn note(decision: &mut Decision, lost: Option<Fallback>) {
    if decision.fallback.is_none() {
        decision.fallback = lost;
    }
}

pub(crate) fn explain(request: &Request) -> bool {
    !["", "false", "0"].contains(&query(request, "explain", "").as_str())
}

/// A member of the query string.
pub(crate) fn query(request: &Request, name: &str, otherwise: &str) -> String {
    let url = request.url().ok();
    let found = url.as_ref().and_then(|url| url.query_pairs().find(|(key, _)| key == name));
    found.map_or_else(|| otherwise.to_owned(), |(_, value)| value.into_owned())
}

pub(crate) fn now() -> i64 {
    i64::try_from(Date::now().as_millis()).unwrap_or(0)
}

/// Milliseconds. A deployed Worker's clock stands still while it computes; then there is no `took`.
fn clock() -> f64 {
    Date::now().as_millis() as f64
}
