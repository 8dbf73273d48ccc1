//! Where observations come from: Attune's own log, Metarank's events, and any delimited table.
//!
//! A [`Source`] is opened once, which reads the small things (catalogue, mapping, span of time, hashes of the
//! files), and can then be streamed as often as training needs: memory does not grow with the number of rows.

mod delimited;
mod error;
mod input;
mod log;
mod mapping;
mod metarank;

use std::path::Path;
use std::sync::Arc;

use attune::decision::{Arm, Source as Chooser};
use attune::feature::{DeviceClass, FeatureList, Moment};
use attune::profile::Profile;
use attune::wire::{Candidate, Fields};

pub use error::LoadError;
pub use input::{Input, InputHash};
pub use mapping::{Mapping, NAMED, named};

use crate::clean::Cleaning;
use crate::join::Rules;

/// The longest list of target names: heads of the student.
pub const MAX_TARGETS: usize = 8;

/// How a page view was decided, as its log says. What has no decisions, has none of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Served {
    /// Symbol of the decision's id.
    pub decision: u64,
    /// Symbol of the pseudonymous shopper id, where there is one.
    pub shopper: Option<u64>,
    /// Side of the global hold-out; `None` where the log does not know of one.
    pub arm: Option<Arm>,
    /// Who chose the order.
    pub chooser: Chooser,
    /// The bundle's hash, hex; empty without one.
    pub bundle: Arc<str>,
}

/// What is the same for every item of a page view.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// Milliseconds since 1970-01-01 UTC; `None` when the data have no time.
    pub at: Option<i64>,
    /// Minutes east of UTC.
    pub tz_offset: i32,
    /// User-agent class by name: `mobile`, `desktop`, …; empty when unknown.
    pub device: String,
    /// The page and the moment.
    pub context: Fields,
    /// The profile as it was.
    pub profile: Option<Profile>,
    /// Rows of one group stay in one part of the split: a decision, a test, a shopper.
    pub group: u64,
    /// How it was decided.
    pub served: Served,
}

/// A target's value for one row.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Label {
    /// 0 or 1.
    pub value: f32,
    /// Whether it is settled. A conversion whose window is still open is not.
    pub known: bool,
}

/// One shown item, and what came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observation {
    /// The page view, shared by its items.
    pub view: Arc<View>,
    /// The item.
    pub candidate: Arc<Candidate>,
    /// Where it stood; 0 is first.
    pub position: usize,
    /// Conditional probability with which it was drawn at its position, when known.
    pub propensity: Option<f64>,
    /// How many could have been drawn at its position, when known.
    pub eligible: Option<usize>,
    /// One label per target of the source, in its order.
    pub labels: Vec<Label>,
    /// How much the row counts; 1 unless the data say otherwise. Propensity weights are in it.
    pub weight: f32,
}

impl Observation {
    /// The moment, as the encoder reads it.
    #[must_use]
    pub fn moment(&self) -> Moment<'_> {
        let view = &self.view;
        let device = DeviceClass::of(&view.device);
        Moment::new(view.at.unwrap_or(0), view.tz_offset, device, &view.context, view.profile.as_ref())
    }
}

/// A stream of observations.
pub trait Rows {
    /// The next observation; `None` at the end.
    ///
    /// # Errors
    /// [`LoadError`] when a file cannot be read on. A bad row is no error: it is dropped and counted.
    fn next_row(&mut self) -> Result<Option<Observation>, LoadError>;

    /// What was read, kept and dropped so far.
    fn cleaning(&self) -> &Cleaning;

    /// Bytes read from disk so far, of [`Source::bytes`].
    fn bytes_read(&self) -> u64;
}

/// Data to learn from, opened.
#[derive(Debug)]
pub struct Source {
    form: Form,
    targets: Vec<String>,
    inputs: Vec<Input>,
}

#[derive(Debug)]
enum Form {
    Log(log::Log),
    Table(Box<delimited::Table>),
}

impl Source {
    /// Opens a file or a folder. With a mapping it is read as a delimited table; otherwise as Attune's log or
    /// Metarank's events, whichever the first line says.
    ///
    /// # Errors
    /// [`LoadError`], which says what was expected and what was found.
    pub fn open(path: &Path, mapping: Option<&Mapping>, rules: Rules) -> Result<Self, LoadError> {
        let Some(mapping) = mapping else {
            let inputs = input::find(path, &["jsonl", "ndjson", "json"], &[])?;
            let log = log::Log::open(&inputs, rules)?;
            let targets = vec!["click".to_owned(), "conversion".to_owned()];
            return Ok(Self { form: Form::Log(log), targets, inputs });
        };
        let beside: Vec<&str> = mapping.join.iter().map(|join| join.file.as_str()).collect();
        let inputs = input::find(path, &["csv", "tsv", "txt"], &beside)?;
        let table = delimited::Table::open(path, &inputs, mapping.clone())?;
        Ok(Self { targets: table.targets(), form: Form::Table(Box::new(table)), inputs })
    }

    /// The targets, in the order of [`Observation::labels`].
    #[must_use]
    pub fn targets(&self) -> &[String] {
        &self.targets
    }

    /// The files read.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Size of the files on disk, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.inputs.iter().map(|input| input.bytes).sum()
    }

    /// What kind of data it is: `attune log`, `metarank events`, `table`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.form {
            Form::Log(log) => log.kind(),
            Form::Table(_) => "table",
        }
    }

    /// The features to learn from: what a shop usually knows for a log, the mapped columns for a table.
    #[must_use]
    pub fn features(&self) -> FeatureList {
        match &self.form {
            Form::Log(_) => FeatureList::shop(),
            Form::Table(table) => table.features(),
        }
    }

    /// Starts from the first row again.
    ///
    /// # Errors
    /// [`LoadError`] when a file cannot be opened any more.
    pub fn rows(&self) -> Result<Box<dyn Rows + '_>, LoadError> {
        match &self.form {
            Form::Log(log) => Ok(Box::new(log.rows()?)),
            Form::Table(table) => Ok(Box::new(table.rows()?)),
        }
    }
}
