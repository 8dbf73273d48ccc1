//! `/v1/log`: decisions and what came of them, in the lines that `attune train` reads. Each line has an id, and one that
//! has come before does nothing.

mod object;

use std::collections::BTreeMap;

use attune::decision::{LogLine, Outcome, OutcomeKind};
use attune::event::Event;
use attune::event::batch::{MAX_BYTES, MAX_EVENTS, Rejected};
use attune::feature::symbol;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use worker::web_sys::{self, ResponseInit};
use worker::{Env, Method, Request};

use crate::answer::{Answer, json};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::{body, dashboard, metrics, object as objects, rank};

/// Objects that the log is spread over, by decision: one object takes some hundred writes a second.
const SHARDS: u64 = 4;
/// Lines may be this much ahead of the Worker's clock, in milliseconds.
const AHEAD: i64 = 86_400_000;
/// A sender's clock that is this wrong is put right, in milliseconds.
const SKEW: i64 = 60_000;
/// The most lines of one answer.
const PAGE: usize = 1_000;

/// A line on its way to its object.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// `d/…` for a decision, `o/…` for an outcome.
    id: String,
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shopper: Option<String>,
    line: String,
    decision: String,
    /// For dashboards.
    #[serde(skip)]
    outcome: Option<(OutcomeKind, Option<f64>)>,
}

/// What became of lines.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Written {
    accepted: usize,
    /// Left out because their id was there before.
    repeated: usize,
}

#[derive(Serialize)]
struct Received {
    status: &'static str,
    #[serde(flatten)]
    written: Written,
    /// Milliseconds that were added to every line's time, when the sender's clock was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    skew: Option<i64>,
    rejected: Vec<Rejected>,
}

/// `POST /v1/log`: JSON lines. `?sent=` is the sender's clock.
pub(crate) async fn receive(mut request: Request, env: &Env, settings: &Settings) -> Answer {
    on(settings)?;
    let sent: Option<i64> = rank::query(&request, "sent", "").parse().ok();
    let text = body::text(&mut request, MAX_BYTES).await?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > MAX_EVENTS {
        let detail = format!("{} lines are more than {MAX_EVENTS}: send them in parts", lines.len());
        return Err(Problem::new(413, "too_many", detail).with("limit", MAX_EVENTS));
    }
    let now = rank::now();
    let skew = sent.map(|sent| now.saturating_sub(sent)).filter(|skew| skew.saturating_abs() > SKEW);
    let (mut entries, mut rejected) = (Vec::new(), Vec::new());
    for (index, line) in lines.into_iter().enumerate() {
        match entry(line, skew.unwrap_or(0), now, settings) {
            Ok(entry) => entries.push(entry),
            Err((code, message)) => rejected.push(Rejected { index, code, message }),
        }
    }
    if entries.is_empty() && !rejected.is_empty() {
        metrics::add("log_lines", "rejected", rejected.len());
        let detail =
            format!("none of the {} lines could be read; the first: {}", rejected.len(), rejected[0].message);
        return Err(Problem::new(422, "lines_rejected", detail).with("rejected", rejected));
    }
    metrics::add("log_lines", "rejected", rejected.len());
    let written = append(env, entries).await?;
    let status = if rejected.is_empty() { "ok" } else { "partial" };
    json(&Received { status, written, skew, rejected })
}

fn on(settings: &Settings) -> Result<(), Problem> {
    match settings.log {
        true => Ok(()),
        false => Err(Problem::new(404, "log_off", "no log is kept here: set ATTUNE_LOG to on")),
    }
}

