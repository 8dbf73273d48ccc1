//! Metarank's fields: `[{"name": …, "value": …}]`, or an object. Read without an intermediate tree, because a
//! ranking request has hundreds.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::wire::{Fields, Ignored, Value};

pub(super) fn fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
    deserializer.deserialize_any(Form)
}

struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Fields;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("fields as [{\"name\": …, \"value\": …}] or as an object")
    }

    fn visit_unit<E>(self) -> Result<Fields, E> {
        Ok(Fields::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Fields, A::Error> {
        #[derive(serde::Deserialize)]
        struct Named {
            name: String,
            #[serde(default)]
            value: Read,
        }
        let mut fields = Vec::new();
        while let Some(named) = from.next_element::<Named>()? {
            fields.push((named.name, named.value.0));
        }
        Ok(fields.into_iter().collect())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, value)) = from.next_entry::<String, Read>()? {
            fields.push((name, value.0));
        }
        Ok(fields.into_iter().collect())
    }
}

/// A field's value. Metarank also has lists of numbers: they are read as categories.
struct Read(Value);

impl Default for Read {
    fn default() -> Self {
        Self(Value::Missing(Ignored))
    }
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadVisitor)
    }
}

struct ReadVisitor;

impl<'de> Visitor<'de> for ReadVisitor {
    type Value = Read;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a boolean, a number, a text or a list")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Read, E> {
        Ok(Read(Value::Flag(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Read, E> {
        Ok(Read(Value::Number(number as f64)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Read, E> {
        Ok(Read(Value::Number(number as f64)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Read, E> {
        Ok(Read(Value::Number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Read, E> {
        Ok(Read(Value::Text(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Read, E> {
        Ok(Read(Value::Text(text)))
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Read::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Read, A::Error> {
        let mut list = Vec::new();
        let mut plain = true;
        while let Some(Read(value)) = from.next_element()? {
            match value {
                Value::Text(text) => list.push(text),
                Value::Number(number) => list.push(number.to_string()),
                _ => plain = false,
            }
        }
        Ok(Read(if plain { Value::List(list) } else { Value::Missing(Ignored) }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Read, A::Error> {
        while from.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Read::default())
    }
}
