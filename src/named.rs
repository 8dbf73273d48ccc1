//! Values by name, where the answers of one engine share the names.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Index;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A small map whose names are shared: one value per name, in the names' order. In JSON it is an object.
#[derive(Clone)]
pub struct Named<T> {
    names: Arc<[String]>,
    values: Vec<T>,
}

/// As maps are: whatever the order.
impl<T: PartialEq> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.values.len() == other.values.len()
            && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl<T> Named<T> {
    /// Gives each name its value; what has no partner is left out.
    #[must_use]
    pub fn new(names: &Arc<[String]>, mut values: Vec<T>) -> Self {
        if values.len() == names.len() {
            return Self { names: Arc::clone(names), values };
        }
        values.truncate(names.len());
        Self { names: names[..values.len()].into(), values }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&T> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.names.iter().map(String::as_str).zip(&self.values)
    }

    /// The values, in the names' order.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { names: Arc::default(), values: Vec::new() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Panics when there is no such name, as maps do.
impl<T> Index<&str> for Named<T> {
    type Output = T;

    fn index(&self, name: &str) -> &T {
        #[expect(clippy::expect_used, reason = "indexing a map by a missing key panics")]
        self.get(name).expect("no value of this name")
    }
}

impl<T> FromIterator<(String, T)> for Named<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(pairs: I) -> Self {
        let (names, values): (Vec<String>, Vec<T>) = pairs.into_iter().unzip();
        Self { names: names.into(), values }
    }
}

impl<T: Serialize> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs.into_iter().collect())
            }
        }

        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_in_json() {
        let names: Arc<[String]> = vec!["b".to_owned(), "a".to_owned()].into();
        let named = Named::new(&names, vec![1.5, 2.0]);
        let json = serde_json::to_string(&named).unwrap();
        assert_eq!(json, r#"{"b":1.5,"a":2.0}"#);
        assert_eq!(serde_json::from_str::<Named<f64>>(&json).unwrap(), named);
        assert_eq!(serde_json::from_str::<Named<f64>>(r#"{"a":2,"b":1.5}"#).unwrap(), named);
        assert_ne!(serde_json::from_str::<Named<f64>>(r#"{"a":2,"c":1.5}"#).unwrap(), named);
        assert_eq!((named["a"], named.get("c")), (2.0, None));
        assert!(serde_json::from_str::<Named<f64>>("{}").unwrap().is_empty());
        assert_eq!(Named::new(&names, vec![1]).iter().count(), 1);
    }
}
