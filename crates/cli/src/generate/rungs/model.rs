//! A model as a rung: loaded when it is first needed, given up when its device fails.

use attune_generate::rung::{Draft, Failure, Kind, Local, Rung, Task, Told};

use crate::engine::{Engine, Settings};

/// A model on one of the two devices.
pub(crate) struct Model {
    kind: Kind,
    settings: Settings,
    name: String,
    /// Whether what stands in for a GPU will do.
    really: bool,
    state: State,
}

enum State {
    Waiting,
    Ready(Box<Engine>),
    Lost(Failure),
}

impl Model {
    pub(crate) fn new(kind: Kind, settings: Settings, really: bool) -> Self {
        let name = settings.name();
        Self { kind, settings, name, really, state: State::Waiting }
    }

    /// Where it runs.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Its file's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The model, loaded.
    ///
    /// # Errors
    /// Why it is not to be had: from the first time on the same.
    pub(crate) async fn engine(&mut self) -> Result<&mut Engine, Failure> {
        if matches!(self.state, State::Waiting) {
            self.state = match Engine::load(&self.settings, self.kind, self.really).await {
                Ok(engine) => State::Ready(Box::new(engine)),
                Err(failure) => State::Lost(failure),
            };
        }
        match &mut self.state {
            State::Ready(engine) => Ok(engine),
            State::Lost(failure) => Err(failure.clone()),
            State::Waiting => Err(Failure::new("rung_absent", "is not loaded")),
        }
    }

    /// Gives its memory back where its device has failed: it is not tried again.
    pub(crate) fn failed(&mut self, failure: &Failure) {
        if failure.code == "device_failed" {
            self.state = State::Lost(failure.clone());
        }
    }
}

/// A model that is lent to a ladder.
pub(super) struct Borrowed<'m>(pub(super) &'m mut Model);

impl Rung for Borrowed<'_> {
    fn kind(&self) -> Kind {
        self.0.kind
    }

    fn model(&self) -> Option<&str> {
        Some(&self.0.name)
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        Box::pin(async move {
            let written = self.0.engine().await?.rung.write(task, tell).await;
            written.inspect_err(|failure| self.0.failed(failure))
        })
    }
}
