//! Keys and values that a file has beside its weights, as GGUF has them.

use crate::{Error, Result};

/// Many texts in one allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at `index`.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.text.get(start..end)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Appends one.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut all = Self::default();
        texts.into_iter().for_each(|text| all.push(text));
        all
    }
}

/// A value; numbers of any width are the widest.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// u8, u16, u32, u64
    Unsigned(u64),
    /// i8, i16, i32, i64
    Integer(i64),
    /// f32, f64
    Float(f64),
    /// bool
    Bool(bool),
    /// A string.
    Text(String),
    /// An array of strings.
    Texts(Texts),
    /// An array of i32 or u32.
    Integers(Vec<i32>),
    /// An array of f32.
    Floats(Vec<f32>),
}

/// The keys and values of a file, in its order. Arrays of other kinds than [`Value`] knows are not kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    pairs: Vec<(String, Value)>,
}

impl Metadata {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Sets `key`, in place or at the end.
    pub fn set(&mut self, key: &str, value: Value) {
        match self.pairs.iter_mut().find(|(known, _)| known == key) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((key.to_owned(), value)),
        }
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// A whole number of at least zero.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the value is something else.
    pub fn count(&self, key: &str) -> Result<Option<usize>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Unsigned(number)) => {
                usize::try_from(*number).map(Some).map_err(|_| wrong(key, "too large"))
            }
            Some(Value::Integer(number)) => {
                usize::try_from(*number).map(Some).map_err(|_| wrong(key, "not a count"))
            }
            Some(Value::Integers(_)) => {
                Err(Error::Unsupported(format!("{key} has a number for every layer")))
            }
            Some(_) => Err(wrong(key, "not a number")),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the value is something else.
    pub fn float(&self, key: &str) -> Result<Option<f32>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Float(number)) => Ok(Some(*number as f32)),
            Some(Value::Unsigned(number)) => Ok(Some(*number as f32)),
            Some(Value::Integer(number)) => Ok(Some(*number as f32)),
            Some(_) => Err(wrong(key, "not a number")),
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the value is something else.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(wrong(key, "not true or false")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the value is something else.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(key, "not a text")),
        }
    }

    /// A list of texts.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the value is something else.
    pub fn texts(&self, key: &str) -> Result<Option<&Texts>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Texts(texts)) => Ok(Some(texts)),
            Some(_) => Err(wrong(key, "not a list of texts")),
        }
    }
}

fn wrong(key: &str, why: &str) -> Error {
    Error::Malformed(format!("{key} is {why}"))
}
