//! The encoding of a page.

use lol_html::AsciiCompatibleEncoding;

/// An encoding in which tags look as they do in ASCII: all of the Encoding Standard but UTF-16, ISO-2022-JP and
/// `replacement`.
#[derive(Debug, Clone, Copy)]
pub struct Charset {
    pub(crate) encoding: AsciiCompatibleEncoding,
    /// Told by whoever sent the page; otherwise a `meta` tag may tell.
    pub(crate) declared: bool,
}

impl Charset {
    /// The encoding with this label; `None` when a page in it cannot be followed.
    #[must_use]
    pub fn declared(label: &str) -> Option<Self> {
        let encoding = encoding_rs::Encoding::for_label(label.trim().as_bytes())?;
        Some(Self { encoding: AsciiCompatibleEncoding::new(encoding)?, declared: true })
    }
}

/// UTF-8, unless the page says otherwise.
impl Default for Charset {
    fn default() -> Self {
        Self { encoding: AsciiCompatibleEncoding::utf_8(), declared: false }
    }
}
