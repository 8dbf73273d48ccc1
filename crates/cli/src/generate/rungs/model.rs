//! A model as a rung: loaded when it is first needed, given up when its device fails.

use attune_generate::rung::{Failure, Kind};

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
