//! The encoder's first step: the raw value of every field.

use super::list::{Feature, FeatureList, Kind, Recency, Scale, Source};
use super::moment::Moment;
use super::table::{FieldTable, RateTable};
use super::{grams, symbol, symbol_of};
use crate::profile::{Taste, share_of};
use crate::wire::{Candidate, Fields, MAX_TEXT, Value};

/// The raw value of one field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldValue<'a> {
    /// A number; NaN is missing.
    Number(f32),
    /// Symbols; empty is missing.
    Symbols(&'a [u64]),
}

/// The raw values of all fields of one candidate. Reused between candidates.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    numbers: Vec<f32>,
    ends: Vec<u32>,
    symbols: Vec<u64>,
    symbolic: Vec<bool>,
}

impl Observation {
    /// Number of fields observed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether nothing was observed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The value of field `index`, in the feature list's order.
    #[must_use]
    pub fn field(&self, index: usize) -> FieldValue<'_> {
        if self.symbolic[index] {
            let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
            FieldValue::Symbols(&self.symbols[start..self.ends[index] as usize])
        } else {
            FieldValue::Number(self.numbers[index])
        }
    }

    /// Forgets all values, keeping the memory.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.ends.clear();
        self.symbols.clear();
        self.symbolic.clear();
    }

    fn number(&mut self, number: Option<f64>) {
        self.numbers.push(number.map_or(f32::NAN, |number| number as f32));
        self.close(false);
    }

    fn close(&mut self, symbolic: bool) {
        if symbolic {
            self.numbers.push(f32::NAN);
        }
        self.ends.push(self.symbols.len() as u32);
        self.symbolic.push(symbolic);
    }
}

/// The feature list with its fitted rates, vocabularies and knots.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Encoder {
    list: FeatureList,
    /// One per feature; empty for features that are no rates.
    rates: Vec<RateTable>,
    /// One per feature; empty before fitting.
    tables: Vec<FieldTable>,
}

impl Encoder {
    /// An encoder that is not fitted: rates know nothing, and there are no tables yet.
    #[must_use]
    pub fn unfitted(list: FeatureList) -> Self {
        let rates = list
            .features
            .iter()
            .map(|feature| match feature.kind {
                Kind::Rate { strength, .. } => RateTable { strength, prior: 0.05, ..RateTable::default() },
                _ => RateTable::default(),
            })
            .collect();
        Self { list, rates, tables: Vec::new() }
    }

    /// An encoder from its parts; `rates` and `tables` have one entry per feature.
    #[must_use]
    pub fn from_parts(list: FeatureList, rates: Vec<RateTable>, tables: Vec<FieldTable>) -> Self {
        Self { list, rates, tables }
    }

    /// The feature list.
    #[must_use]
    pub fn list(&self) -> &FeatureList {
        &self.list
    }

    /// Fitted tables, one per feature.
    #[must_use]
    pub fn tables(&self) -> &[FieldTable] {
        &self.tables
    }

    /// Rates, one per feature; those of features that are no rates are empty.
    #[must_use]
    pub fn rates(&self) -> &[RateTable] {
        &self.rates
    }

    /// Sets the fitted tables, one per feature.
    pub fn set_tables(&mut self, tables: Vec<FieldTable>) {
        self.tables = tables;
    }

    /// Sets the prior of every rate of this head.
    pub fn set_rate_prior(&mut self, head: &str, prior: f64) {
        for (feature, rates) in self.list.features.iter().zip(&mut self.rates) {
            if matches!(&feature.kind, Kind::Rate { head: own, .. } if own == head) {
                rates.prior = prior;
            }
        }
    }

    /// Counts one impression's outcome in every rate of this head. Call it after [`Self::observe`].
    pub fn count_outcome(&mut self, head: &str, moment: &Moment<'_>, candidate: &Candidate, hit: f64) {
        for (feature, rates) in self.list.features.iter().zip(&mut self.rates) {
            if let Kind::Rate { by, head: own, .. } = &feature.kind
                && own == head
                && let Some(key) = key_of(by, moment, candidate)
            {
                rates.count(key, hit);
            }
        }
    }

    /// Reads the raw values of all fields for one candidate at `position` into `out`.
    ///
    /// Training passes the position at which the candidate stood; serving passes 0.
    pub fn observe(
        &self,
        moment: &Moment<'_>,
        candidate: &Candidate,
        position: usize,
        out: &mut Observation,
    ) {
        out.clear();
        for (feature, rates) in self.list.features.iter().zip(&self.rates) {
            observe_one(feature, rates, moment, candidate, position, out);
        }
    }

    /// Like [`Self::observe`] for one field only.
    pub(crate) fn observe_field(
        &self,
        index: usize,
        moment: &Moment<'_>,
        candidate: &Candidate,
        position: usize,
        out: &mut Observation,
    ) {
        out.clear();
        observe_one(&self.list.features[index], &self.rates[index], moment, candidate, position, out);
    }
}

