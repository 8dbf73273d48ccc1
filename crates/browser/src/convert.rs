//! The whole vocabulary between Rust and JavaScript: errors as `Error` objects with a `code`, answers as JSON.

use attune::error::Error;
use js_sys::Reflect;
use serde::Serialize;
use wasm_bindgen::JsValue;

/// What a function of this module answers.
pub(crate) type JsResult<T> = Result<T, JsValue>;

/// What can be thrown into JavaScript.
pub(crate) trait IntoJsResult<T> {
    /// The value, or an `Error` whose `code` is stable.
    fn into_js(self) -> JsResult<T>;
}

impl<T> IntoJsResult<T> for Result<T, Error> {
    fn into_js(self) -> JsResult<T> {
        self.map_err(|error| thrown(error.code(), &error.to_string()))
    }
}

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

/// Reads JSON text of a core type.
///
/// # Errors
/// An `Error` with code `malformed` that says where reading stopped.
pub(crate) fn read<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> JsResult<T> {
    serde_json::from_str(text).map_err(|error| Error::Malformed { what, detail: error.to_string() }).into_js()
}
