//! CSV and TSV tables, read by a [`Mapping`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use attune::event::metarank::Timestamp;
use attune::feature::{Feature, FeatureList, Kind, Scale, Source, symbol};
use attune::profile::Profile;
use attune::wire::{Candidate, Fields, Value};
use csv::{Reader, ReaderBuilder, StringRecord};

use super::error::LoadError;
use super::input::Input;
use super::mapping::{Join, Mapping};
use super::{Label, Observation, Rows, View};
use crate::clean::{Cleaning, propensity_weight};

const TEXT_BUCKETS: u32 = 4096;
/// How many row ids are remembered to find repeats.
const RECENT: usize = 1 << 20;

/// Where a column's value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Candidate,
    Shopper,
    Context,
}

/// How a column's value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    Text,
    Number,
    Category,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    index: usize,
    place: Place,
    read_as: As,
}

/// A table, its columns found.
#[derive(Debug)]
pub(super) struct Table {
    mapping: Mapping,
    inputs: Vec<Input>,
    header: Vec<String>,
    columns: Vec<Column>,
    targets: Vec<(String, usize)>,
    counted: Option<(String, usize, usize)>,
    single: Single,
    joins: Vec<Joined>,
    picks: Vec<(String, usize, HashMap<String, usize>)>,
}

#[derive(Debug, Default)]
struct Single {
    id: Option<usize>,
    group: Option<usize>,
    time: Option<usize>,
    weight: Option<usize>,
    item: Option<usize>,
    user: Option<usize>,
    position: Option<usize>,
    propensity: Option<usize>,
}

#[derive(Debug)]
struct Joined {
    key: usize,
    is_item: bool,
    rows: HashMap<String, Fields>,
    columns: Vec<(String, As)>,
}

fn reader(
    input: &Input,
    delimiter: Option<char>,
    read: &Arc<AtomicU64>,
) -> Result<Reader<Box<dyn BufRead>>, LoadError> {
    let name = input.path.to_string_lossy();
    let tabs = name.trim_end_matches(".gz").ends_with(".tsv");
    let separator = match delimiter {
        None if tabs => b'\t',
        None => b',',
        Some(own) => u8::try_from(own)
            .ok()
            .filter(u8::is_ascii)
            .ok_or_else(|| LoadError::Mapping(format!("the delimiter {own:?} is not one ASCII character")))?,
    };
    Ok(ReaderBuilder::new().delimiter(separator).from_reader(input.open(read)?))
}

fn csv_error(path: &Path, line: u64, error: csv::Error) -> LoadError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => LoadError::io(path, line, &error),
        other => LoadError::Read { path: path.to_owned(), detail: format!("after row {line}: {other:?}") },
    }
}

fn header(reader: &mut Reader<Box<dyn BufRead>>, path: &Path) -> Result<Vec<String>, LoadError> {
    let header = reader.headers().map_err(|e| csv_error(path, 0, e))?;
    Ok(header.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect())
}

struct Finder<'a> {
    header: &'a [String],
    path: &'a Path,
}

impl Finder<'_> {
    fn one(&self, what: &str, name: &str) -> Result<usize, LoadError> {
        self.header.iter().position(|own| own == name).ok_or_else(|| {
            let shown: Vec<_> = self.header.iter().take(40).map(String::as_str).collect();
            let more = if self.header.len() > 40 {
                format!(" and {} more", self.header.len() - 40)
            } else {
                String::new()
            };
            LoadError::Mapping(format!(
                "the mapping's {what} names the column {name:?}, which {} has not. Its columns: {}{more}",
                self.path.display(),
                shown.join(", ")
            ))
        })
    }

    fn optional(&self, what: &str, name: Option<&String>) -> Result<Option<usize>, LoadError> {
        name.map(|name| self.one(what, name)).transpose()
    }

    fn many(&self, what: &str, names: &[String]) -> Result<Vec<(String, usize)>, LoadError> {
        let mut found = Vec::new();
        for name in names {
            match name.strip_suffix('*') {
                None => found.push((name.clone(), self.one(what, name)?)),
                Some(start) => {
                    let before = found.len();
                    let own = self.header.iter().enumerate().filter(|(_, own)| own.starts_with(start));
                    found.extend(own.map(|(index, own)| (own.clone(), index)));
                    if found.len() == before {
                        self.one(what, name)?;
                    }
                }
            }
        }
        Ok(found)
    }
}

