//! A model file, loaded and ready to write.

mod device;
mod file;
mod prompt;
#[cfg(any(feature = "gpu", test))]
mod trial;

use std::path::PathBuf;

use attune_generate::local::Local;
use attune_generate::rung::{Failure, Kind};
use attune_llama::checkpoint::{Header, Value};
use attune_llama::cpu;

use self::device::Device;
pub(crate) use self::file::find;

/// The key of a model's own name; the file's stands in for it.
const NAME: &str = "general.name";

/// How a model is to run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The file.
    pub(crate) path: PathBuf,
    /// 32-bit activations on the processor.
    pub(crate) exact: bool,
    /// Texts that are written side by side.
    pub(crate) lanes: usize,
    /// Tokens of prompt and text.
    pub(crate) capacity: usize,
    /// Threads of the processor; 0 is as many as there are cores, at most four.
    pub(crate) threads: usize,
}

impl Settings {
    /// For a file.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, exact: false, lanes: 4, capacity: 2048, threads: 0 }
    }

    /// The model's name: the file's, without its ending.
    pub(crate) fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// A model on a device, with its tokenizer.
pub(crate) struct Engine {
    /// What writes.
    pub(crate) rung: Local<Device>,
    /// Which device, for people.
    pub(crate) device: String,
}

impl Engine {
    /// Loads the model for a rung.
    ///
    /// # Errors
    /// `model_unreadable` and the codes of [`attune_llama::Error`]; `gpu_absent`; `gpu_wrong`; `gpu_is_cpu` and `gpu_slow`, where `really`
    /// does not ask for it all the same.
    pub(crate) async fn load(settings: &Settings, kind: Kind, really: bool) -> Result<Self, Failure> {
        let (model, mut header, device) = match kind {
            Kind::Cpu => {
                let mode = if settings.exact { cpu::Mode::Exact } else { cpu::Mode::Fast };
                let options = cpu::Options {
                    mode,
                    capacity: settings.capacity,
                    lanes: settings.lanes,
                    threads: settings.threads,
                };
                let loaded = file::read(&settings.path, cpu::Loader::new(options))?;
                let mode = if settings.exact { "exact" } else { "fast" };
                (Device::Cpu(Box::new(loaded.model)), loaded.header, format!("processor, {mode}"))
            }
            Kind::Gpu => gpu(settings, really).await?,
            Kind::Remote | Kind::Template => {
                return Err(Failure::new("rung_absent", format!("{} runs no model here", kind.name())));
            }
        };
        let metadata = &mut header.metadata;
        if metadata.get(NAME).is_none() {
            metadata.set(NAME, Value::Text(settings.name()));
        }
        Ok(Self { rung: Local::new(kind, model, metadata)?, device })
    }
}

type Loaded = (Device, Header, String);

#[cfg(feature = "gpu")]
async fn gpu(settings: &Settings, really: bool) -> Result<Loaded, Failure> {
    use attune_llama::gpu::{Device as Gpu, DeviceOptions, Loader, ModelOptions};

    let absent = |error: attune_llama::Error| Failure::new("gpu_absent", error.to_string());
    let gpu = Gpu::request(&DeviceOptions::default()).await.map_err(absent)?;
    if gpu.is_cpu() && !really {
        let what = format!("{} is no GPU, and slower than the processor itself", gpu.name());
        return Err(Failure::new("gpu_is_cpu", what));
    }
    let mut options = ModelOptions::default();
    (options.capacity, options.lanes) = (settings.capacity, settings.lanes);
    let loaded = file::read(&settings.path, Loader::new(&gpu, options))?;
    let mut model = Box::new(loaded.model);
    trial::stand(model.as_mut(), really).await?;
    Ok((Device::Gpu(model), loaded.header, gpu.name()))
}

#[cfg(not(feature = "gpu"))]
async fn gpu(_: &Settings, _: bool) -> Result<Loaded, Failure> {
    Err(Failure::new("gpu_absent", "this build has no GPU: cargo build -p attune-cli --features gpu"))
}
