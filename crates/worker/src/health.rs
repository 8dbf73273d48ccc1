//! `GET /health`: what is running.

use serde::Serialize;

use crate::answer::{Answer, json};
use crate::bundle;
use crate::settings::Settings;

#[derive(Serialize)]
struct Health<'a> {
    /// `ok`, or `degraded` when pages keep their own order.
    status: &'static str,
    version: &'static str,
    model: &'static str,
    bundle: &'a str,
    /// To copy into `ATTUNE_INTEGRITY`.
    integrity: &'a str,
    schema: &'a str,
    mode: &'static str,
    /// Variables that could not be understood.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    settings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<Why>,
}

#[derive(Serialize)]
struct Why {
    code: &'static str,
    message: String,
}

pub(crate) fn health(settings: &Settings) -> Answer {
    let engine = bundle::engine();
    let wrong = bundle::trusted(settings).err();
    json(&Health {
        status: if wrong.is_none() && settings.wrong.is_empty() { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        model: bundle::name(),
        bundle: engine.map_or("", |engine| engine.hash()),
        integrity: engine.map_or("", |_| bundle::integrity()),
        schema: engine.map_or("", |engine| engine.schema()),
        mode: settings.mode(),
        settings: &settings.wrong,
        fallback: wrong.map(|error| Why { code: error.code(), message: error.to_string() }),
    })
}
