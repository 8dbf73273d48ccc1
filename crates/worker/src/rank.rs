//! `POST /rank/<model>`, `POST /rank` and `POST /v1/decide`.

use attune::LogOptions;
use attune::decision::{Decision, Fallback};
use attune::event::metarank::{Answer as MetarankAnswer, RankRequest};
use attune::wire::{Mode, Request as WireRequest};
use worker::{Context, Date, Env, Request};

use crate::answer::{Answer, json};
use crate::bundle::Loaded;
use crate::problem::Problem;
use crate::settings::{Profiles, Settings};
use crate::{body, bundle, log, metrics, profile, rollout};

/// What ranking takes beside the request: who is asked, where, and for which model.
pub(crate) struct Asked<'a> {
    pub(crate) model: &'a str,
    pub(crate) env: &'a Env,
    pub(crate) context: &'a Context,
    pub(crate) settings: &'static Settings,
}

impl Asked<'_> {
    /// The engine for a request: the default model may be another one for some shoppers.
    async fn engine(&self, wire: Option<&WireRequest>) -> Result<Loaded, Problem> {
        if self.model == "default" && self.settings.rollout {
            let key = wire.map(|wire| wire.shopper.as_deref().unwrap_or(&wire.id)).unwrap_or_default();
            if let Some(other) = rollout::model(key, self.env, self.settings).await
                && let Ok(Ok(engine)) = bundle::model(&other, self.env, self.settings).await
            {
                return Ok(Ok(engine));
            }
        }
        bundle::model(self.model, self.env, self.settings).await
    }

    /// Counts a decision, and logs it where a log is kept.
    fn done(&self, decision: &Decision, wire: &WireRequest, id: Option<&str>) {
        metrics::decided(self.env, decision);
        if self.settings.log && !decision.slots.is_empty() {
            let mut line = decision.log_line(wire, LogOptions { fields: true, profile: false });
            if let Some(id) = id {
                line.decision.id = id.to_owned();
            }
            let (env, settings) = (self.env.clone(), self.settings);
            self.context.wait_until(async move { log::decided(&env, settings, line).await });
        }
    }
}

/// Ranks in Metarank's form. A bundle that cannot be used costs the ranking, not the answer: the page's own order
/// comes back, and `fallback` says why. What comes of it names the request's id, and so the log does.
pub(crate) async fn rank(mut request: Request, asked: Asked<'_>) -> Answer {
    let explain = explain(&request);
    let text = body::text(&mut request, body::MAX_REQUEST).await?;
    let now = now();
    let (mut wire, mut lost) = RankRequest::from_json(&text)?.into_request(bundle::name(), now, explain);
    if wire.user_agent.is_none() {
        wire.user_agent = request.headers().get("user-agent").ok().flatten();
    }
    let engine = asked.engine(Some(&wire)).await?;
    lost = remember(&mut wire, asked.env, asked.settings).await.or(lost);
    let start = clock();
    let mut decision = attune::decide(engine, &wire);
    note(&mut decision, lost);
    asked.done(&decision, &wire, Some(&wire.id));
    let mut answer = MetarankAnswer::new(decision, explain);
    let took = clock() - start;
    answer.took = (took > 0.0).then_some(took);
    json(&answer)
}

/// Decides in Attune's own form: one page with all its slots.
pub(crate) async fn decide(mut request: Request, asked: Asked<'_>) -> Answer {
    let text = body::text(&mut request, body::MAX_REQUEST).await?;
    let decision = match WireRequest::from_json(&text) {
        Ok(mut wire) => {
            let engine = asked.engine(Some(&wire)).await?;
            let lost = remember(&mut wire, asked.env, asked.settings).await;
            let mut decision = attune::decide(engine, &wire);
            note(&mut decision, lost);
            asked.done(&decision, &wire, None);
            decision
        }
        // The core says what is wrong, and keeps what can be kept.
        Err(_) => attune::decide_json(asked.engine(None).await?, &text),
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
