//! Effects to an order: objective, constraints, diversity, exploration; deterministic, with propensities.

mod random;
mod weights;

use std::cmp::Ordering;

use crate::wire::{Candidate, Diversity, Slot, Term, Value};

pub use random::{Random, bucket};
use weights::Weights;

/// A candidate that may be ranked.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Its place in the page's own order.
    pub index: usize,
    /// The candidate.
    pub candidate: &'a Candidate,
    /// The objective's value.
    pub score: f64,
}

/// One place of the order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Which entry.
    pub entry: usize,
    /// Conditional probability of the draw; 1 when pinned or greedy.
    pub propensity: f64,
    /// Whether it was pinned here.
    pub pinned: bool,
}

/// The objective's value: Σ weight · effect · field. `effect` gives a head's effect by name. What is not
/// finite counts 0; the sum is.
#[must_use]
pub fn score(terms: &[Term], candidate: &Candidate, effect: impl Fn(&str) -> Option<f64>) -> f64 {
    let mut total = 0.0;
    for term in terms {
        let value = term.effect.as_deref().map_or(Some(1.0), &effect).unwrap_or(0.0);
        let times = term
            .times
            .as_deref()
            .map_or(1.0, |name| candidate.fields.get(name).and_then(Value::number).unwrap_or(0.0));
        let part = term.weight * value * times;
        if part.is_finite() {
            total = f64::clamp(total + part, -f64::MAX, f64::MAX);
        }
    }
    total
}

