//! Templates put `a` and `an` only before what can be counted: the catalogue's categories and styles, told apart by hand.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "data/mod.rs"]
mod data;

use std::collections::BTreeSet;

use attune_generate::{Brief, guard::Guard, template};

/// Categories and styles of which there can be one.
const COUNTED: &[&str] = &[
    "arrangement",
    "axe",
    "backpack",
    "bag",
    "bakery",
    "bedroom",
    "belt",
    "boot",
    "bouquet",
    "bracelet",
    "cable",
    "camera",
    "centerpiece",
    "clock",
    "computer",
    "consumable",
    "cushion",
    "drill",
    "food service",
    "hammer",
    "handbag",
    "jacket",
    "keyboard",
    "kitchen",
    "knife",
    "microphone",
    "necklace",
    "pet",
    "pizza",
    "plant",
    "plier",
    "salon",
    "saw",
    "scarf",
    "screwdriver",
    "set",
    "shirt",
    "sneaker",
    "speaker",
    "television",
    "valentine",
    "watch",
    "wreath",
    "wrench",
];

/// The rest: what is not counted, plurals, and words that are no nouns.
const OTHERS: &[&str] = &[
    "accessories",
    "apparel",
    "bathing",
    "beauty",
    "books",
    "bowls",
    "camping",
    "chairs",
    "christmas",
    "cold dispensed",
    "cooking",
    "dairy",
    "decorative",
    "dressers",
    "earrings",
    "easter",
    "electronics",
    "fishing",
    "floral",
    "footwear",
    "formal",
    "fountain-carbonated",
    "fountain-non-carbonated",
    "fruits",
    "furniture",
    "glasses",
    "groceries",
    "grooming",
    "halloween",
    "headphones",
    "homedecor",
    "hot chocolate",
    "hot dispensed",
    "housewares",
    "instruments",
    "jewelry",
    "kayaking",
    "keys",
    "lighting",
    "meat",
    "nachos",
    "nuts/seeds",
    "other cuisine",
    "outdoors",
    "percussion",
    "potato chips",
    "salty snacks",
    "sandals",
    "sandwiches/wraps",
    "seafood",
    "seasonal",
    "socks",
    "sofas",
    "soup and salad",
    "strings",
    "tables",
    "tools",
    "travel",
    "vegetables",
    "wind",
];

/// The catalogue's categories and styles.
fn kinds() -> Option<BTreeSet<String>> {
    let text = data::read("catalog/products.yaml.gz")?;
    let field = |line: &str| {
        let value = line.strip_prefix("  category: ").or_else(|| line.strip_prefix("  style: "))?;
        Some(value.trim_matches(['\'', '"']).to_owned())
    };
    Some(text.lines().filter_map(field).collect())
}

#[test]
fn articles_stand_before_what_can_be_counted() {
    let Some(kinds) = kinds() else { return };
    for kind in &kinds {
        assert!(
            COUNTED.contains(&kind.as_str()) != OTHERS.contains(&kind.as_str()),
            "{kind} is not told apart"
        );
        let mut said = false;
        for tone in ["plain", "friendly", "elegant", "energetic"] {
            for facts in [
                r#""name":"Aurora""#,
                r#""brand":"Zentara","claims":["new"]"#,
                r#""description":"New.","claims":["new"]"#,
            ] {
                let json =
                    format!(r#"{{"facts":{{{facts},"category":"{kind}"}},"tone":"{tone}","language":"en"}}"#);
                let (brief, _) = Brief::parse(&json).unwrap();
                for text in template::write(&brief, 8, 3, None) {
                    let lower = text.to_lowercase();
                    let with_article =
                        lower.contains(&format!("a {kind}")) || lower.contains(&format!("an {kind}"));
                    assert!(!with_article || COUNTED.contains(&kind.as_str()), "{text}");
                    assert!(Guard::new(&brief).check(&text).passes(), "{text}");
                    said |= lower.contains(kind.as_str());
                }
            }
        }
        assert!(said, "{kind} is never said");
    }
}
