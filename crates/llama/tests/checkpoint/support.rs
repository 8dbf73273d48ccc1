//! Where real models are, and a sink that keeps numbers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use attune_llama::checkpoint::{Role, Sink, TensorInfo, dequantise};
use attune_llama::{Config, Result};

/// Every tensor's numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) infos: Vec<TensorInfo>,
    pub(crate) tensors: Vec<Vec<f32>>,
}

impl Numbers {
    pub(crate) fn by_role(&self) -> BTreeMap<Role, &[f32]> {
        self.infos.iter().zip(&self.tensors).map(|(info, tensor)| (info.role, tensor.as_slice())).collect()
    }
}

impl Sink for Numbers {
    type Model = Self;

    fn begin(&mut self, _: &Config, tensors: &[TensorInfo]) -> Result<()> {
        self.infos = tensors.to_vec();
        self.tensors = tensors.iter().map(|_| Vec::new()).collect();
        Ok(())
    }

    fn blocks(&mut self, tensor: usize, first: usize, blocks: &[u8]) -> Result<()> {
        let format = self.infos[tensor].format;
        let tensor = &mut self.tensors[tensor];
        assert_eq!(tensor.len(), first * format.block_len());
        assert_eq!(blocks.len() % format.block_bytes(), 0);
        let start = tensor.len();
        tensor.resize(start + blocks.len() / format.block_bytes() * format.block_len(), f32::NAN);
        dequantise(format, blocks, &mut tensor[start..]);
        Ok(())
    }

    fn end(self) -> Result<Self> {
        for (info, tensor) in self.infos.iter().zip(&self.tensors) {
            assert_eq!(tensor.len(), info.rows * info.columns, "{info:?}");
        }
        Ok(self)
    }
}

/// The folders of `fixtures/shapes`, made by `fixtures/shapes.py`.
pub(crate) const SHAPES: [&str; 4] = ["llama", "llama3", "qwen2", "qwen3"];

/// A file of one of them.
pub(crate) fn fixture(shape: &str, file: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/shapes");
    std::fs::read(folder.join(shape).join(file)).unwrap()
}

/// `attune data fetch smollm2`'s file; nothing, and a word, where it is not there and this is not CI.
pub(crate) fn smollm2() -> Option<PathBuf> {
    let cache = std::env::var_os("ATTUNE_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache/attune")))?;
    there("SmolLM2", cache.join("data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
}

/// A file below `../shared`.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("ATTUNE_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    there(path, data.join("..").join(path))
}

fn there(name: &str, path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{} is not there", path.display());
    skip(&format!("llama: {name} is not there (ATTUNE_DATA, attune data fetch smollm2)"));
    None
}

fn skip(what: &str) {
    use std::io::Write as _;
    println!("skipped: {what}");
    if let Some(list) = std::env::var_os("ATTUNE_SKIPS")
        && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(list)
    {
        let _ = writeln!(file, "{what}");
    }
}