/// Orders the entries. With temperature 0 the order is by score, ties by id; above 0 it is drawn by
/// sequential (Plackett–Luce) sampling, position by position, and every propensity is the conditional
/// probability of that draw among those still eligible.
///
/// Scores are scaled to a range of 1 before temperature and diversity act, so that both mean the same for
/// any objective.
#[must_use]
pub fn order(
    entries: &[Entry<'_>],
    slot: &Slot,
    diversity: Option<&Diversity>,
    temperature: f64,
    random: &mut Random,
) -> Vec<Placed> {
    let pins = pins(entries, slot);
    let mut pinned = vec![false; entries.len()];
    pins.iter().flatten().for_each(|entry| pinned[*entry] = true);
    let scaled = scaled(entries);
    let mut left: Vec<usize> = (0..entries.len()).filter(|entry| !pinned[*entry]).collect();
    left.sort_by(|a, b| {
        quantised(scaled[*b]).cmp(&quantised(scaled[*a])).then_with(|| by_id(&entries[*a], &entries[*b]))
    });
    let drawn = match diversity {
        Some(diversity) => diverse(entries, &scaled, left, &pins, diversity, temperature, random),
        None if temperature > 0.0 => sampled(&scaled, &left, temperature, random),
        None => left.into_iter().map(|entry| (entry, 1.0)).collect(),
    };
    let mut drawn = drawn.into_iter();
    let place = |pin: &Option<usize>| match pin {
        Some(entry) => Some(Placed { entry: *entry, propensity: 1.0, pinned: true }),
        None => drawn.next().map(|(entry, propensity)| Placed { entry, propensity, pinned: false }),
    };
    pins.iter().filter_map(place).collect()
}

/// Draws all of `left`, best first, one after the other: entries and the conditional probability of each draw.
fn sampled(scaled: &[f64], left: &[usize], temperature: f64, random: &mut Random) -> Vec<(usize, f64)> {
    let mut rest = left.to_vec();
    let mut gone = vec![false; scaled.len()];
    let mut weights = weigh(scaled, &rest, temperature);
    let mut drawn = Vec::with_capacity(left.len());
    while drawn.len() < left.len() {
        // What is left weighs next to nothing beside what was drawn: weigh it anew.
        if weights.total() < 1e-100 {
            rest.retain(|entry| !gone[*entry]);
            weights = weigh(scaled, &rest, temperature);
        }
        let at = weights.at(random.unit() * weights.total());
        drawn.push((rest[at], weights.get(at) / weights.total()));
        gone[rest[at]] = true;
        weights.take(at);
    }
    drawn
}

/// Of entries that stand best first, those whose weight is not 0 beside the best one's.
fn weigh(scaled: &[f64], entries: &[usize], temperature: f64) -> Weights {
    let best = entries.first().map_or(0.0, |entry| scaled[*entry]);
    // e^-745 is the least that a double can hold.
    let heavy = entries.partition_point(|entry| scaled[*entry] >= best - 745.0 * temperature);
    let weight = |entry: &usize| libm::exp(((scaled[*entry] - best) / temperature).min(0.0));
    Weights::new(entries[..heavy].iter().map(weight))
}

/// Like [`sampled`], or greedy at temperature 0, where what stands before changes what a candidate is worth.
fn diverse(
    entries: &[Entry<'_>],
    scaled: &[f64],
    mut left: Vec<usize>,
    pins: &[Option<usize>],
    diversity: &Diversity,
    temperature: f64,
    random: &mut Random,
) -> Vec<(usize, f64)> {
    let values: Vec<Option<&str>> = entries.iter().map(|entry| value_of(entry, diversity)).collect();
    let mut shown: Vec<(&str, usize)> = Vec::new();
    let mut drawn = Vec::with_capacity(left.len());
    for pin in pins {
        let entry = pin.unwrap_or_else(|| {
            let utility = |entry: usize| {
                scaled[entry] - values[entry].map_or(0.0, |value| penalty(diversity, &shown, value))
            };
            let (at, propensity) = draw(&left, utility, entries, temperature, random);
            drawn.push((left.remove(at), propensity));
            drawn[drawn.len() - 1].0
        });
        note(&mut shown, values[entry]);
    }
    drawn
}

/// Position → pinned entry. Pins beyond the end take the last free positions; of two pins on one position,
/// the smaller id keeps it and the other moves down.
fn pins(entries: &[Entry<'_>], slot: &Slot) -> Vec<Option<usize>> {
    let mut pins = vec![None; entries.len()];
    for (id, position) in &slot.pinned {
        let Some(entry) = entries.iter().position(|entry| entry.candidate.id == *id) else { continue };
        let wanted = (*position).min(entries.len() - 1);
        let free = (wanted..entries.len()).chain((0..wanted).rev()).find(|place| pins[*place].is_none());
        if let Some(place) = free {
            pins[place] = Some(entry);
        }
    }
    pins
}

fn scaled(entries: &[Entry<'_>]) -> Vec<f64> {
    let low = entries.iter().map(|entry| entry.score).fold(f64::INFINITY, f64::min);
    let high = entries.iter().map(|entry| entry.score).fold(f64::NEG_INFINITY, f64::max);
    let range = high - low;
    let scale = |score: f64| if range > 0.0 && range.is_finite() { (score - low) / range } else { 0.0 };
    entries.iter().map(|entry| scale(entry.score)).collect()
}

/// A thousand-millionth of the score range: what is closer is a tie, and goes by id.
fn quantised(score: f64) -> i64 {
    libm::round(score * 1e9) as i64
}

fn by_id(a: &Entry<'_>, b: &Entry<'_>) -> Ordering {
    a.candidate.id.cmp(&b.candidate.id)
}

fn value_of<'a>(entry: &Entry<'a>, diversity: &Diversity) -> Option<&'a str> {
    entry.candidate.fields.get(&diversity.field)?.text()
}

fn note<'a>(shown: &mut Vec<(&'a str, usize)>, value: Option<&'a str>) {
    let Some(value) = value else { return };
    match shown.iter_mut().find(|(seen, _)| *seen == value) {
        Some((_, count)) => *count += 1,
        None => shown.push((value, 1)),
    }
}

/// What an earlier item of the same value costs; beyond `max`, more than any score is worth.
fn penalty(diversity: &Diversity, shown: &[(&str, usize)], value: &str) -> f64 {
    let count = shown.iter().find(|(seen, _)| *seen == value).map_or(0, |(_, count)| *count);
    let over = diversity.max.is_some_and(|max| count >= max);
    let weight = if diversity.weight.is_finite() { diversity.weight.clamp(0.0, 1.0) } else { 0.0 };
    weight * count as f64 + if over { 1e3 + count as f64 } else { 0.0 }
}

