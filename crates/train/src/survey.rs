//! One pass over the data before anything is learnt: is there something to learn, and how will it be split?

use serde::Serialize;

use crate::clean::Cleaning;
use crate::source::{InputHash, LoadError, Source};
use crate::split::{Shares, Split, Times};

/// How often a target was known, and how often it was 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetCount {
    /// The head's name.
    pub name: String,
    /// Observations whose label is known.
    pub known: u64,
    /// Observations whose label is 1.
    pub positive: u64,
    /// Sum of the known observations' weights.
    pub weight: f64,
    /// Sum of the positive observations' weights.
    pub positive_weight: f64,
}

impl TargetCount {
    /// The weighted share of 1s; `None` when nothing is known.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.positive_weight / self.weight)
    }

    /// Whether both 0 and 1 occur.
    #[must_use]
    pub fn varies(&self) -> bool {
        self.positive > 0 && self.positive < self.known
    }
}

/// What the data are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survey {
    /// `attune log`, `metarank events` or `table`.
    pub kind: String,
    /// The files and their hashes.
    pub files: Vec<InputHash>,
    /// What was read, kept and dropped.
    pub cleaning: Cleaning,
    /// First and last time, milliseconds since 1970.
    pub span: Option<(i64, i64)>,
    /// One per target of the source, in its order.
    pub targets: Vec<TargetCount>,
    /// How rows go to parts.
    pub split: Split,
}

impl Survey {
    /// Reads everything once. `progress` is told the bytes read so far.
    ///
    /// # Errors
    /// [`LoadError::Unlearnable`] when no row is left or no target varies, and what reading can fail with.
    pub fn of(source: &Source, seed: u64, mut progress: impl FnMut(u64)) -> Result<Self, LoadError> {
        let mut targets: Vec<TargetCount> = source
            .targets()
            .iter()
            .map(|name| TargetCount {
                name: name.clone(),
                known: 0,
                positive: 0,
                weight: 0.0,
                positive_weight: 0.0,
            })
            .collect();
        let mut times = Times::new(seed);
        let (mut settled, mut unsettled) = (Times::new(seed), 0_u64);
        let mut rows = source.rows()?;
        let mut read = 0_u64;
        while let Some(row) = rows.next_row()? {
            times.add(&row);
            if row.labels.iter().all(|label| label.known) {
                settled.add(&row);
            } else {
                unsettled += 1;
            }
            for (count, label) in targets.iter_mut().zip(&row.labels).filter(|(_, label)| label.known) {
                let positive = label.value > 0.5;
                count.known += 1;
                count.positive += u64::from(positive);
                count.weight += f64::from(row.weight);
                count.positive_weight += if positive { f64::from(row.weight) } else { 0.0 };
            }
            read += 1;
            if read.is_multiple_of(4096) {
                progress(rows.bytes_read());
            }
        }
        let cleaning = rows.cleaning().clone();
        if cleaning.kept == 0 {
            return Err(LoadError::Unlearnable(format!("no observation is left to learn from: {cleaning}")));
        }
        if !targets.iter().any(TargetCount::varies) {
            let said: Vec<_> = targets.iter().map(constant).collect();
            return Err(LoadError::Unlearnable(format!("nothing to learn: {}", said.join("; "))));
        }
        let files = source.inputs().iter().map(super::source::Input::hash).collect::<Result<_, _>>()?;
        let span = times.span();
        // The latest conversions are not known yet: parts of equal settled rows leave some to test on.
        let split = if 2 * unsettled < cleaning.kept { settled } else { times }.split(Shares::default());
        Ok(Self { kind: source.kind().to_owned(), files, cleaning, span, targets, split })
    }

    /// Targets that cannot be learnt, and why; they get no head.
    #[must_use]
    pub fn constant(&self) -> Vec<String> {
        self.targets.iter().filter(|target| !target.varies()).map(constant).collect()
    }
}

fn constant(target: &TargetCount) -> String {
    match target.known {
        0 => format!("the target `{}` is never known", target.name),
        n => format!(
            "the target `{}` is {} in all {n} observations",
            target.name,
            u8::from(target.positive > 0)
        ),
    }
}
