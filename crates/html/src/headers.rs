//! What the headers of a reordered page must be: it is no longer the bytes that the origin vouched for, and it is one
//! shopper's.

use crate::Charset;

/// Headers that say something of the origin's bytes, or let somebody between keep the page for others.
pub const DROPPED: [&str; 10] = [
    "content-length",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    "accept-ranges",
    "age",
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "surrogate-control",
];

/// Content codings that a Workers runtime takes off by itself, and puts on again.
const CODINGS: [&str; 3] = ["gzip", "br", "identity"];

/// The encoding of a response that is a page to be reordered: HTML that arrived whole (200), in a known coding and an
/// encoding that can be followed, and that may be transformed (RFC 9111, section 5.2.2.6).
pub fn page(status: u16, header: impl Fn(&str) -> Option<String>) -> Option<Charset> {
    let lower = |name| header(name).unwrap_or_default().to_ascii_lowercase();
    let kind = lower("content-type");
    let mut parts = kind.split(';').map(str::trim);
    let html = status == 200 && parts.next() == Some("text/html");
    let coding = lower("content-encoding");
    let known = coding.is_empty() || CODINGS.contains(&coding.trim());
    let attached = lower("content-disposition").trim_start().starts_with("attachment");
    let fixed = directives(&lower("cache-control")).any(|directive| directive == "no-transform");
    if !html || !known || attached || fixed {
        return None;
    }
    match parts.find_map(|part| part.strip_prefix("charset=")) {
        Some(label) => Charset::declared(label.trim_matches('"')),
        None => Some(Charset::default()),
    }
}

/// `Cache-Control` of the reordered page: only the shopper's own browser may keep it, as long as the origin allows.
#[must_use]
pub fn cache_control(origin: Option<&str>) -> String {
    let shared = ["public", "proxy-revalidate", "private"];
    let mut kept: Vec<&str> = directives(origin.unwrap_or_default())
        .filter(|directive| {
            let name = directive.split('=').next().unwrap_or_default().trim();
            !shared.iter().any(|shared| name.eq_ignore_ascii_case(shared))
                && !name.eq_ignore_ascii_case("s-maxage")
        })
        .collect();
    kept.insert(0, "private");
    kept.join(", ")
}

/// `Vary` of the reordered page: the origin's, and what the order depends on.
#[must_use]
pub fn vary(origin: Option<&str>, more: &[&str]) -> String {
    let mut names: Vec<&str> = directives(origin.unwrap_or_default()).collect();
    for name in more {
        if !names.iter().any(|known| *known == "*" || known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    names.join(", ")
}

/// The entity tag of the reordered page: weak, and marked with what ordered it.
#[must_use]
pub fn etag(origin: &str, mark: &str) -> String {
    let tag = origin.trim().strip_prefix("W/").unwrap_or(origin.trim()).trim_matches('"');
    format!("W/\"{tag}.{mark}\"")
}

/// `If-None-Match` for the origin: tags that [`etag`] made with this mark, as the origin wrote them. Of a page that
/// something else ordered the origin must not say that it is still good: `None`.
#[must_use]
pub fn if_none_match(shopper: &str, mark: &str) -> Option<String> {
    let end = format!(".{mark}\"");
    let tags: Vec<String> = directives(shopper)
        .filter_map(|tag| Some(format!("{}\"", tag.strip_suffix(end.as_str())?)))
        .collect();
    (!tags.is_empty()).then(|| tags.join(", "))
}

fn directives(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_page(status: u16, headers: &[(&str, &str)]) -> bool {
        page(status, |name| {
            headers.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
        .is_some()
    }

    #[test]
    fn only_whole_html_is_a_page() {
        let html = ("content-type", "text/html");
        assert!(is_page(200, &[html]));
        assert!(is_page(200, &[("content-type", "Text/HTML; Charset=\"GB18030\"")]));
        assert!(is_page(200, &[html, ("content-encoding", "br")]));
        for (status, headers) in [
            (206, vec![html]),
            (404, vec![html]),
            (200, vec![]),
            (200, vec![("content-type", "text/plain")]),
            (200, vec![("content-type", "text/html; charset=utf-16")]),
            (200, vec![("content-type", "text/html; charset=klingon")]),
            (200, vec![html, ("content-encoding", "zstd")]),
            (200, vec![html, ("content-disposition", "attachment; filename=a.html")]),
            (200, vec![html, ("cache-control", "public, No-Transform")]),
        ] {
            assert!(!is_page(status, &headers), "{status} {headers:?}");
        }
    }

    #[test]
    fn only_the_shoppers_browser_keeps_it() {
        assert_eq!(cache_control(None), "private");
        assert_eq!(cache_control(Some("public, max-age=60, S-MaxAge=600")), "private, max-age=60");
        assert_eq!(cache_control(Some("no-store, Private")), "private, no-store");
        assert_eq!(
            vary(Some("accept-language, Cookie"), &["Accept-Language", "User-Agent"]),
            "accept-language, Cookie, User-Agent"
        );
        assert_eq!(vary(Some("*"), &["Cookie"]), "*");
    }

    #[test]
    fn an_entity_tag_goes_out_and_comes_back() {
        assert_eq!(etag("\"v1\"", "ab12"), "W/\"v1.ab12\"");
        assert_eq!(etag(" W/\"v1\"", "ab12"), "W/\"v1.ab12\"");
        assert_eq!(if_none_match("W/\"v1.ab12\", \"x\"", "ab12").as_deref(), Some("W/\"v1\""));
        assert_eq!(if_none_match("W/\"v1.0000\"", "ab12"), None);
        assert_eq!(if_none_match("*", "ab12"), None);
    }
}
