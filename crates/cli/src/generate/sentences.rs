//! The sentences for dialogue acts that the binary carries, and files that may be packed.

use std::path::Path;
use std::sync::OnceLock;
use std::{fs::File, io::Read as _};

use anyhow::{Context, Result, bail};
use attune_generate::template::Learnt;
use flate2::read::GzDecoder;

/// See `models/sentences.md`.
const SHIPPED: &[u8] = include_bytes!("../../../../models/sentences.tsv.gz");

/// Unpacked files larger than this are not read.
const MOST_BYTES: u64 = 512 << 20;

/// The shipped table.
pub(super) fn shipped() -> Result<&'static Learnt> {
    static LEARNT: OnceLock<Learnt> = OnceLock::new();
    if let Some(learnt) = LEARNT.get() {
        return Ok(learnt);
    }
    let mut text = String::new();
    GzDecoder::new(SHIPPED).read_to_string(&mut text).context("the shipped sentences")?;
    Ok(LEARNT.get_or_init(|| Learnt::parse(&text)))
}

/// A text file, unpacked where it is gzip.
pub(super) fn read(path: &Path) -> Result<String> {
    let name = || path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path).with_context(name)?.take(MOST_BYTES).read_to_end(&mut bytes).with_context(name)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return String::from_utf8(bytes).with_context(name);
    }
    let mut text = String::new();
    let read =
        GzDecoder::new(bytes.as_slice()).take(MOST_BYTES).read_to_string(&mut text).with_context(name)?;
    if read as u64 == MOST_BYTES {
        bail!("{}: more than {MOST_BYTES} bytes", name());
    }
    Ok(text)
}