/// Picks one of `left`: its place in `left` and the probability of that pick.
fn draw(
    left: &[usize],
    utility: impl Fn(usize) -> f64,
    entries: &[Entry<'_>],
    temperature: f64,
    random: &mut Random,
) -> (usize, f64) {
    let utilities: Vec<f64> = left.iter().map(|entry| utility(*entry)).collect();
    let better = |a: usize, b: usize| {
        quantised(utilities[a])
            .cmp(&quantised(utilities[b]))
            .then_with(|| by_id(&entries[left[b]], &entries[left[a]]))
            == Ordering::Greater
    };
    let best = (1..left.len()).fold(0, |best, at| if better(at, best) { at } else { best });
    if temperature <= 0.0 || left.len() == 1 {
        return (best, 1.0);
    }
    // Within a tie the best by id may be worth a little less than another.
    let weight = |utility: &f64| libm::exp(((utility - utilities[best]) / temperature).min(0.0));
    let weights: Vec<f64> = utilities.iter().map(weight).collect();
    let total: f64 = weights.iter().sum();
    let mut rest = random.unit() * total;
    for (at, weight) in weights.iter().enumerate() {
        rest -= weight;
        if rest < 0.0 {
            return (at, weight / total);
        }
    }
    (best, weights[best] / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(scores: &[f64], diversity: Option<&Diversity>, temperature: f64, seed: u64) -> Vec<Placed> {
        let candidates: Vec<Candidate> =
            (0..scores.len()).map(|n| Candidate { id: format!("p{n:05}"), ..Candidate::default() }).collect();
        let entries: Vec<Entry<'_>> = candidates
            .iter()
            .zip(scores)
            .enumerate()
            .map(|(index, (candidate, score))| Entry { index, candidate, score: *score })
            .collect();
        order(&entries, &Slot::default(), diversity, temperature, &mut Random::new(seed))
    }

    #[test]
    fn propensities_are_those_of_the_plackett_luce_model() {
        let scores: Vec<f64> = (0..40).map(|n| f64::from(n * n % 41) / 40.0).collect();
        for temperature in [0.02, 0.3, 5.0] {
            let placed = ordered(&scores, None, temperature, 9);
            let worth = |place: &Placed| libm::exp(scores[place.entry] / temperature);
            for at in 0..placed.len() {
                let total: f64 = placed[at..].iter().map(worth).sum();
                assert!((placed[at].propensity / (worth(&placed[at]) / total) - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn first_places_are_drawn_as_often_as_they_say() {
        let scores = [0.0, 0.5, 1.0];
        let mut firsts = [0_u32; 3];
        for seed in 0..20_000 {
            firsts[ordered(&scores, None, 0.7, seed)[0].entry] += 1;
        }
        let worth = scores.map(|score| libm::exp(score / 0.7));
        for (first, worth_of) in firsts.iter().zip(worth) {
            let expected = worth_of / worth.iter().sum::<f64>();
            assert!((f64::from(*first) / 20_000.0 - expected).abs() < 0.012, "{firsts:?}");
        }
    }

    #[test]
    fn near_ties_and_the_smallest_temperatures_keep_propensities_finite() {
        let diversity = Diversity { field: "category".to_owned(), weight: 0.1, max: None };
        let scores = [1e-10, 0.0, 2e-10, 1.0, 1.0 - 1e-11, 0.5];
        for temperature in [5e-324, 1e-300, 1e-12, 1e-3, 1e3] {
            for diversity in [None, Some(&diversity)] {
                for place in ordered(&scores, diversity, temperature, 3) {
                    assert!(place.propensity > 0.0 && place.propensity <= 1.0, "{temperature}: {place:?}");
                }
            }
        }
    }
}
