//! `/v1/rollout`: another bundle for a share of the shoppers, and back at once. It is kept in a Durable Object, so that
//! neither takes a deployment; an instance looks again after some seconds.

use std::cell::RefCell;

use attune::rank::bucket;
use serde::{Deserialize, Serialize};
use worker::{
    DurableObject, Env, Method, Request, Response, Result as Runtime, SqlStorage, SqlStorageValue, State,
    durable_object, wasm_bindgen,
};

use crate::answer::{Answer, json};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::{body, bundle, object, rank};

/// How long an instance goes by what it has seen, in milliseconds.
const FRESH: i64 = 5_000;

/// A bundle among the static files, and who gets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollout {
    /// Its file is `models/<model>.attune`.
    pub(crate) model: String,
    /// Of all shoppers, 0 to 100.
    pub(crate) percent: f64,
}

thread_local! {
    static SEEN: RefCell<Option<(i64, Option<Rollout>)>> = const { RefCell::new(None) };
}

/// The one object that says what is rolled out.
#[durable_object(fetch)]
pub struct RolloutState {
    sql: SqlStorage,
}

impl DurableObject for RolloutState {
    fn new(state: State, _env: Env) -> Self {
        Self { sql: state.storage().sql() }
    }

    async fn fetch(&self, mut request: Request) -> Runtime<Response> {
        self.sql.exec(
            "CREATE TABLE IF NOT EXISTS rollout (one INTEGER PRIMARY KEY CHECK (one = 1), json TEXT NOT NULL)",
            None,
        )?;
        match request.method() {
            Method::Put => {
                let json = SqlStorageValue::String(request.text().await?);
                self.sql.exec("INSERT OR REPLACE INTO rollout (one, json) VALUES (1, ?)", vec![json])?;
            }
            Method::Delete => {
                self.sql.exec("DELETE FROM rollout", None)?;
            }
            _ => {}
        }
        #[derive(Deserialize)]
        struct Row {
            json: String,
        }
        let rows: Vec<Row> = self.sql.exec("SELECT json FROM rollout", None)?.to_array()?;
        Response::ok(rows.into_iter().next().map_or_else(|| "null".to_owned(), |row| row.json))
    }
}

async fn ask(env: &Env, method: Method, body: Option<String>) -> Result<Option<Rollout>, Problem> {
    let mut answer =
        object::ask(env, ("ROLLOUT", "rollout"), method, "/", body, "rollout_unavailable").await?;
    let now: Option<Rollout> = serde_json::from_str(&answer.text().await?)
        .map_err(|error| Problem::new(503, "rollout_unavailable", error.to_string()))?;
    SEEN.with_borrow_mut(|seen| *seen = Some((rank::now(), now.clone())));
    Ok(now)
}

/// The model for a shopper (or, without one, a request) who asks for the default one. Whatever goes wrong, it is that.
pub(crate) async fn model(key: &str, env: &Env, settings: &Settings) -> Option<String> {
    if !settings.rollout {
        return None;
    }
    let seen = SEEN.with_borrow(|seen| seen.clone().filter(|(at, _)| rank::now() - at < FRESH));
    let rollout = match seen {
        Some((_, rollout)) => rollout,
        None => ask(env, Method::Get, None).await.ok()?,
    };
    rollout
        .filter(|rollout| bucket(key, &rollout.model) * 100.0 < rollout.percent)
        .map(|rollout| rollout.model)
}

/// `GET`, `PUT` and `DELETE /v1/rollout`.
pub(crate) async fn route(mut request: Request, env: &Env, settings: &Settings) -> Answer {
    if !settings.rollout {
        return Err(Problem::new(
            404,
            "rollout_off",
            "bundles are not rolled out here: set ATTUNE_ROLLOUT to on",
        ));
    }
    let now = match request.method() {
        Method::Put => {
            let text = body::text(&mut request, 4_096).await?;
            let form = r#"send {"model": "<name>", "percent": 0 to 100}"#;
            let asked: Rollout = serde_json::from_str(&text)
                .map_err(|error| Problem::new(400, "malformed", format!("{form}: {error}")))?;
            if !(0.0..=100.0).contains(&asked.percent) {
                return Err(Problem::new(422, "out_of_range", form));
            }
            // Nobody gets a bundle that cannot be used.
            bundle::model(&asked.model, env, settings).await?.map_err(|error| {
                Problem::new(422, "unusable_bundle", error.to_string()).with("cause", error.code())
            })?;
            let json =
                serde_json::to_string(&asked).map_err(|e| Problem::new(500, "runtime", e.to_string()))?;
            ask(env, Method::Put, Some(json)).await?
        }
        Method::Delete => ask(env, Method::Delete, None).await?,
        _ => ask(env, Method::Get, None).await?,
    };
    json(&serde_json::json!({ "rollout": now }))
}
