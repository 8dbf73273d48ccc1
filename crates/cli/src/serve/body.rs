//! Bodies: a request's, never read beyond its limits; an answer's, as events.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame};
use tokio::sync::mpsc::UnboundedReceiver;

use super::problem::Problem;
use super::queue::Event;

/// The most bytes of a request, and the longest wait for all of them.
const MOST: usize = 4 << 20;
const WAIT: Duration = Duration::from_secs(30);

/// The body as text.
///
/// # Errors
/// 415 for another media type or a compressed body, 413 above the limit, 408 when it does not come, 400 when it is not UTF-8.
pub(super) async fn text(headers: &HeaderMap, body: Body) -> Result<String, Problem> {
    let named = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let kind = named(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    // curl -d and sendBeacon name JSON as they like.
    let known = ["", "text/plain", "application/x-www-form-urlencoded"];
    if !known.contains(&kind) && !kind.ends_with("/json") && !kind.ends_with("+json") {
        let detail = "send JSON as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", detail));
    }
    if named(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let detail = "send the body uncompressed";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding", detail));
    }
    let declared = named(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if declared.is_some_and(|length| length > MOST) {
        return Err(large());
    }
    let slow = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body_slow", "the body did not come in time");
    let bytes = tokio::time::timeout(WAIT, read(body)).await.map_err(slow)??;
    String::from_utf8(bytes)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "malformed", "the body is not UTF-8"))
}

async fn read(mut body: Body) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "malformed", format!("the body broke off: {error}"))
        })?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > MOST {
                return Err(large());
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

fn large() -> Problem {
    let detail = format!("the body is above {MOST} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail).with("limit", MOST.into())
}

/// Writes a job's events as server-sent events.
pub(super) trait Script: Send + Unpin + 'static {
    /// What an event becomes; may be nothing.
    fn take(&mut self, event: Event) -> String;

    /// What stands at the end.
    fn end(&mut self) -> String;
}

/// A body of a job's events. Where it is dropped the job's work ends.
struct Feed<S> {
    events: Option<UnboundedReceiver<Event>>,
    script: S,
}

impl<S: Script> HttpBody for Feed<S> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            let Some(events) = &mut self.events else { return Poll::Ready(None) };
            let text = match events.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(event)) => self.script.take(event),
                Poll::Ready(None) => {
                    self.events = None;
                    self.script.end()
                }
            };
            if !text.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(text)))));
            }
        }
    }
}

/// An answer that streams.
pub(super) fn stream(events: UnboundedReceiver<Event>, script: impl Script) -> Response<Body> {
    let mut response = Response::new(Body::new(Feed { events: Some(events), script }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather answers would hold them back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// A JSON answer.
pub(super) fn json(value: &impl serde::Serialize) -> Response<Body> {
    let mut response = match serde_json::to_vec(value) {
        Ok(body) => Response::new(Body::from(body)),
        Err(error) => {
            return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "runtime", error.to_string()).document();
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
