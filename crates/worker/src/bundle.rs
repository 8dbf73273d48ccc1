//! The bundle in the script, and the plan made of it once.

use std::sync::OnceLock;

use attune::Engine;
use attune::error::Error;

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

/// The engine, if it is the one the Worker was told to expect.
pub(crate) fn trusted(settings: &Settings) -> Result<&'static Engine, &'static Error> {
    static CHECKED: OnceLock<(String, Option<Error>)> = OnceLock::new();
    let engine = engine()?;
    if settings.integrity.is_empty() {
        return Ok(engine);
    }
    let found = || integrity(engine.hash());
    let check = || {
        let (expected, found) = (settings.integrity.clone(), found());
        let wrong = (expected != found).then_some(Error::Integrity { expected, found });
        (settings.integrity.clone(), wrong)
    };
    // One script has one set of variables; another value could only come with another instance.
    match CHECKED.get_or_init(check) {
        (_, None) => Ok(engine),
        (_, Some(error)) => Err(error),
    }
}

/// Whether a request's model is the one here.
///
/// # Errors
/// 404, naming the models there are.
pub(crate) fn named(model: &str) -> std::result::Result<(), Problem> {
    if model == NAME || model == "default" {
        return Ok(());
    }
    let models = [NAME, "default"];
    Err(Problem::new(404, "unknown_model", format!("the models here are {}", models.join(", ")))
        .with("models", models))
}

pub(crate) fn name() -> &'static str {
    NAME
}

/// A sha256 in hex as Subresource Integrity writes it: `sha256-` and base64 (RFC 4648).
pub(crate) fn integrity(hex: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> =
        (0..hex.len() / 2).filter_map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()).collect();
    let mut text = String::from("sha256-");
    for three in bytes.chunks(3) {
        let word =
            three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let index = word >> (18 - 6 * place) & 63;
            text.push(if place <= three.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    text
}
