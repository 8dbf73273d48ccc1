//! What can write copy: one trait, from the shopper's own GPU down to templates.

mod template;

use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

pub use self::template::Templates;
use crate::Brief;

/// The rungs of the ladder, the first one tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A language model on the device's GPU.
    Gpu,
    /// A language model on the device's processor.
    Cpu,
    /// A server.
    Remote,
    /// A grammar with variation: always there.
    Template,
}

impl Kind {
    /// All, from the top.
    pub const ALL: [Self; 4] = [Self::Gpu, Self::Cpu, Self::Remote, Self::Template];

    /// As it is written in answers and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
            Self::Remote => "remote",
            Self::Template => "template",
        }
    }
}

/// Why a rung did not serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// A stable name for programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Failure {
    /// A failure of this code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<attune_llama::Error> for Failure {
    fn from(error: attune_llama::Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// What a rung is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Task<'t> {
    /// The facts, and how they are to be told.
    pub brief: &'t Brief,
    /// How many texts; fewer may come.
    pub n: usize,
    /// The same seed gives the same texts where a rung can promise that.
    pub seed: u64,
}

/// A text as a rung wrote it: nothing has been checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// The text.
    pub text: String,
    /// Tokens of it; 0 where the rung counts none.
    pub tokens: usize,
}

/// What happens while a rung writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Told {
    /// A rung begins.
    Rung {
        /// Which.
        rung: Kind,
        /// The model it runs, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// More of a text. It has not been checked: a page shows it as a draft.
    Text {
        /// Which of the texts, from 0.
        index: usize,
        /// What follows.
        text: String,
    },
    /// A rung was left.
    Left {
        /// Which.
        rung: Kind,
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
}

/// A future that stays on its thread.
pub type Local<'f, T> = Pin<Box<dyn Future<Output = T> + 'f>>;

/// Something that writes.
pub trait Rung {
    /// Where it stands on the ladder.
    fn kind(&self) -> Kind;

    /// The model it runs, where it has one.
    fn model(&self) -> Option<&str> {
        None
    }

    /// Writes up to `task.n` texts, and tells parts of them as they come. Dropping the future stops it.
    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>>;
}
