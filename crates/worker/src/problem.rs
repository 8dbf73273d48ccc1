//! Problem documents (RFC 9457).

use serde::Serialize;

/// An error a client sees. `code` is stable; `detail` is for people and names the way out.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: String,
    #[serde(flatten)]
    more: serde_json::Map<String, serde_json::Value>,
    #[serde(skip)]
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    pub(crate) fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        let title = match status {
            400 => "Bad request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not found",
            405 => "Method not allowed",
            413 => "Content too large",
            415 => "Unsupported media type",
            422 => "Unprocessable content",
            429 => "Too many requests",
            502 => "Bad gateway",
            503 => "Service unavailable",
            _ => "Internal error",
        };
        Self {
            kind: format!("urn:attune:problem:{code}"),
            title,
            status,
            code,
            detail: detail.into(),
            more: serde_json::Map::new(),
            headers: Vec::new(),
        }
    }

    /// A member of its own, beside the standard ones.
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.more.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }
}

/// What the core refuses: text that is not of the form is the client's mistake; the rest is understood and not
/// served.
impl From<attune::error::Error> for Problem {
    fn from(error: attune::error::Error) -> Self {
        let status = if error.code() == "malformed" { 400 } else { 422 };
        Self::new(status, error.code(), error.to_string())
    }
}

/// What the runtime refuses.
impl From<worker::Error> for Problem {
    fn from(error: worker::Error) -> Self {
        Self::new(500, "runtime", error.to_string())
    }
}
