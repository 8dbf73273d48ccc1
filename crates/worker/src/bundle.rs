//! The bundle in the script, and the plan made of it once.

use std::sync::OnceLock;

use attune::{Engine, Error};

use crate::problem::Problem;
use crate::settings::Settings;

/// Ranks when asked for `default` or by this name: the bundle file's own.
const NAME: &str = env!("ATTUNE_BUNDLE_NAME");
static BYTES: &[u8] = include_bytes!(env!("ATTUNE_BUNDLE_FILE"));

/// The engine; loading takes place on the first call, at start-up.
pub(crate) fn engine() -> Result<&'static Engine, &'static Error> {
    static ENGINE: OnceLock<Result<Engine, Error>> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::load(BYTES)).as_ref()
}

/// The whole file's hash as Subresource Integrity writes it.
pub(crate) fn integrity() -> &'static str {
    static INTEGRITY: OnceLock<String> = OnceLock::new();
    INTEGRITY.get_or_init(|| attune::bundle::integrity(BYTES))
}

/// The engine, if it is the one the Worker was told to expect.
pub(crate) fn trusted(settings: &Settings) -> Result<&'static Engine, &'static Error> {
    static REFUSED: OnceLock<Error> = OnceLock::new();
    let engine = engine()?;
    let expected = settings.integrity.trim();
    if expected.is_empty() || expected == integrity() {
        return Ok(engine);
    }
    // One instance has one set of variables.
    Err(REFUSED
        .get_or_init(|| Error::Integrity { expected: expected.to_owned(), found: integrity().to_owned() }))
}

/// Whether a request's model is the one here.
///
/// # Errors
/// 404, naming the models there are.
pub(crate) fn named(model: &str) -> Result<(), Problem> {
    if model == NAME || model == "default" {
        return Ok(());
    }
    let models = [NAME, "default"];
    let detail = format!("the models here are {}", models.join(", "));
    Err(Problem::new(404, "unknown_model", detail).with("models", models))
}

pub(crate) fn name() -> &'static str {
    NAME
}
