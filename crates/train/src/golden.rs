//! Golden requests for a bundle, from catalogue items and made-up numbers: no shopper's data leave the log.

use attune::bundle::Golden;
use attune::event::Item;
use attune::feature::{Encoder, FieldTable, Kind, Source as From};
use attune::wire::{Fields, Slot, Value};
use attune::{Candidate, Event, EventKind, Profile, Request};

/// Candidates of a golden request.
const CANDIDATES: usize = 12;

/// Two requests, without and with a profile, whose logits are still to be filled in.
pub(crate) fn requests(encoder: &Encoder, items: &[Candidate], at: i64) -> Vec<Golden> {
    let made: Vec<Candidate>;
    let items = if items.is_empty() {
        made = (0..CANDIDATES).map(|n| made_up(encoder, n)).collect();
        &made
    } else {
        &items[..items.len().min(CANDIDATES)]
    };
    let mut plain = Request { id: "golden".to_owned(), at, ..Request::default() };
    plain.context = fields_of(encoder, 1, |from| match from {
        From::Context(name) => Some(name),
        _ => None,
    });
    plain.slots = vec![Slot { id: "golden".to_owned(), candidates: items.to_vec(), ..Slot::default() }];
    let mut known = plain.clone();
    known.profile = Some(profile(encoder, items, at));
    known.tz_offset = 480;
    [plain, known].into_iter().map(|request| Golden { request, logits: Vec::new() }).collect()
}

/// A shopper who looked at some of the items and bought one.
fn profile(encoder: &Encoder, items: &[Candidate], at: i64) -> Profile {
    let mut profile = Profile::new();
    let mut identify = Event::new(EventKind::Identify, at - 400_000_000);
    identify.fields = fields_of(encoder, 2, |from| match from {
        From::Shopper(name) => Some(name),
        _ => None,
    });
    profile.apply(&identify, &[]);
    let done = [EventKind::View, EventKind::Click, EventKind::AddToCart, EventKind::Purchase];
    for (n, (kind, item)) in done.iter().zip(items).enumerate() {
        let mut event = Event::new(*kind, at - 86_400_000 * (4 - n as i64));
        event.items = vec![Item { id: item.id.clone(), fields: item.fields.clone(), quantity: 1.0 }];
        profile.apply(&event, &[]);
    }
    profile
}

/// A candidate with numbers from around the knots, and words.
fn made_up(encoder: &Encoder, n: usize) -> Candidate {
    let mut candidate = Candidate { id: format!("golden-{n}"), ..Candidate::default() };
    candidate.fields = fields_of(encoder, n, |from| match from {
        From::Candidate(name) if name != "id" => Some(name),
        _ => None,
    });
    candidate
}

fn fields_of(encoder: &Encoder, n: usize, wanted: impl Fn(&From) -> Option<&String>) -> Fields {
    let mut fields = Fields::new();
    for (feature, table) in encoder.list().features.iter().zip(encoder.tables()) {
        let (Kind::Number { from, .. } | Kind::Category { from, .. } | Kind::Text { from, .. }) =
            &feature.kind
        else {
            continue;
        };
        let value = match table {
            FieldTable::Knots(knots) if !knots.is_empty() => {
                let (low, high) = (knots[n % knots.len()], knots[(n * 5 + 1) % knots.len()]);
                Value::Number(f64::from(low) + (f64::from(high) - f64::from(low)) * 0.375)
            }
            FieldTable::Knots(_) => continue,
            _ => Value::Text(format!("golden words 文字 {n}")),
        };
        if let Some(name) = wanted(from) {
            fields.insert(name.clone(), value);
        }
    }
    fields
}
