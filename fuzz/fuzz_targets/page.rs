//! Any bytes as a page, in parts of any size: what comes out is a permutation of them, and the same whatever the parts.
#![no_main]

use attune::wire::Slot;
use attune_html::{Charset, Reorderer, headers};
use libfuzzer_sys::fuzz_target;

fn reordered(page: &[u8], part: usize, charset: Charset) -> Vec<u8> {
    let reversed =
        |slot: &Slot| Some(slot.candidates.iter().rev().map(|candidate| candidate.id.clone()).collect());
    let mut reorderer = Reorderer::new(2_048, charset, reversed);
    let mut out = Vec::new();
    for part in page.chunks(part) {
        reorderer.write(part, &mut out);
        assert!(out.len() + reorderer.held() <= page.len());
    }
    reorderer.end(&mut out);
    out
}

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (part, label, page) = input;
    let charset = match label % 4 {
        0 => Charset::declared("gb18030"),
        1 => Charset::declared("windows-1252"),
        2 => Charset::declared("shift_jis"),
        _ => Some(Charset::default()),
    };
    let charset = charset.unwrap_or_default();
    let out = reordered(page, usize::from(part).max(1), charset);
    assert_eq!(out, reordered(page, page.len().max(1), charset));
    let count = |bytes: &[u8]| {
        bytes.iter().fold([0_usize; 256], |mut n, byte| {
            n[usize::from(*byte)] += 1;
            n
        })
    };
    assert_eq!(count(&out), count(page));
    // What a shop's server says of a page is text of any kind, too.
    let text = String::from_utf8_lossy(page);
    let _ = headers::page(200, |_| Some(text.clone().into_owned()));
    assert!(headers::cache_control(Some(&text)).starts_with("private"));
    let mark = "0123abcd";
    let _ = (
        headers::if_none_match(&text, mark),
        headers::vary(Some(&text), &["Cookie"]),
        headers::etag(&text, mark),
    );
});
