//! Responses. A body goes to the runtime as text: as bytes it takes two more allocations outside the script's heap,
//! which cost as much as half a ranking.

use serde::Serialize;
use worker::js_sys::JSON;
use worker::wasm_bindgen::{JsCast as _, JsValue};
use worker::web_sys::{Response, ResponseInit};

use crate::problem::Problem;

/// What a handler answers; an `Err` becomes a problem document.
pub(crate) type Answer = Result<Response, Problem>;

/// A JSON answer.
pub(crate) fn json(value: &impl Serialize) -> Answer {
    thread_local! {
        // A plain object, so it may serve more than one request.
        static INIT: Result<ResponseInit, JsValue> = init(200, "application/json", &[]);
    }
    let body = serde_json::to_string(value).map_err(|e| Problem::new(500, "runtime", e.to_string()))?;
    INIT.with(|init| respond(&body, init.as_ref())).map_err(|error| Problem::from(worker::Error::from(error)))
}

/// Text of a media type.
pub(crate) fn text(body: &str, kind: &str) -> Answer {
    let init = init(200, kind, &[]);
    respond(body, init.as_ref()).map_err(|error| Problem::from(worker::Error::from(error)))
}

/// A problem document.
pub(crate) fn problem(problem: &Problem) -> worker::Result<Response> {
    let body = serde_json::to_string(problem).unwrap_or_default();
    let init = init(problem.status(), "application/problem+json", problem.headers());
    Ok(respond(&body, init.as_ref())?)
}

fn respond(body: &str, init: Result<&ResponseInit, &JsValue>) -> Result<Response, JsValue> {
    Response::new_with_opt_str_and_init(Some(body), init.map_err(JsValue::clone)?)
}

fn init(status: u16, kind: &str, others: &[(&str, String)]) -> Result<ResponseInit, JsValue> {
    let mut headers = serde_json::json!({ "content-type": kind, "cache-control": "no-store" });
    for (name, value) in others {
        headers[name] = value.as_str().into();
    }
    let init = serde_json::json!({ "status": status, "headers": headers });
    Ok(JSON::parse(&init.to_string())?.unchecked_into())
}
