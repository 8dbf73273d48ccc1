//! Prices and attributes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What something costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// In units of the currency.
    pub amount: f64,
    /// A code or sign: `USD`, `¥`, `dollars`.
    pub currency: String,
}

/// A name and what is said under it.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// `screen size`, `材质`.
    pub name: String,
    /// One value or more.
    pub values: Vec<AttributeValue>,
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Has it or has it not.
    Flag(bool),
    /// A bare number.
    Number(f64),
    /// A number of something.
    Quantity {
        /// How many.
        value: f64,
        /// Of what: `inch`, `小时`.
        unit: String,
    },
    /// Words.
    Text(String),
}

impl Attribute {
    /// A name with one value in words.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), values: vec![AttributeValue::Text(value.into())] }
    }

    pub(super) fn bound(&mut self, items: usize, length: usize, notes: &mut Vec<String>) {
        if self.values.len() > items {
            notes.push(format!("{}: the first {items} of {} values are kept", self.name, self.values.len()));
            self.values.truncate(items);
        }
        super::cut_text("an attribute's name", &mut self.name, length, notes);
        for value in &mut self.values {
            if let AttributeValue::Text(text) | AttributeValue::Quantity { unit: text, .. } = value {
                super::cut_text(&self.name, text, length, notes);
            }
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { amount, currency } = self;
        if currency.chars().all(|c| !c.is_alphanumeric()) && !currency.is_empty() {
            write!(f, "{currency}{amount}")
        } else {
            write!(f, "{amount} {currency}")
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> = self.values.iter().map(ToString::to_string).collect();
        write!(f, "{}: {}", self.name, values.join(", "))
    }
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(has) => f.write_str(if *has { "yes" } else { "no" }),
            Self::Number(number) => write!(f, "{number}"),
            Self::Quantity { value, unit }
                if unit.chars().all(|c| super::is_han(c) || !c.is_alphanumeric()) =>
            {
                write!(f, "{value}{unit}")
            }
            Self::Quantity { value, unit } => write!(f, "{value} {unit}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Attributes as a JSON object in order; a value or a list of values under each name.
pub(super) mod attributes {
    use std::fmt;

    use serde::{
        Deserialize, Deserializer, Serializer,
        de::{MapAccess, Visitor},
        ser::SerializeMap,
    };

    use super::{Attribute, AttributeValue};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Values {
        One(AttributeValue),
        Many(Vec<AttributeValue>),
    }

    pub(in super::super) fn serialize<S: Serializer>(list: &[Attribute], to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(list.len()))?;
        for attribute in list {
            match attribute.values.as_slice() {
                [one] => map.serialize_entry(&attribute.name, one)?,
                many => map.serialize_entry(&attribute.name, many)?,
            }
        }
        map.end()
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Attribute>, D::Error> {
        struct Attributes;
        impl<'de> Visitor<'de> for Attributes {
            type Value = Vec<Attribute>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an object of attribute names and values (text, number, true, {value, unit}, or a list)",
                )
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut list: Vec<Attribute> = Vec::new();
                while let Some((name, values)) = map.next_entry::<String, Values>()? {
                    let values = match values {
                        Values::One(value) => vec![value],
                        Values::Many(values) => values,
                    };
                    match list.iter_mut().find(|a| a.name == name) {
                        Some(same) => same.values.extend(values),
                        None if values.is_empty() => {}
                        None => list.push(Attribute { name, values }),
                    }
                }
                Ok(list)
            }
        }
        from.deserialize_map(Attributes)
    }
}
