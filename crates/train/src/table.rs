//! Encoded rows on disk, streamed in blocks, so that memory does not grow with the rows.
//!
//! A row is `F + 2H + 5` little-endian 32-bit words: a cell per field (the bits of a number, or the id of a bag), H
//! labels, H label weights, row weight, group, part, and the time in two words.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::split::{Part, mix};

/// Rows of a block.
pub const BLOCK: usize = 8192;
/// Blocks that are shuffled together.
const BUFFERED: usize = 8;

/// Why a table could not be written, read or learnt from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file.
    #[error("the table of encoded rows: {0}")]
    Io(#[from] std::io::Error),
    /// A row or a layout that does not fit.
    #[error("{0}")]
    Shape(String),
    /// Too little to learn from.
    #[error("{0}")]
    Empty(String),
    /// The boosted trees.
    #[error("boosted trees: {0}")]
    Boosted(String),
}

/// How a field's values become rows of its embedding table. Row 0 is missing or unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Piecewise-linear over sorted knots; row i + 1 is knot i.
    Number {
        /// Positions of the knots.
        knots: Vec<f32>,
    },
    /// A weighted bag of table rows.
    Symbols {
        /// Rows of the table.
        rows: usize,
    },
}

impl From<&attune::feature::FieldTable> for FieldKind {
    fn from(table: &attune::feature::FieldTable) -> Self {
        match table {
            attune::feature::FieldTable::Knots(knots) => Self::Number { knots: knots.clone() },
            symbols => Self::Symbols { rows: symbols.rows() },
        }
    }
}

/// One field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldLayout {
    /// Its name.
    pub name: String,
    /// Its values.
    pub kind: FieldKind,
}

impl FieldLayout {
    /// Rows of the embedding table.
    #[must_use]
    pub fn rows(&self) -> usize {
        match &self.kind {
            FieldKind::Number { knots } => knots.len() + 1,
            FieldKind::Symbols { rows } => *rows,
        }
    }
}

/// Fields and heads of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// The fields, in order.
    pub fields: Vec<FieldLayout>,
    /// The heads' names, in order.
    pub heads: Vec<String>,
}

impl Layout {
    fn words(&self) -> usize {
        self.fields.len() + 2 * self.heads.len() + 5
    }
}

/// A field's value in a row to be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// A number; NaN is missing.
    Number(f32),
    /// Table rows and their weights.
    Bag(&'a [(u32, f32)]),
}

/// What a row has besides its cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome<'a> {
    /// Per head, in [0, 1].
    pub labels: &'a [f32],
    /// Per head; 0 masks a label.
    pub label_weights: &'a [f32],
    /// Of the row.
    pub weight: f32,
    /// Request or list.
    pub group: u32,
    /// Part of the data.
    pub part: Part,
    /// Milliseconds since 1970.
    pub at: i64,
}

/// The distinct bags of one field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bags {
    ends: Vec<u32>,
    rows: Vec<(u32, f32)>,
}