fn matches(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    })
}

impl Table {
    pub(super) fn open(root: &Path, inputs: &[Input], mapping: Mapping) -> Result<Self, LoadError> {
        let Some(first) = inputs.first() else {
            return Err(LoadError::Nothing { path: root.to_owned(), detail: "no table".to_owned() });
        };
        let header = header(&mut reader(first, mapping.delimiter, &Arc::default())?, &first.path)?;
        let find = Finder { header: &header, path: &first.path };
        let mut columns = Vec::new();
        let kinds = [
            ("numbers", &mapping.numbers, As::Number),
            ("categories", &mapping.categories, As::Category),
            ("text", &mapping.text, As::Text),
        ];
        for (what, names, read_as) in kinds {
            for (name, index) in find.many(what, names)? {
                let place = if matches(&mapping.shopper, &name) {
                    Place::Shopper
                } else if matches(&mapping.context, &name) {
                    Place::Context
                } else {
                    Place::Candidate
                };
                columns.push(Column { name, index, place, read_as });
            }
        }
        let targets =
            mapping.targets.iter().map(|(head, column)| Ok((head.clone(), find.one("targets", column)?)));
        let counted = mapping.clicks_of_impressions.as_ref().map(|counted| {
            let what = "clicks_of_impressions";
            Ok((
                counted.target.clone(),
                find.one(what, &counted.clicks)?,
                find.one(what, &counted.impressions)?,
            ))
        });
        let single = Single {
            id: find.optional("id", mapping.id.as_ref())?,
            group: find.optional("group", mapping.group.as_ref())?,
            time: find.optional("time", mapping.time.as_ref())?,
            weight: find.optional("weight", mapping.weight.as_ref())?,
            item: find.optional("item", mapping.item.as_ref())?,
            user: find.optional("user", mapping.user.as_ref())?,
            position: find.optional("position", mapping.position.as_ref())?,
            propensity: find.optional("propensity", mapping.propensity.as_ref())?,
        };
        let mut joins = Vec::new();
        for join in &mapping.join {
            let folder = if root.is_dir() { root } else { root.parent().unwrap_or(root) };
            joins.push(Joined::open(&folder.join(&join.file), join, &mapping, &find)?);
        }
        let mut picks = Vec::new();
        for pick in &mapping.pick {
            let parts =
                pick.column.split_once('{').and_then(|(start, rest)| Some((start, rest.split_once('}')?)));
            let Some((start, (key, end))) = parts else {
                return Err(LoadError::Mapping(format!(
                    "the mapping's pick {:?} needs a column in braces, as in affinity_{{item}}",
                    pick.name
                )));
            };
            let own = header.iter().enumerate().filter_map(|(index, name)| {
                Some((name.strip_prefix(start)?.strip_suffix(end)?.to_owned(), index))
            });
            picks.push((pick.name.clone(), find.one("pick", key)?, own.collect()));
        }
        Ok(Self {
            targets: targets.collect::<Result<_, LoadError>>()?,
            counted: counted.transpose()?,
            inputs: inputs.to_vec(),
            columns,
            single,
            joins,
            picks,
            header: header.clone(),
            mapping,
        })
    }

    pub(super) fn targets(&self) -> Vec<String> {
        let counted = self.counted.iter().map(|(head, ..)| head.clone());
        self.targets.iter().map(|(head, _)| head.clone()).chain(counted).collect()
    }

