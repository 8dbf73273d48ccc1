//! What is to be written: facts, for whom, in which tone, where and how long.

mod origin;
mod value;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use value::{Attribute, AttributeValue, Price};

/// A brief's JSON may be this long, in bytes.
const MOST_JSON: usize = 4 << 20;
/// The description is cut to this many characters, at a sentence end if there is one.
const MOST_DESCRIPTION: usize = 4_000;
/// Any other text is cut to this many characters.
const MOST_TEXT: usize = 400;
/// Attributes, values of one attribute, claims, phrases: more are left out.
const MOST_ITEMS: usize = 64;

/// Everything a writer may know and must keep to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Brief {
    /// What is true of the product.
    pub facts: Facts,
    /// For whom it is written.
    #[serde(skip_serializing_if = "Audience::is_empty")]
    pub audience: Audience,
    /// How it is to sound.
    pub tone: Tone,
    /// Where it is to stand.
    pub channel: Channel,
    /// In which language; read off the facts where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// How long it may be; the channel's own length where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<Length>,
    /// Phrases that must stand in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// Phrases that must not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<String>,
    /// A dialogue act in RNNLG's notation: the text says this act's slots, and no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<String>,
}

/// What is true of the product.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// The product's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// What kind of thing it is: `backpack`, `连衣裙`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Its attributes in order: a JSON object of names and values.
    #[serde(with = "value::attributes", skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<Attribute>,
    /// Claims that the shop has grounds for: `waterproof`, `free shipping`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// The catalogue's own text: what it says is a fact, what it commands is not heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// For whom it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audience {
    /// A segment's name: `commuters`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// What they like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interests: Vec<String>,
}

/// How the copy is to sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Says what is.
    #[default]
    Plain,
    /// Speaks to the reader.
    Friendly,
    /// Calm and choice.
    Elegant,
    /// Short and lively.
    Energetic,
}

/// Where the copy is to stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// One line over a product or page.
    Headline,
    /// The text beside a product.
    #[default]
    ProductDescription,
    /// An e-mail's subject line.
    EmailSubject,
    /// A banner: one short sentence.
    Banner,
    /// Several paragraphs.
    Article,
}

/// The languages that templates and guards know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    En,
    /// Chinese in simplified characters.
    Zh,
}

/// Bounds of a text's length, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// At least so many.
    #[serde(default)]
    pub min: usize,
    /// At most so many.
    pub max: usize,
}

/// Why there is nothing to write from.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BriefError {
    /// No name, attribute, claim, description or act.
    #[error("the brief is empty: give at least a name, an attribute, a claim or a description in `facts`")]
    Empty,
    /// Longer than any catalogue entry.
    #[error("the brief has {0} bytes; at most {MOST_JSON} are read")]
    Size(usize),
    /// Not the JSON of a brief.
    #[error("the brief cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Lengths that no text can have.
    #[error("no text is at least {min} and at most {max} characters long")]
    Length {
        /// As given.
        min: usize,
        /// As given.
        max: usize,
    },
}

impl Brief {
    /// Reads a brief and bounds it; the notes say what was cut.
    ///
    /// # Errors
    /// When the JSON is too long or is no brief, when nothing is in it, or when the lengths exclude each other.
    pub fn parse(json: &str) -> Result<(Self, Vec<String>), BriefError> {
        if json.len() > MOST_JSON {
            return Err(BriefError::Size(json.len()));
        }
        serde_json::from_str::<Self>(json)?.bounded()
    }

    /// The brief with its texts and lists cut to what a prompt can hold, and notes of what was cut.
    ///
    /// # Errors
    /// When nothing is in it, or when the lengths exclude each other.
    pub fn bounded(mut self) -> Result<(Self, Vec<String>), BriefError> {
        let mut notes = Vec::new();
        let facts = &mut self.facts;
        for (name, text) in
            [("name", &mut facts.name), ("brand", &mut facts.brand), ("category", &mut facts.category)]
        {
            cut(name, text, MOST_TEXT, &mut notes);
        }
        cut("description", &mut facts.description, MOST_DESCRIPTION, &mut notes);
        cut("segment", &mut self.audience.segment, MOST_TEXT, &mut notes);
        shorten("attributes", &mut facts.attributes, &mut notes);
        for attribute in &mut facts.attributes {
            attribute.bound(MOST_ITEMS, MOST_TEXT, &mut notes);
        }
        for (name, list) in [
            ("claims", &mut facts.claims),
            ("interests", &mut self.audience.interests),
            ("required", &mut self.required),
            ("forbidden", &mut self.forbidden),
        ] {
            list.retain(|text| !text.trim().is_empty());
            shorten(name, list, &mut notes);
            for text in list {
                cut_text(name, text, MOST_TEXT, &mut notes);
            }
        }
        if self.is_empty() {
            return Err(BriefError::Empty);
        }
        match self.length {
            Some(Length { min, max }) if min > max || max == 0 => Err(BriefError::Length { min, max }),
            _ => Ok((self, notes)),
        }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        let facts = &self.facts;
        facts.name.is_none()
            && facts.description.is_none()
            && facts.attributes.is_empty()
            && facts.claims.is_empty()
            && self.act.is_none()
    }

