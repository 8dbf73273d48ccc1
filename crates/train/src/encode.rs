//! The encoder fitted to data, and observations turned into a table of encoded rows.
//!
//! Rates are progressive: a training row sees only what came before it, and rows of the other parts see what the
//! training part taught, which is what a page will see.

use std::collections::HashMap;

use attune::feature::{
    Encoder, FeatureList, FieldTable, FieldValue, Kind, Observation as Values, Vocabulary, knots_from_sample,
};

use crate::source::{LoadError, Observation, Source};
use crate::split::{Part, mix};
use crate::survey::Survey;
use crate::table::{Cell, FieldLayout, Layout, Outcome, Table, TableError, TableWriter};

/// Knots of a number.
const KNOTS: usize = 16;
/// Values of a number that are kept to place its knots.
const SAMPLE: usize = 1 << 16;
/// How often a symbol must occur in the training part to be in the vocabulary.
const FEWEST: u32 = 5;
/// Largest vocabulary; the most frequent symbols are kept.
const LARGEST: usize = 20_000;
/// Symbols that are counted at once; when there are more, those seen once are forgotten.
const COUNTED: usize = 1 << 20;

/// Which targets become heads, and where the observation holds them.
#[derive(Debug, Clone, PartialEq)]
pub struct Heads {
    /// Names, in the network's order.
    pub names: Vec<String>,
    /// Index of each among [`Observation::labels`].
    pub at: Vec<usize>,
}

impl Heads {
    /// The targets that vary.
    #[must_use]
    pub fn of(survey: &Survey) -> Self {
        let varying = survey.targets.iter().enumerate().filter(|(_, target)| target.varies());
        let (at, names) = varying.map(|(at, target)| (at, target.name.clone())).unzip();
        Self { names, at }
    }
}

/// An encoder whose rates know nothing yet but how often each target happens.
fn fresh(list: FeatureList, survey: &Survey) -> Encoder {
    let mut encoder = Encoder::unfitted(list);
    for target in &survey.targets {
        if let Some(rate) = target.rate() {
            encoder.set_rate_prior(&target.name, rate.clamp(1e-4, 1.0 - 1e-4));
        }
    }
    encoder
}

fn count(encoder: &mut Encoder, heads: &Heads, row: &Observation) {
    for (name, at) in heads.names.iter().zip(&heads.at) {
        if let Some(label) = row.labels.get(*at).filter(|label| label.known) {
            encoder.count_outcome(name, &row.moment(), &row.candidate, f64::from(label.value));
        }
    }
}

/// What a field's values in the training part were.
enum Seen {
    /// A reservoir (Vitter 1985, algorithm R).
    Numbers {
        sample: Vec<f32>,
        seen: u64,
    },
    Symbols {
        counts: HashMap<u64, u32>,
    },
    /// Words and n-grams: those that recur are kept if they are fewer than the buckets, else all are hashed.
    Text {
        counts: HashMap<u64, u32>,
        buckets: u32,
    },
    Hashed(u32),
}

impl Seen {
    fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Text { buckets, .. } => Self::Text { counts: HashMap::new(), buckets: *buckets },
            Kind::Category { buckets: Some(buckets), .. } => Self::Hashed(*buckets),
            kind if kind.is_symbolic() => Self::Symbols { counts: HashMap::new() },
            _ => Self::Numbers { sample: Vec::new(), seen: 0 },
        }
    }

    fn add(&mut self, value: FieldValue<'_>, seed: u64) {
        match (self, value) {
            (Self::Numbers { sample, seen }, FieldValue::Number(number)) if number.is_finite() => {
                *seen += 1;
                if sample.len() < SAMPLE {
                    sample.push(number);
                } else if let Some(place) = sample.get_mut((mix(seed ^ *seen) % *seen) as usize) {
                    *place = number;
                }
            }
            (Self::Symbols { counts } | Self::Text { counts, .. }, FieldValue::Symbols(symbols)) => {
                for symbol in symbols {
                    *counts.entry(*symbol).or_default() += 1;
                }
                if counts.len() > COUNTED {
                    counts.retain(|_, n| *n > 1);
                }
            }
            _ => {}
        }
    }

    fn table(self) -> FieldTable {
        match self {
            Self::Hashed(buckets) => FieldTable::Buckets(buckets),
            Self::Numbers { sample, .. } => FieldTable::Knots(knots_from_sample(&sample, KNOTS)),
            Self::Symbols { counts } => FieldTable::Vocabulary(Vocabulary::new(frequent(counts, LARGEST))),
            Self::Text { counts, buckets } => match frequent(counts, usize::MAX) {
                known if known.len() <= buckets as usize => FieldTable::Vocabulary(Vocabulary::new(known)),
                _ => FieldTable::Buckets(buckets),
            },
        }
    }
}

/// The most frequent symbols of those that occur often enough.
fn frequent(counts: HashMap<u64, u32>, most: usize) -> Vec<u64> {
    let mut known: Vec<(u32, u64)> =
        counts.into_iter().filter(|(_, n)| *n >= FEWEST).map(|(symbol, n)| (n, symbol)).collect();
    known.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    known.truncate(most);
    known.into_iter().map(|(_, symbol)| symbol).collect()
}

