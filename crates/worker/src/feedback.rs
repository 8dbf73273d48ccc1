//! `POST /feedback` and `POST /v1/forget`.

use std::collections::BTreeMap;

use attune::event::Event;
use attune::event::batch::{Batch, MAX_BYTES, MAX_EVENTS, Rejected};
use serde::{Deserialize, Serialize};
use worker::{Env, Request};

use crate::answer::{Answer, json};
use crate::problem::Problem;
use crate::settings::{Profiles, Settings};
use crate::{body, profile, rank};

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
    /// Whether anything was kept. Without `server` mode events are only checked.
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
    let mut received = Received {
        status: if rejected.is_empty() { "ok" } else { "partial" },
        accepted: batch.accepted,
        updated: 0,
        repeated: 0,
        ignored: batch.ignored,
        stored: false,
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
struct Forget {
    user: String,
}

/// Forgets the profile of `{"user"}`.
pub(crate) async fn forget(mut request: Request, env: &Env, settings: &Settings) -> Answer {
    let text = body::text(&mut request, 4_096).await?;
    let Forget { user } = serde_json::from_str(&text)
        .map_err(|error| Problem::new(400, "malformed", format!("send {{\"user\": …}}: {error}")))?;
    if settings.profiles != Profiles::Server {
        let detail = "no profiles are kept here: a shopper's profile is on their own device";
        return Err(Problem::new(404, "no_profiles", detail));
    }
    profile::forget(env, settings, &user).await?;
    json(&serde_json::json!({ "forgotten": true }))
}
