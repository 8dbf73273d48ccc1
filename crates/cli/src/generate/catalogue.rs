//! Products and segments: what a catalogue's copy is written from.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use attune_generate::Brief;
use attune_generate::brief::{Audience, Channel, Facts, Language, Length, Tone};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::sentences;

/// What a product says beside its attributes that may be told to a shopper, and is not a field of its own.
const TOLD: [&str; 9] =
    ["style", "color", "colour", "material", "materials", "size", "weight", "capacity", "dimensions"];

/// A product that copy is written for.
pub(super) struct Product {
    pub(super) id: String,
    /// Its facts, or why they cannot be read.
    pub(super) facts: Result<Facts, String>,
}

/// For whom, where and how: a brief without its facts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Segment {
    /// Names it in the rows, too.
    pub(super) name: String,
    #[serde(default)]
    interests: Vec<String>,
    #[serde(default)]
    tone: Tone,
    #[serde(default)]
    channel: Channel,
    #[serde(default)]
    language: Option<Language>,
    #[serde(default)]
    length: Option<Length>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    forbidden: Vec<String>,
}

impl Segment {
    /// The brief for a product.
    pub(super) fn brief(&self, facts: Facts) -> Brief {
        Brief {
            facts,
            audience: Audience { segment: Some(self.name.clone()), interests: self.interests.clone() },
            tone: self.tone,
            channel: self.channel,
            language: self.language,
            length: self.length,
            required: self.required.clone(),
            forbidden: self.forbidden.clone(),
            act: None,
        }
    }
}

/// Reads segments: a list of them, or an object with a list `segments`.
pub(super) fn segments(path: &Path) -> Result<Vec<Segment>> {
    let text = sentences::read(path)?;
    let value: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let list = match value {
        Value::Object(mut object) => object.remove("segments").unwrap_or_default(),
        list => list,
    };
    let segments: Vec<Segment> =
        serde_json::from_value(list).with_context(|| format!("{}: the segments", path.display()))?;
    ensure!(!segments.is_empty(), "{}: there is no segment in it", path.display());
    if let Some(twice) = twice(segments.iter().map(|segment| segment.name.as_str())) {
        bail!("{}: the segment {twice:?} is there twice", path.display());
    }
    Ok(segments)
}

/// Reads products: JSON lines, a JSON list (or an object with a list `products`), or YAML; packed by gzip or not.
pub(super) fn products(path: &Path, currency: Option<&str>) -> Result<Vec<Product>> {
    let text = sentences::read(path)?;
    let place = || path.display().to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let values: Vec<Value> = if name.ends_with(".yaml") || name.ends_with(".yml") {
        listed(serde_saphyr::from_str(&text).with_context(place)?)
    } else if name.ends_with(".json") {
        listed(serde_json::from_str(&text).with_context(place)?)
    } else {
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(number, line)| {
                // A line that cannot be read is a product that cannot be read: its row says so.
                serde_json::from_str(line).unwrap_or_else(
                    |error| json!({ "id": format!("line {number}"), "unreadable": error.to_string() }),
                )
            })
            .collect()
    };
    let products: Vec<Product> =
        (1..).zip(values).map(|(number, value)| product(number, value, currency)).collect();
    ensure!(!products.is_empty(), "{}: there is no product in it", path.display());
    if let Some(twice) = twice(products.iter().map(|product| product.id.as_str())) {
        bail!("{}: the product {twice:?} is there twice", path.display());
    }
    Ok(products)
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        Value::Object(mut object) => match object.remove("products") {
            Some(Value::Array(list)) => list,
            _ => vec![Value::Object(object)],
        },
        _ => Vec::new(),
    }
}

fn twice<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

fn product(number: usize, value: Value, currency: Option<&str>) -> Product {
    let Value::Object(mut object) = value else {
        return Product { id: format!("product {number}"), facts: Err("it is no object".to_owned()) };
    };
    let id = match object.remove("id").or_else(|| object.remove("sku")) {
        Some(Value::String(id)) if !id.is_empty() => id,
        Some(Value::Number(id)) => id.to_string(),
        _ => return Product { id: format!("product {number}"), facts: Err("it has no id".to_owned()) },
    };
    if let Some(Value::String(unreadable)) = object.remove("unreadable") {
        return Product { id, facts: Err(unreadable) };
    }
    let facts = match object.remove("facts") {
        Some(facts) => facts,
        None => facts(object, currency),
    };
    Product { id, facts: serde_json::from_value(facts).map_err(|error| error.to_string()) }
}

/// The facts of a product as shops have them: what is not known to be for shoppers (margins, stock) is left out.
fn facts(mut object: Map<String, Value>, currency: Option<&str>) -> Value {
    if let Some(Value::Object(fields)) = object.remove("fields") {
        fields.into_iter().for_each(|(name, value)| drop(object.entry(name).or_insert(value)));
    }
    let mut facts = Map::new();
    for name in ["name", "brand", "category", "description", "claims"] {
        if let Some(value) = object.remove(name).filter(|value| !value.is_null()) {
            facts.insert(name.to_owned(), value);
        }
    }
    let currency = object.get("currency").and_then(Value::as_str).or(currency);
    match (object.get("price"), currency) {
        (Some(Value::Number(amount)), Some(currency)) => {
            facts.insert("price".to_owned(), json!({ "amount": amount, "currency": currency }));
        }
        (Some(price @ Value::Object(_)), _) => {
            facts.insert("price".to_owned(), price.clone());
        }
        // A price without a currency is no fact.
        _ => {}
    }
    let mut attributes = match object.remove("attributes") {
        Some(Value::Object(attributes)) => attributes,
        _ => Map::new(),
    };
    for name in TOLD {
        if let Some(value @ (Value::String(_) | Value::Number(_) | Value::Array(_))) = object.remove(name) {
            attributes.entry(name).or_insert(value);
        }
    }
    facts.insert("attributes".to_owned(), Value::Object(attributes));
    Value::Object(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_of_a_shop_becomes_facts_and_keeps_its_margin_to_itself() {
        let value = json!({"id": 7, "name": "Mug", "price": 9.5, "style": "plain", "margin": 0.4, "current_stock": 3,
            "attributes": {"volume": {"value": 300, "unit": "ml"}}});
        let product = product(1, value.clone(), Some("EUR"));
        let facts = product.facts.unwrap();
        assert_eq!((product.id.as_str(), facts.name.as_deref()), ("7", Some("Mug")));
        assert_eq!(facts.price.unwrap().to_string(), "9.5 EUR");
        let said: Vec<String> = facts.attributes.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["style: plain", "volume: 300 ml"]);
        assert!(super::product(1, value, None).facts.unwrap().price.is_none());
    }

    #[test]
    fn product_that_cannot_be_read_is_told_by_its_row() {
        assert!(product(3, json!([1]), None).facts.is_err());
        assert_eq!(product(3, json!({"name": "x"}), None).id, "product 3");
        assert!(
            product(3, json!({"id": "a", "facts": {"nam": "x"}}), None).facts.unwrap_err().contains("nam")
        );
    }
}
