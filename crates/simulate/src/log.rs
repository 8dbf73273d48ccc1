//! The log in its three forms, written as time passes.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use attune::wire::{Request, Value};
use attune::{Decision, LogOptions};
use serde::Serialize;
use serde_json::json;

use crate::catalogue::{Catalogue, Product};
use crate::play::{Options, SimulateError, Summary};
use crate::shopper::{AGE_BANDS, Shopper};
use crate::{Format, Truth};

/// What came of a shown item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Came {
    Click,
    Conversion,
    Return,
}

/// One item of a page.
pub(crate) struct Placed {
    /// Index among the products.
    pub(crate) product: usize,
    /// Conditional probability of the draw.
    pub(crate) propensity: f64,
}

/// One page view.
pub(crate) struct Page {
    pub(crate) number: u64,
    pub(crate) at: i64,
    pub(crate) items: Vec<Placed>,
    pub(crate) decision: Decision,
    pub(crate) request: Request,
}

/// One thing that came of a page.
pub(crate) struct Outcome<'a> {
    pub(crate) number: u64,
    pub(crate) page: u64,
    pub(crate) came: Came,
    pub(crate) at: i64,
    pub(crate) shopper: &'a str,
    pub(crate) product: &'a Product,
}

/// The folder, within the log's, of what is no log.
const ABOUT: &str = "about";

/// A line of outcomes; readers look for the type first.
#[derive(Serialize)]
struct OutcomeLine<'a> {
    #[serde(rename = "type")]
    of: &'a str,
    id: String,
    decision: String,
    slot: &'a str,
    item: &'a str,
    kind: &'a str,
    at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
}

const README: &str = "A simulated shop. Everything here is synthetic: no product, brand, price or person is real.\n\
    truth.json says what really moves clicks and purchases, summary.json what happened, catalogue.json what is sold.\n\
    Written by `attune simulate`; `attune train --data FOLDER --out shop.attune` learns from the folder above.\n";

const MAPPING: &str = r#"# What the columns of impressions.csv mean: attune train --data THIS_FOLDER --mapping THIS_FOLDER/mapping.toml
targets = { click = "click", conversion = "conversion" }
time = "at"
group = "page"
item = "item"
user = "shopper"
position = "position"
propensity = "propensity"
eligible = 12
text = ["name", "name_zh"]
numbers = ["price", "margin", "rating"]
categories = ["category", "brand", "style", "color", "material", "language", "age_band", "device"]
shopper = ["age_band"]
context = ["language", "device"]
"#;

const COLUMNS: [&str; 9] =
    ["name", "name_zh", "category", "brand", "style", "color", "material", "price", "margin"];

/// The files of a log.
pub(crate) struct LogWriter {
    format: Format,
    folder: PathBuf,
    items: Option<Out>,
    decisions: Out,
    outcomes: Option<Out>,
    truth: Truth,
}

/// A file being written.
struct Out {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Out {
    fn create(folder: &Path, name: &str) -> Result<Self, SimulateError> {
        let path = folder.join(name);
        let file = File::create(&path).map_err(|error| SimulateError::Write { path: path.clone(), error })?;
        Ok(Self { path, file: BufWriter::with_capacity(1 << 18, file) })
    }

    fn text(&mut self, text: &str) -> Result<(), SimulateError> {
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| SimulateError::Write { path: self.path.clone(), error })
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), SimulateError> {
        let error = |error: std::io::Error| SimulateError::Write { path: self.path.clone(), error };
        serde_json::to_writer(&mut self.file, line).map_err(|e| error(e.into()))?;
        self.file.write_all(b"\n").map_err(error)
    }

    fn close(mut self) -> Result<(), SimulateError> {
        self.file.flush().map_err(|error| SimulateError::Write { path: self.path, error })
    }
}

impl LogWriter {
    pub(crate) fn create(options: &Options) -> Result<Self, SimulateError> {
        let folder = options.out.clone();
        fs::create_dir_all(&folder).map_err(|error| SimulateError::Write { path: folder.clone(), error })?;
        let names: [Option<&str>; 3] = match options.format {
            Format::Attune => [Some("items.jsonl"), Some("decisions.jsonl"), Some("outcomes.jsonl")],
            Format::Metarank => [None, Some("events.jsonl"), None],
            Format::Csv => [None, Some("impressions.csv"), None],
        };
        let open = |name: &str| Out::create(&folder, name);
        let [items, decisions, outcomes] = names;
        Ok(Self {
            format: options.format,
            items: items.map(open).transpose()?,
            decisions: open(decisions.unwrap_or_default())?,
            outcomes: outcomes.map(open).transpose()?,
            truth: options.truth.clone(),
            folder,
        })
    }

