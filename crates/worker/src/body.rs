//! A request's body, never read beyond its limit.

use futures_util::StreamExt;
use worker::Request;

use crate::problem::Problem;

/// The most bytes of a ranking request: room for 10,000 candidates.
pub(crate) const MAX_REQUEST: usize = 16_000_000;

/// JSON under any of these names. `curl -d` and `navigator.sendBeacon` name it as they like, and Metarank's own
/// examples rely on it.
const TYPES: [&str; 8] = [
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "text/json",
    "text/plain",
    "application/x-www-form-urlencoded",
];

/// The body as text.
///
/// # Errors
/// 415 for another media type or a compressed body, 413 above `limit` bytes, 400 when it is not UTF-8.
pub(crate) async fn text(request: &mut Request, limit: usize) -> Result<String, Problem> {
    let header =
        |name: &str| request.headers().get(name).ok().flatten().map(|value| value.to_ascii_lowercase());
    if let Some(kind) = header("content-type") {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !TYPES.contains(&kind) && !kind.ends_with("+json") {
            return Err(Problem::new(
                415,
                "media_type",
                "send JSON as application/json or application/x-ndjson",
            ));
        }
    }
    if header("content-encoding").is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::new(415, "content_encoding", "send the body uncompressed"));
    }
    let declared: Option<usize> = header("content-length").and_then(|length| length.parse().ok());
    let large = || {
        Problem::new(413, "body_too_large", format!("the body is above {limit} bytes")).with("limit", limit)
    };
    if declared.is_some_and(|length| length > limit) {
        return Err(large());
    }
    let bytes = match declared {
        // The runtime holds a body to its declared length.
        Some(_) => request.bytes().await?,
        None => {
            let mut bytes = Vec::new();
            if let Ok(mut stream) = request.stream() {
                while let Some(chunk) = stream.next().await {
                    let chunk = chunk?;
                    if bytes.len() + chunk.len() > limit {
                        return Err(large());
                    }
                    bytes.extend_from_slice(&chunk);
                }
            }
            bytes
        }
    };
    String::from_utf8(bytes).map_err(|_| Problem::new(400, "malformed", "the body is not UTF-8"))
}
