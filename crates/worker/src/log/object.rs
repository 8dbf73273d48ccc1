//! One part of the log, in a Durable Object.

use serde::Deserialize;
use worker::{
    DurableObject, Env, Method, Request, Response, Result, SqlStorage, SqlStorageValue, State,
    durable_object, wasm_bindgen,
};

use super::{Entry, Row};
use crate::rank;
use crate::settings::Settings;

const MADE: &str =
    "CREATE TABLE IF NOT EXISTS entry (id TEXT PRIMARY KEY, at INTEGER NOT NULL, decision TEXT NOT NULL,
        shopper TEXT, line TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS entry_at ON entry (at, id);
    CREATE INDEX IF NOT EXISTS entry_decision ON entry (decision);
    CREATE INDEX IF NOT EXISTS entry_shopper ON entry (shopper) WHERE shopper IS NOT NULL";
/// How often old lines are looked for.
const DAY: i64 = 86_400_000;

/// A part of the log: lines by id.
#[durable_object(alarm)]
pub struct DecisionLog {
    state: State,
    sql: SqlStorage,
    settings: &'static Settings,
}

#[derive(Deserialize)]
struct Asked {
    at: i64,
    id: String,
    to: i64,
    limit: i64,
}

impl DurableObject for DecisionLog {
    fn new(state: State, env: Env) -> Self {
        Self { sql: state.storage().sql(), state, settings: Settings::of(&env) }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        self.sql.exec(MADE, None)?;
        match (request.method(), request.path().as_str()) {
            (Method::Post, _) => {
                let entries: Vec<Entry> = request.json().await?;
                let new = self.append(entries)?;
                if self.state.storage().get_alarm().await?.is_none() {
                    self.state.storage().set_alarm(self.lifetime().min(DAY)).await?;
                }
                Response::from_json(&new)
            }
            (Method::Put, "/read") => {
                let asked: Asked = request.json().await?;
                Response::from_json(&self.read(&asked)?)
            }
            (Method::Put, "/shopper") => {
                let shopper = SqlStorageValue::String(request.text().await?);
                let found = self.sql.exec(
                    "SELECT line FROM entry WHERE decision IN (SELECT decision FROM entry WHERE shopper = ?) ORDER BY at, id",
                    vec![shopper],
                )?;
                let lines: Vec<Line> = found.to_array()?;
                Response::from_json(&lines.into_iter().map(|row| row.line).collect::<Vec<_>>())
            }
            (Method::Delete, _) => {
                let shopper = SqlStorageValue::String(request.text().await?);
                self.sql.exec(
                    "DELETE FROM entry WHERE decision IN (SELECT decision FROM entry WHERE shopper = ?)",
                    vec![shopper],
                )?;
                Response::empty()
            }
            _ => Response::error("", 405),
        }
    }

    /// Erases what is too old.
    async fn alarm(&self) -> Result<Response> {
        self.sql.exec(MADE, None)?;
        let before = rank::now().saturating_sub(self.lifetime());
        self.sql.exec("DELETE FROM entry WHERE at < ?", vec![SqlStorageValue::Integer(before)])?;
        #[derive(Deserialize)]
        struct Count {
            n: f64,
        }
        let left: Vec<Count> = self.sql.exec("SELECT count(*) AS n FROM entry", None)?.to_array()?;
        if left.iter().any(|count| count.n > 0.0) {
            self.state.storage().set_alarm(self.lifetime().min(DAY)).await?;
        }
        Response::empty()
    }
}

#[derive(Deserialize)]
struct Line {
    line: String,
}

impl DecisionLog {
    /// Milliseconds that a line is kept.
    fn lifetime(&self) -> i64 {
        (self.settings.log_days * DAY as f64) as i64
    }

    /// Which entries are new. All of it runs without a pause, so that the runtime commits it as one, before anybody hears
    /// of it.
    fn append(&self, entries: Vec<Entry>) -> Result<Vec<bool>> {
        let mut fresh = Vec::with_capacity(entries.len());
        for entry in entries {
            let text = SqlStorageValue::String;
            let shopper = entry.shopper.map_or(SqlStorageValue::Null, text);
            let (at, decision) = (SqlStorageValue::Integer(entry.at), text(entry.decision));
            let new = self.sql.exec(
                "INSERT OR IGNORE INTO entry (id, at, decision, shopper, line) VALUES (?, ?, ?, ?, ?) RETURNING at",
                vec![text(entry.id), at, decision, shopper, text(entry.line)],
            )?;
            fresh.push(!new.to_array::<serde_json::Value>()?.is_empty());
        }
        Ok(fresh)
    }

    fn read(&self, asked: &Asked) -> Result<Vec<Row>> {
        #[derive(Deserialize)]
        struct Found {
            at: f64,
            id: String,
            line: String,
        }
        let number = SqlStorageValue::Integer;
        let found = self.sql.exec(
            "SELECT at, id, line FROM entry WHERE (at, id) > (?, ?) AND at < ? ORDER BY at, id LIMIT ?",
            vec![
                number(asked.at),
                SqlStorageValue::String(asked.id.clone()),
                number(asked.to),
                number(asked.limit),
            ],
        )?;
        let rows: Vec<Found> = found.to_array()?;
        Ok(rows.into_iter().map(|row| (row.at as i64, row.id, row.line)).collect())
    }
}
