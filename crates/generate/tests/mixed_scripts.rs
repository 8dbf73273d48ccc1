//! Briefs in several scripts, with marks that turn text round: what templates make of them, and what the guard says of texts in another
//! language than the brief's.

#![allow(clippy::unwrap_used, reason = "a test")]

use attune_generate::brief::Language;
use attune_generate::guard::{Guard, Kind};
use attune_generate::repair::{Outcome, repair};
use attune_generate::{Brief, template};
use proptest::prelude::*;

/// Latin, Han, Cyrillic, Arabic, Devanagari, an emoji, and marks without a width: bidi, joiners, a noncharacter, a null.
const PIECES: &str = "(Aurora|cup|20 l|极光|杯子|采用棉|Аврора|أورورا|उषा|🎒|\u{202e}|\u{2066}|\u{200b}|\u{200d}|\u{fdd0}|\u{0}|e\u{301}| ){0,8}";

fn hidden(text: &str) -> bool {
    text.chars().any(|c| {
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') || (c.is_control() && c != '\n')
    })
}

proptest! {
    #[test]
    fn no_hidden_mark_goes_out_and_nothing_panics(name in PIECES, value in PIECES, description in PIECES, chinese: bool, seed: u64) {
        let language = if chinese { "zh" } else { "en" };
        let facts = serde_json::json!({"name": name, "attributes": {"colour": value}, "description": description});
        let json = serde_json::json!({"facts": facts, "language": language}).to_string();
        let Ok((brief, _)) = Brief::parse(&json) else { return Ok(()) };
        let guard = Guard::new(&brief);
        for text in template::write(&brief, 2, seed, None) {
            if let Outcome::Passed { text, report, .. } = repair(&text, &brief, &guard) {
                prop_assert!(report.passes());
                prop_assert!(!hidden(&text), "{text:?}");
            }
        }
    }
}

#[test]
fn a_text_in_another_language_does_not_pass() {
    for (language, right, wrong) in [
        (Language::En, "The Aurora cup is blue.", ["极光杯是蓝色的。", "Кружка Аврора синего цвета."]),
        (Language::Zh, "极光杯是蓝色的。", ["This cup is a very blue cup for you.", "Кружка синего цвета."]),
    ] {
        let json = r#"{"facts":{"name":"Aurora","category":"cup","attributes":{"colour":"blue","颜色":"蓝色","名":"极光杯"}}}"#;
        let (mut brief, _) = Brief::parse(json).unwrap();
        brief.language = Some(language);
        let guard = Guard::new(&brief);
        let report = guard.check(right);
        assert!(!report.has(Kind::Language), "{right}: {report:?}");
        for text in wrong {
            assert!(guard.check(text).has(Kind::Language), "{text}");
        }
    }
}