/// Reads the training part once and places knots, vocabularies and rates. `progress` is told the bytes read.
///
/// # Errors
/// [`LoadError`] when the data cannot be read.
pub fn fit(
    source: &Source,
    survey: &Survey,
    heads: &Heads,
    seed: u64,
    mut progress: impl FnMut(u64),
) -> Result<Encoder, LoadError> {
    let list = source.features();
    let mut seen: Vec<Seen> = list.features.iter().map(|feature| Seen::of(&feature.kind)).collect();
    let mut encoder = fresh(list, survey);
    let mut values = Values::default();
    let mut rows = source.rows()?;
    let mut read = 0_u64;
    while let Some(row) = rows.next_row()? {
        read += 1;
        if read.is_multiple_of(4096) {
            progress(rows.bytes_read());
        }
        if survey.split.part(&row) != Part::Train {
            continue;
        }
        encoder.observe(&row.moment(), &row.candidate, row.position, &mut values);
        for (index, seen) in seen.iter_mut().enumerate() {
            seen.add(values.field(index), mix(seed ^ index as u64));
        }
        count(&mut encoder, heads, &row);
    }
    encoder.set_tables(seen.into_iter().map(Seen::table).collect());
    Ok(encoder)
}

/// The layout of tables that an encoder writes.
#[must_use]
pub fn layout(encoder: &Encoder, heads: &Heads) -> Layout {
    let fields = encoder.list().features.iter().zip(encoder.tables());
    let fields =
        fields.map(|(feature, table)| FieldLayout { name: feature.name.clone(), kind: table.into() });
    Layout { fields: fields.collect(), heads: heads.names.clone() }
}

/// Writes one observation as a row.
struct RowWriter {
    values: Values,
    bags: Vec<Vec<(u32, f32)>>,
    labels: Vec<f32>,
    weights: Vec<f32>,
}

impl RowWriter {
    fn new(encoder: &Encoder) -> Self {
        let bags = vec![Vec::new(); encoder.tables().len()];
        Self { values: Values::default(), bags, labels: Vec::new(), weights: Vec::new() }
    }

    fn write(
        &mut self,
        (encoder, tables): (&Encoder, &[FieldTable]),
        (row, part, position): (&Observation, Part, usize),
        heads: &Heads,
        into: &mut TableWriter,
    ) -> Result<(), TableError> {
        encoder.observe(&row.moment(), &row.candidate, position, &mut self.values);
        for (index, (table, bag)) in tables.iter().zip(&mut self.bags).enumerate() {
            bag.clear();
            if !matches!(table, FieldTable::Knots(_)) {
                table.weigh(self.values.field(index), |row, weight| bag.push((row, weight)));
            }
        }
        let cells: Vec<Cell<'_>> = self
            .bags
            .iter()
            .enumerate()
            .map(|(index, bag)| match self.values.field(index) {
                FieldValue::Number(number) => Cell::Number(number),
                FieldValue::Symbols(_) => Cell::Bag(bag),
            })
            .collect();
        self.labels.clear();
        self.weights.clear();
        for at in &heads.at {
            let label = row.labels.get(*at).copied().unwrap_or_default();
            self.labels.push(if label.known { label.value } else { 0.0 });
            self.weights.push(f32::from(u8::from(label.known)));
        }
        let group = row.view.group;
        let outcome = Outcome {
            labels: &self.labels,
            label_weights: &self.weights,
            weight: row.weight,
            group: (group ^ (group >> 32)) as u32,
            part,
            at: row.view.at.unwrap_or(0),
        };
        into.push(&cells, outcome)
    }
}

/// Encodes all observations into a table in `scratch`; `keep` also sees every one, with its part.
///
/// # Errors
/// [`LoadError`] when the data cannot be read; a table that cannot be written reads as such an error too.
pub fn table(
    source: &Source,
    survey: &Survey,
    (encoder, heads): (&Encoder, &Heads),
    scratch: &std::path::Path,
    mut keep: impl FnMut(&Observation, Part),
    mut progress: impl FnMut(u64),
) -> Result<Table, crate::TrainError> {
    let mut running = fresh(encoder.list().clone(), survey);
    let mut writer = TableWriter::new(layout(encoder, heads), scratch)?;
    let mut row_writer = RowWriter::new(encoder);
    let mut rows = source.rows()?;
    let mut read = 0_u64;
    while let Some(row) = rows.next_row()? {
        read += 1;
        if read.is_multiple_of(4096) {
            progress(rows.bytes_read());
        }
        let part = survey.split.part(&row);
        let with = if part == Part::Train { &running } else { encoder };
        row_writer.write((with, encoder.tables()), (&row, part, row.position), heads, &mut writer)?;
        if part == Part::Train {
            count(&mut running, heads, &row);
        }
        keep(&row, part);
    }
    Ok(writer.finish()?)
}

/// Encodes a few observations as a page would: at position 0, with the fitted rates.
///
/// # Errors
/// [`TableError`] when the table cannot be written.
pub fn as_served(
    encoder: &Encoder,
    heads: &Heads,
    rows: &[Observation],
    scratch: &std::path::Path,
) -> Result<Table, TableError> {
    let mut writer = TableWriter::new(layout(encoder, heads), scratch)?;
    let mut row_writer = RowWriter::new(encoder);
    for row in rows {
        row_writer.write((encoder, encoder.tables()), (row, Part::Test, 0), heads, &mut writer)?;
    }
    writer.finish()
}
