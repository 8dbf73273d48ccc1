//! Submissions from two modules reach one list; types keep apart.

struct Flag(&'static str);
inventory::collect!(Flag);

struct Count {
    of: u32,
}
inventory::collect!(Count);

inventory::submit! { Flag("one") }
mod elsewhere {
    inventory::submit! { super::Flag("two") }
    inventory::submit! { super::Count { of: 3 } }
}

#[test]
fn every_submission_is_found_once() {
    let mut flags: Vec<_> = inventory::iter::<Flag>.into_iter().map(|flag| flag.0).collect();
    flags.sort_unstable();
    assert_eq!(flags, ["one", "two"]);
    assert_eq!(inventory::iter::<Count>().map(|count| count.of).collect::<Vec<_>>(), [3]);
}
