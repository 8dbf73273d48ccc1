//! `server` mode: one Durable Object for each shopper, found by a salted hash of their id.

use std::cell::{Cell, RefCell};

use attune::decision::Fallback;
use attune::event::Event;
use attune::profile::{Profile, TagRule};
use serde::{Deserialize, Serialize};
use worker::{
    DurableObject, Env, Method, Request, Response, Result, SqlStorage, SqlStorageValue, State,
    durable_object, wasm_bindgen,
};

use crate::problem::Problem;
use crate::settings::Settings;
use crate::{bundle, object, rank};

/// How many event ids are remembered, so that an event sent again does not count again.
const REMEMBERED: i64 = 2_000;
/// How long the profile itself may be behind its events, in milliseconds.
const BEHIND: i64 = 5_000;
const DAY: f64 = 86_400_000.0;
const MADE: &str =
    "CREATE TABLE IF NOT EXISTS profile (one INTEGER PRIMARY KEY CHECK (one = 1), json TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS seen (place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS pending (place INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS used (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL)";

/// What became of a shopper's events.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Learned {
    /// Events the profile learned from.
    pub(crate) applied: usize,
    /// Events it had learned from before.
    pub(crate) repeated: usize,
}

/// One shopper's profile and the ids of the events it was made of. Events are written as they come, and the profile
/// behind them, by the alarm: what is lost with an instance is made again from the events.
#[durable_object(alarm)]
pub struct ShopperProfile {
    state: State,
    sql: SqlStorage,
    settings: &'static Settings,
    /// The profile with all its events.
    profile: RefCell<Option<Profile>>,
    /// Whether the alarm will soon write it.
    armed: Cell<bool>,
}

impl DurableObject for ShopperProfile {
    fn new(state: State, env: Env) -> Self {
        Self {
            sql: state.storage().sql(),
            state,
            settings: Settings::of(&env),
            profile: RefCell::default(),
            armed: Cell::default(),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        self.sql.exec(MADE, None)?;
        match request.method() {
            Method::Get => Response::ok(self.profile()?.to_json()),
            Method::Post => {
                let events: Vec<Event> = request.json().await?;
                let learned = self.learn(&events)?;
                // Not put off by what comes meanwhile.
                if learned.applied > 0 && !self.armed.replace(true) {
                    self.state.storage().set_alarm(BEHIND).await?;
                }
                Response::from_json(&learned)
            }
            Method::Delete => {
                self.erase().await?;
                Response::empty()
            }
            _ => Response::error("", 405),
        }
    }

    /// Writes the profile; erases it when nothing has come for its lifetime.
    async fn alarm(&self) -> Result<Response> {
        self.armed.set(false);
        self.sql.exec(MADE, None)?;
        #[derive(Deserialize)]
        struct Used {
            at: f64,
        }
        if !self.pending()?.is_empty() {
            let json = SqlStorageValue::String(self.profile()?.to_json());
            self.sql.exec("INSERT OR REPLACE INTO profile (one, json) VALUES (1, ?)", vec![json])?;
            self.sql.exec("DELETE FROM pending", None)?;
        }
        let used: Vec<Used> = self.sql.exec("SELECT at FROM used", None)?.to_array()?;
        let used = used.first().map_or(0.0, |used| used.at);
        let left = used + self.settings.profile_days * DAY - rank::now() as f64;
        if left <= 0.0 {
            self.erase().await?;
        } else {
            self.state.storage().set_alarm(left.ceil() as i64).await?;
        }
        Response::empty()
    }
}

impl ShopperProfile {
    fn pending(&self) -> Result<Vec<Event>> {
        #[derive(Deserialize)]
        struct Row {
            event: String,
        }
        let rows: Vec<Row> = self.sql.exec("SELECT event FROM pending ORDER BY place", None)?.to_array()?;
        Ok(rows.iter().filter_map(|row| Event::from_json(&row.event).ok()).collect())
    }

    /// The profile as written, and the events since.
    fn profile(&self) -> Result<Profile> {
        #[derive(Deserialize)]
        struct Row {
            json: String,
        }
        if let Some(profile) = &*self.profile.borrow() {
            return Ok(profile.clone());
        }
        let rows: Vec<Row> = self.sql.exec("SELECT json FROM profile", None)?.to_array()?;
        // A newer Attune's profile stays as it is.
        let mut profile = match rows.into_iter().next().map(|row| Profile::from_json(&row.json)) {
            None => Profile::new(),
            Some(profile) => profile.map_err(|error| worker::Error::RustError(error.to_string()))?,
        };
        for event in self.pending()? {
            profile.apply(&event, rules());
        }
        *self.profile.borrow_mut() = Some(profile.clone());
        Ok(profile)
    }

    /// All of it runs without a pause, so that the runtime commits it as one.
    fn learn(&self, events: &[Event]) -> Result<Learned> {
        let mut profile = self.profile()?;
        let mut learned = Learned::default();
        // Until all is written, what is in memory is not to be trusted.
        *self.profile.borrow_mut() = None;
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
            let json = SqlStorageValue::String(serde_json::to_string(event)?);
            self.sql.exec("INSERT INTO pending (event) VALUES (?)", vec![json])?;
            profile.apply(event, rules());
            learned.applied += 1;
        }
        if learned.applied > 0 {
            let forget = "DELETE FROM seen WHERE place <= (SELECT MAX(place) FROM seen) - ?";
            self.sql.exec(forget, vec![SqlStorageValue::Integer(REMEMBERED)])?;
            let now = SqlStorageValue::Integer(rank::now());
            self.sql.exec("INSERT OR REPLACE INTO used (one, at) VALUES (1, ?)", vec![now])?;
        }
        *self.profile.borrow_mut() = Some(profile);
        Ok(learned)
    }

    async fn erase(&self) -> Result<()> {
        *self.profile.borrow_mut() = None;
        self.armed.set(false);
        self.state.storage().delete_alarm().await?;
        self.state.storage().delete_all().await
    }
}

fn rules() -> &'static [TagRule] {
    bundle::engine().map(attune::Engine::tag_rules).unwrap_or_default()
}

async fn ask(
    env: &Env,
    settings: &Settings,
    shopper: &str,
    method: Method,
    body: Option<String>,
) -> std::result::Result<Response, Problem> {
    let name = object::hashed(settings, shopper)?;
    object::ask(env, ("PROFILES", &name), method, "/", body, "profile_unavailable").await
}

/// The stored profile of a shopper; an empty one when they were never seen.
pub(crate) async fn stored(
    env: &Env,
    settings: &Settings,
    shopper: &str,
) -> std::result::Result<Profile, Fallback> {
    let lost =
        |problem: Problem| Fallback { code: "profile_unavailable".into(), message: problem.detail().into() };
    let mut response = ask(env, settings, shopper, Method::Get, None).await.map_err(lost)?;
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
    Ok(ask(env, settings, shopper, Method::Post, Some(body)).await?.json().await?)
}

/// Forgets a shopper.
pub(crate) async fn forget(
    env: &Env,
    settings: &Settings,
    shopper: &str,
) -> std::result::Result<(), Problem> {
    ask(env, settings, shopper, Method::Delete, None).await.map(|_| ())
}
