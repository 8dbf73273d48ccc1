//! Files: found, hashed, unpacked, read by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::error::LoadError;

const BUFFER: usize = 1 << 18;
/// The longest line read: a decision over 10,000 candidates with all their fields fits.
pub(super) const MAX_LINE: usize = 64 << 20;

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// Its size on disk, in bytes.
    pub bytes: u64,
}

/// A file's name and hash, for the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputHash {
    /// The file's name, without its folders.
    pub name: String,
    /// Its size on disk, in bytes.
    pub bytes: u64,
    /// sha256 of its bytes on disk, hex.
    pub sha256: String,
}

impl Input {
    /// Looks at a file.
    ///
    /// # Errors
    /// [`LoadError::Read`] when there is no such file, [`LoadError::Nothing`] when it is empty.
    pub fn at(path: &Path) -> Result<Self, LoadError> {
        let bytes = std::fs::metadata(path).map_err(|e| LoadError::io(path, 0, &e))?.len();
        if bytes == 0 {
            return Err(LoadError::Nothing { path: path.to_owned(), detail: "the file is empty".to_owned() });
        }
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// Hashes the file.
    ///
    /// # Errors
    /// [`LoadError::Read`].
    pub fn hash(&self) -> Result<InputHash, LoadError> {
        let fail = |e: io::Error| LoadError::io(&self.path, 0, &e);
        let mut file = File::open(&self.path).map_err(fail)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; BUFFER];
        loop {
            let n = file.read(&mut buffer).map_err(fail)?;
            if n == 0 {
                break;
            }
            digest.update(&buffer[..n]);
        }
        let sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(InputHash { name, bytes: self.bytes, sha256 })
    }

    /// The file's bytes, unpacked when they are gzip (told by its first two bytes, not by its name).
    pub(super) fn open(&self, read: &Arc<AtomicU64>) -> Result<Box<dyn BufRead>, LoadError> {
        let fail = |e: io::Error| LoadError::io(&self.path, 0, &e);
        let file = Counted { file: File::open(&self.path).map_err(fail)?, read: Arc::clone(read) };
        let mut raw = BufReader::with_capacity(BUFFER, file);
        let packed = raw.fill_buf().map_err(fail)?.starts_with(&[0x1f, 0x8b]);
        Ok(if packed {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw)))
        } else {
            Box::new(raw)
        })
    }
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// A file's lines, without their ends.
pub(super) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    line: Vec<u8>,
    /// Lines read.
    pub(super) count: u64,
}

impl Lines {
    pub(super) fn open(input: &Input, read: &Arc<AtomicU64>) -> Result<Self, LoadError> {
        Ok(Self { path: input.path.clone(), reader: input.open(read)?, line: Vec::new(), count: 0 })
    }

    /// The next line that is not blank. A line that is too long or no UTF-8 comes as `Some(None)`.
    pub(super) fn next(&mut self) -> Result<Option<Option<&str>>, LoadError> {
        loop {
            self.line.clear();
            let (path, count) = (&self.path, self.count);
            let fail = |e: io::Error| LoadError::io(path, count, &e);
            let n =
                (&mut self.reader).take(MAX_LINE as u64).read_until(b'\n', &mut self.line).map_err(fail)?;
            if n == 0 {
                return Ok(None);
            }
            self.count += 1;
            if n == MAX_LINE && self.line.last() != Some(&b'\n') {
                self.reader.skip_until(b'\n').map_err(fail)?;
                return Ok(Some(None));
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        let bytes = if self.count == 1 { self.line.strip_prefix("\u{feff}".as_bytes()) } else { None };
        Ok(Some(std::str::from_utf8(bytes.unwrap_or(&self.line)).ok().map(str::trim)))
    }
}

/// The files at `path`: itself, or those of a folder whose names end in one of `endings` (packed or not),
/// except those in `beside`; sorted by name.
pub(super) fn find(path: &Path, endings: &[&str], beside: &[&str]) -> Result<Vec<Input>, LoadError> {
    let fail = |e: io::Error| LoadError::io(path, 0, &e);
    if !std::fs::metadata(path).map_err(fail)?.is_dir() {
        return Ok(vec![Input::at(path)?]);
    }
    let mut paths = Vec::new();
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let plain = name.strip_suffix(".gz").unwrap_or(&name);
        let wanted = endings.iter().any(|ending| plain.ends_with(&format!(".{ending}")));
        if path.is_file() && wanted && !name.starts_with('.') && !beside.contains(&name.as_str()) {
            paths.push(path);
        } else {
            seen.push(name);
        }
    }
    paths.sort();
    if paths.is_empty() {
        seen.sort();
        seen.truncate(12);
        let found = if seen.is_empty() { "nothing".to_owned() } else { seen.join(", ") };
        let mut detail = format!("no .{} file in this folder; found {found}", endings.join(", ."));
        let is_table =
            |name: &String| [".csv", ".tsv"].iter().any(|end| name.trim_end_matches(".gz").ends_with(end));
        if seen.iter().any(is_table) && !endings.contains(&"csv") {
            let shipped: Vec<&str> = super::NAMED.iter().map(|(name, _)| *name).collect();
            detail += &format!("; a table needs --mapping: a TOML file, or one of {}", shipped.join(", "));
        }
        return Err(LoadError::Nothing { path: path.to_owned(), detail });
    }
    paths.iter().map(|path| Input::at(path)).collect()
}
