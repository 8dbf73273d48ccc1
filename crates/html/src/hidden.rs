//! The attribute `hidden` of a start tag, which belongs to a place in the slot.

use std::ops::Range;

/// Writes `card` with the `hidden` of the card that stood here before, `there`, instead of its own.
pub(crate) fn carry(there: &[u8], card: &[u8], out: &mut Vec<u8>) {
    let attribute = |tag: &[u8]| find(tag).unwrap_or(Range { start: name_end(tag), end: name_end(tag) });
    let (theirs, own) = (attribute(there), attribute(card));
    out.extend_from_slice(&card[..own.start]);
    out.extend_from_slice(&there[theirs]);
    out.extend_from_slice(&card[own.end..]);
}

/// Where `hidden` is in the start tag that these bytes begin with, with the white space before it.
fn find(tag: &[u8]) -> Option<Range<usize>> {
    let mut at = name_end(tag);
    loop {
        let start = at;
        at = skip(tag, at, |byte| byte.is_ascii_whitespace() || byte == b'/');
        if matches!(tag.get(at), None | Some(b'>')) {
            return None;
        }
        let name = at;
        // A name may begin with an equals sign.
        at = skip(tag, at + 1, |byte| !byte.is_ascii_whitespace() && !b"/>=".contains(&byte));
        let name = &tag[name..at];
        let value = skip(tag, at, |byte| byte.is_ascii_whitespace());
        if tag.get(value) == Some(&b'=') {
            at = skip(tag, value + 1, |byte| byte.is_ascii_whitespace());
            at = match tag.get(at) {
                Some(&quote @ (b'"' | b'\'')) => (skip(tag, at + 1, |byte| byte != quote) + 1).min(tag.len()),
                _ => skip(tag, at, |byte| !byte.is_ascii_whitespace() && byte != b'>'),
            };
        }
        if name.eq_ignore_ascii_case(b"hidden") && tag[start].is_ascii_whitespace() {
            return Some(start..at);
        }
    }
}

fn name_end(tag: &[u8]) -> usize {
    skip(tag, 0, |byte| !byte.is_ascii_whitespace() && !b"/>".contains(&byte))
}

fn skip(tag: &[u8], from: usize, passes: impl Fn(u8) -> bool) -> usize {
    tag[from.min(tag.len())..].iter().position(|byte| !passes(*byte)).map_or(tag.len(), |count| from + count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(there: &str, card: &str) -> String {
        let mut out = Vec::new();
        carry(there.as_bytes(), card.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hidden_stays_where_it_was() {
        assert_eq!(carried("<li hidden>a", "<li>b"), "<li hidden>b");
        assert_eq!(carried("<li>a", "<li class=x hidden=\"\" id='y>'>b"), "<li class=x id='y>'>b");
        assert_eq!(
            carried("<li x HIDDEN>a", "<li title=\"a hidden b\">b"),
            "<li HIDDEN title=\"a hidden b\">b"
        );
        assert_eq!(
            carried("<img hidden/>", "<img data-hidden hidden src=a/>"),
            "<img data-hidden hidden src=a/>"
        );
    }
}
