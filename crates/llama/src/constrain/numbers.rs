//! Numbers in digits that are among those allowed.

use std::collections::BTreeSet;

/// The longest number that is followed, in bytes.
const LONGEST: usize = 24;

/// Numbers as they may be written: `1,299.00`, `8`, `2026`.
#[derive(Debug, Default)]
pub struct Numbers(BTreeSet<String>);

/// The number that is being written: digits, with separators between them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct State(String);

impl Numbers {
    /// Every run of digits (with `.` and `,` between digits) in these texts.
    pub fn of<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Self {
        let mut numbers = BTreeSet::new();
        for text in texts {
            let mut run = String::new();
            for char in text.as_ref().chars().chain(std::iter::once(' ')) {
                if char.is_ascii_digit() || (matches!(char, '.' | ',') && !run.is_empty()) {
                    run.push(char);
                } else if !run.is_empty() {
                    let number = std::mem::take(&mut run);
                    numbers.insert(whole(&number).to_owned());
                }
            }
        }
        numbers.retain(|number| number.len() <= LONGEST);
        Self(numbers)
    }

    pub(super) fn step(&self, state: &State, byte: u8) -> Option<State> {
        let separates = matches!(byte, b'.' | b',') && !state.0.is_empty() && !state.0.ends_with(['.', ',']);
        if !byte.is_ascii_digit() && !separates {
            return self.may_end(state).then(State::default);
        }
        let mut written = state.0.clone();
        written.push(byte as char);
        let begun = self.0.range(written.clone()..).next().is_some_and(|number| number.starts_with(&written));
        // A separator may also be the sentence's.
        (begun || (separates && self.0.contains(&state.0))).then_some(State(written))
    }

    pub(super) fn may_end(&self, state: &State) -> bool {
        state.0.is_empty() || self.0.contains(whole(&state.0))
    }
}

fn whole(number: &str) -> &str {
    number.trim_end_matches(['.', ','])
}
