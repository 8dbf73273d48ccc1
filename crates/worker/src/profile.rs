//! `server` mode: one Durable Object for each shopper, found by a salted hash of their id.

use attune::decision::Fallback;
use attune::event::Event;
use attune::profile::Profile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use worker::{
    DurableObject, Env, Method, Request, RequestInit, Response, Result, SqlStorage, SqlStorageValue, State,
    Stub, durable_object, wasm_bindgen,
};

use crate::bundle;
use crate::problem::Problem;
use crate::settings::Settings;

/// How many event ids are remembered, so that an event sent again does not count again.
const REMEMBERED: i64 = 2_000;
const MADE: &str =
    "CREATE TABLE IF NOT EXISTS profile (one INTEGER PRIMARY KEY CHECK (one = 1), json TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS seen (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE)";

/// What became of a shopper's events.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Learned {
    /// Events the profile learned from.
    pub(crate) applied: usize,
    /// Events it had learned from before.
    pub(crate) repeated: usize,
}

/// One shopper's profile and the ids of the events it was made of.
#[durable_object(fetch)]
pub struct ShopperProfile {
    sql: SqlStorage,
}

impl DurableObject for ShopperProfile {
    fn new(state: State, _env: Env) -> Self {
        Self { sql: state.storage().sql() }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        self.sql.exec(MADE, None)?;
        match request.method() {
            Method::Get => Response::ok(self.profile()?.unwrap_or_else(|| Profile::new().to_json())),
            Method::Post => {
                let events: Vec<Event> = request.json().await?;
                Response::from_json(&self.learn(&events)?)
            }
            Method::Delete => {
                self.sql.exec("DELETE FROM profile", None)?;
                self.sql.exec("DELETE FROM seen", None)?;
                Response::empty()
            }
            _ => Response::error("", 405),
        }
    }
}

impl ShopperProfile {
    fn profile(&self) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Row {
            json: String,
        }
        let rows: Vec<Row> = self.sql.exec("SELECT json FROM profile", None)?.to_array()?;
        Ok(rows.into_iter().next().map(|row| row.json))
    }

    /// All of it runs without a pause, so that the runtime commits it as one.
    fn learn(&self, events: &[Event]) -> Result<Learned> {
        let stored = self.profile()?;
        // A newer Attune's profile stays as it is.
        let mut profile = match stored.as_deref().map(Profile::from_json) {
            None => Profile::new(),
            Some(profile) => profile.map_err(|error| worker::Error::RustError(error.to_string()))?,
        };
        let rules = bundle::engine().map(attune::Engine::tag_rules).unwrap_or_default();
        let mut learned = Learned::default();
        for event in events {
            if !event.id.is_empty() {
                let id = SqlStorageValue::String(event.id.clone());
                let new =
                    self.sql.exec("INSERT OR IGNORE INTO seen (id) VALUES (?) RETURNING place", vec![id])?;
                if new.to_array::<serde_json::Value>()?.is_empty() {
                    learned.repeated += 1;
                    continue;
                }
            }
            profile.apply(event, rules);
            learned.applied += 1;
        }
        if learned.applied > 0 {
            let json = SqlStorageValue::String(profile.to_json());
            self.sql.exec("INSERT OR REPLACE INTO profile (one, json) VALUES (1, ?)", vec![json])?;
            let forget = "DELETE FROM seen WHERE place <= (SELECT MAX(place) FROM seen) - ?";
            self.sql.exec(forget, vec![SqlStorageValue::Integer(REMEMBERED)])?;
        }
        Ok(learned)
    }
}

/// The object of a shopper.
fn object(env: &Env, settings: &Settings, shopper: &str) -> std::result::Result<Stub, Problem> {
    if settings.salt.is_empty() {
        let detail = "ATTUNE_PROFILES is server, but the secret ATTUNE_SALT is not set: wrangler secret put ATTUNE_SALT";
        return Err(Problem::new(503, "no_salt", detail));
    }
    // The length keeps salt and id apart.
    let mut hash = Sha256::new();
    hash.update((settings.salt.len() as u64).to_le_bytes());
    hash.update(settings.salt.as_bytes());
    hash.update(shopper.as_bytes());
    let name: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(env.durable_object("PROFILES")?.get_by_name(&name)?)
}

async fn ask(stub: &Stub, method: Method, body: Option<String>) -> std::result::Result<Response, Problem> {
    let mut init = RequestInit::new();
    init.with_method(method).with_body(body.map(|body| body.into()));
    let response = stub.fetch_with_request(Request::new_with_init("http://profile/", &init)?).await?;
    match response.status_code() {
        200..=299 => Ok(response),
        status => {
            Err(Problem::new(503, "profile_unavailable", format!("the profile's object answered {status}")))
        }
    }
}

/// The stored profile of a shopper; an empty one when they were never seen.
pub(crate) async fn stored(
    env: &Env,
    settings: &Settings,
    shopper: &str,
) -> std::result::Result<Profile, Fallback> {
    let lost =
        |problem: Problem| Fallback { code: "profile_unavailable".into(), message: problem.detail().into() };
    let stub = object(env, settings, shopper).map_err(lost)?;
    let mut response = ask(&stub, Method::Get, None).await.map_err(lost)?;
    let json = response.text().await.map_err(|error| lost(error.into()))?;
    Profile::from_json(&json).map_err(|error| {
        let newer = matches!(error, attune::error::Error::Newer { .. });
        let code = if newer { "profile_newer" } else { "profile_malformed" };
        Fallback { code: code.into(), message: error.to_string() }
    })
}

/// Lets a shopper's profile learn.
pub(crate) async fn learn(
    env: &Env,
    settings: &Settings,
    shopper: &str,
    events: &[Event],
) -> std::result::Result<Learned, Problem> {
    let body = serde_json::to_string(events).map_err(|e| Problem::new(500, "runtime", e.to_string()))?;
    let stub = object(env, settings, shopper)?;
    Ok(ask(&stub, Method::Post, Some(body)).await?.json().await?)
}

/// Forgets a shopper.
pub(crate) async fn forget(
    env: &Env,
    settings: &Settings,
    shopper: &str,
) -> std::result::Result<(), Problem> {
    ask(&object(env, settings, shopper)?, Method::Delete, None).await.map(|_| ())
}
