//! Whole pages through the reorderer, in any chunks.

#![allow(clippy::unwrap_used)]

use attune::wire::{Slot, Value};
use attune_html::{Charset, Outcome, Reorderer};
use proptest::prelude::*;

const LIMIT: usize = 4096;

/// The page and what became of its slots, written in chunks of these sizes over and over.
fn reordered(
    page: &[u8],
    chunks: &[usize],
    choose: impl FnMut(&Slot) -> Option<Vec<String>>,
) -> (Vec<u8>, Vec<(String, Outcome)>) {
    let mut reorderer = Reorderer::new(LIMIT, Charset::default(), choose);
    let (mut out, mut rest) = (Vec::new(), page);
    for size in chunks.iter().cycle() {
        let (chunk, later) = rest.split_at((*size).clamp(1, rest.len().max(1)).min(rest.len()));
        reorderer.write(chunk, &mut out);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    reorderer.end(&mut out);
    (out, reorderer.outcomes().to_vec())
}

#[expect(clippy::unnecessary_wraps, reason = "what a reorderer is asked with")]
fn reversed(slot: &Slot) -> Option<Vec<String>> {
    Some(slot.candidates.iter().rev().map(|candidate| candidate.id.clone()).collect())
}

#[track_caller]
fn check(page: &str, expected: &str, outcome: Outcome) {
    for chunk in [1, 2, 7, page.len()] {
        let (out, outcomes) = reordered(page.as_bytes(), &[chunk], reversed);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "chunks of {chunk}");
        assert_eq!(outcomes.iter().map(|(_, outcome)| *outcome).collect::<Vec<_>>(), [outcome]);
    }
}

#[test]
fn cards_change_places_and_all_else_stays() {
    check(
        "<!doctype html><ul data-attune-slot=home>\n<h2>For you</h2><li data-attune-id=a>A<b>!</b></li> <li>ad</li><LI data-attune-id='b'>B</LI>, <li data-attune-id=c>C</li></ul><p>after",
        "<!doctype html><ul data-attune-slot=home>\n<h2>For you</h2><li data-attune-id=c>C</li> <li>ad</li><LI data-attune-id='b'>B</LI>, <li data-attune-id=a>A<b>!</b></li></ul><p>after",
        Outcome::Ordered,
    );
}

#[test]
fn void_elements_are_cards_too() {
    check(
        r#"<p data-attune-slot="x"><img data-attune-id="a" src=a> <img data-attune-id="b" src=b/></p>"#,
        r#"<p data-attune-slot="x"><img data-attune-id="b" src=b/> <img data-attune-id="a" src=a></p>"#,
        Outcome::Ordered,
    );
}

#[test]
fn hidden_belongs_to_the_place() {
    check(
        "<ul data-attune-slot=s data-attune-show=1><li data-attune-id=a>A</li><li data-attune-id=b hidden>B</li></ul>",
        "<ul data-attune-slot=s data-attune-show=1><li data-attune-id=b>B</li><li hidden data-attune-id=a>A</li></ul>",
        Outcome::Ordered,
    );
}

#[test]
fn a_slot_inside_a_card_goes_where_the_card_goes() {
    check(
        "<div data-attune-slot=o><div data-attune-id=a><i data-attune-slot=i><b data-attune-id=x></b><b data-attune-id=y></b></i></div><div data-attune-id=b></div></div>",
        "<div data-attune-slot=o><div data-attune-id=b></div><div data-attune-id=a><i data-attune-slot=i><b data-attune-id=x></b><b data-attune-id=y></b></i></div></div>",
        Outcome::Ordered,
    );
}

#[test]
fn what_is_not_closed_stays() {
    for page in [
        "<ul data-attune-slot=s><li data-attune-id=a>A<li data-attune-id=b>B</ul>",
        "<ul data-attune-slot=s><li data-attune-id=a>A</li><li data-attune-id=b>B</li>",
        "<main><ul data-attune-slot=s><li data-attune-id=a>A</li><li data-attune-id=b>B</li></main>",
    ] {
        check(page, page, Outcome::Unclosed);
    }
}