/// Reads one line, sets its clock right, and puts a hash in a shopper's place.
fn entry(line: &str, skew: i64, now: i64, settings: &Settings) -> Result<Entry, (&'static str, String)> {
    let malformed = |message: String| ("malformed", message);
    let json: Json = serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
    let kind = json.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
    let entry = match kind.as_str() {
        "decision" => {
            let read =
                serde_json::from_value::<LogLine>(json).map_err(|error| malformed(error.to_string()))?;
            of_decision(read, skew, settings)
        }
        "outcome" => {
            let read =
                serde_json::from_value::<Outcome>(json).map_err(|error| malformed(error.to_string()))?;
            of_outcome(Outcome { at: read.at.saturating_add(skew), ..read })
        }
        other => return Err(malformed(format!("type is {other:?}; it must be `decision` or `outcome`"))),
    };
    if entry.decision.is_empty() || entry.id.len() < 3 {
        return Err(malformed("a line needs an id and the id of its decision".to_owned()));
    }
    if entry.at > now.saturating_add(AHEAD) {
        return Err(("clock", "this line's time is more than a day ahead".to_owned()));
    }
    Ok(entry)
}

fn of_decision(mut line: LogLine, skew: i64, settings: &Settings) -> Entry {
    let decision = &mut line.decision;
    decision.at = decision.at.saturating_add(skew);
    // Without a salt nobody is recognised.
    decision.shopper = decision.shopper.take().and_then(|shopper| objects::hashed(settings, &shopper).ok());
    Entry {
        id: format!("d/{}", decision.id),
        at: decision.at,
        shopper: decision.shopper.clone(),
        decision: decision.id.clone(),
        line: serde_json::to_string(&line).unwrap_or_default(),
        outcome: None,
    }
}

fn of_outcome(outcome: Outcome) -> Entry {
    #[derive(Serialize)]
    struct Line<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(flatten)]
        outcome: &'a Outcome,
    }
    Entry {
        id: format!("o/{}", outcome.id),
        at: outcome.at,
        shopper: None,
        outcome: Some((outcome.kind, outcome.value)),
        line: serde_json::to_string(&Line { kind: "outcome", outcome: &outcome }).unwrap_or_default(),
        decision: outcome.decision,
    }
}

async fn append(env: &Env, entries: Vec<Entry>) -> Result<Written, Problem> {
    let mut shards = BTreeMap::<u64, Vec<Entry>>::new();
    for entry in entries {
        shards.entry(symbol(&entry.decision) % SHARDS).or_default().push(entry);
    }
    let writes = shards.into_iter().map(|(shard, entries)| async move {
        let body =
            serde_json::to_string(&entries).map_err(|e| Problem::new(500, "runtime", e.to_string()))?;
        let mut answer = ask(env, shard, Method::Post, "/", Some(body)).await?;
        let new: Vec<bool> = answer.json().await?;
        Ok::<_, Problem>((entries, new))
    });
    let (mut sum, mut outcomes) = (Written::default(), Vec::new());
    for written in join_all(writes).await {
        let (entries, new) = written?;
        let fresh = new.iter().filter(|new| **new).count();
        sum.accepted += fresh;
        sum.repeated += entries.len() - fresh;
        outcomes
            .extend(entries.iter().zip(new).filter(|(_, new)| *new).filter_map(|(entry, _)| entry.outcome));
    }
    dashboard::came(env, outcomes.into_iter());
    metrics::add("log_lines", "accepted", sum.accepted);
    metrics::add("log_lines", "repeated", sum.repeated);
    Ok(sum)
}

async fn ask(
    env: &Env,
    shard: u64,
    method: Method,
    path: &str,
    body: Option<String>,
) -> Result<worker::Response, Problem> {
    objects::ask(env, ("LOG", &format!("log-{shard}")), method, path, body, "log_unavailable").await
}

/// Logs a decision that the Worker made. The answer to the shopper does not wait for it.
pub(crate) async fn decided(env: &Env, settings: &Settings, line: LogLine) {
    if let Err(problem) = append(env, vec![of_decision(line, 0, settings)]).await {
        metrics::count("log_lines", "lost");
        worker::console_error!("attune: a decision was not logged: {}", problem.detail());
    }
}

