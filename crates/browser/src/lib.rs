//! The browser surface: conversion and transport around the core. JSON text goes in and comes out; the
//! TypeScript in `js/` makes the npm package `attune` of it.

mod convert;

use attune::decision::{Decision, Fallback, LogOptions};
use attune::error::Error;
use attune::event::batch::{Batch, MAX_EVENTS, Rejected};
use attune::profile::{Profile, TagRule};
use attune::wire::Request;
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use convert::{IntoJsResult as _, JsResult, json, read};

/// Runs once, when the module is instantiated.
#[wasm_bindgen(start)]
#[expect(unsafe_code, reason = "the linker's own function has no safe form")]
pub fn start() {
    #[cfg(target_family = "wasm")]
    {
        unsafe extern "C" {
            fn __wasm_call_ctors();
        }
        // SAFETY: made by the linker; it fills tract's lists of kernels, and a second call does nothing. Without this
        // call the linker would put one before every export.
        unsafe { __wasm_call_ctors() }
    }
}

/// A loaded bundle.
#[wasm_bindgen]
pub struct Engine(attune::Engine);

#[wasm_bindgen]
impl Engine {
    /// Loads a bundle; `integrity` is `sha256-<base64>`, as in Subresource Integrity.
    ///
    /// # Errors
    /// An `Error` with the core's code.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8], integrity: Option<String>) -> JsResult<Engine> {
        match integrity {
            Some(integrity) => attune::Engine::load_checked(bytes, &integrity),
            None => attune::Engine::load(bytes),
        }
        .into_js()
        .map(Self)
    }

    /// The decision for a request. Never fails: what went wrong is the decision's fallback.
    ///
    /// # Errors
    /// None in practice: a decision has a JSON form.
    pub fn decide(&self, request: &str) -> JsResult<String> {
        json(&attune::decide_json(Ok(&self.0), request))
    }

    /// The effects of every candidate, in the page's own order.
    ///
    /// # Errors
    /// An `Error` with the core's code.
    pub fn predict(&self, request: &str) -> JsResult<String> {
        let request = Request::from_json(request).into_js()?;
        json(&self.0.predicted(&request).into_js()?)
    }

    /// The network alone, for benchmarks: `rows` rows of its two inputs, row-major, to logits.
    ///
    /// # Errors
    /// An `Error` with the core's code.
    #[wasm_bindgen(js_name = runNetwork)]
    pub fn run_network(&self, rows: usize, additive: &[f32], embedding: &[f32]) -> JsResult<Vec<f32>> {
        self.0.model().run(rows, additive, embedding).map_err(attune::Error::from).into_js()
    }

    /// The core alone, for benchmarks: what each of `rounds` decisions on one request that was read before takes by
    /// `clock`, without reading it and without writing the answer.
    ///
    /// # Errors
    /// An `Error` with the core's code; what `clock` throws.
    #[wasm_bindgen(js_name = timeDecisions)]
    pub fn time_decisions(
        &self,
        request: &str,
        rounds: usize,
        clock: &js_sys::Function,
    ) -> JsResult<Vec<f64>> {
        let request = Request::from_json(request).into_js()?;
        let now = || clock.call0(&JsValue::NULL).map(|at| at.as_f64().unwrap_or(f64::NAN));
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let start = now()?;
            let decision = attune::decide(Ok(&self.0), &request);
            times.push(now()? - start);
            std::hint::black_box(&decision);
        }
        Ok(times)
    }

    /// The profile after some events, as [`apply_events`], with the bundle's tags.
    ///
    /// # Errors
    /// As [`apply_events`].
    #[wasm_bindgen(js_name = applyEvents)]
    pub fn apply_events(&self, profile: &str, events: &str, now: f64) -> JsResult<String> {
        learn(profile, events, now, self.0.tag_rules())
    }

    /// The bundle's card, as JSON.
    ///
    /// # Errors
    /// None in practice.
    pub fn card(&self) -> JsResult<String> {
        json(self.0.card())
    }

    /// sha256 of the bundle, hex.
    #[wasm_bindgen(getter)]
    pub fn hash(&self) -> String {
        self.0.hash().to_owned()
    }
}

/// The page's own order, with a reason: what is answered when there is no engine.
///
/// # Errors
/// None in practice.
#[wasm_bindgen(js_name = decideWithout)]
pub fn decide_without(code: &str, message: &str, request: &str) -> JsResult<String> {
    let mut decision = attune::decide_json(Err(&Error::Bundle(message.to_owned())), request);
    // A request that cannot be read is the nearer reason.
    if decision.fallback.as_ref().is_none_or(|fallback| fallback.code == "bundle_unusable") {
        decision.fallback = Some(Fallback { code: code.to_owned(), message: message.to_owned() });
    }
    json(&decision)
}

/// The line of the decision log for a decision and the request it answers. The profile is in it only when
/// `profile` says that the shopper agreed; the candidates' fields only with `fields`.
///
/// # Errors
/// An `Error` with code `malformed`.
#[wasm_bindgen(js_name = logLine)]
pub fn log_line(decision: &str, request: &str, profile: bool, fields: bool) -> JsResult<String> {
    let decision: Decision = read("decision", decision)?;
    let request = Request::from_json(request).into_js()?;
    json(&decision.log_line(&request, LogOptions { profile, fields }))
}

/// The profile after some events (Attune's form, GA4's or Metarank's; one, an array, or JSON lines), without
/// tags, and what could not be read. `profile` is JSON, or empty for a shopper never seen; `now` is milliseconds since 1970.
///
/// # Errors
/// An `Error` with code `malformed`, `newer_version` (of the profile) or `too_many`.
#[wasm_bindgen(js_name = applyEvents)]
pub fn apply_events(profile: &str, events: &str, now: f64) -> JsResult<String> {
    learn(profile, events, now, &[])
}

#[derive(Serialize)]
struct Learned {
    profile: Profile,
    accepted: usize,
    ignored: usize,
    rejected: Vec<Rejected>,
}

fn learn(profile: &str, events: &str, now: f64, rules: &[TagRule]) -> JsResult<String> {
    let mut profile = stored(profile)?;
    // JavaScript's times are whole numbers far below 2^53; the cast saturates and reads NaN as 0.
    let batch = Batch::read(events, now as i64, MAX_EVENTS).into_js()?;
    for event in &batch.events {
        profile.apply(event, rules);
    }
    let Batch { accepted, ignored, rejected, .. } = batch;
    json(&Learned { profile, accepted, ignored, rejected })
}

/// Reads a stored profile and writes it as this version does.
///
/// # Errors
/// An `Error` with code `malformed`, or `newer_version`: keep such a profile as it is.
#[wasm_bindgen(js_name = checkProfile)]
pub fn check_profile(profile: &str) -> JsResult<String> {
    Ok(stored(profile)?.to_json())
}

fn stored(profile: &str) -> JsResult<Profile> {
    if profile.is_empty() { Ok(Profile::new()) } else { Profile::from_json(profile).into_js() }
}
