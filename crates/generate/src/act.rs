//! Dialogue acts: what a sentence is to do (`recommend`) and the slots it is to say.

use std::fmt;

use thiserror::Error;

/// More slots than any act of the data has, as a bound for what comes from outside.
const MOST_SLOTS: usize = 64;

/// A dialogue act in the notation of the RNNLG corpus: `recommend(name=apollo 73;type=television;hdmiport=2)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What is done: `inform`, `?compare`, `goodbye`.
    pub kind: String,
    /// The slots in the order they were given; a slot may come twice.
    pub slots: Vec<Slot>,
}

/// One slot of an [`Act`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The slot's name without spaces and underscores: `hdmiport`.
    pub name: String,
    /// What is said of it.
    pub value: Value,
}

/// A slot's value, with the corpus's special values apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Words that stand in the sentence as they are.
    Text(String),
    /// `true` or `yes`.
    Yes,
    /// `false` or `no`.
    No,
    /// `none`: nothing is known.
    Nothing,
    /// `dontcare`: any value will do.
    Any,
    /// A slot without a value: it is asked for.
    Asked,
}

/// Why a text is no dialogue act.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActError {
    /// No opening parenthesis.
    #[error("a dialogue act is written kind(slot=value;…), and `{0}` has no parenthesis")]
    Form(String),
    /// More slots than an act may have.
    #[error("a dialogue act has at most {MOST_SLOTS} slots, not {0}")]
    Slots(usize),
}

impl Act {
    /// Reads an act as RNNLG's own parser does: quotes round names and values are dropped, the special values unified.
    ///
    /// # Errors
    /// When there is no parenthesis, or there are more than 64 slots.
    pub fn parse(text: &str) -> Result<Self, ActError> {
        let (kind, rest) =
            text.split_once('(').ok_or_else(|| ActError::Form(text.chars().take(80).collect()))?;
        let inner = rest.split('(').next().unwrap_or_default().replace(')', "");
        let pairs: Vec<&str> = inner.split(';').filter(|pair| !pair.is_empty()).collect();
        if pairs.len() > MOST_SLOTS {
            return Err(ActError::Slots(pairs.len()));
        }
        let bare = |text: &str| text.trim_matches(['\'', '"']).to_owned();
        let name = |text: &str| bare(text).replace(['_', ' '], "");
        let slots = pairs.into_iter().map(|pair| match pair.split_once('=') {
            None => Slot { name: name(pair), value: Value::Asked },
            Some((slot, value)) => Slot { name: name(slot), value: Value::read(bare(value)) },
        });
        Ok(Self { kind: kind.to_owned(), slots: slots.collect() })
    }

    /// The act without its values: its kind, then slots with marks, sorted. Acts with equal features are said alike.
    ///
    /// The marks are RNNLG's: `_1`, `_2` for values, `yes`, `no`, `none`, `dontcare`, `?`.
    pub fn features(&self) -> Vec<(String, String)> {
        let mut features = Vec::with_capacity(self.slots.len());
        for (at, slot) in self.slots.iter().enumerate() {
            let mark = match &slot.value {
                Value::Text(_) => format!("_{}", self.place(at)),
                Value::Yes => "yes".to_owned(),
                Value::No => "no".to_owned(),
                Value::Nothing => "none".to_owned(),
                Value::Any => "dontcare".to_owned(),
                Value::Asked => "?".to_owned(),
            };
            features.push((slot.name.clone(), mark));
        }
        features.sort();
        features
    }

    /// The act with marks for values, in one line: `inform(name=_1;type=_1)`.
    pub fn signature(&self) -> String {
        let slots: Vec<String> =
            self.features().into_iter().map(|(slot, mark)| format!("{slot}={mark}")).collect();
        format!("{}({})", self.kind, slots.join(";"))
    }

    /// The first text of a slot.
    pub fn text(&self, slot: &str) -> Option<&str> {
        self.slots.iter().filter(|s| s.name == slot).find_map(|s| s.value.text())
    }

    /// Which of its name's values the slot at `at` is, from 1.
    pub(crate) fn place(&self, at: usize) -> usize {
        let same = |slot: &&Slot| slot.name == self.slots[at].name && slot.value.text().is_some();
        self.slots[..=at].iter().filter(same).count()
    }
}

impl Value {
    fn read(text: String) -> Self {
        match text.as_str() {
            "true" | "yes" => Self::Yes,
            "false" | "no" => Self::No,
            "none" => Self::Nothing,
            "dontcare" | "dont_care" => Self::Any,
            "?" => Self::Asked,
            _ => Self::Text(text),
        }
    }

    /// The words, where there are any.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.kind)?;
        for (at, slot) in self.slots.iter().enumerate() {
            let value = match &slot.value {
                Value::Text(text) => text,
                Value::Yes => "true",
                Value::No => "false",
                Value::Nothing => "none",
                Value::Any => "dontcare",
                Value::Asked => "?",
            };
            write!(f, "{}{}={value}", if at == 0 { "" } else { ";" }, slot.name)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_from_special_values() {
        let act = Act::parse(
            "?compare(name=apollo 73;is for=true;name='attis 10';price=none;family=dontcare;area)",
        );
        let act = act.unwrap();
        assert_eq!(act.signature(), "?compare(area=?;family=dontcare;isfor=yes;name=_1;name=_2;price=none)");
        assert_eq!(act.text("name"), Some("apollo 73"));
        assert_eq!(Act::parse(&act.to_string()).unwrap(), act);
    }

    #[test]
    fn what_is_no_act_is_told() {
        assert!(matches!(Act::parse("inform"), Err(ActError::Form(_))));
        assert_eq!(Act::parse("goodbye()").unwrap().slots, []);
        assert!(matches!(Act::parse(&format!("inform({})", "a=b;".repeat(65))), Err(ActError::Slots(65))));
    }
}