/// Logs what events say came of decisions; answers how many outcomes were new.
pub(crate) async fn came(env: &Env, events: &[Event]) -> Result<usize, Problem> {
    let entries: Vec<Entry> = events
        .iter()
        .flat_map(Outcome::of)
        .filter(|outcome| !outcome.id.is_empty())
        .map(of_outcome)
        .collect();
    if entries.is_empty() { Ok(0) } else { Ok(append(env, entries).await?.accepted) }
}

/// One row of the log: time, id, line.
type Row = (i64, String, String);

/// `GET /v1/log?from=&to=&after=&limit=`: lines in the order of their times, as JSON lines. `link` names the next page.
pub(crate) async fn read(request: &Request, env: &Env, settings: &Settings) -> Answer {
    on(settings)?;
    let query = |name: &str| rank::query(request, name, "");
    let time = |name: &str, otherwise: i64| match query(name) {
        text if text.is_empty() => Ok(otherwise),
        text => text.parse::<i64>().map_err(|_| {
            Problem::new(400, "malformed", format!("{name} is a time in milliseconds since 1970"))
        }),
    };
    let (from, to) = (time("from", 0)?, time("to", rank::now().saturating_add(AHEAD))?);
    let limit = query("limit").parse().unwrap_or(PAGE).clamp(1, PAGE);
    let after = query("after");
    let after = after.split_once(':').and_then(|(at, id)| Some((at.parse::<i64>().ok()?, id.to_owned())));
    let (at, id) = after.unwrap_or((from.saturating_sub(1), "~".to_owned()));
    let asked = serde_json::json!({ "at": at, "id": id, "to": to, "limit": limit }).to_string();
    let shards = (0..SHARDS).map(|shard| {
        let asked = asked.clone();
        async move {
            let mut answer = ask(env, shard, Method::Put, "/read", Some(asked)).await?;
            Ok::<Vec<Row>, Problem>(answer.json().await?)
        }
    });
    let mut rows = Vec::new();
    for shard in join_all(shards).await {
        rows.extend(shard?);
    }
    rows.sort_unstable();
    rows.truncate(limit);
    let headers = web_sys::Headers::new().map_err(worker::Error::from)?;
    let set = |name: &str, value: &str| headers.set(name, value).map_err(worker::Error::from);
    set("content-type", "application/x-ndjson")?;
    set("cache-control", "no-store")?;
    if let Some((at, id, _)) = rows.last().filter(|_| rows.len() == limit) {
        let mut next = request.url()?;
        let kept: Vec<(String, String)> =
            next.query_pairs().into_owned().filter(|(name, _)| name != "after").collect();
        next.query_pairs_mut().clear().extend_pairs(kept).append_pair("after", &format!("{at}:{id}"));
        set("link", &format!("<{next}>; rel=\"next\""))?;
    }
    let text: String = rows.iter().flat_map(|(_, _, line)| [line.as_str(), "\n"]).collect();
    let init = ResponseInit::new();
    init.set_headers(&headers);
    let response = web_sys::Response::new_with_opt_str_and_init(Some(&text), &init);
    Ok(response.map_err(worker::Error::from)?)
}

/// A shopper's lines.
pub(crate) async fn of_shopper(env: &Env, hash: &str) -> Result<Vec<Json>, Problem> {
    let mut lines = Vec::new();
    for shard in 0..SHARDS {
        let mut answer = ask(env, shard, Method::Put, "/shopper", Some(hash.to_owned())).await?;
        let found: Vec<String> = answer.json().await?;
        lines.extend(found.iter().filter_map(|line| serde_json::from_str(line).ok()));
    }
    Ok(lines)
}

/// Erases a shopper's decisions and what came of them.
pub(crate) async fn forget(env: &Env, hash: &str) -> Result<(), Problem> {
    for shard in 0..SHARDS {
        ask(env, shard, Method::Delete, "/", Some(hash.to_owned())).await?;
    }
    Ok(())
}
