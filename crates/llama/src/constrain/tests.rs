use proptest::prelude::*;

use super::*;

const WORDS: [&str; 14] =
    ["", "a", "ab", "abc", "b", " best", " bes", "t", "1", "12", ".", "5", "é", "\u{1F600}"];

fn trie() -> Vocabulary {
    Vocabulary::new(WORDS.iter().map(|word| word.as_bytes()), &[0])
}

fn allowed(constraint: &mut Constraint<'_>) -> Vec<u32> {
    let mask = constraint.mask();
    (0..WORDS.len() as u32).filter(|token| mask.0[*token as usize / 32] & (1 << (token % 32)) != 0).collect()
}

/// The tokens that come true one by one.
fn walked(rules: &Rules, text: &[u32]) -> Option<bool> {
    let trie = trie();
    let mut constraint = Constraint::new(rules, &trie);
    text.iter().all(|token| constraint.accept(*token)).then(|| constraint.may_end())
}

fn token(word: &str) -> u32 {
    WORDS.iter().position(|there| *there == word).unwrap() as u32
}

#[test]
fn grammar_allows_its_sentences_only() {
    let rules = Rules {
        grammar: Some(Grammar::new("root ::= \"a\"{2,3} b # remark\nb ::= [b-c]* | \"é\"").unwrap()),
        ..Rules::default()
    };
    let text = |words: &[&str]| words.iter().map(|word| token(word)).collect::<Vec<_>>();
    assert_eq!(walked(&rules, &text(&["a"])), Some(false));
    assert_eq!(walked(&rules, &text(&["a", "ab"])), Some(true));
    assert_eq!(walked(&rules, &text(&["a", "abc", "b"])), Some(true));
    assert_eq!(walked(&rules, &text(&["a", "a", "a", "é"])), Some(true));
    assert_eq!(walked(&rules, &text(&["a", "a", "a", "a"])), None);
    assert_eq!(walked(&rules, &text(&["ab"])), None);
    let trie = trie();
    let mut constraint = Constraint::new(&rules, &trie);
    assert_eq!(allowed(&mut constraint), [token("a")]);
    constraint.accept(token("a"));
    assert_eq!(allowed(&mut constraint), ["a", "ab", "abc"].map(token));
}

#[test]
fn grammar_reads_nested_rules_and_numbers() {
    let json = "root ::= value\nvalue ::= list | [0-9]+\nlist ::= \"[\" (value (\",\" value)*)? \"]\"";
    let grammar = Grammar::new(json).unwrap();
    let sentence = |text: &str| {
        let state = text.bytes().try_fold(grammar.start(), |state, byte| grammar.step(&state, byte));
        state.map(|state| grammar.may_end(&state))
    };
    for (text, ends) in [("[]", true), ("[1,[22,3]]", true), ("7", true), ("[1,", false), ("[[", false)] {
        assert_eq!(sentence(text), Some(ends), "{text}");
    }
    for text in ["]", "[,", "1,", "[1]]"] {
        assert_eq!(sentence(text), None, "{text}");
    }
}

#[test]
fn grammars_that_are_none_say_why() {
    for (text, why) in [
        ("root ::= other", "no rule other"),
        ("root ::= root \"a\"", "begins with itself"),
        ("root ::= \"a", "line 1: a text has no end"),
        ("root ::= [z-a]", "no range"),
        ("root ::= \"a\"{9999}", "at most 256"),
        ("root ::= \"\\xZZ\"", "hexadecimal"),
        ("", "no rule root"),
        ("root ::= \"a\"\nroot ::= \"b\"", "twice"),
    ] {
        let error = Grammar::new(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(Grammar::new(&format!("root ::= {}", "(".repeat(10_000))).is_err());
    assert!(Grammar::new(&format!("root ::= {}", "\"a\"? ".repeat(10_000))).is_err());
}

#[test]
fn forbidden_phrases_never_end_even_across_tokens() {
    let rules = Rules { forbidden: Some(Phrases::new(["BEST"]).unwrap()), ..Rules::default() };
    let trie = trie();
    let mut constraint = Constraint::new(&rules, &trie);
    assert!(!allowed(&mut constraint).contains(&token(" best")));
    assert!(constraint.accept(token(" bes")));
    assert!(!allowed(&mut constraint).contains(&token("t")));
    assert!(!constraint.accept(token("t")));
    assert!(constraint.accept(token("a")) && constraint.accept(token("t")));
}

#[test]
fn end_waits_for_required_phrases() {
    let rules = Rules { required: Some(Phrases::new(["ab", "12"]).unwrap()), ..Rules::default() };
    let trie = trie();
    let mut constraint = Constraint::new(&rules, &trie);
    assert!(!allowed(&mut constraint).contains(&0));
    assert_eq!(constraint.missing().collect::<Vec<_>>(), ["ab", "12"]);
    for word in ["a", "b"] {
        constraint.accept(token(word));
    }
    assert_eq!(constraint.missing().collect::<Vec<_>>(), ["12"]);
    constraint.accept(token("12"));
    assert!(allowed(&mut constraint).contains(&0));
}

#[test]
fn numbers_are_among_the_facts() {
    let numbers = Numbers::of(["12.5 inches for 1,299.00", "8 hours"]);
    let whole = |text: &str| {
        let state = text.bytes().try_fold(Default::default(), |state, byte| numbers.step(&state, byte));
        state.is_some_and(|state| numbers.may_end(&state))
    };
    for text in ["12.5", "it is 12.5, or 8.", "1,299.00.", "no number", "8,12.5"] {
        assert_eq!(whole(text), text != "8,12.5", "{text}");
    }
    for text in ["12", "12.55", "9", "1,29", "88", "8.5"] {
        assert!(!whole(text), "{text}");
    }
}

proptest! {
    /// What the mask allows is what can be accepted, and nothing else.
    #[test]
    fn mask_is_what_can_be_accepted(text in proptest::collection::vec(1_u32..14, 0..8)) {
        let rules = Rules {
            grammar: Some(Grammar::new("root ::= (. [^z]?)+").unwrap()),
            forbidden: Some(Phrases::new(["bb", "est1"]).unwrap()),
            required: Some(Phrases::new(["12"]).unwrap()),
            numbers: Some(Numbers::of(["12.5 and 1"])),
        };
        let trie = trie();
        let mut constraint = Constraint::new(&rules, &trie);
        for token in text {
            if !allowed(&mut constraint).contains(&token) {
                continue;
            }
            for other in 1..14 {
                let mut tried = Constraint::new(&rules, &trie);
                tried.state = constraint.state.clone();
                prop_assert_eq!(allowed(&mut constraint).contains(&other), tried.accept(other));
            }
            prop_assert!(constraint.accept(token));
        }
    }

    /// No text is a grammar that hangs or panics.
    #[test]
    fn any_text_is_a_grammar_or_an_error(text in "(root ::= )?[a-c\"\\[\\]()|*+?{}0-9 \\n^.:=-]{0,60}", read in "[a-c]{0,12}") {
        if let Ok(grammar) = Grammar::new(&text) {
            let mut state = grammar.start();
            for byte in read.bytes() {
                let Some(next) = grammar.step(&state, byte) else { break };
                state = next;
            }
        }
    }
}
