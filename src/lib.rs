//! Attune's core: given a shopper and the candidates of a page's slots, it predicts the effect of each
//! candidate and puts them in order. Pure and synchronous: time, randomness and bytes are arguments, and the
//! same request with the same bundle gives the same answer, bit for bit, in a browser, in a Worker and
//! natively.
//!
//! [`decide`] is total: whatever goes wrong, the answer keeps the page's own order and says why.
//!
//! ```
//! use attune::{Engine, Request, decide};
//!
//! let request = Request::from_json(
//!     r#"{"at": 1764000000000, "slots": [{"id": "home", "candidates": [
//!         {"id": "mug", "fields": {"category": "kitchen", "price": 12}},
//!         {"id": "tent", "fields": {"category": "outdoor", "price": 180}}]}]}"#,
//! )?;
//! let engine = Engine::load(b"no bundle at all");
//! let decision = decide(engine.as_ref(), &request);
//! assert_eq!(decision.slots[0].items[0].id, "mug"); // the page's own order
//! assert_eq!(decision.fallback.map(|why| why.code), Some("bundle_unusable".to_owned()));
//! # Ok::<(), attune::Error>(())
//! ```

pub mod bundle;
pub mod decision;
pub mod effect;
mod engine;
pub mod error;
pub mod event;
pub mod feature;
pub mod model;
pub mod named;
pub mod profile;
pub mod rank;
pub mod wire;

pub use bundle::{Bundle, Card};
pub use decision::{Deciding, Decision, LogLine, LogOptions, decide, decide_json};
pub use engine::{Encoded, Engine, Predicted, PredictedCandidate, PredictedSlot, Prediction};
pub use error::{Error, Result};
pub use event::{Event, EventKind};
pub use named::Named;
pub use profile::Profile;
pub use wire::{Candidate, Fields, Request, Slot, Value};

/// The README's example runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct ReadMe;