impl Bags {
    pub(crate) fn bag(&self, id: u32) -> &[(u32, f32)] {
        let id = id as usize;
        let start = id.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.rows[start..self.ends[id] as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

/// Writes a table row by row.
pub struct TableWriter {
    layout: Layout,
    path: PathBuf,
    file: BufWriter<File>,
    bags: Vec<Bags>,
    known: Vec<HashMap<Vec<(u32, u32)>, u32>>,
    rows: usize,
    parts: Vec<[u32; 4]>,
    words: Vec<u8>,
}

impl TableWriter {
    /// Starts a table in a temporary file of `folder`, removed when the table is dropped.
    ///
    /// # Errors
    /// [`TableError::Io`] when the file cannot be made.
    pub fn new(layout: Layout, folder: &Path) -> Result<Self, TableError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("attune-table-{}-{number}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let fields = layout.fields.len();
        Ok(Self {
            layout,
            path,
            file: BufWriter::with_capacity(1 << 20, file),
            bags: vec![Bags::default(); fields],
            known: vec![HashMap::new(); fields],
            rows: 0,
            parts: Vec::new(),
            words: Vec::new(),
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`TableError::Shape`] when it does not fit the layout, [`TableError::Io`].
    pub fn push(&mut self, cells: &[Cell<'_>], outcome: Outcome<'_>) -> Result<(), TableError> {
        let heads = self.layout.heads.len();
        if cells.len() != self.layout.fields.len()
            || outcome.labels.len() != heads
            || outcome.label_weights.len() != heads
        {
            return Err(TableError::Shape(format!(
                "a row of {} cells and {} labels in a table of {} fields and {heads} heads",
                cells.len(),
                outcome.labels.len(),
                self.layout.fields.len()
            )));
        }
        self.words.clear();
        for (index, (cell, field)) in cells.iter().zip(&self.layout.fields).enumerate() {
            let word = match (cell, &field.kind) {
                (Cell::Number(number), FieldKind::Number { .. }) => number.to_bits(),
                (Cell::Bag(bag), FieldKind::Symbols { rows }) => {
                    if let Some((row, _)) = bag.iter().find(|(row, _)| *row as usize >= *rows) {
                        return Err(TableError::Shape(format!("row {row} of {}'s {rows}", field.name)));
                    }
                    let key: Vec<(u32, u32)> = bag.iter().map(|(row, w)| (*row, w.to_bits())).collect();
                    let bags = &mut self.bags[index];
                    *self.known[index].entry(key).or_insert_with(|| {
                        bags.rows.extend_from_slice(bag);
                        bags.ends.push(bags.rows.len() as u32);
                        bags.ends.len() as u32 - 1
                    })
                }
                _ => return Err(TableError::Shape(format!("{} holds another kind of value", field.name))),
            };
            self.words.extend(word.to_le_bytes());
        }
        for value in outcome.labels.iter().chain(outcome.label_weights).chain([&outcome.weight]) {
            if !value.is_finite() {
                return Err(TableError::Shape("a label or weight that is not finite".to_owned()));
            }
            self.words.extend(value.to_le_bytes());
        }
        self.words.extend(outcome.group.to_le_bytes());
        self.words.extend((outcome.part as u32).to_le_bytes());
        self.words.extend(outcome.at.to_le_bytes());
        self.file.write_all(&self.words)?;
        if self.rows.is_multiple_of(BLOCK) {
            self.parts.push([0; 4]);
        }
        if let Some(block) = self.parts.last_mut() {
            block[outcome.part as usize] += 1;
        }
        self.rows += 1;
        Ok(())
    }

    /// The finished table.
    ///
    /// # Errors
    /// [`TableError::Io`] when the last rows cannot be written.
    pub fn finish(self) -> Result<Table, TableError> {
        let Self { layout, path, file, bags, rows, parts, .. } = self;
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(Table { layout, bags, rows, parts, path, file })
    }
}

/// Encoded rows on disk. The file is removed when the table is dropped.
pub struct Table {
    layout: Layout,
    bags: Vec<Bags>,
    rows: usize,
    parts: Vec<[u32; 4]>,
    path: PathBuf,
    file: File,
}

impl Drop for Table {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Some rows in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    width: usize,
    fields: usize,
    heads: usize,
    pub(crate) words: Vec<u32>,
    /// Index of each row in the table.
    pub(crate) index: Vec<usize>,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    fn row(&self, row: usize) -> &[u32] {
        &self.words[row * self.width..(row + 1) * self.width]
    }

    pub(crate) fn cell(&self, row: usize, field: usize) -> u32 {
        self.words[row * self.width + field]
    }

    pub(crate) fn label(&self, row: usize, head: usize) -> f32 {
        f32::from_bits(self.row(row)[self.fields + head])
    }

    /// Label weight times row weight.
    pub(crate) fn weight(&self, row: usize, head: usize) -> f32 {
        let row = self.row(row);
        f32::from_bits(row[self.fields + self.heads + head])
            * f32::from_bits(row[self.fields + 2 * self.heads])
    }

    pub(crate) fn group(&self, row: usize) -> u32 {
        self.row(row)[self.fields + 2 * self.heads + 1]
    }

    fn part(&self, row: usize) -> u32 {
        self.row(row)[self.fields + 2 * self.heads + 2]
    }

    pub(crate) fn take(&mut self, from: &Self, row: usize) {
        (self.width, self.fields, self.heads) = (from.width, from.fields, from.heads);
        self.words.extend_from_slice(from.row(row));
        self.index.push(from.index[row]);
    }

    pub(crate) fn set_cell(&mut self, row: usize, field: usize, cell: u32) {
        self.words[row * self.width + field] = cell;
    }

    fn clear(&mut self) {
        self.words.clear();
        self.index.clear();
    }
}

impl Table {
    /// Fields and heads.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of rows of a part.
    #[must_use]
    pub fn rows_of(&self, part: Part) -> usize {
        self.parts.iter().map(|block| block[part as usize] as usize).sum()
    }

    pub(crate) fn bags(&self, field: usize) -> &Bags {
        &self.bags[field]
    }

    /// Calls `each` with the table rows and weights that a cell stands for.
    pub(crate) fn weigh(&self, field: usize, cell: u32, mut each: impl FnMut(usize, f32)) {
        match &self.layout.fields[field].kind {
            FieldKind::Symbols { .. } => {
                for (row, weight) in self.bags[field].bag(cell) {
                    each(*row as usize, *weight);
                }
            }
            FieldKind::Number { knots } => {
                let number = f32::from_bits(cell);
                match knots[..] {
                    [] => each(0, 1.0),
                    _ if number.is_nan() => each(0, 1.0),
                    [first, ..] if number <= first => each(1, 1.0),
                    [.., last] if number >= last => each(knots.len(), 1.0),
                    _ => {
                        let above = knots.partition_point(|knot| *knot <= number);
                        let (low, high) = (knots[above - 1], knots[above]);
                        let share = (number - low) / (high - low);
                        each(above, 1.0 - share);
                        each(above + 1, share);
                    }
                }
            }
        }
    }

    fn empty(&self) -> Rows {
        let (fields, heads) = (self.layout.fields.len(), self.layout.heads.len());
        Rows { width: self.layout.words(), fields, heads, ..Rows::default() }
    }

    fn block(&self, block: usize, part: Part, into: &mut Rows) -> Result<(), TableError> {
        if self.parts[block][part as usize] == 0 {
            return Ok(());
        }
        let mut read = self.empty();
        let count = BLOCK.min(self.rows - block * BLOCK);
        let mut bytes = vec![0; count * read.width * 4];
        let mut file = &self.file;
        file.seek(SeekFrom::Start((block * BLOCK * read.width * 4) as u64))?;
        file.read_exact(&mut bytes)?;
        read.words.extend(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        read.index.extend((0..count).map(|row| block * BLOCK + row));
        for row in 0..count {
            if read.part(row) == part as u32 {
                into.take(&read, row);
            }
        }
        Ok(())
    }

    /// Rows of a part in the order of the table, at most a block at a time.
    pub(crate) fn scan(
        &self,
        part: Part,
        mut each: impl FnMut(&Rows) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let mut rows = self.empty();
        for block in 0..self.parts.len() {
            rows.clear();
            self.block(block, part, &mut rows)?;
            if rows.len() > 0 {
                each(&rows)?;
            }
        }
        Ok(())
    }

    /// Rows of a part in a seeded order, in batches: blocks are shuffled, then the rows of a few blocks at a time.
    pub(crate) fn shuffled(
        &self,
        part: Part,
        batch: usize,
        seed: u64,
        mut each: impl FnMut(&Rows) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let blocks: Vec<usize> =
            (0..self.parts.len()).filter(|block| self.parts[*block][part as usize] > 0).collect();
        let blocks = shuffle(blocks, seed);
        let mut given = self.empty();
        for (turn, some) in blocks.chunks(BUFFERED).enumerate() {
            let mut buffer = self.empty();
            for block in some {
                self.block(*block, part, &mut buffer)?;
            }
            let order = shuffle((0..buffer.len()).collect(), mix(seed ^ turn as u64));
            for rows in order.chunks(batch) {
                given.clear();
                for row in rows {
                    given.take(&buffer, *row);
                }
                each(&given)?;
            }
        }
        Ok(())
    }
}

/// Fisher and Yates's shuffle.
pub(crate) fn shuffle(mut items: Vec<usize>, seed: u64) -> Vec<usize> {
    for last in (1..items.len()).rev() {
        let drawn = mix(seed ^ mix(last as u64)) % (last as u64 + 1);
        items.swap(last, drawn as usize);
    }
    items
}
