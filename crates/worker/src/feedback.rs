//! `POST /feedback`, `POST /v1/export` and `POST /v1/forget`.

use std::collections::BTreeMap;

use attune::event::Event;
use attune::event::batch::{Batch, MAX_BYTES, MAX_EVENTS, Rejected};
use serde::{Deserialize, Serialize};
use worker::{Env, Request};

use crate::answer::{Answer, json};
use crate::problem::Problem;
use crate::settings::{Profiles, Settings};
use crate::{body, log, object, profile, rank};

/// Metarank's answer (`accepted`, `status`, `updated`), and what became of the rest.
#[derive(Serialize)]
struct Received {
    status: &'static str,
    /// Entries that were read.
    accepted: usize,
    /// Profiles that learned.
    updated: usize,
    /// Events left out because their id was seen before.
    repeated: usize,
    /// Entries and parts of entries that say nothing about taste.
    ignored: usize,
    /// Outcomes of decisions that are new in the log.
    outcomes: usize,
    /// Whether anything was kept. Without `server` mode and without a log events are only checked.
    stored: bool,
    rejected: Vec<Rejected>,
}

/// Checks events, and in `server` mode lets their shoppers' profiles learn.
pub(crate) async fn feedback(mut request: Request, env: &Env, settings: &Settings) -> Answer {
    let text = body::text(&mut request, MAX_BYTES).await?;
    let mut batch = Batch::read(&text, rank::now(), MAX_EVENTS)?;
    let rejected = std::mem::take(&mut batch.rejected);
    if batch.accepted == 0 && !rejected.is_empty() {
        let detail = format!(
            "none of the {} events could be read; the first: {}",
            rejected.len(),
            rejected[0].message
        );
        return Err(Problem::new(422, "events_rejected", detail).with("rejected", rejected));
    }
    let outcomes = if settings.log { log::came(env, &batch.events).await? } else { 0 };
    let mut received = Received {
        status: if rejected.is_empty() { "ok" } else { "partial" },
        accepted: batch.accepted,
        updated: 0,
        repeated: 0,
        ignored: batch.ignored,
        stored: outcomes > 0,
        outcomes,
        rejected,
    };
    if settings.profiles == Profiles::Server {
        let mut shoppers = BTreeMap::<String, Vec<Event>>::new();
        for event in batch.events {
            if let Some(shopper) = event.shopper.clone().filter(|shopper| !shopper.is_empty()) {
                shoppers.entry(shopper).or_default().push(event);
            }
        }
        for (shopper, events) in shoppers {
            let learned = profile::learn(env, settings, &shopper, &events).await?;
            received.updated += usize::from(learned.applied > 0);
            received.repeated += learned.repeated;
            received.stored = true;
        }
    }
    json(&received)
}

#[derive(Deserialize)]
struct Named {
    user: String,
}

/// Reads whose data a request is about.
async fn user(request: &mut Request, settings: &Settings) -> Result<String, Problem> {
    let text = body::text(request, 4_096).await?;
    let Named { user } = serde_json::from_str(&text)
        .map_err(|error| Problem::new(400, "malformed", format!("send {{\"user\": …}}: {error}")))?;
    if settings.profiles != Profiles::Server && !settings.log {
        let detail = "nothing is kept here: a shopper's profile is on their own device";
        return Err(Problem::new(404, "no_profiles", detail));
    }
    Ok(user)
}

/// Gives all that is kept of `{"user"}`.
pub(crate) async fn export(mut request: Request, env: &Env, settings: &Settings) -> Answer {
    let user = user(&mut request, settings).await?;
    let profile = match settings.profiles {
        Profiles::Server => Some(
            profile::stored(env, settings, &user)
                .await
                .map_err(|lost| Problem::new(503, "profile_unavailable", lost.message))?,
        ),
        Profiles::None => None,
    };
    let lines = match settings.log {
        true => log::of_shopper(env, &object::hashed(settings, &user)?).await?,
        false => Vec::new(),
    };
    json(&serde_json::json!({ "profile": profile, "log": lines }))
}

/// Forgets `{"user"}`: the profile, and the log's lines.
pub(crate) async fn forget(mut request: Request, env: &Env, settings: &Settings) -> Answer {
    let user = user(&mut request, settings).await?;
    if settings.log {
        log::forget(env, &object::hashed(settings, &user)?).await?;
    }
    if settings.profiles == Profiles::Server {
        profile::forget(env, settings, &user).await?;
    }
    json(&serde_json::json!({ "forgotten": true }))
}
