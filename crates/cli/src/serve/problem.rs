//! What goes wrong, as a client reads it: problem documents (RFC 9457), and OpenAI's error object below `/v1`.

use attune_generate::rung::Failure;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// An error a client sees. `code` is stable; `detail` is for people and names the way out.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    more: Vec<(&'static str, Value)>,
    retry_after: Option<u64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), more: Vec::new(), retry_after: None }
    }

    /// A member of its own, beside the standard ones.
    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.more.push((name, value));
        self
    }

    /// When to ask again, in seconds.
    pub(super) fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The form that belongs to a path.
    pub(super) fn at(self, path: &str) -> Response<Body> {
        if path.starts_with("/v1/") { self.openai() } else { self.document() }
    }

    /// As a problem document.
    pub(super) fn document(self) -> Response<Body> {
        let mut body = json!({
            "type": format!("urn:attune:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        for (name, value) in &self.more {
            body[*name] = value.clone();
        }
        self.response(&body, "application/problem+json")
    }

    /// As OpenAI's clients read it.
    pub(super) fn openai(self) -> Response<Body> {
        let body = json!({ "error": self.error() });
        self.response(&body, "application/json")
    }

    /// The error object of OpenAI's protocol.
    pub(super) fn error(&self) -> Value {
        let kind = match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            400..500 => "invalid_request_error",
            _ => "server_error",
        };
        json!({ "message": self.detail, "type": kind, "param": null, "code": self.code })
    }

    fn response(&self, body: &Value, kind: &'static str) -> Response<Body> {
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = match failure.code {
            "model_input" | "model_no_chat" | "sequence_full" => StatusCode::BAD_REQUEST,
            "model_absent" | "model_gone" | "stopping" => StatusCode::SERVICE_UNAVAILABLE,
            "too_slow" => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        // The name that OpenAI's clients know.
        let code = if failure.code == "sequence_full" { "context_length_exceeded" } else { failure.code };
        Self::new(status, code, failure.message)
    }
}
