//! Where a page's slots and cards begin and end, from `lol_html`'s tokens.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use lol_html::html_content::{Element, EndTag};
use lol_html::{HtmlRewriter, MemorySettings, Settings, element};

use crate::charset::Charset;
use crate::fields::{Attributes, unescaped};

/// What `lol_html` itself may hold: one token, and the stack of open elements.
const MEMORY: usize = 1 << 20;
const PREFIX: &str = "data-attune-";

/// Something the page has come to; ranges are byte offsets from the page's start.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    SlotStart {
        tag: Range<usize>,
        id: String,
        show: Option<usize>,
    },
    /// `closed`: the card is this tag and nothing more.
    CardStart {
        tag: Range<usize>,
        attributes: Attributes,
        closed: bool,
    },
    /// `own`: the end tag is the card's, and not that of something around it.
    CardEnd {
        tag: Range<usize>,
        own: bool,
    },
    SlotEnd {
        tag: Range<usize>,
        own: bool,
    },
}

#[derive(Default)]
struct Marks {
    found: Vec<Mark>,
    /// Slots that are open: one inside another is part of the other's card.
    depth: usize,
}

type Shared = Rc<RefCell<Marks>>;
/// What it would write goes nowhere.
type Rewriter = HtmlRewriter<'static, fn(&[u8])>;

pub(crate) struct Locator {
    rewriter: Option<Rewriter>,
    marks: Shared,
}

impl Locator {
    /// `limit` is the largest slot, which is also the largest start tag that is waited for.
    pub(crate) fn new(limit: usize, charset: Charset) -> Self {
        let marks = Shared::default();
        let (slots, cards) = (Rc::clone(&marks), Rc::clone(&marks));
        let memory = MemorySettings::new().with_max_allowed_memory_usage(MEMORY + limit);
        let settings = Settings::new()
            .append_element_content_handler(element!("[data-attune-slot]", move |element| {
                slot(element, &slots);
                Ok(())
            }))
            .append_element_content_handler(element!(
                "[data-attune-slot] > [data-attune-id]",
                move |element| {
                    card(element, &cards);
                    Ok(())
                }
            ))
            .with_encoding(charset.encoding)
            .with_adjust_charset_on_meta_tag(!charset.declared)
            .with_strict(false)
            .with_memory_settings(memory);
        let nowhere: fn(&[u8]) = |_| {};
        Self { rewriter: Some(HtmlRewriter::new(settings, nowhere)), marks }
    }

    /// What these bytes complete.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Vec<Mark> {
        if let Some(rewriter) = &mut self.rewriter
            && rewriter.write(bytes).is_err()
        {
            self.rewriter = None;
        }
        std::mem::take(&mut self.marks.borrow_mut().found)
    }

    /// Whether the page could not be followed any further.
    pub(crate) fn failed(&self) -> bool {
        self.rewriter.is_none()
    }
}

fn slot(element: &mut Element<'_, '_>, marks: &Shared) {
    let id = unescaped(&element.get_attribute("data-attune-slot").unwrap_or_default()).into_owned();
    let name = element.tag_name();
    let tag = element.source_location().bytes();
    let show = element
        .get_attribute("data-attune-show")
        .and_then(|show| show.trim().parse().ok())
        .filter(|show| *show > 0);
    // Ordered by the page's own style or script: its nodes are not ours to move.
    let moves = element.get_attribute("data-attune-order").is_none_or(|mode| mode == "move");
    let inner = Rc::clone(marks);
    let ends = move |end: &mut EndTag<'_>| {
        let mut marks = inner.borrow_mut();
        marks.depth -= 1;
        if marks.depth == 0 && moves {
            let own = end.name() == name;
            marks.found.push(Mark::SlotEnd { tag: end.source_location().bytes(), own });
        }
        Ok(())
    };
    // An element without an end has no cards.
    if element.on_end_tag(Box::new(ends)).is_err() {
        return;
    }
    let mut marks = marks.borrow_mut();
    marks.depth += 1;
    if marks.depth == 1 && moves {
        marks.found.push(Mark::SlotStart { tag, id, show });
    }
}

fn card(element: &mut Element<'_, '_>, marks: &Shared) {
    // The element may be a slot itself, which has been counted.
    let own_slot = usize::from(element.has_attribute("data-attune-slot") && element.can_have_content());
    if marks.borrow().depth != 1 + own_slot {
        return;
    }
    let name = element.tag_name();
    let attributes = element.attributes().iter();
    let attributes = attributes.filter_map(|attribute| {
        let name = attribute.name();
        name.strip_prefix(PREFIX).map(|name| (name.to_owned(), attribute.value()))
    });
    let attributes = attributes.collect();
    let inner = Rc::clone(marks);
    let ends = move |end: &mut EndTag<'_>| {
        let own = end.name() == name;
        inner.borrow_mut().found.push(Mark::CardEnd { tag: end.source_location().bytes(), own });
        Ok(())
    };
    let closed = element.on_end_tag(Box::new(ends)).is_err();
    let tag = element.source_location().bytes();
    marks.borrow_mut().found.push(Mark::CardStart { tag, attributes, closed });
}