    /// The language asked for, else Chinese where a fifth of the facts' letters are Chinese characters.
    pub fn language(&self) -> Language {
        self.language.unwrap_or_else(|| Language::of(&self.fact_text()))
    }

    /// The lengths asked for, else the channel's.
    pub fn length(&self) -> Length {
        self.length.unwrap_or_else(|| self.channel.length(self.language()))
    }

    /// All facts in lines, as they may be quoted.
    pub fn fact_text(&self) -> String {
        let facts = &self.facts;
        let mut lines: Vec<String> =
            [&facts.name, &facts.brand, &facts.category].into_iter().flatten().cloned().collect();
        lines.extend(facts.price.as_ref().map(ToString::to_string));
        lines.extend(facts.attributes.iter().map(ToString::to_string));
        lines.extend(facts.claims.iter().chain(&facts.description).chain(&self.required).cloned());
        lines.join("\n")
    }
}

impl Audience {
    fn is_empty(&self) -> bool {
        self.segment.is_none() && self.interests.is_empty()
    }
}

impl Channel {
    /// How long a text of this channel may be where the brief does not say.
    pub fn length(self, language: Language) -> Length {
        let (en, zh) = match self {
            Self::Headline => (80, 40),
            Self::EmailSubject => (60, 30),
            Self::Banner => (100, 50),
            Self::ProductDescription => (800, 400),
            Self::Article => (6_000, 3_000),
        };
        Length { min: 1, max: if language == Language::Zh { zh } else { en } }
    }

    /// Whether a text of this channel is one line that names the product and little else.
    pub fn is_line(self) -> bool {
        matches!(self, Self::Headline | Self::EmailSubject | Self::Banner)
    }
}

impl Language {
    /// Chinese where at least a fifth of the letters are Chinese characters, else English.
    pub fn of(text: &str) -> Self {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let chinese = text.chars().filter(|&c| is_han(c)).count();
        if chinese * 5 >= letters.max(1) { Self::Zh } else { Self::En }
    }
}

/// A Chinese character.
pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2ffff}')
}

fn shorten<T>(name: &str, list: &mut Vec<T>, notes: &mut Vec<String>) {
    if list.len() > MOST_ITEMS {
        notes.push(format!("{name}: the first {MOST_ITEMS} of {} are kept", list.len()));
        list.truncate(MOST_ITEMS);
    }
}

/// An empty text becomes none.
fn cut(name: &str, text: &mut Option<String>, most: usize, notes: &mut Vec<String>) {
    if let Some(text) = text {
        cut_text(name, text, most, notes);
    }
    if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
        *text = None;
    }
}

fn cut_text(name: &str, text: &mut String, most: usize, notes: &mut Vec<String>) {
    let Some((end, _)) = text.char_indices().nth(most) else { return };
    let length = text.chars().count();
    let kept = &text[..end];
    let sentence = kept.rfind(['.', '!', '?', '。', '！', '？']).filter(|&at| at * 2 > end);
    let end = sentence.map_or(end, |at| at + kept[at..].chars().next().map_or(1, char::len_utf8));
    text.truncate(end);
    notes.push(format!("{name}: the first {} of {length} characters are kept", text.chars().count()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brief_reads_and_writes() {
        let json = r#"{"facts":{"name":"Apollo 73","price":{"amount":1299.0,"currency":"USD"},
            "attributes":{"screen size":{"value":55,"unit":"inch"},"usb":true,"colour":["black","silver"],"ports":2}},
            "tone":"friendly","channel":"headline"}"#;
        let (brief, notes) = Brief::parse(json).unwrap();
        assert_eq!((notes.len(), brief.language(), brief.length().max), (0, Language::En, 80));
        assert_eq!(Brief::parse(&serde_json::to_string(&brief).unwrap()).unwrap().0, brief);
        assert_eq!(
            brief.fact_text(),
            "Apollo 73\n1299 USD\nscreen size: 55 inch\nusb: yes\ncolour: black, silver\nports: 2"
        );
    }

    #[test]
    fn an_empty_brief_is_told_and_a_long_one_cut() {
        for json in ["{}", r#"{"facts":{"name":"  "}}"#, r#"{"facts":{"attributes":{}}}"#] {
            assert!(matches!(Brief::parse(json), Err(BriefError::Empty)), "{json}");
        }
        assert!(matches!(Brief::parse("no"), Err(BriefError::Json(_))));
        assert!(matches!(Brief::parse(r#"{"fact":1}"#), Err(BriefError::Json(_))));
        let long = format!(r#"{{"facts":{{"description":"{}"}}}}"#, "It is blue and light. ".repeat(5_000));
        let (brief, notes) = Brief::parse(&long).unwrap();
        assert!(brief.facts.description.unwrap().ends_with("light."));
        assert_eq!(notes.len(), 1);
        let length = r#"{"facts":{"name":"x"},"length":{"min":9,"max":2}}"#;
        assert!(matches!(Brief::parse(length), Err(BriefError::Length { .. })));
    }

    #[test]
    fn the_language_is_read_off_the_facts() {
        let zh = Brief::from_attributes(&[("类型".into(), "裤".into()), ("品牌".into(), "NIKE".into())]);
        assert_eq!(zh.language(), Language::Zh);
        assert_eq!(Language::of("A shirt named 云"), Language::En);
    }
}
