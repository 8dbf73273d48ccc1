//! Slot errors as RNNLG's `ERRScorer` counts them, on a text whose values are marks.

use crate::act::{Act, Value};

/// Slots whose mark is counted; `processor` is not among them in RNNLG's list, and `type` never is.
const MARKED: [&str; 33] = [
    "address",
    "area",
    "count",
    "food",
    "goodformeal",
    "name",
    "near",
    "phone",
    "postcode",
    "price",
    "pricerange",
    "battery",
    "batteryrating",
    "design",
    "dimension",
    "drive",
    "driverange",
    "family",
    "memory",
    "platform",
    "utility",
    "warranty",
    "weight",
    "weightrange",
    "hdmiport",
    "ecorating",
    "audio",
    "accessories",
    "color",
    "powerconsumption",
    "resolution",
    "screensize",
    "screensizerange",
];

/// Slots that are said by one of a few words.
const WORDED: [(&str, &[&str]); 6] = [
    ("kidsallowed", &["child", "kid", "kids", "children"]),
    ("dogsallowed", &["dog", "dogs", "puppy"]),
    ("hasinternet", &["internet", "wifi"]),
    ("acceptscreditcards", &["card", "cards"]),
    ("isforbusinesscomputing", &["business", "nonbusiness", "home", "personal", "general"]),
    ("hasusbport", &["usb"]),
];

/// Slots and errors of one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotErrors {
    /// Slots of the act that are counted.
    pub slots: usize,
    /// Missing, repeated and added ones.
    pub wrong: usize,
}

/// Counts slots that are missing or said too often in a text delexicalised with [`Marks::Plain`](crate::delexicalise::Marks).
///
/// The acts `?select` and `suggest`, which list values, are not counted.
pub fn slot_errors(act: &Act, delexicalised: &str) -> SlotErrors {
    let mut errors = SlotErrors::default();
    if matches!(act.kind.as_str(), "?select" | "suggest") {
        return errors;
    }
    let said = |word: &str| delexicalised.split_whitespace().filter(|w| *w == word).count();
    let mut compare = |wanted: usize, said: usize| {
        errors.slots += wanted;
        errors.wrong += wanted.abs_diff(said);
    };
    for slot in MARKED {
        let wanted = act.slots.iter().filter(|s| s.name == slot && s.value.text().is_some()).count();
        compare(wanted, said(&format!("SLOT_{}", slot.to_uppercase())));
    }
    for (slot, words) in WORDED {
        let told = |value: &Value| matches!(value, Value::Yes | Value::No | Value::Any | Value::Nothing);
        let wanted = act.slots.iter().filter(|s| s.name == slot && told(&s.value)).count();
        compare(wanted, words.iter().map(|word| said(word)).sum());
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_repeated_and_added_slots_count() {
        let act =
            Act::parse("inform(name=a;type=television;hasusbport=false;hdmiport=2;processor=x)").unwrap();
        let errors = |text| slot_errors(&act, text);
        let right = "SLOT_NAME is a SLOT_TYPE with SLOT_HDMIPORT hdmi port -s and no usb";
        assert_eq!(errors(right), SlotErrors { slots: 3, wrong: 0 });
        assert_eq!(errors("SLOT_NAME SLOT_NAME has usb and SLOT_PRICE").wrong, 3);
        let select = Act::parse("?select(family=a;family=b)").unwrap();
        assert_eq!(slot_errors(&select, ""), SlotErrors::default());
    }
}
