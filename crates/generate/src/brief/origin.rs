//! Briefs from the rows of public data.

use super::{Attribute, AttributeValue, Brief, Facts, Language};
use crate::act::{Act, Value};

impl Brief {
    /// A brief that says an RNNLG act. The facts are the act's values; the act itself says what to do with them.
    pub fn from_act(act: &Act) -> Self {
        let mut facts = Facts::default();
        for slot in &act.slots {
            let value = match &slot.value {
                // RNNLG sets marks apart.
                Value::Text(text) => AttributeValue::Text(text.replace(" , ", ", ")),
                Value::Yes => AttributeValue::Flag(true),
                Value::No => AttributeValue::Flag(false),
                Value::Nothing | Value::Any | Value::Asked => continue,
            };
            match (slot.name.as_str(), &value) {
                ("name", AttributeValue::Text(text)) if facts.name.is_none() => {
                    facts.name = Some(text.clone())
                }
                ("type", AttributeValue::Text(text)) => facts.category = Some(text.clone()),
                _ => push(&mut facts.attributes, &slot.name, value),
            }
        }
        Self { facts, language: Some(Language::En), act: Some(act.to_string()), ..Self::default() }
    }

    /// A Chinese brief of an AdvertiseGen row's attributes: `类型` is the category, `品牌` the brand.
    pub fn from_attributes(attributes: &[(String, String)]) -> Self {
        let mut facts = Facts::default();
        for (name, value) in attributes {
            match name.as_str() {
                "类型" if facts.category.is_none() => facts.category = Some(value.clone()),
                "品牌" if facts.brand.is_none() => facts.brand = Some(value.clone()),
                _ => push(&mut facts.attributes, name, AttributeValue::Text(value.clone())),
            }
        }
        Self { facts, language: Some(Language::Zh), ..Self::default() }
    }
}

fn push(attributes: &mut Vec<Attribute>, name: &str, value: AttributeValue) {
    match attributes.iter_mut().find(|a| a.name == name) {
        Some(same) if same.values.contains(&value) => {}
        Some(same) => same.values.push(value),
        None => attributes.push(Attribute { name: name.to_owned(), values: vec![value] }),
    }
}
