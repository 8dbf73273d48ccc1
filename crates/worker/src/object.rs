//! Talking to Durable Objects, and the hash that stands for a shopper in them.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use sha2::{Digest, Sha256};
use worker::{Delay, Env, Method, Request, RequestInit, Response, Result as Runtime};

use crate::problem::Problem;
use crate::settings::Settings;

/// How long a shopper's page waits for what an object knows.
const READING: Duration = Duration::from_millis(1_000);
/// How long a sender waits to hear that its lines are kept. It sends them again otherwise, and they count once.
const WRITING: Duration = Duration::from_secs(5);

/// A shopper's hash: hex; nobody who does not know the salt can make it from the id.
///
/// # Errors
/// 503 when there is no salt.
pub(crate) fn hashed(settings: &Settings, shopper: &str) -> Result<String, Problem> {
    if settings.salt.is_empty() {
        let detail = "shoppers are kept apart by a salted hash, but the secret ATTUNE_SALT is not set: wrangler secret put ATTUNE_SALT";
        return Err(Problem::new(503, "no_salt", detail));
    }
    // The length keeps salt and id apart.
    let mut hash = Sha256::new();
    hash.update((settings.salt.len() as u64).to_le_bytes());
    hash.update(settings.salt.as_bytes());
    hash.update(shopper.as_bytes());
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Asks the object of this name in a class; `unavailable` is the code of the problem when it does not answer well.
pub(crate) async fn ask(
    env: &Env,
    (binding, name): (&str, &str),
    method: Method,
    path: &str,
    body: Option<String>,
    unavailable: &'static str,
) -> Result<Response, Problem> {
    let patience = if method == Method::Get { READING } else { WRITING };
    let sent = async {
        let stub = env.durable_object(binding)?.get_by_name(name)?;
        let mut init = RequestInit::new();
        init.with_method(method).with_body(body.map(Into::into));
        stub.fetch_with_request(Request::new_with_init(&format!("http://object{path}"), &init)?).await
    };
    let response: Runtime<Response> = match select(pin!(sent), pin!(Delay::from(patience))).await {
        Either::Left((response, _)) => response,
        Either::Right(_) => Err(format!("no answer within {} s", patience.as_secs()).into()),
    };
    match response {
        Ok(response) if (200..300).contains(&response.status_code()) => Ok(response),
        Ok(response) => {
            Err(Problem::new(503, unavailable, format!("its object answered {}", response.status_code())))
        }
        Err(error) => Err(Problem::new(503, unavailable, format!("its object did not answer: {error}"))),
    }
}
