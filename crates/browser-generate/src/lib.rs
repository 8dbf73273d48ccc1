//! Copy written in a page: conversion and transport around `attune-generate` and `attune-llama`. JSON text goes in and comes
//! out; the TypeScript in `crates/browser/js/src/generate` makes `attune/generate` of it.

mod convert;
mod host;
mod model;
#[cfg(feature = "cpu")]
mod polite;
#[cfg(feature = "gpu")]
mod trial;

use std::rc::Rc;

use attune_generate::Brief;
use attune_generate::brief::Language;
use attune_generate::ladder::{Copy, Ladder, Left, Wanted};
use attune_generate::prompt::messages;
use attune_generate::remote::Remote;
use attune_generate::rung::{Failure, Kind, Rung as _, Templates, Told};
use attune_text::TextModel;
use js_sys::Promise;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::wasm_bindgen;

use convert::{JsResult, code_of, json, read, thrown};
pub use host::Host;
use host::{Clock, Fetch, Lent, Rounds, unless};
use model::{Model, Settings};

/// Runs once, when the module is instantiated.
#[wasm_bindgen(start)]
#[expect(unsafe_code, reason = "the linker's own function has no safe form")]
pub fn start() {
    #[cfg(target_family = "wasm")]
    {
        unsafe extern "C" {
            fn __wasm_call_ctors();
        }
        // SAFETY: made by the linker, and a second call does nothing. Without this call the linker would put one before
        // every export.
        unsafe { __wasm_call_ctors() }
    }
}

/// How a writer is set up.
#[derive(Deserialize)]
#[serde(default)]
struct Options {
    /// Rungs that JavaScript knows not to be there.
    absent: Vec<Absent>,
    /// The model's name at the server; empty for none.
    server: String,
    /// Tokens a second below which a device does not serve.
    least: f64,
    /// Tokens of prompt and text.
    capacity: usize,
    /// Texts that are written together.
    lanes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { absent: Vec::new(), server: String::new(), least: 5.0, capacity: 1024, lanes: 6 }
    }
}

#[derive(Deserialize)]
struct Absent {
    rung: Kind,
    code: String,
    message: String,
}

/// What is wanted of a text, with what is absent as [`Wanted`] has it.
#[derive(Deserialize)]
struct Asked {
    n: Option<usize>,
    spread: Option<usize>,
    seed: Option<String>,
    from: Option<Kind>,
    descend: Option<bool>,
    patience: Option<f64>,
}

/// The most texts, and texts that are written for one.
const MOST: (usize, usize) = (16, 8);

impl Asked {
    fn wanted(self) -> JsResult<Wanted> {
        let usual = Wanted::default();
        let seed = match self.seed {
            Some(seed) => {
                seed.parse().map_err(|_| thrown("malformed", "seed is a whole number below 2^64, as text"))?
            }
            None => usual.seed,
        };
        let wanted = Wanted {
            n: self.n.unwrap_or(usual.n),
            spread: self.spread.unwrap_or(usual.spread),
            seed,
            from: self.from.unwrap_or(usual.from),
            descend: self.descend.unwrap_or(usual.descend),
            patience: self.patience.unwrap_or(usual.patience),
        };
        if !(1..=MOST.0).contains(&wanted.n) || !(1..=MOST.1).contains(&wanted.spread) {
            return Err(thrown("malformed", &format!("n is 1 to {} and spread 1 to {}", MOST.0, MOST.1)));
        }
        Ok(wanted)
    }
}

/// What loading came to.
#[derive(Serialize)]
struct Loading {
    rung: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    left: Vec<Left>,
}

/// An answer with what was cut of the brief.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    copy: Copy,
    notes: Vec<String>,
}

/// The ladder of a page. One text is written at a time: JavaScript sees to that.
#[wasm_bindgen]
pub struct Writer {
    host: Rc<Host>,
    clock: Clock,
    models: Vec<Model>,
    absent: Vec<Left>,
    server: Option<Remote<Fetch>>,
    effects: Option<TextModel>,
}

#[wasm_bindgen]
impl Writer {
    /// A writer that has loaded nothing yet.
    ///
    /// # Errors
    /// An `Error` with code `malformed`.
    #[wasm_bindgen(constructor)]
    pub fn new(host: Host, options: &str) -> JsResult<Writer> {
        let Options { absent, server, least, capacity, lanes } = read("options", options)?;
        let absent: Vec<Left> = absent.into_iter().map(Absent::left).collect();
        let host = Rc::new(host);
        let clock = Clock::new(host.clone());
        let there = |kind: Kind| !absent.iter().any(|left| left.rung == kind);
        let settings = Settings { capacity: capacity.clamp(64, 8192), lanes: lanes.clamp(1, MOST.0), least };
        let model = |kind| Model::new(kind, host.clone(), clock.clone(), settings.clone());
        let models = [Kind::Gpu, Kind::Cpu].into_iter().filter(|kind| there(*kind)).map(model).collect();
        let server = there(Kind::Remote).then(|| Remote::new(Fetch(host.clone()), server, messages));
        Ok(Self { host, clock, models, absent, server, effects: None })
    }