    pub(super) fn features(&self) -> FeatureList {
        let mut features: Vec<Feature> = Vec::new();
        let mut push = |name: &str, kind: Kind| {
            if !features.iter().any(|own| own.name == name) {
                features.push(Feature { name: name.to_owned(), kind });
            }
        };
        if self.single.position.is_some() {
            push("position", Kind::Position);
        }
        if self.single.item.is_some() {
            let id = || Source::Candidate("id".to_owned());
            push("item", Kind::Category { from: id(), buckets: None });
            if let Some(head) = self.targets().into_iter().next() {
                push("item_rate", Kind::Rate { by: id(), head, strength: 50.0 });
            }
        }
        if self.single.time.is_some() {
            push("hour", Kind::Hour);
            push("weekday", Kind::Weekday);
        }
        let from = |place, name: &str| match place {
            Place::Candidate => Source::Candidate(name.to_owned()),
            Place::Shopper => Source::Shopper(name.to_owned()),
            Place::Context => Source::Context(name.to_owned()),
        };
        let kind = |read_as, from| match read_as {
            As::Text => Kind::Text { from, buckets: TEXT_BUCKETS },
            As::Number => Kind::Number { from, scale: Scale::Linear },
            As::Category => Kind::Category { from, buckets: None },
        };
        for column in &self.columns {
            push(&column.name, kind(column.read_as, from(column.place, &column.name)));
        }
        for join in &self.joins {
            for (name, read_as) in &join.columns {
                push(name, kind(*read_as, from(Place::Candidate, name)));
            }
        }
        for (name, ..) in &self.picks {
            push(name, kind(As::Number, from(Place::Candidate, name)));
        }
        FeatureList { features }
    }

    pub(super) fn rows(&self) -> Result<TableRows<'_>, LoadError> {
        let mut rows = TableRows {
            table: self,
            left: self.inputs.iter().rev().cloned().collect(),
            current: None,
            record: StringRecord::new(),
            row: 0,
            ids: HashSet::new(),
            order: VecDeque::new(),
            out: VecDeque::new(),
            cleaning: Cleaning::default(),
            read: Arc::default(),
        };
        rows.next_file()?;
        Ok(rows)
    }
}

impl Joined {
    fn open(path: &PathBuf, join: &Join, mapping: &Mapping, data: &Finder<'_>) -> Result<Self, LoadError> {
        let input = Input::at(path)?;
        let mut reader = reader(&input, mapping.delimiter, &Arc::default())?;
        let header = header(&mut reader, path)?;
        let find = Finder { header: &header, path };
        let key = find.one("join key", &join.key)?;
        let mut columns = Vec::new();
        for (names, read_as) in
            [(&join.numbers, As::Number), (&join.categories, As::Category), (&join.text, As::Text)]
        {
            let found = find.many("join", names)?;
            columns.extend(found.into_iter().map(|(name, index)| (name, index, read_as)));
        }
        let mut rows = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(|e| csv_error(path, rows.len() as u64, e))?;
            let mut fields = Fields::new();
            for (name, index, read_as) in &columns {
                if let Ok(Some(value)) = value(record.get(*index).unwrap_or(""), *read_as) {
                    fields.insert(name.clone(), value);
                }
            }
            rows.insert(record.get(key).unwrap_or("").trim().to_owned(), fields);
        }
        Ok(Self {
            key: data.one("join key", &join.key)?,
            is_item: mapping.item.as_ref() == Some(&join.key),
            rows,
            columns: columns.into_iter().map(|(name, _, read_as)| (name, read_as)).collect(),
        })
    }
}

/// A cell as a value: `Ok(None)` when it is missing, `Err` when it should be a number and is none.
fn value(cell: &str, read_as: As) -> Result<Option<Value>, &'static str> {
    let cell = cell.trim();
    if cell.is_empty() || matches!(cell, "NA" | "N/A" | "NaN" | "nan" | "null" | "NULL" | "None") {
        return Ok(None);
    }
    match read_as {
        As::Text | As::Category => Ok(Some(Value::Text(cell.to_owned()))),
        As::Number => number(cell).map(|number| Some(Value::Number(number))),
    }
}