#[test]
fn what_is_too_large_stays_and_the_next_slot_is_ordered() {
    let slot = |id: &str, text: &str| {
        format!("<ul data-attune-slot={id}><li data-attune-id=a>{text}</li><li data-attune-id=b></li></ul>")
    };
    let page = slot("large", &"x".repeat(LIMIT)) + &slot("small", "");
    for chunk in [1, 100, page.len()] {
        let (out, outcomes) = reordered(page.as_bytes(), &[chunk], reversed);
        let small = "<ul data-attune-slot=small><li data-attune-id=b></li><li data-attune-id=a></li></ul>";
        assert_eq!(String::from_utf8(out).unwrap(), slot("large", &"x".repeat(LIMIT)) + small);
        let expected = [("large".to_owned(), Outcome::TooLarge), ("small".to_owned(), Outcome::Ordered)];
        assert_eq!(outcomes, expected);
    }
}

#[test]
fn other_ways_to_order_are_left_to_the_page() {
    let page = "<ul data-attune-slot=s data-attune-order=css><li data-attune-id=a></li><li data-attune-id=b></li></ul>";
    let (out, outcomes) = reordered(page.as_bytes(), &[9], reversed);
    assert_eq!((out.as_slice(), outcomes.len()), (page.as_bytes(), 0));
}

#[test]
fn scripts_and_comments_are_no_markup() {
    let page = "<!-- <ul data-attune-slot=s> --><script>'<ul data-attune-slot=s><li data-attune-id=a>'</script><textarea><ul data-attune-slot=s></textarea>";
    let (out, outcomes) = reordered(page.as_bytes(), &[5], reversed);
    assert_eq!((out.as_slice(), outcomes.len()), (page.as_bytes(), 0));
}

#[test]
fn nothing_is_held_back_outside_a_slot_nor_a_slot_longer_than_it_lasts() {
    let mut reorderer = Reorderer::new(LIMIT, Charset::default(), reversed);
    let mut out = Vec::new();
    let mut gone = |bytes: &str| {
        reorderer.write(bytes.as_bytes(), &mut out);
        out.len()
    };
    assert_eq!(gone("<p>one"), 6);
    assert_eq!(gone("<ul data-attune-slot=s>"), 29);
    assert_eq!(gone("<li data-attune-id=a></li>"), 29);
    assert_eq!(gone("</ul>two"), 63);
}

#[test]
fn a_slot_whose_rest_is_late_goes_out_as_it_came_and_the_next_one_is_ordered() {
    let slot = |id: &str| {
        format!("<ul data-attune-slot={id}><li data-attune-id=a></li><li data-attune-id=b></li></ul>")
    };
    let page = slot("slow") + &slot("quick");
    let (first, rest) = page.split_at(60);
    let mut reorderer = Reorderer::new(LIMIT, Charset::default(), reversed);
    let mut out = Vec::new();
    reorderer.write(first.as_bytes(), &mut out);
    assert!(reorderer.held() > 0);
    reorderer.let_go(&mut out);
    assert_eq!((out.as_slice(), reorderer.held()), (first.as_bytes(), 0));
    reorderer.write(rest.as_bytes(), &mut out);
    reorderer.end(&mut out);
    let quick = "<ul data-attune-slot=quick><li data-attune-id=b></li><li data-attune-id=a></li></ul>";
    assert_eq!(String::from_utf8(out).unwrap(), slot("slow") + quick);
    let expected = [("slow".to_owned(), Outcome::Late), ("quick".to_owned(), Outcome::Ordered)];
    assert_eq!(reorderer.outcomes(), expected);
}

#[test]
fn names_are_read_in_the_encoding_of_the_page() {
    let slot = "<ul data-attune-slot=s><li data-attune-id=a data-attune-brand=\"";
    let rest = "\"></li><li data-attune-id=b></li></ul>";
    let brand = |page: &[u8], charset: Charset| {
        let mut brand = Value::from("");
        let mut reorderer = Reorderer::new(LIMIT, charset, |slot| {
            brand = slot.candidates[0].fields.get("brand").unwrap().clone();
            None
        });
        let mut out = Vec::new();
        reorderer.write(page, &mut out);
        reorderer.end(&mut out);
        drop(reorderer);
        assert_eq!(out, page);
        brand
    };
    let page = |meta: &str, name: &[u8]| [meta.as_bytes(), slot.as_bytes(), name, rest.as_bytes()].concat();
    let gb = b"\xd6\xd0\xce\xc4";
    assert_eq!(brand(&page("", gb), Charset::declared("gb18030").unwrap()), "中文".into());
    assert_eq!(brand(&page("<meta charset=gbk>", gb), Charset::default()), "中文".into());
    assert_eq!(
        brand(&page("<meta charset=gbk>", "中文".as_bytes()), Charset::declared("utf-8").unwrap()),
        "中文".into()
    );
}