    /// Gives the writer a model of what a text brings, to predict and to choose by.
    ///
    /// # Errors
    /// An `Error` with code `effects_unusable`.
    pub fn effects(&mut self, bytes: &[u8]) -> JsResult<()> {
        let model = TextModel::from_bytes(bytes);
        self.effects = Some(model.map_err(|error| thrown("effects_unusable", &error.to_string()))?);
        Ok(())
    }

    /// Loads the best model that runs here: what came of it, as JSON.
    ///
    /// # Errors
    /// An `Error` with code `aborted`.
    pub async fn load(&mut self, stop: Promise) -> JsResult<String> {
        let mut left = Vec::new();
        let host = self.host.clone();
        let work = async {
            for kind in [Kind::Gpu, Kind::Cpu] {
                let failure = match self.models.iter_mut().find(|model| model.kind() == kind) {
                    None => absent(&self.absent, kind),
                    Some(model) => match model.ready().await {
                        Ok(rung) => return (Some(kind), rung.model().map(str::to_owned)),
                        Err(failure) => failure,
                    },
                };
                host::tell(&host, &Told::Left { rung: kind, failure: failure.clone() });
                left.push(Left { rung: kind, failure });
            }
            (None, None)
        };
        let (rung, model) = unless(work, stop).await.ok_or_else(aborted)?;
        json(&Loading { rung, model, left })
    }

    /// Writes for a brief: the answer as JSON. What happens meanwhile is told to the host.
    ///
    /// # Errors
    /// An `Error` with code `malformed`, `brief` (there is nothing to write from), `no_rung` or `aborted`.
    pub async fn write(&mut self, brief: String, wanted: String, stop: Promise) -> JsResult<String> {
        let wanted = read::<Asked>("wanted", &wanted)?.wanted()?;
        let (brief, notes) = Brief::parse(&brief).map_err(|error| thrown("brief", &error.to_string()))?;
        let host = self.host.clone();
        let mut ladder = Ladder::new();
        for left in &self.absent {
            ladder = ladder.with(left.rung, Err(left.failure.clone()));
        }
        if !self.absent.iter().any(|left| left.rung == Kind::Template) {
            ladder = ladder.with(Kind::Template, Ok(Rounds::new(Templates::default())));
        }
        for model in &mut self.models {
            ladder = ladder.with(Model::kind(model), Ok(Rounds::new(model)));
        }
        if let Some(server) = &mut self.server {
            ladder = ladder.with(Kind::Remote, Ok(Rounds::new(Lent(server))));
        }
        let mut tell = |told: Told| host::tell(&host, &told);
        let language = if brief.language() == Language::Zh { "zh" } else { "en" };
        let effects = self.effects.as_ref().filter(|effects| effects.card().language == language);
        let work = ladder.compose(&brief, wanted, effects, &self.clock, &mut tell);
        let outcome = unless(work, stop).await.ok_or_else(aborted)?;
        drop(ladder);
        match outcome {
            Ok(mut copy) => {
                // A model that was loaded on the way had no name before.
                let served = self.models.iter().find(|model| model.kind() == copy.rung);
                copy.model = copy.model.or_else(|| served.and_then(|model| model.name().map(str::to_owned)));
                json(&Answer { copy, notes })
            }
            Err(left) => {
                let reasons: Vec<String> =
                    left.iter().map(|left| format!("{}: {}", left.rung.name(), left.failure)).collect();
                Err(thrown("no_rung", &reasons.join("; ")))
            }
        }
    }
}

fn aborted() -> wasm_bindgen::JsValue {
    thrown("aborted", "the page wants no more of it")
}

fn absent(known: &[Left], kind: Kind) -> Failure {
    let left = known.iter().find(|left| left.rung == kind);
    left.map_or_else(|| Failure::new("rung_absent", "is not set up"), |left| left.failure.clone())
}

impl Absent {
    fn left(self) -> Left {
        let code = code_of(&self.code).unwrap_or("rung_absent");
        Left { rung: self.rung, failure: Failure::new(code, self.message) }
    }
}
