//! Sorting for lists that are short or rarely sorted. The standard library's sort is compiled anew for every type, some four kilobytes each in a module
//! that a page downloads; here only places are sorted, by one copy of it.

use std::cmp::Ordering;

/// As [`slice::sort_by`], stable.
pub fn sort_by<T>(items: &mut Vec<T>, mut compare: impl FnMut(&T, &T) -> Ordering) {
    let places = places(items.len(), &mut |a, b| compare(&items[a], &items[b]));
    let mut taken: Vec<Option<T>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(places.into_iter().filter_map(|place| taken[place].take()));
}

/// As [`slice::sort_by_key`], stable.
pub fn sort_by_key<T, K: Ord>(items: &mut Vec<T>, mut key: impl FnMut(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

#[inline(never)]
fn places(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|a, b| compare(*a, *b));
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_standard_librarys_order(items in proptest::collection::vec((0..5_u8, "[a-c]{0,2}"), 0..60)) {
            let (mut ours, mut due) = (items.clone(), items);
            due.sort_by_key(|(key, _)| *key);
            sort_by_key(&mut ours, |(key, _)| *key);
            prop_assert_eq!(&ours, &due);
            due.sort_by(|a, b| b.1.cmp(&a.1));
            sort_by(&mut ours, |a, b| b.1.cmp(&a.1));
            prop_assert_eq!(ours, due);
        }
    }
}
