//! Every value is said of its own attribute: `5 GB of RAM` where five are the drive's is wrong, although the facts have them.
//!
//! Only where the text names an attribute right beside the value. A value that stands beside its own attribute too is that one's.

use attune_llama::order;
use std::ops::Range;

use super::{Check, Kind};
use crate::{
    brief::is_han,
    facts::{
        attribute::{Name, Values},
        inside,
        quantity::{self, Quantity},
        unit::Dimension,
    },
    scan::folded,
};

/// How far apart a value and a name may stand, in characters.
const REACH: usize = 40;

/// Words between a value and the name after it: `4 gb of memory`.
const OF: [&str; 5] = ["of", "the", "its", "total", "in"];
/// Words between a name and the value after it: `the memory is a mere 4 gb`.
const IS: [&str; 31] = [
    "is", "are", "was", "be", "of", "at", "has", "measures", "rated", "up", "to", "in", "for", "just",
    "only", "about", "a", "an", "the", "size", "capacity", "range", "rating", "life", "time", "level",
    "rate", "full", "as", "reaches", "stands",
];
/// Those of them that say what a thing is, rather than where or what for.
const STATES: [&str; 10] = ["is", "are", "was", "be", "of", "measures", "rated", "reaches", "stands", "as"];
/// Words that begin something else: they stand between a value and a name that have nothing to do with each other.
const APART: [&str; 38] = [
    "and", "or", "with", "has", "have", "having", "is", "are", "was", "a", "an", "but", "while", "it",
    "plus", "from", "by", "as", "at", "on", "than", "that", "which", "for", "to", "of", "in", "the", "its",
    "this", "these", "you", "also", "comes", "features", "not", "no", "without",
];
const ZH_OF: [&str; 9] = ["", "的", "大", "超大", "超长", "高", "长", "的大", "的超大"];
const ZH_IS: [&str; 19] = [
    "",
    ":",
    "为",
    "是",
    "达",
    "达到",
    "高达",
    "可达",
    "长达",
    "有",
    "约",
    "约为",
    "仅",
    "仅为",
    "仅有",
    "采用",
    "选用",
    "用的是",
    "只有",
];

/// A value where it stands in the text.
struct Said {
    span: Range<usize>,
    what: What,
    /// Whose it is.
    of: Vec<usize>,
}

enum What {
    Quantity(Quantity),
    Words,
}

/// A name where it stands in the text.
struct Named<'a> {
    span: Range<usize>,
    name: &'a Name,
}

pub(super) fn check(check: &mut Check<'_>) {
    let known = &check.known.attributes;
    if known.values.len() < 2 {
        return;
    }
    let named = named(check);
    let mut wrong = Vec::new();
    for said in said(check) {
        let from = named.partition_point(|name| name.span.end + REACH < said.span.start);
        let near = named[from..].iter().take_while(|name| name.span.start <= said.span.end + REACH);
        let mut other = None;
        let mut own = false;
        for name in near {
            let Some(link) = link(check, &said, &name.span) else { continue };
            if name.name.of.iter().any(|at| said.of.contains(at)) {
                own = true;
                break;
            }
            if link != Link::Loose && mistaken(&known.values, &said, name.name, link) {
                other = Some(name.name.phrase.clone());
            }
        }
        if let (false, Some(name)) = (own, other) {
            let kind = if matches!(said.what, What::Quantity(_)) { Kind::Number } else { Kind::Attribute };
            wrong.push((
                kind,
                said.span,
                format!("this is not the value of {name}, but another attribute's"),
            ));
        }
    }
    for (kind, span, reason) in wrong {
        check.find(kind, &span, reason);
    }
}

/// Where attributes are named, in order; a longer name hides those inside it.
fn named<'a>(check: &Check<'a>) -> Vec<Named<'a>> {
    let quoted = check.known.quoted(&check.scan);
    let mut named: Vec<Named<'a>> = Vec::new();
    let mut taken: Vec<Range<usize>> = Vec::new();
    for name in &check.known.attributes.names {
        let mut free = check.scan.find(&name.phrase);
        let longer =
            |span: &Range<usize>| quoted.iter().any(|quote| holds(quote, span) && quote.len() > span.len());
        free.retain(|span| !inside(span, &taken) && !longer(span));
        taken.extend(free.iter().cloned());
        named.extend(free.into_iter().map(|span| Named { span, name }));
    }
    order::sort_by_key(&mut named, |named| named.span.start);
    named
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Values of attributes where they stand.
fn said(check: &Check<'_>) -> Vec<Said> {
    let known = check.known;
    let names: Vec<_> = known
        .quotes
        .iter()
        .filter(|quote| is_name(check, quote))
        .flat_map(|quote| check.scan.find(quote))
        .collect();
    let mut said = Vec::new();
    let owners = |is: &dyn Fn(&Values) -> bool| -> Vec<usize> {
        known
            .attributes
            .values
            .iter()
            .enumerate()
            .filter(|(_, values)| is(values))
            .map(|(at, _)| at)
            .collect()
    };
    for quantity in quantity::quantities(&check.scan) {
        if inside(&quantity.number, &names) {
            continue;
        }
        let of = owners(&|values| {
            values.quantities.iter().any(|(fact, about)| quantity.agrees(fact, about.as_deref()))
        });
        said.push(Said { span: quantity.span.clone(), what: What::Quantity(quantity), of });
    }
    let mut texts: Vec<&str> =
        known.attributes.values.iter().flat_map(|values| values.texts.iter().map(String::as_str)).collect();
    // `a` is an energy class, and an article.
    texts.retain(|text| text.contains(is_han) || text.len() > 1);
    order::sort_by_key(&mut texts, |text| std::cmp::Reverse(text.len()));
    texts.dedup();
    let mut taken: Vec<Range<usize>> = Vec::new();
    for text in texts {
        for span in check.scan.find(text) {
            if inside(&span, &taken) || inside(&span, &names) {
                continue;
            }
            taken.push(span.clone());
            let of = owners(&|values| values.texts.iter().any(|own| own == text));
            said.push(Said { span, what: What::Words, of });
        }
    }
    said.retain(|said| !said.of.is_empty());
    said
}