#[test]
fn fields_are_read_as_in_the_browser() {
    let page = r#"<ul data-attune-slot="a&amp;b" data-attune-show="2"><li data-attune-id="p1" data-attune-fields="{&quot;price&quot;: 12.5, &quot;brand&quot;: &quot;N&quot;}" data-attune-price-band="low" data-attune-in_stock="false" data-attune-rank="-3" data-attune-code="+5" data-attune-name="nan" data-attune-pin="1" data-other="x"></li><li data-attune-id="p2" data-attune-exclude data-attune-fields="[broken"></li></ul>"#;
    let mut seen = Vec::new();
    reordered(page.as_bytes(), &[page.len()], |slot| {
        seen.push(slot.clone());
        None
    });
    let [slot] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((slot.id.as_str(), slot.show), ("a&b", Some(2)));
    assert_eq!((slot.pinned.get("p1"), slot.excluded.as_slice()), (Some(&1), &["p2".to_owned()][..]));
    let fields: Vec<_> =
        slot.candidates[0].fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let text = |text: &str| Value::Text(text.to_owned());
    let expected = [
        ("brand", text("N")),
        ("code", text("+5")),
        ("in_stock", Value::Flag(false)),
        ("name", text("nan")),
        ("price", Value::Number(12.5)),
        ("price_band", text("low")),
        ("rank", Value::Number(-3.0)),
    ];
    assert_eq!(fields, expected);
    assert!(slot.candidates[1].fields.is_empty());
}

/// Pieces that pages are made of, some of them broken.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z ]{0,9}".prop_map(|text| text),
        2 => Just("<ul data-attune-slot=s>".to_owned()),
        1 => Just("<ul data-attune-slot=t data-attune-show=1>".to_owned()),
        2 => Just("</ul>".to_owned()),
        6 => ("[a-d]", "[a-z]{0,5}").prop_map(|(id, text)| format!("<li data-attune-id={id}>{text}</li>")),
        2 => "[a-d]".prop_map(|id| format!("<li hidden data-attune-id=\"{id}\">")),
        1 => Just("</li>".to_owned()),
        1 => Just("<img data-attune-id=e>".to_owned()),
        1 => Just("<script>'</ul>'</script><!-- </ul> -->".to_owned()),
        1 => Just("<svg><ul data-attune-slot=v></svg><select><option></ul>".to_owned()),
        1 => "[<>&\"'=/!é中-]{0,6}".prop_map(|text| text),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn the_output_is_a_permutation_of_the_input_whatever_the_chunks(
        pieces in prop::collection::vec(piece(), 0..40),
        chunks in prop::collection::vec(1_usize..40, 1..8),
    ) {
        let page = pieces.concat().into_bytes();
        let (out, outcomes) = reordered(&page, &chunks, reversed);
        let sorted = |bytes: &[u8]| { let mut bytes = bytes.to_vec(); bytes.sort_unstable(); bytes };
        prop_assert_eq!(sorted(&out), sorted(&page));
        let (whole, whole_outcomes) = reordered(&page, &[page.len().max(1)], reversed);
        prop_assert_eq!((out, outcomes), (whole, whole_outcomes));
        let (kept, _) = reordered(&page, &chunks, |_| None);
        prop_assert_eq!(kept, page.clone());
        let (same, _) = reordered(&page, &chunks, |slot| Some(slot.candidates.iter().map(|c| c.id.clone()).collect()));
        // Two cards of one id are two cards.
        prop_assert_eq!(sorted(&same), sorted(&page));
    }

    #[test]
    fn any_bytes_pass(page in prop::collection::vec(any::<u8>(), 0..300), chunk in 1_usize..50) {
        let (out, _) = reordered(&page, &[chunk], reversed);
        prop_assert_eq!(out, page);
    }
}