fn observe_one(
    feature: &Feature,
    rates: &RateTable,
    moment: &Moment<'_>,
    candidate: &Candidate,
    position: usize,
    out: &mut Observation,
) {
    let profile = moment.profile;
    match &feature.kind {
        Kind::Number { from, scale } => {
            let number = look_up(from, moment, candidate).and_then(Value::number);
            out.number(number.map(|number| scaled(number, *scale)));
        }
        Kind::Category { from, .. } => {
            categories(from, moment, candidate, &mut out.symbols);
            out.close(true);
        }
        Kind::Cross { a, b } => {
            if let Some((a, b)) = key_of(a, moment, candidate).zip(key_of(b, moment, candidate)) {
                out.symbols.push(symbol_of(&b.to_le_bytes(), a));
            }
            out.close(true);
        }
        Kind::Text { from, .. } => {
            if let Some(text) = look_up(from, moment, candidate).and_then(Value::text) {
                grams(text, |gram| out.symbols.push(gram));
            }
            out.close(true);
        }
        Kind::Count { event } => out.number(moment.count(*event).map(log1p)),
        Kind::Preference { field } => {
            out.number(moment.taste().and_then(|taste| preference(taste, field, candidate)));
        }
        Kind::Evidence { field } => out.number(profile.map(|p| log1p(p.evidence(field, moment.at)))),
        Kind::Match { shopper, candidate: field } => {
            let own = profile.and_then(|profile| profile.attributes.get(shopper));
            if let Some((own, theirs)) = own.zip(candidate.fields.get(field)) {
                out.symbols.push(u64::from(own == theirs));
            }
            out.close(true);
        }
        Kind::PriceRatio => {
            let price = candidate.fields.get("price").and_then(Value::number);
            let usual = profile.and_then(|profile| profile.usual_price(moment.at));
            out.number(price.zip(usual).filter(|(p, u)| *p > 0.0 && *u > 0.0).map(|(p, u)| libm::log(p / u)));
        }
        Kind::Rate { by, .. } => {
            out.number(key_of(by, moment, candidate).map(|key| f64::from(rates.log_odds(key))));
        }
        Kind::Recency { of } => out.number(days_since(of, moment, candidate)),
        Kind::ItemTouches => {
            let times =
                moment.taste().map(|taste| taste.touched(&candidate.id).map_or(0, |touched| touched.times));
            out.number(times.map(|times| log1p(f64::from(times))));
        }
        Kind::Position => out.number(Some(position as f64)),
        Kind::Hour => symbol_in(out, moment.hour()),
        Kind::Weekday => symbol_in(out, moment.weekday()),
        Kind::Device => match moment.device.name() {
            "" => out.close(true),
            name => symbol_in(out, symbol(name)),
        },
        Kind::Tag { tag } => {
            if let Some(profile) = profile {
                out.symbols.push(u64::from(profile.tags.contains(tag)));
            }
            out.close(true);
        }
        Kind::Sessions => out.number(profile.map(|profile| log1p(f64::from(profile.sessions)))),
        Kind::Orders => out.number(profile.map(|profile| log1p(f64::from(profile.orders)))),
        Kind::Spent => out.number(profile.map(|profile| log1p(profile.spent.max(0.0)))),
    }
}

fn symbol_in(out: &mut Observation, symbol: u64) {
    out.symbols.push(symbol);
    out.close(true);
}

fn log1p(number: f64) -> f64 {
    libm::log1p(number)
}

fn scaled(number: f64, scale: Scale) -> f64 {
    match scale {
        Scale::Linear => number,
        Scale::Log => libm::copysign(libm::log1p(libm::fabs(number)), number),
    }
}

fn look_up<'a>(source: &Source, moment: &'a Moment<'_>, candidate: &'a Candidate) -> Option<&'a Value> {
    let find = |fields: &'a Fields, name: &str| fields.get(name);
    match source {
        Source::Candidate(name) => find(&candidate.fields, name),
        Source::Shopper(name) => moment.profile.and_then(|profile| find(&profile.attributes, name)),
        Source::Context(name) => find(moment.context, name),
    }
}

/// The symbols of a categorical value. Numbers and flags are categories by what they print as.
fn categories(source: &Source, moment: &Moment<'_>, candidate: &Candidate, out: &mut Vec<u64>) {
    if let Source::Candidate(name) = source
        && name == "id"
    {
        out.push(symbol(&candidate.id));
        return;
    }
    match look_up(source, moment, candidate) {
        Some(Value::Text(text)) if !text.is_empty() => {
            out.push(symbol(&text[..text.floor_char_boundary(MAX_TEXT)]));
        }
        Some(Value::Flag(flag)) => out.push(symbol(if *flag { "true" } else { "false" })),
        Some(Value::Number(number)) if number.is_finite() => out.push(symbol(&number.to_string())),
        Some(Value::List(list)) => {
            out.extend(list.iter().take(super::MAX_GRAMS).map(|text| symbol(text)));
        }
        _ => {}
    }
}

/// The first symbol of a categorical value.
fn key_of(source: &Source, moment: &Moment<'_>, candidate: &Candidate) -> Option<u64> {
    match look_up(source, moment, candidate) {
        Some(Value::Text(text)) if !text.is_empty() => Some(symbol(text)),
        _ => {
            let mut symbols = Vec::new();
            categories(source, moment, candidate, &mut symbols);
            symbols.first().copied()
        }
    }
}

/// The shopper's interest in the candidate's value, or values; `None` when the candidate has none or the
/// shopper has shown no interest in the field yet.
fn preference(taste: &Taste<'_>, field: &str, candidate: &Candidate) -> Option<f64> {
    let shares = taste.within(field)?;
    match candidate.fields.get(field)? {
        Value::Text(text) => Some(share_of(shares, text)),
        Value::List(list) => Some(list.iter().map(|text| share_of(shares, text)).sum()),
        _ => None,
    }
}

fn days_since(of: &Recency, moment: &Moment<'_>, candidate: &Candidate) -> Option<f64> {
    let then = match of {
        Recency::Visit => moment.profile?.last_seen,
        Recency::Order => moment.profile.filter(|profile| profile.orders > 0)?.last_order,
        Recency::Item => moment.taste()?.touched(&candidate.id)?.at,
        Recency::Field(name) => candidate.fields.get(name)?.number()? as i64,
    };
    let days = moment.at.saturating_sub(then).max(0) as f64 / 86_400_000.0;
    Some(log1p(days))
}