fn number(cell: &str) -> Result<f64, &'static str> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" => return Ok(1.0),
        "false" | "no" => return Ok(0.0),
        _ => {}
    }
    let number: f64 = cell.parse().map_err(|_| "a cell that should be a number is none")?;
    if number.is_finite() { Ok(number) } else { Err("a number is not finite") }
}

/// A pass over the table.
pub(super) struct TableRows<'a> {
    table: &'a Table,
    left: Vec<Input>,
    current: Option<(PathBuf, Reader<Box<dyn BufRead>>)>,
    record: StringRecord,
    row: u64,
    ids: HashSet<u64>,
    order: VecDeque<u64>,
    out: VecDeque<Observation>,
    cleaning: Cleaning,
    read: Arc<AtomicU64>,
}

impl TableRows<'_> {
    fn next_file(&mut self) -> Result<bool, LoadError> {
        let Some(input) = self.left.pop() else { return Ok(false) };
        let mut reader = reader(&input, self.table.mapping.delimiter, &self.read)?;
        let found = header(&mut reader, &input.path)?;
        // A file may have columns of its own behind those of the first; what is mapped must be where it was.
        let used = |index: usize| found.get(index) == self.table.header.get(index);
        if !self.table.columns.iter().all(|column| used(column.index))
            || found.len() != self.table.header.len()
        {
            return Err(LoadError::Mapping(format!(
                "{} has other columns than {}: give one of them by its own path",
                input.path.display(),
                self.table.inputs.first().map(|first| first.path.display().to_string()).unwrap_or_default()
            )));
        }
        self.current = Some((input.path, reader));
        self.row = 0;
        Ok(true)
    }

    fn read_row(&mut self) -> Result<Vec<Observation>, &'static str> {
        let table = self.table;
        let cell = |index: usize| self.record.get(index).unwrap_or("").trim();
        let optional = |index: Option<usize>| index.map(cell).filter(|cell| !cell.is_empty());
        if let Some(id) = optional(table.single.id) {
            let id = symbol(id);
            if !self.ids.insert(id) {
                return Err("row logged twice");
            }
            self.order.push_back(id);
            if self.order.len() > RECENT
                && let Some(old) = self.order.pop_front()
            {
                self.ids.remove(&old);
            }
        }
        let at = match table.single.time {
            None => None,
            Some(index) => Some(time(cell(index)).ok_or("the time is missing or cannot be read")?),
        };
        let (mut fields, mut context, mut attributes) = (Fields::new(), Fields::new(), Fields::new());
        for column in &table.columns {
            if let Some(value) = value(cell(column.index), column.read_as)? {
                let into = match column.place {
                    Place::Candidate => &mut fields,
                    Place::Shopper => &mut attributes,
                    Place::Context => &mut context,
                };
                into.insert(column.name.clone(), value);
            }
        }
        for join in &table.joins {
            match join.rows.get(cell(join.key)) {
                Some(found) => fields.extend(found.iter().map(|(name, value)| (name.clone(), value.clone()))),
                None => self.cleaning.note("no row in the joined table"),
            }
        }
        for (name, key, columns) in &table.picks {
            if let Some(index) = columns.get(cell(*key))
                && let Some(value) = value(cell(*index), As::Number)?
            {
                fields.insert(name.clone(), value);
            }
        }
        let profile = (!attributes.is_empty()).then(|| Profile { attributes, ..Profile::new() });
        let group = optional(table.single.group).or_else(|| optional(table.single.user));
        let view = View {
            at,
            context,
            profile,
            group: group.map_or_else(|| crate::split::mix(self.row), symbol),
            ..View::default()
        };
        let position = match optional(table.single.position) {
            None => 0,
            Some(cell) => {
                let position = number(cell)? - table.mapping.position_base as f64;
                if !(0.0..1e6).contains(&position) {
                    return Err("the position is before the first or not a number");
                }
                position as usize
            }
        };
        let propensity = optional(table.single.propensity).map(number).transpose()?;
        let joined = || table.joins.iter().find(|join| join.is_item).map(|join| join.rows.len());
        let eligible = table.mapping.eligible.or_else(joined);
        let mut weight = optional(table.single.weight).map(number).transpose()?.unwrap_or(1.0) as f32;
        if let Some((propensity, eligible)) = propensity.filter(|p| *p > 0.0 && *p <= 1.0).zip(eligible) {
            let (relative, clipped) = propensity_weight(propensity, eligible);
            weight *= relative;
            if clipped {
                self.cleaning.note("propensity weight clipped to 1/5 … 5");
            }
        }
        let id = match table.single.item {
            Some(index) => cell(index).to_owned(),
            None => "row".to_owned(),
        };
        let row = Observation {
            view: Arc::new(view),
            candidate: Arc::new(Candidate { id, fields }),
            position,
            propensity,
            eligible,
            labels: Vec::new(),
            weight,
        };
        if let Some((_, clicks, impressions)) = &table.counted {
            return counted(&row, cell(*clicks), cell(*impressions));
        }
        let mut labels = Vec::with_capacity(table.targets.len());
        for (_, index) in &table.targets {
            let label = match value(cell(*index), As::Number) {
                Ok(Some(Value::Number(number))) => {
                    Label { value: f32::from(u8::from(number > 0.0)), known: true }
                }
                Ok(_) => Label::default(),
                Err(_) => return Err("a target is neither a finite number nor true or false"),
            };
            labels.push(label);
        }
        Ok(vec![Observation { labels, ..row }])
    }
}

