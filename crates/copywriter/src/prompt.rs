//! How facts stand before the network: an act in one line, its values as marks.
//!
//! `inform isforbusinesscomputing=no SLOT_MEMORY SLOT_NAME SLOT_TYPE` and a line feed. The slots are sorted by their names,
//! so that the order in which a shop gives its facts does not matter.

use attune_generate::act::{Act, Value};
use attune_generate::delexicalise::{Marks, mark};

/// The line of an act, with its line feed.
#[must_use]
pub fn prompt(act: &Act) -> String {
    let mut slots: Vec<(&str, String)> = act
        .slots
        .iter()
        .enumerate()
        .map(|(at, slot)| {
            let name = slot.name.as_str();
            let said = match slot.value {
                Value::Text(_) => mark(act, at, Marks::Numbered),
                Value::Yes => format!("{name}=yes"),
                Value::No => format!("{name}=no"),
                Value::Nothing => format!("{name}=none"),
                Value::Any => format!("{name}=dontcare"),
                Value::Asked => format!("{name}=?"),
            };
            (name, said)
        })
        .collect();
    slots.sort();
    let mut line = act.kind.clone();
    for (_, said) in slots {
        line.push(' ');
        line.push_str(&said);
    }
    line.push('\n');
    line
}

/// The marks of a text, in the order they stand.
pub fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter(|word| word.starts_with("SLOT_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_in_another_order_are_the_same_prompt() {
        let prompt_of = |act| prompt(&Act::parse(act).unwrap());
        let line = "inform isforbusinesscomputing=no SLOT_MEMORY SLOT_NAME SLOT_TYPE\n";
        assert_eq!(prompt_of("inform(name=a 1;type=laptop;memory=4 gb;isforbusinesscomputing=false)"), line);
        assert_eq!(prompt_of("inform(isforbusinesscomputing=no;memory=8 gb;type=laptop;name=b)"), line);
        assert_eq!(
            prompt_of("?compare(name=a;price=1;name=b;price=none)"),
            "?compare SLOT_NAME_1 SLOT_NAME_2 SLOT_PRICE price=none\n"
        );
        assert_eq!(prompt_of("goodbye()"), "goodbye\n");
    }

    #[test]
    fn marks_are_found() {
        let found: Vec<&str> = marks("the SLOT_NAME_1 , unlike SLOT_NAME_2 , has slots").collect();
        assert_eq!(found, ["SLOT_NAME_1", "SLOT_NAME_2"]);
    }
}
