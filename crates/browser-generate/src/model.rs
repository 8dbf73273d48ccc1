//! A language model as a rung: downloaded, checked and tried when it is first asked to write.

use std::rc::Rc;

use attune_generate::local;
use attune_generate::rung::{Draft, Failure, Kind, Local, Rung, Task, Told};
use attune_llama::backend::Backend;
use attune_llama::checkpoint::gguf::Reader;
use attune_llama::checkpoint::{Header, Limits, Loaded, Manifest, Sink};

use crate::host::{Clock, Host, Source};

/// A device that is lost this often is not asked for again.
const LOSSES: usize = 2;

/// How models are to run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Tokens of prompt and text.
    pub(crate) capacity: usize,
    /// Texts that are written together.
    pub(crate) lanes: usize,
    /// Tokens a second below which a device does not serve.
    pub(crate) least: f64,
}

/// The rung.
pub(crate) struct Model {
    kind: Kind,
    host: Rc<Host>,
    clock: Clock,
    settings: Settings,
    name: Option<String>,
    rung: Option<Box<dyn Rung>>,
    /// Why it will not run here, however often it is tried.
    failed: Option<Failure>,
    losses: usize,
}

impl Model {
    pub(crate) fn new(kind: Kind, host: Rc<Host>, clock: Clock, settings: Settings) -> Self {
        Self { kind, host, clock, settings, name: None, rung: None, failed: None, losses: 0 }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// As its file says, once it is loaded.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Loads the model, unless it is there.
    ///
    /// # Errors
    /// Why it cannot serve: there is no device, no file, it is not what its manifest says, or it fails its trial.
    pub(crate) async fn ready(&mut self) -> Result<&mut Box<dyn Rung>, Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        if self.rung.is_none() {
            let _stopped = self.clock.stop();
            match self.load().await {
                Ok(rung) => {
                    self.name = rung.model().map(str::to_owned);
                    self.rung = Some(rung);
                }
                Err(failure) => {
                    // A network may come back.
                    if failure.code != "model_unavailable" {
                        self.failed = Some(failure.clone());
                    }
                    return Err(failure);
                }
            }
        }
        self.rung.as_mut().ok_or_else(|| Failure::new("model_unavailable", "the model is not there"))
    }

    async fn load(&mut self) -> Result<Box<dyn Rung>, Failure> {
        match self.kind {
            #[cfg(feature = "gpu")]
            Kind::Gpu => self.on_gpu().await,
            #[cfg(feature = "cpu")]
            Kind::Cpu => self.on_cpu().await,
            _ => Err(Failure::new("rung_absent", "is not part of this module")),
        }
    }

    #[cfg(feature = "gpu")]
    async fn on_gpu(&self) -> Result<Box<dyn Rung>, Failure> {
        use attune_llama::gpu::{Device, DeviceOptions, Loader, ModelOptions};
        let none = |_| Failure::new("no_webgpu", "this browser gives no GPU");
        let device = Device::request(&DeviceOptions::default()).await.map_err(none)?;
        let mut options = ModelOptions::default();
        (options.capacity, options.lanes) = (self.settings.capacity, self.settings.lanes);
        let Loaded { mut model, header } = self.receive(|| Loader::new(&device, options.clone())).await?;
        crate::trial::gpu(&mut model, self.settings.least, &self.clock).await?;
        device.check()?;
        self.rung(model, &header)
    }

    #[cfg(feature = "cpu")]
    async fn on_cpu(&self) -> Result<Box<dyn Rung>, Failure> {
        use attune_generate::local::{polite::Polite, trial};
        use attune_llama::cpu::{Loader, Mode, Options};
        let Settings { capacity, lanes, .. } = self.settings;
        let options = Options { mode: Mode::Fast, capacity, lanes, threads: 1 };
        let Loaded { model, header } = self.receive(|| Loader::new(options)).await?;
        let mut model = Polite::new(model, crate::polite::Stretch::new(self.clock.clone()));
        trial::pass(&mut model, self.settings.least, || self.clock.real()).await?;
        self.rung(model, &header)
    }

    fn rung<B: Backend + 'static>(&self, model: B, header: &Header) -> Result<Box<dyn Rung>, Failure> {
        let rung = local::Local::new(self.kind, model, &header.metadata)?;
        Ok(Box::new(rung))
    }

    /// Streams the file into a device's memory. A shard that is wrong is fetched once more.
    async fn receive<S: Sink>(&self, sink: impl Fn() -> S) -> Result<Loaded<S::Model>, Failure> {
        let source = Source::open(&self.host, self.kind).await?;
        let manifest: Manifest = serde_json::from_str(&source.manifest())
            .map_err(|error| Failure::new("model_unverified", error.to_string()))?;
        loop {
            match self.read(&source, &manifest, sink()).await {
                Err(failure) if failure.code == "model_malformed" => {
                    if !source.again().await {
                        return Err(failure);
                    }
                }
                outcome => return outcome,
            }
        }
    }

    async fn read<S: Sink>(
        &self,
        source: &Source,
        manifest: &Manifest,
        sink: S,
    ) -> Result<Loaded<S::Model>, Failure> {
        let mut reader = Reader::new(Limits::default(), sink).verified(manifest.clone());
        while let Some(part) = source.read().await? {
            reader.push(&part)?;
            self.clock.turn().await;
        }
        Ok(reader.finish()?)
    }
}

impl Rung for &mut Model {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn model(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        Box::pin(async move {
            self.ready().await?;
            let mut kept = Kept { model: self, whole: false };
            let Some(rung) = &mut kept.model.rung else {
                return Err(Failure::new("model_unavailable", "the model is not there"));
            };
            let outcome = rung.write(task, tell).await;
            kept.whole = true;
            if let Err(failure) = &outcome
                && failure.code == "device_failed"
            {
                kept.whole = false;
                kept.model.losses += 1;
                if kept.model.losses >= LOSSES {
                    kept.model.failed = Some(failure.clone());
                }
            }
            outcome
        })
    }
}

/// Lets a GPU's model go where its writing was dropped half-way: what it waits for would come to nobody.
struct Kept<'m> {
    model: &'m mut Model,
    whole: bool,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if !self.whole && self.model.kind == Kind::Gpu {
            self.model.rung = None;
        }
    }
}
