//! The hashes of a file's shards, so that a download is known to be whole before it runs.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// A file's length and the sha256 of each of its shards: stretches of `shard` bytes, the last one shorter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of a shard.
    pub shard: u64,
    /// sha256 of each shard, hex.
    pub sha256: Vec<String>,
}

/// Makes a manifest of bytes as they come.
#[derive(Debug, Clone)]
pub struct Hasher {
    shard: u64,
    bytes: u64,
    digest: Sha256,
    sha256: Vec<String>,
}

impl Hasher {
    /// The usual bytes of a shard.
    pub const SHARD: u64 = 8 << 20;

    /// A hasher of shards of `shard` bytes, at least one.
    pub fn new(shard: u64) -> Self {
        Self { shard: shard.max(1), bytes: 0, digest: Sha256::new(), sha256: Vec::new() }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let left = self.shard - self.bytes % self.shard;
            let (now, rest) =
                bytes.split_at(usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len())));
            self.digest.update(now);
            self.bytes += now.len() as u64;
            if self.bytes.is_multiple_of(self.shard) {
                self.close();
            }
            bytes = rest;
        }
    }

    /// The manifest of what came.
    pub fn finish(mut self) -> Manifest {
        if !self.bytes.is_multiple_of(self.shard) {
            self.close();
        }
        Manifest { bytes: self.bytes, shard: self.shard, sha256: self.sha256 }
    }

    fn close(&mut self) {
        let digest = self.digest.finalize_reset();
        self.sha256.push(digest.iter().map(|byte| format!("{byte:02x}")).collect());
    }
}

/// Holds bytes against a manifest as they come.
#[derive(Debug, Clone)]
pub struct Verifier {
    manifest: Manifest,
    hasher: Hasher,
    /// Shards compared by now.
    compared: usize,
}

impl Verifier {
    /// A verifier of the file of this manifest.
    pub fn new(manifest: Manifest) -> Self {
        let hasher = Hasher::new(manifest.shard);
        Self { manifest, hasher, compared: 0 }
    }

    /// Bytes of the whole file.
    pub fn total(&self) -> u64 {
        self.manifest.bytes
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] as soon as a shard is complete and not the manifest's, or the file is longer than it says.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.push(bytes);
        if self.hasher.bytes > self.manifest.bytes {
            return Err(Error::Malformed(format!(
                "it is longer than the {} bytes of its manifest",
                self.manifest.bytes
            )));
        }
        self.compare()
    }

    /// All bytes have come.
    ///
    /// # Errors
    /// [`Error::Malformed`] where they are not the manifest's.
    pub fn finish(mut self) -> Result<()> {
        if self.hasher.bytes != self.manifest.bytes {
            let (came, bytes) = (self.hasher.bytes, self.manifest.bytes);
            return Err(Error::Malformed(format!(
                "it ends after {came} of the {bytes} bytes of its manifest"
            )));
        }
        if !self.hasher.bytes.is_multiple_of(self.hasher.shard) {
            self.hasher.close();
        }
        self.compare()?;
        if self.hasher.sha256.len() != self.manifest.sha256.len() {
            return Err(Error::Malformed("its manifest has another number of shards".into()));
        }
        Ok(())
    }

    fn compare(&mut self) -> Result<()> {
        while let Some(here) = self.hasher.sha256.get(self.compared) {
            if !self
                .manifest
                .sha256
                .get(self.compared)
                .is_some_and(|wanted| wanted.eq_ignore_ascii_case(here))
            {
                return Err(Error::Malformed(format!(
                    "shard {} is not the one of its manifest",
                    self.compared
                )));
            }
            self.compared += 1;
        }
        Ok(())
    }
}