/// Whether a quoted text is the product's or the brand's name, rather than a value.
fn is_name(check: &Check<'_>, quote: &str) -> bool {
    let facts = &check.brief.facts;
    [&facts.name, &facts.brand].into_iter().flatten().any(|name| folded(name) == quote)
        || check.known.tails.iter().any(|tail| tail == quote)
}

/// How a value and a name belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// By a word or sign: `memory of 4 gb`, `内存为4GB`.
    Said,
    /// Side by side: `4 gb memory`.
    Before,
    /// By another word: `charges in 2 hours`.
    Near,
    /// Loosely: enough for what is right, not for what is wrong.
    Loose,
}

fn link(check: &Check<'_>, said: &Said, name: &Range<usize>) -> Option<Link> {
    let value = &said.span;
    let (between, name_first) = if value.end <= name.start {
        (value.end..name.start, false)
    } else if name.end <= value.start {
        (name.end..value.start, true)
    } else {
        return None;
    };
    if between.len() > REACH {
        return None;
    }
    let gap = check.scan.text(between);
    let gap = gap.trim();
    let chinese = is_han(check.scan.get(name.start)) || is_han(check.scan.before(name.end));
    if chinese {
        // `高` says a height only of a quantity.
        if name.len() < 2 && !matches!(said.what, What::Quantity(_)) {
            return None;
        }
        let links = if name_first { &ZH_IS[..] } else { &ZH_OF[..] };
        let plain = !name_first || gap.is_empty();
        return links.contains(&gap).then_some(match said.what {
            _ if !plain => Link::Said,
            // `拼接的图案`: words go with more than their own attribute.
            What::Words => Link::Loose,
            What::Quantity(_) => Link::Before,
        });
    }
    let plain = if name_first { gap.trim_end_matches([':', '(']).trim() } else { gap };
    if plain.contains(|c: char| !c.is_alphanumeric() && !matches!(c, ' ' | '-')) {
        return None;
    }
    let words: Vec<&str> = plain.split([' ', '-']).filter(|word| !word.is_empty()).collect();
    let (links, none) = if name_first {
        (&IS[..], if plain == gap { Link::Before } else { Link::Said })
    } else {
        (&OF[..], Link::Before)
    };
    if words.is_empty() {
        return Some(none);
    }
    if words.len() <= 4 && words.iter().all(|word| links.contains(word)) {
        let states = plain != gap || words.iter().any(|word| STATES.contains(word));
        return Some(if states { Link::Said } else { Link::Near });
    }
    match words.as_slice() {
        [one] if !APART.contains(one) => {
            // `4 gb fast memory` is as plain as `4 gb memory`; of `memory fast 4 gb` nothing is known.
            Some(if name_first || !matches!(said.what, What::Quantity(_)) {
                Link::Loose
            } else {
                Link::Before
            })
        }
        ["of", one] if !APART.contains(one) && !name_first => Some(Link::Said),
        _ => None,
    }
}

/// Whether what is named could have such a value, and this is not it.
fn mistaken(all: &[Values], said: &Said, name: &Name, link: Link) -> bool {
    let meant = || name.of.iter().map(|&at| &all[at]);
    match &said.what {
        What::Quantity(quantity) => {
            let dimension = |quantity: &Quantity| quantity.unit.map(|unit| unit.dimension);
            // A bare number is of its fact's dimension.
            let ours: Vec<Option<Dimension>> = match dimension(quantity) {
                Some(dimension) => vec![Some(dimension)],
                None => said
                    .of
                    .iter()
                    .flat_map(|&at| &all[at].quantities)
                    .filter(|(fact, about)| quantity.agrees(fact, about.as_deref()))
                    .map(|(fact, _)| dimension(fact))
                    .collect(),
            };
            let alike = meant()
                .any(|values| values.quantities.iter().any(|(fact, _)| ours.contains(&dimension(fact))));
            let whole = meant().all(|values| values.quantities.iter().any(|(_, about)| about.is_some()));
            alike
                || (name.whole
                    && whole
                    && (link == Link::Said || (link == Link::Before && name.phrase.contains(' '))))
        }
        What::Words => {
            let everywhere = said.of.iter().any(|&at| all[at].everywhere);
            let worded = meant().all(|values| !values.texts.is_empty());
            worded && name.whole && (link == Link::Said || (link == Link::Before && !everywhere))
        }
    }
}