/// Two observations, weighted: those who clicked and those who did not.
fn counted(row: &Observation, clicks: &str, impressions: &str) -> Result<Vec<Observation>, &'static str> {
    let (clicks, impressions) = (number(clicks)?, number(impressions)?);
    if !(clicks >= 0.0 && impressions > 0.0 && clicks <= impressions) {
        return Err("clicks are not between 0 and the impressions, or there are none");
    }
    let of = |value: f32, times: f64| Observation {
        labels: vec![Label { value, known: true }],
        weight: row.weight * times as f32,
        ..row.clone()
    };
    let both = [of(1.0, clicks), of(0.0, impressions - clicks)];
    Ok(both.into_iter().filter(|row| row.weight > 0.0).collect())
}

fn time(cell: &str) -> Option<i64> {
    let parsed =
        Timestamp::parse(cell).or_else(|| Timestamp::parse(&format!("{cell}Z"))).map(Timestamp::millis);
    parsed.or_else(|| Timestamp::parse(&format!("{cell}T00:00Z")).map(Timestamp::millis))
}

impl Rows for TableRows<'_> {
    fn next_row(&mut self) -> Result<Option<Observation>, LoadError> {
        loop {
            if let Some(row) = self.out.pop_front() {
                return Ok(Some(row));
            }
            let Some((path, reader)) = &mut self.current else { return Ok(None) };
            match reader.read_record(&mut self.record) {
                Ok(true) => {
                    self.row += 1;
                    self.cleaning.read += 1;
                }
                Ok(false) => {
                    self.current = None;
                    if !self.next_file()? {
                        return Ok(None);
                    }
                    continue;
                }
                Err(error) => match error.kind() {
                    csv::ErrorKind::UnequalLengths { .. } => {
                        self.row += 1;
                        self.cleaning.read += 1;
                        self.cleaning.drop_one("row with another number of columns than the header");
                        continue;
                    }
                    csv::ErrorKind::Utf8 { .. } => {
                        self.row += 1;
                        self.cleaning.read += 1;
                        self.cleaning.drop_one("row that is not UTF-8");
                        continue;
                    }
                    _ => return Err(csv_error(path, self.row, error)),
                },
            }
            match self.read_row() {
                Ok(rows) => {
                    for row in rows {
                        if self.cleaning.accepts(&row) {
                            self.out.push_back(row);
                        }
                    }
                }
                Err(reason) => self.cleaning.drop_one(reason),
            }
        }
    }

    fn cleaning(&self) -> &Cleaning {
        &self.cleaning
    }

    fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}
