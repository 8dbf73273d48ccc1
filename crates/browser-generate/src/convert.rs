//! The whole vocabulary between Rust and JavaScript: errors as `Error` objects with a `code`, answers as JSON.

use attune_generate::rung::Failure;
use js_sys::Reflect;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast as _, JsValue};

/// What a function of this module answers.
pub(crate) type JsResult<T> = Result<T, JsValue>;

/// A JavaScript `Error` with a `code`.
pub(crate) fn thrown(code: &str, message: &str) -> JsValue {
    let error = js_sys::Error::new(message);
    // Setting a property of a fresh, ordinary object cannot fail.
    let _ = Reflect::set(&error, &"code".into(), &code.into());
    error.into()
}

/// An answer as JSON text.
///
/// # Errors
/// An `Error` with code `malformed`, for a value that has no JSON form.
pub(crate) fn json(value: &impl Serialize) -> JsResult<String> {
    serde_json::to_string(value).map_err(|error| thrown("malformed", &error.to_string()))
}

/// Reads JSON text.
///
/// # Errors
/// An `Error` with code `malformed` that says where reading stopped.
pub(crate) fn read<T: DeserializeOwned>(what: &str, text: &str) -> JsResult<T> {
    serde_json::from_str(text).map_err(|error| thrown("malformed", &format!("{what}: {error}")))
}

/// What JavaScript threw, as why a rung did not serve.
pub(crate) fn caught(error: &JsValue, otherwise: &'static str) -> Failure {
    let text = |name: &str| Reflect::get(error, &name.into()).ok().and_then(|value| value.as_string());
    let known = text("code").and_then(|code| code_of(&code));
    let message = text("message").or_else(|| error.as_string()).unwrap_or_else(|| "failed".to_owned());
    Failure::new(known.unwrap_or(otherwise), message)
}

/// Codes that this module's JavaScript and its options give.
const CODES: [&str; 11] = [
    "model_unavailable",
    "model_unverified",
    "model_malformed",
    "remote_unreachable",
    "no_server",
    "no_model",
    "no_webgpu",
    "not_wanted",
    "wasm_trap",
    "closed",
    "aborted",
];

/// A code as failures carry them; none that is not known.
pub(crate) fn code_of(code: &str) -> Option<&'static str> {
    CODES.into_iter().find(|known| *known == code)
}

/// A member of an object that JavaScript made.
pub(crate) fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Bytes, where there are some.
pub(crate) fn bytes(value: JsValue) -> Option<Vec<u8>> {
    value.dyn_into::<js_sys::Uint8Array>().ok().map(|bytes| bytes.to_vec())
}
