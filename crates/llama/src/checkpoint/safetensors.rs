//! Hugging Face's `model.safetensors` with its `config.json`, read as its bytes come in.
//!
//! The format: eight bytes with the length of a JSON header, the header (name → `dtype`, `shape`, `data_offsets`), the tensors. One
//! file holds the whole model; a model split over several is refused.

mod config;

use crate::order;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::shape::{HUGGING_FACE, Told, check};
use super::stream::{Filling, Span};
use super::{Format, Header, Limits, Loaded, Manifest, Metadata, Role, Sink, Verifier};
use crate::{Config, Error, Result};

/// The most bytes of a header; parsed, it is several times that.
const HEADER: u64 = 16 << 20;

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one, in its reader; on 32 bits it is no finding")]
enum Stage<S> {
    Header { bytes: Vec<u8>, sink: S },
    Weights { header: Header, filling: Filling<S> },
    Failed,
}

/// Reads one file, pushed in chunks of any size.
#[derive(Debug)]
pub struct Reader<S> {
    limits: Limits,
    config: Config,
    verifier: Option<Verifier>,
    received: u64,
    stage: Stage<S>,
}

impl<S: Sink> Reader<S> {
    /// A reader of the file that belongs to this `config.json`.
    ///
    /// # Errors
    /// [`Error::Malformed`] and [`Error::Unsupported`] for the configuration.
    pub fn new(limits: Limits, config: &str, sink: S) -> Result<Self> {
        let config = config::config(config, limits.context)?;
        let stage = Stage::Header { bytes: Vec::new(), sink };
        Ok(Self { limits, config, verifier: None, received: 0, stage })
    }

    /// Holds every shard of the file against the manifest's hashes. [`Sink::end`] is only called when all match.
    #[must_use]
    pub fn verified(mut self, manifest: Manifest) -> Self {
        self.verifier = Some(Verifier::new(manifest));
        self
    }

    /// Bytes by now.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of the whole file, once the header or a manifest tells.
    pub fn total(&self) -> Option<u64> {
        let told = match &self.stage {
            Stage::Weights { filling, .. } => Some(self.received + filling.left()),
            _ => None,
        };
        self.verifier.as_ref().map(Verifier::total).or(told)
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// As [`super::gguf::Reader::push`].
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        let pushed = self.take(chunk);
        if pushed.is_err() {
            self.stage = Stage::Failed;
        }
        pushed
    }

    /// All bytes have been pushed.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the file is cut off or a shard is not the manifest's, and what the sink says.
    pub fn finish(self) -> Result<Loaded<S::Model>> {
        let Stage::Weights { header, filling } = self.stage else {
            return Err(Error::Malformed(format!(
                "it is cut off in its header, after {} bytes",
                self.received
            )));
        };
        if let Some(verifier) = self.verifier {
            verifier.finish()?;
        }
        Ok(Loaded { model: filling.finish()?, header })
    }

    fn take(&mut self, mut chunk: &[u8]) -> Result<()> {
        if let Some(verifier) = &mut self.verifier {
            verifier.push(chunk)?;
        }
        self.received += chunk.len() as u64;
        while let Stage::Header { bytes, .. } = &mut self.stage {
            let length = match bytes.first_chunk() {
                Some(length) => u64::from_le_bytes(*length),
                None => 0,
            };
            let available = self.limits.header.min(HEADER);
            if length > available {
                let needed = length;
                return Err(Error::TooLarge { what: "its header".into(), needed, available });
            }
            let wanted = 8 + length as usize;
            let (head, rest) = chunk.split_at(chunk.len().min(wanted - bytes.len()));
            bytes.extend_from_slice(head);
            chunk = rest;
            if bytes.len() < wanted {
                return Ok(());
            }
            if length > 0 {
                self.open()?;
            } else if bytes.starts_with(&[0; 8]) {
                return Err(Error::Malformed("its header is empty".into()));
            }
        }
        match &mut self.stage {
            Stage::Weights { filling, .. } => filling.push(chunk),
            _ => Err(Error::Malformed("reading it has failed before".into())),
        }
    }

    fn open(&mut self) -> Result<()> {
        let Stage::Header { bytes, sink } = std::mem::replace(&mut self.stage, Stage::Failed) else {
            return Ok(());
        };
        let (spans, told) = lay_out(&bytes[8..], &self.config)?;
        let tensors = check(&self.config, &HUGGING_FACE, &told, self.limits.weights)?;
        let header = Header { config: self.config.clone(), tensors, metadata: Metadata::default() };
        let filling = Filling::begin(sink, &header, spans, 0)?;
        self.stage = Stage::Weights { header, filling };
        Ok(())
    }
}

/// A tensor's entry; what is known of all of them is checked, and `__metadata__` has none of this.
#[derive(Deserialize)]
struct Entry {
    dtype: Option<String>,
    shape: Option<Vec<u64>>,
    data_offsets: Option<[u64; 2]>,
}

fn lay_out(json: &[u8], config: &Config) -> Result<(Vec<Span>, Vec<Told>)> {
    let mut all: BTreeMap<String, Entry> =
        serde_json::from_slice(json).map_err(|error| Error::Malformed(format!("its header: {error}")))?;
    all.remove("__metadata__");
    let mut entries = Vec::with_capacity(all.len());
    for (name, entry) in all {
        let Entry { dtype: Some(dtype), shape: Some(shape), data_offsets: Some(offsets) } = entry else {
            return Err(Error::Malformed(format!("its header says too little of {name}")));
        };
        entries.push((name, dtype, shape, offsets));
    }
    order::sort_by_key(&mut entries, |(.., offsets)| *offsets);
    let mut spans = Vec::with_capacity(entries.len());
    let mut told = Vec::with_capacity(entries.len());
    let mut at = 0;
    for (name, dtype, shape, [start, end]) in entries {
        let format = match dtype.as_str() {
            "F32" => Format::F32,
            "F16" => Format::F16,
            "BF16" => Format::BF16,
            other => return Err(Error::Unsupported(format!("{name} is stored as {other}"))),
        };
        let weights = shape.iter().try_fold(1u64, |product, dimension| product.checked_mul(*dimension));
        let bytes = weights.and_then(|weights| weights.checked_mul(format.block_bytes() as u64));
        if start != at || end < start || bytes != Some(end - start) {
            return Err(Error::Malformed(format!("{name} is {dtype} {shape:?}, and at {start} to {end}")));
        }
        at = end;
        let role = HUGGING_FACE.role(&name);
        let tensor = match role {
            // Some tied models have their output written out all the same.
            Some(Role::Output) if config.tied => None,
            Some(role) => {
                told.push(Told { name, role, format, shape });
                Some(told.len() - 1)
            }
            // Angular frequencies that older files have; they follow from the configuration.
            None if name.ends_with(".rotary_emb.inv_freq") => None,
            None => return Err(Error::Unsupported(format!("it has a tensor {name}"))),
        };
        spans.push(Span { tensor, start, bytes: end - start, block_bytes: format.block_bytes() });
    }
    Ok((spans, told))
}
