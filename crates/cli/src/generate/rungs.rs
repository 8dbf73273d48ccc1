//! The ladder as the command line sets it up.

mod model;

use std::path::PathBuf;

use attune_generate::Brief;
use attune_generate::ladder::{Copy, Ladder, Left, Wanted};
use attune_generate::prompt::messages;
use attune_generate::remote::Remote;
use attune_generate::rung::{Failure, Kind, Rung, Templates, Told};
use attune_generate::template::Learnt;
use attune_text::TextModel;
use clap::Args;

use self::model::Borrowed;
pub(crate) use self::model::Model;
use super::{RungName, sentences};
use crate::clock::Clock;
use crate::engine::{Settings, find};
use crate::network::Server;
use crate::prediction;

/// Where the server of the remote rung is, and the key to it.
const ADDRESS: &str = "ATTUNE_SERVER";
const KEY: &str = "ATTUNE_SERVER_KEY";

// Which rungs there are. (A doc comment would become the help of the commands that have them.)
#[derive(Debug, Args, Clone)]
pub(crate) struct RungArguments {
    /// A GGUF file, or `smollm2`; the copywriter that comes with Attune, else SmolLM2, when absent.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// The highest rung that is tried; the GPU, where it is one and is faster than the processor, when absent.
    #[arg(long, value_enum)]
    rung: Option<RungName>,
    /// Not on a rung below.
    #[arg(long)]
    only: bool,
    /// The remote rung's address: `https://host`, with `/v1` or the whole route. ATTUNE_SERVER when absent.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The model's name there.
    #[arg(long, value_name = "NAME", default_value = "")]
    server_model: String,
    /// The text model that tells effects; models/text.en.attune-text, where it is here, when absent.
    #[arg(long, value_name = "FILE")]
    text_model: Option<PathBuf>,
    /// On the processor: 32-bit activations, equal to a reference but for rounding.
    #[arg(long)]
    pub(crate) exact: bool,
    /// Threads of the processor; as many as there are cores, at most four, when 0.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// Seconds that a rung may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    patience: f64,
}

impl RungArguments {
    /// What the ladder is asked for.
    pub(crate) fn wanted(&self, n: usize, seed: u64) -> Wanted {
        Wanted {
            n,
            seed,
            from: self.from(),
            descend: !self.only,
            patience: self.patience * 1000.0,
            ..Wanted::default()
        }
    }

    /// The highest rung that is tried.
    pub(crate) fn from(&self) -> Kind {
        self.rung.map_or(Kind::Gpu, Kind::from)
    }
}

/// The rungs, ready or with the reason why they are not there. Models are loaded when their rung is first tried.
pub(crate) struct Rungs {
    models: Result<[Model; 2], Failure>,
    remote: Result<(Server, String), Failure>,
    effects: Option<TextModel>,
    learnt: &'static Learnt,
}

impl Rungs {
    /// As the arguments and the environment have them; `tune` says more of how the model runs.
    ///
    /// # Errors
    /// Where a model is named that is not there, or a server's address that is none.
    pub(crate) fn new(arguments: &RungArguments, tune: impl FnOnce(&mut Settings)) -> Result<Self, Failure> {
        let settings = find(arguments.model.as_deref()).map(|path| {
            let mut settings = Settings::new(path);
            (settings.exact, settings.threads) = (arguments.exact, arguments.threads);
            tune(&mut settings);
            settings
        });
        let models = match settings {
            Err(failure) if arguments.model.is_some() && arguments.from() <= Kind::Cpu => {
                return Err(failure);
            }
            settings => settings.map(|settings| {
                // A GPU that was asked for by name is tried even where it is slow.
                let really = arguments.rung.is_some();
                [Kind::Gpu, Kind::Cpu].map(|kind| Model::new(kind, settings.clone(), really))
            }),
        };
        let address = arguments.server.clone().or_else(|| std::env::var(ADDRESS).ok());
        let remote = match address.filter(|address| !address.is_empty()) {
            Some(address) => {
                let server = Server::new(&address, std::env::var(KEY).ok())?;
                Ok((server, arguments.server_model.clone()))
            }
            None => Err(Failure::new("remote_unset", format!("no server is set: --server URL or {ADDRESS}"))),
        };
        let effects = prediction::load(arguments.text_model.as_deref())
            .map_err(|error| Failure::new("text_model", format!("{error:#}")))?;
        let learnt = sentences::shipped().map_err(|error| Failure::new("sentences", format!("{error:#}")))?;
        Ok(Self { models, remote, effects, learnt })
    }

    /// The same, in the order in which the rung serves its texts: nothing is predicted, and nothing chosen by it.
    #[must_use]
    pub(crate) fn without_effects(self) -> Self {
        Self { effects: None, ..self }
    }

    /// The models, highest rung first.
    pub(crate) fn models(&mut self) -> Result<&mut [Model; 2], Failure> {
        self.models.as_mut().map_err(|failure| failure.clone())
    }

    /// Loads the first model that can be, so that its rung's speed is its own. Why not is the ladder's to tell.
    pub(crate) async fn warm(&mut self, from: Kind, descend: bool) {
        for model in self.models.iter_mut().flatten() {
            let asked = model.kind() == from || (descend && model.kind() > from);
            if asked && model.engine().await.is_ok() {
                return;
            }
        }
    }

    /// Writes copy for a brief, on the highest rung that can.
    ///
    /// # Errors
    /// Why no rung could.
    pub(crate) async fn compose(
        &mut self,
        brief: &Brief,
        wanted: Wanted,
        tell: &mut dyn FnMut(Told),
    ) -> Result<Copy, Vec<Left>> {
        let ladder = Ladder::new()
            .with(Kind::Remote, remote(&self.remote))
            .with(Kind::Template, Ok(templates(self.learnt)));
        let mut ladder = match &mut self.models {
            Ok(models) => models
                .iter_mut()
                .fold(ladder, |ladder, model| ladder.with(model.kind(), Ok(Box::new(Borrowed(model))))),
            Err(failure) => {
                ladder.with(Kind::Gpu, Err(failure.clone())).with(Kind::Cpu, Err(failure.clone()))
            }
        };
        ladder.compose(brief, wanted, self.effects.as_ref(), &Clock::start(), tell).await
    }
}

fn remote(set: &Result<(Server, String), Failure>) -> Result<Box<dyn Rung>, Failure> {
    let (server, model) = set.clone()?;
    Ok(Box::new(Remote::new(server.connection(), model, messages)))
}

fn templates(learnt: &'static Learnt) -> Box<dyn Rung> {
    Box::new(Templates { learnt: Some(learnt) })
}
