//! Who may ask: whoever has the key, and pages of the sites that are on the list.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use axum::middleware::Next;
use sha2::{Digest as _, Sha256};

use super::Shop;
use super::problem::Problem;

/// What is open to all.
const OPEN: &str = "/health";

/// The key that is asked for, as its hash.
pub(super) struct Key([u8; 32]);

impl Key {
    pub(super) fn new(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Compares hashes, so that the time it takes tells nothing of the key.
    fn opens(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, key)) = given.and_then(|given| given.split_once(' ')) else { return false };
        scheme.eq_ignore_ascii_case("bearer") && Sha256::digest(key.trim())[..] == self.0
    }
}

/// Lets a request pass, and a listed site's page read the answer.
pub(super) async fn check(
    State(shop): State<Arc<Shop>>,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let (path, headers) = (request.uri().path().to_owned(), request.headers());
    let origin = headers.get(header::ORIGIN).cloned();
    let listed = origin.as_ref().is_none_or(|origin| {
        shop.origins.iter().any(|listed| listed == "*" || listed.as_bytes() == origin.as_bytes())
    });
    if request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if let (Some(origin), true) = (origin, listed) {
            let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
            let given = response.headers_mut();
            given.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
            given.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
            if let Some(asked) = asked {
                given.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
            }
            share(given, origin);
        }
        return response;
    }
    let mut response = if path == OPEN {
        next.run(request).await
    } else if !listed {
        let detail = "pages of this site may not call: start the server with --origin";
        Problem::new(StatusCode::FORBIDDEN, "origin_not_allowed", detail).at(&path)
    } else if shop.key.as_ref().is_some_and(|key| !key.opens(headers)) {
        let detail = "send authorization: Bearer and the server's key";
        Problem::new(StatusCode::UNAUTHORIZED, "invalid_api_key", detail).at(&path)
    } else {
        next.run(request).await
    };
    if let (Some(origin), true) = (origin, listed) {
        share(response.headers_mut(), origin);
    }
    response
}

fn share(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
}
