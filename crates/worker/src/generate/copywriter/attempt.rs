//! What is left of an isolate that the runtime has ended: a mark in the data centre's cache, from before the model was loaded until its first
//! text was written. Who finds an old one does not try: the plan's CPU time does not do, and the request would be ended too.

use attune_generate::rung::Failure;
use worker::{Cache, Response};

use super::{ABANDONED, now};

/// Where the mark is kept. Nothing is ever asked there.
const MARK: &str = "https://attune.invalid/copywriter";
/// Seconds that it is believed. A shopper who left in the middle looks alike.
const BELIEVED: u32 = 60;

/// The failure of who finds a mark.
pub(super) const EXCEEDED: &str = "cpu_exceeded";

/// A first text that is under way.
pub(super) struct Attempt;

impl Attempt {
    /// Leaves a mark.
    ///
    /// # Errors
    /// `cpu_exceeded` where one was left and not taken away.
    pub(super) async fn begin() -> Result<Self, Failure> {
        let cache = Cache::default();
        let found = match cache.get(MARK, false).await {
            Ok(Some(mut mark)) => mark.text().await.ok().and_then(|since| since.parse::<f64>().ok()),
            _ => None,
        };
        match found {
            Some(since) if now() - since > ABANDONED => {
                let why =
                    "the runtime ended the last attempt: the plan's CPU time does not do, or a reader left";
                return Err(Failure::new(EXCEEDED, why));
            }
            // Another isolate's, which may be alive.
            Some(_) => {}
            None => {
                if let Ok(mark) = mark() {
                    // Without a cache there is no mark, and nothing else is lost.
                    let _ = cache.put(MARK, mark).await;
                }
            }
        }
        Ok(Self)
    }

    /// Takes the mark away.
    pub(super) async fn end(self) {
        let _ = Cache::default().delete(MARK, false).await;
    }
}

fn mark() -> worker::Result<Response> {
    let mark = Response::ok(now().to_string())?;
    mark.headers().set("cache-control", &format!("max-age={BELIEVED}"))?;
    Ok(mark)
}
