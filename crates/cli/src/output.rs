//! What goes to standard output.

use std::io::{self, Write};

use anyhow::Result;
use attune_copywriter::CopywriterError;
use attune_generate::rung::Failure;
use attune_train::TrainError;
use attune_train::source::LoadError;
use serde::Serialize;
use serde_json::{Value, json};

/// Writes one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

/// Writes text.
pub(crate) fn text(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.trim_end().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// An error as scripts read it.
pub(crate) fn failure(error: &anyhow::Error) -> Value {
    let code = error
        .chain()
        .find_map(|cause| {
            let core = cause.downcast_ref::<attune::Error>().map(attune::Error::code);
            core.or_else(|| cause.downcast_ref::<LoadError>().map(LoadError::code))
                .or_else(|| cause.downcast_ref::<Failure>().map(|failure| failure.code))
                .or_else(|| cause.downcast_ref::<attune_text::Error>().map(attune_text::Error::code))
                .or_else(|| cause.downcast_ref::<attune_llama::Error>().map(attune_llama::Error::code))
                .or_else(|| cause.downcast_ref::<TrainError>().map(TrainError::code))
                .or_else(|| cause.downcast_ref::<CopywriterError>().map(CopywriterError::code))
        })
        .unwrap_or("failed");
    json!({"error": {"code": code, "message": format!("{error:#}")}})
}

/// Whether the reader of our output has gone.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// A size for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
