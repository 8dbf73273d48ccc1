//! The bundle in the script, and the plan made of it once; other bundles among the static files.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use attune::{Engine, Error};
use worker::Env;

use crate::problem::Problem;
use crate::settings::Settings;

/// Ranks when asked for `default` or by this name: the bundle file's own.
const NAME: &str = env!("ATTUNE_BUNDLE_NAME");
/// The most models of the static files that one instance loads.
const MOST: usize = 4;
static BYTES: &[u8] = include_bytes!(env!("ATTUNE_BUNDLE_FILE"));

/// An engine, or why there is none.
pub(crate) type Loaded = Result<&'static Engine, &'static Error>;

/// The engine; loading takes place on the first call, at start-up.
pub(crate) fn engine() -> Loaded {
    static ENGINE: OnceLock<Result<Engine, Error>> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::load(BYTES)).as_ref()
}

/// The whole file's hash as Subresource Integrity writes it.
pub(crate) fn integrity() -> &'static str {
    static INTEGRITY: OnceLock<String> = OnceLock::new();
    INTEGRITY.get_or_init(|| attune::bundle::integrity(BYTES))
}

/// The engine in the script, if it is one the Worker was told to expect.
pub(crate) fn trusted(settings: &Settings) -> Loaded {
    static REFUSED: OnceLock<Error> = OnceLock::new();
    let engine = engine()?;
    if settings.expects(integrity()) {
        return Ok(engine);
    }
    // One instance has one set of variables.
    Err(REFUSED.get_or_init(|| refused(settings, integrity())))
}

fn refused(settings: &Settings, found: &str) -> Error {
    Error::Integrity { expected: settings.integrity.trim().to_owned(), found: found.to_owned() }
}

/// The engine of a request's model: the one in the script, else `models/<model>.attune` among the static files, which
/// is read on its first use.
///
/// # Errors
/// 404 when there is no such model, naming the ones in the script.
pub(crate) async fn model(model: &str, env: &Env, settings: &Settings) -> Result<Loaded, Problem> {
    static LOADED: Mutex<BTreeMap<String, Loaded>> = Mutex::new(BTreeMap::new());
    if model == NAME || model == "default" {
        return Ok(trusted(settings));
    }
    let missing = || {
        let models = [NAME, "default"];
        let detail =
            format!("no models/<model>.attune of this name; in the script are {}", models.join(", "));
        Problem::new(404, "unknown_model", detail).with("models", models)
    };
    let busy = |_| Problem::new(503, "models_busy", "another request is loading a model: try again");
    if !model.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) || model.len() > 64 {
        return Err(missing());
    }
    if let Some(loaded) = LOADED.try_lock().map_err(busy)?.get(model) {
        return Ok(*loaded);
    }
    let assets = env.assets("ASSETS").map_err(|_| missing())?;
    let mut file = assets.fetch(format!("http://assets/models/{model}.attune"), None).await?;
    if file.status_code() != 200 {
        return Err(missing());
    }
    let bytes = file.bytes().await?;
    let found = attune::bundle::integrity(&bytes);
    let engine = match settings.expects(&found) {
        true => Engine::load(&bytes),
        false => Err(refused(settings, &found)),
    };
    let mut all = LOADED.try_lock().map_err(busy)?;
    if all.len() >= MOST {
        let detail = format!("this instance holds {MOST} models already: deploy fewer");
        return Err(Problem::new(503, "too_many_models", detail));
    }
    // Kept for the life of the instance, as the one in the script is.
    let loaded: Loaded = match engine {
        Ok(engine) => Ok(Box::leak(Box::new(engine))),
        Err(error) => Err(Box::leak(Box::new(error))),
    };
    Ok(*all.entry(model.to_owned()).or_insert(loaded))
}

pub(crate) fn name() -> &'static str {
    NAME
}
