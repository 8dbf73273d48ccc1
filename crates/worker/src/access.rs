//! Who may ask: keys, other sites' pages, how often.

use sha2::{Digest, Sha256};
use worker::web_sys::{Headers, Response, ResponseInit};
use worker::{Env, Method, Request};

use crate::answer::Answer;
use crate::problem::Problem;
use crate::settings::Settings;

/// Seconds of the rate limit's window, as wrangler.toml has it.
const WINDOW: u32 = 60;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    Open,
    /// A key, where the shop has set `ATTUNE_RANK_KEY`.
    Ranking,
    /// Nothing but patience: it writes, and pages call it.
    Writing,
    /// The shop's own key.
    Shop,
}

/// Lets a request pass.
///
/// # Errors
/// 401 without the right key, 403 from a page of a site that is not on the list or when there is no key to be right,
/// 429 too often.
pub(crate) async fn check(
    request: &Request,
    env: &Env,
    settings: &Settings,
    access: Access,
) -> Result<(), Problem> {
    if access == Access::Open {
        return Ok(());
    }
    let keys = [&settings.key, &settings.rank_key];
    let holds = |keys: &[&String]| bearer(request).is_some_and(|key| keys.iter().any(|own| same(own, &key)));
    let unauthorized = |code, detail| {
        Err(Problem::new(401, code, detail).with_header("www-authenticate", "Bearer".to_owned()))
    };
    match access {
        Access::Shop if settings.key.is_empty() => {
            let detail = "only the shop may do this, and no key is set: wrangler secret put ATTUNE_KEY";
            return Err(Problem::new(403, "no_key", detail));
        }
        Access::Shop if !holds(&keys[..1]) => {
            return unauthorized("unauthorized", "send authorization: Bearer <ATTUNE_KEY>");
        }
        Access::Ranking if !settings.rank_key.is_empty() && !holds(&keys) => {
            return unauthorized("unauthorized", "send authorization: Bearer <ATTUNE_RANK_KEY>");
        }
        _ => {}
    }
    if let Site::Other = site(request, settings) {
        let detail = "pages of this site may not call: add it to ATTUNE_ORIGINS";
        return Err(Problem::new(403, "origin_not_allowed", detail));
    }
    if access == Access::Writing && !holds(&keys) {
        limit(request, env).await?;
    }
    Ok(())
}

async fn limit(request: &Request, env: &Env) -> Result<(), Problem> {
    // Without the binding nothing is limited.
    let Ok(limiter) = env.rate_limiter("RATE") else { return Ok(()) };
    let address = request.headers().get("cf-connecting-ip").ok().flatten().unwrap_or_default();
    match limiter.limit(address).await {
        Ok(outcome) if !outcome.success => {
            let detail = "too many requests from this address: send events in batches, or with a key";
            Err(Problem::new(429, "too_many_requests", detail)
                .with_header("retry-after", WINDOW.to_string())
                .with_header("ratelimit", format!("\"address\";r=0;t={WINDOW}")))
        }
        // A limiter that fails must not cost an outcome.
        _ => Ok(()),
    }
}

fn bearer(request: &Request) -> Option<String> {
    let header = request.headers().get("authorization").ok().flatten()?;
    let (scheme, key) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
}

/// Compares hashes, so that the time it takes tells nothing of the key.
fn same(own: &str, given: &str) -> bool {
    !own.is_empty() && Sha256::digest(own) == Sha256::digest(given)
}

/// Whose page a request comes from.
enum Site {
    /// No page's, or this site's own.
    Own,
    /// A page's that is on the list, with its origin.
    Listed(String),
    Other,
}

fn site(request: &Request, settings: &Settings) -> Site {
    let Some(origin) = request.headers().get("origin").ok().flatten() else { return Site::Own };
    let own = request.url().is_ok_and(|url| url.origin().ascii_serialization() == origin);
    if own {
        return Site::Own;
    }
    match settings.origins.iter().any(|listed| listed == "*" || *listed == origin) {
        true => Site::Listed(origin),
        false => Site::Other,
    }
}

/// Answers a page's question whether it may call (the Fetch Standard's preflight).
pub(crate) fn preflight(request: &Request, settings: &Settings) -> Option<Answer> {
    let asks = request.headers().get("access-control-request-method").ok().flatten();
    if request.method() != Method::Options || asks.is_none() {
        return None;
    }
    let answer = || {
        let headers = Headers::new()?;
        if let Site::Listed(_) = site(request, settings) {
            headers.set("access-control-allow-methods", "GET, POST")?;
            headers.set("access-control-allow-headers", "content-type, authorization")?;
            headers.set("access-control-max-age", "86400")?;
        }
        let init = ResponseInit::new();
        init.set_status(204);
        init.set_headers(&headers);
        Response::new_with_opt_str_and_init(None, &init)
    };
    Some(answer().map_err(|error| worker::Error::from(error).into()))
}

/// The origin of a listed site's page: it may read the answer.
pub(crate) fn reader(request: &Request, settings: &Settings) -> Option<String> {
    match site(request, settings) {
        Site::Listed(origin) => Some(origin),
        _ => None,
    }
}

/// Lets the page of `origin` read an answer.
pub(crate) fn share(response: &Response, origin: &str) {
    let headers = response.headers();
    let _ = headers.set("access-control-allow-origin", origin);
    let _ = headers.append("vary", "Origin");
    let _ = headers.set("access-control-expose-headers", "link, retry-after, ratelimit");
}