    pub(crate) fn begin(&mut self, catalogue: &Catalogue, start: i64) -> Result<(), SimulateError> {
        let truth = serde_json::to_string_pretty(&self.truth).unwrap_or_default();
        self.about("truth.json", &truth)?;
        self.about("README.md", README)?;
        if self.format == Format::Csv {
            let mut mapping = Out::create(&self.folder, "mapping.toml")?;
            mapping.text(MAPPING)?;
            mapping.close()?;
            let head = "page,at,shopper,item,position,propensity,click,conversion";
            let columns = COLUMNS.join(",");
            self.decisions.text(&format!("{head},{columns},rating,language,age_band,device\n"))?;
        }
        for product in &catalogue.products {
            let candidate = &product.candidate;
            match self.format {
                Format::Attune => {
                    let line = json!({"type": "item", "id": candidate.id, "fields": candidate.fields});
                    self.items.as_mut().map_or(Ok(()), |out| out.line(&line))?;
                }
                Format::Metarank => {
                    let fields: Vec<_> = candidate
                        .fields
                        .iter()
                        .map(|(name, value)| json!({"name": name, "value": value}))
                        .collect();
                    self.decisions.line(&json!({"event": "item", "id": format!("i-{}", candidate.id),
                        "item": candidate.id, "timestamp": start.to_string(), "fields": fields}))?;
                }
                Format::Csv => {}
            }
        }
        Ok(())
    }

    /// `came` holds what will come of the page: when, what, at which position.
    pub(crate) fn page(
        &mut self,
        page: &Page,
        shopper: &Shopper,
        catalogue: &Catalogue,
        show: usize,
        came: &[(i64, Came, usize)],
    ) -> Result<(), SimulateError> {
        match self.format {
            Format::Attune => {
                let options = LogOptions { profile: true, fields: false };
                self.decisions.line(&page.decision.log_line(&page.request, options))
            }
            Format::Metarank => {
                let items: Vec<_> = page
                    .items
                    .iter()
                    .take(show)
                    .map(|item| json!({"id": catalogue.products[item.product].candidate.id}))
                    .collect();
                self.decisions.line(&json!({"event": "ranking", "id": page.decision.id,
                    "timestamp": page.at.to_string(), "user": shopper.id, "session": page.request.id,
                    "fields": [{"name": "language", "value": shopper.language()}], "items": items}))
            }
            Format::Csv => {
                for (position, item) in page.items.iter().take(show).enumerate() {
                    let has = |kind| came.iter().any(|(_, own, at)| *own == kind && *at == position);
                    let kept = has(Came::Conversion) && !has(Came::Return);
                    let product = &catalogue.products[item.product];
                    let mut row = format!(
                        "{},{},{},{},{position},{},{},{}",
                        page.number,
                        page.at,
                        shopper.id,
                        product.candidate.id,
                        item.propensity,
                        u8::from(has(Came::Click)),
                        u8::from(kept)
                    );
                    for name in COLUMNS {
                        row.push(',');
                        row += &cell(product.candidate.fields.get(name));
                    }
                    let age = shopper
                        .profile
                        .attributes
                        .get("age_band")
                        .map_or("", |_| AGE_BANDS[shopper.age_band]);
                    let device = ["mobile", "desktop", "tablet"][shopper.device];
                    row += &format!(",{},{},{age},{device}\n", product.rating, shopper.language());
                    self.decisions.text(&row)?;
                }
                Ok(())
            }
        }
    }

    pub(crate) fn outcome(&mut self, outcome: &Outcome<'_>) -> Result<(), SimulateError> {
        let kind = match outcome.came {
            Came::Click => "click",
            Came::Conversion => "conversion",
            Came::Return => "return",
        };
        let (id, page, item) =
            (format!("o{}", outcome.number), format!("d{}", outcome.page), &outcome.product.candidate.id);
        match (self.format, &mut self.outcomes) {
            (Format::Attune, Some(out)) => {
                let value = (outcome.came != Came::Click).then_some(outcome.product.price);
                let at = outcome.at;
                out.line(&OutcomeLine {
                    of: "outcome",
                    id,
                    decision: page,
                    slot: "home",
                    item,
                    kind,
                    at,
                    value,
                })
            }
            (Format::Metarank, _) => self.decisions.line(&json!({"event": "interaction", "id": id,
                "ranking": page, "timestamp": outcome.at.to_string(), "user": outcome.shopper,
                "type": kind, "item": item})),
            _ => Ok(()),
        }
    }

    pub(crate) fn end(self, catalogue: &Catalogue, summary: &Summary) -> Result<(), SimulateError> {
        let mut web = Vec::new();
        let path = self.folder.join(ABOUT);
        catalogue.write_web(&mut web).map_err(|error| SimulateError::Write { path, error })?;
        self.about("catalogue.json", &String::from_utf8_lossy(&web))?;
        self.about("summary.json", &serde_json::to_string_pretty(summary).unwrap_or_default())?;
        self.decisions.close()?;
        [self.items, self.outcomes].into_iter().flatten().try_for_each(Out::close)
    }

    /// Writes a file that is no log: readers of the log look only at the folder itself.
    fn about(&self, name: &str, text: &str) -> Result<(), SimulateError> {
        let folder = self.folder.join(ABOUT);
        fs::create_dir_all(&folder).map_err(|error| SimulateError::Write { path: folder.clone(), error })?;
        let mut out = Out::create(&folder, name)?;
        out.text(text)?;
        out.close()
    }
}

/// A value as CSV (RFC 4180).
fn cell(value: Option<&Value>) -> String {
    match value {
        Some(Value::Text(text)) if text.contains([',', '"', '\n', '\r']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
