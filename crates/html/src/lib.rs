//! Slots by attributes in HTML that streams by: the same attributes as in the browser (`data-attune-slot` on a container,
//! `data-attune-id` on its children), put into an order before the page reaches the shopper.
//!
//! `lol_html` says where a slot and its cards begin and end; what goes out are the origin's own bytes. A slot is held back
//! from its start tag to its end tag and no longer; a page without slots is not held back at all. **The output is a
//! permutation of the input's bytes**: a slot that is too large, not closed, or not understood goes out as it came, and
//! [`Outcome`] says why.
//!
//! ```
//! let page = br#"<ul data-attune-slot="home"><li data-attune-id="a">A</li> <li data-attune-id="b">B</li></ul>"#;
//! let mut reorderer = attune_html::Reorderer::new(1 << 20, Default::default(), |slot| {
//!     Some(slot.candidates.iter().rev().map(|candidate| candidate.id.clone()).collect())
//! });
//! let mut out = Vec::new();
//! reorderer.write(page, &mut out);
//! reorderer.end(&mut out);
//! let expected = br#"<ul data-attune-slot="home"><li data-attune-id="b">B</li> <li data-attune-id="a">A</li></ul>"#;
//! assert_eq!(out, expected);
//! ```

mod charset;
mod fields;
pub mod headers;
mod hidden;
mod locate;

use std::collections::BTreeMap;
use std::ops::Range;

use attune::wire::Slot;

pub use charset::Charset;

use fields::card;
use locate::{Locator, Mark};

/// What became of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Its cards stand in the order that was chosen.
    Ordered,
    /// Nothing was chosen: the page's own order.
    Kept,
    /// Larger than the limit.
    TooLarge,
    /// It, or a card of it, has no end tag of its own.
    Unclosed,
    /// The rest of it did not come in time.
    Late,
}

type Choose<'a> = dyn FnMut(&Slot) -> Option<Vec<String>> + 'a;

/// Reorders one page.
pub struct Reorderer<'a> {
    locator: Locator,
    choose: Box<Choose<'a>>,
    limit: usize,
    /// Bytes of the page from `base` on that have not gone out.
    held: Vec<u8>,
    base: usize,
    open: Option<Open>,
    outcomes: Vec<(String, Outcome)>,
}

/// The slot that the page is in.
struct Open {
    slot: Slot,
    /// Where its start tag ends.
    start: usize,
    cards: Vec<Range<usize>>,
    card: Option<usize>,
    /// Given up: it goes out as it comes.
    given_up: Option<Outcome>,
}

impl<'a> Reorderer<'a> {
    /// `choose` gets a slot as the page has it and answers ids in their order, or nothing; ids it leaves out follow as
    /// they stand, ids that are none are passed over. A slot of more than `limit` bytes goes out as it came.
    #[must_use]
    pub fn new(
        limit: usize,
        charset: Charset,
        choose: impl FnMut(&Slot) -> Option<Vec<String>> + 'a,
    ) -> Self {
        Self {
            locator: Locator::new(limit, charset),
            choose: Box::new(choose),
            limit,
            held: Vec::new(),
            base: 0,
            open: None,
            outcomes: Vec::new(),
        }
    }

    /// Takes the page's next bytes and appends to `out` what can go out.
    pub fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(bytes);
        for mark in self.locator.write(bytes) {
            self.take(mark, out);
        }
        if let Some(open) = &mut self.open
            && self.base + self.held.len() - open.start > self.limit
        {
            open.given_up.get_or_insert(Outcome::TooLarge);
        }
        if self.open.as_ref().is_none_or(|open| open.given_up.is_some()) || self.locator.failed() {
            self.release(self.base + self.held.len(), out);
        }
    }

    /// The page has ended.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(open) = self.open.take() {
            self.outcomes.push((open.slot.id, open.given_up.unwrap_or(Outcome::Unclosed)));
        }
        self.release(self.base + self.held.len(), out);
    }

    /// How many bytes of the page have come and not gone out.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Gives up the slot that is held back: it goes out as it came.
    pub fn let_go(&mut self, out: &mut Vec<u8>) {
        if let Some(open) = &mut self.open {
            open.given_up.get_or_insert(Outcome::Late);
        }
        self.release(self.base + self.held.len(), out);
    }

    /// What became of the slots so far, in page order.
    #[must_use]
    pub fn outcomes(&self) -> &[(String, Outcome)] {
        &self.outcomes
    }

    fn take(&mut self, mark: Mark, out: &mut Vec<u8>) {
        match mark {
            Mark::SlotStart { tag, id, show } => {
                self.release(tag.end, out);
                let slot = Slot { id, show, ..Slot::default() };
                self.open =
                    Some(Open { slot, start: tag.end, cards: Vec::new(), card: None, given_up: None });
            }
            Mark::CardStart { tag, attributes, closed } => {
                let Some(open) = &mut self.open else { return };
                if open.card.is_some() {
                    open.given_up.get_or_insert(Outcome::Unclosed);
                }
                open.cards.push(tag.clone());
                open.card = (!closed).then_some(open.cards.len() - 1);
                card(&attributes, &mut open.slot);
            }
            Mark::CardEnd { tag, own } => {
                let Some(open) = &mut self.open else { return };
                match open.card.take() {
                    Some(card) if own => open.cards[card].end = tag.end,
                    _ => {
                        open.given_up.get_or_insert(Outcome::Unclosed);
                    }
                }
            }
            Mark::SlotEnd { tag, own } => {
                let Some(open) = self.open.take() else { return };
                let outcome = match open.given_up {
                    Some(why) => why,
                    None if !own || open.card.is_some() => Outcome::Unclosed,
                    None if tag.start - open.start > self.limit => Outcome::TooLarge,
                    None => self.order(&open, tag.start, out),
                };
                self.release(tag.start, out);
                self.outcomes.push((open.slot.id, outcome));
            }
        }
    }

    /// Writes the slot, up to its end tag at `end`, with its cards in the order chosen.
    fn order(&mut self, open: &Open, end: usize, out: &mut Vec<u8>) -> Outcome {
        let Some(ids) = (self.choose)(&open.slot) else { return Outcome::Kept };
        // Of two cards with one id the first is meant.
        let candidates = open.slot.candidates.iter().enumerate().rev();
        let places: BTreeMap<_, _> = candidates.map(|(place, candidate)| (&candidate.id, place)).collect();
        let mut taken = vec![false; open.cards.len()];
        let mut order = Vec::with_capacity(open.cards.len());
        for index in ids.iter().filter_map(|id| places.get(id).copied()).chain(0..open.cards.len()) {
            if !std::mem::replace(&mut taken[index], true) {
                order.push(index);
            }
        }
        let hides = open.slot.show.is_some_and(|show| show < order.len());
        let held = |range: Range<usize>| &self.held[range.start - self.base..range.end - self.base];
        let mut at = self.base;
        for (place, card) in open.cards.iter().zip(order) {
            out.extend_from_slice(held(at..place.start));
            let card = held(open.cards[card].clone());
            // Whether something is hidden belongs to the place, not to the card.
            if hides {
                hidden::carry(held(place.clone()), card, out)
            } else {
                out.extend_from_slice(card)
            }
            at = place.end;
        }
        out.extend_from_slice(held(at..end));
        self.held.drain(..end - self.base);
        self.base = end;
        Outcome::Ordered
    }

    /// Lets go of what comes before `until`.
    fn release(&mut self, until: usize, out: &mut Vec<u8>) {
        let count = until.saturating_sub(self.base).min(self.held.len());
        out.extend(self.held.drain(..count));
        self.base += count;
    }
}
