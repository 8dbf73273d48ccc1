//! What ranking brought: the hold-out beside the rest.

use serde::Serialize;

use crate::groups::{Groups, Rate};
use crate::interval::{Interval, reach, two_sided};

/// One arm's figures for one head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Decisions whose outcome is known.
    pub decisions: u64,
    /// Clicks, or conversions.
    pub hits: u64,
    /// Hits of a decision; `None` without decisions.
    pub rate: Option<f64>,
    /// Its 90 % interval; `None` with too few shoppers.
    pub interval: Option<Interval>,
}

/// Treatment beside hold-out, for one head.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The head.
    pub head: String,
    /// Ranked.
    pub treatment: Side,
    /// Kept the page's own order.
    pub holdout: Side,
    /// Hits of a decision, treatment less hold-out.
    pub difference: Option<f64>,
    /// Its 90 % interval.
    pub difference_interval: Option<Interval>,
    /// Treatment / hold-out − 1.
    pub lift: Option<f64>,
    /// Its 90 % interval.
    pub lift_interval: Option<Interval>,
    /// Probability of a difference at least this large if ranking changed nothing.
    pub chance: Option<f64>,
    /// Hits of all compared decisions.
    pub was: u64,
    /// Hits if all of them had kept the page's own order.
    pub would: Option<f64>,
    /// Its 90 % interval.
    pub would_interval: Option<Interval>,
}

/// Both arms in one stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Period {
    /// Its first moment, milliseconds since 1970-01-01 UTC.
    pub from: i64,
    /// Per head: treatment.
    pub treatment: Vec<Side>,
    /// Per head: hold-out.
    pub holdout: Vec<Side>,
}

/// The experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Arms {
    /// Whether any decision was held out.
    pub held_out: bool,
    /// Decisions of the treatment arm in which the page's own order was kept all the same: no bundle, a fault.
    pub fell_back: u64,
    /// Decisions left out because they name no shopper: no hold-out could have taken them.
    pub without_shopper: u64,
    /// Per head; empty without a hold-out.
    pub comparisons: Vec<Comparison>,
    /// Over time. Without a hold-out every decision is treatment.
    pub periods: Vec<Period>,
    /// Length of a period, in days.
    pub period_days: u64,
}

pub(crate) fn side(groups: &Groups) -> Side {
    let rate = groups.rate();
    Side {
        decisions: groups.rows() as u64,
        hits: rate.map_or(0, |rate| rate.hits.round() as u64),
        rate: rate.map(|rate| rate.value),
        interval: rate.and_then(|rate| rate.of_mean()),
    }
}

pub(crate) fn compare(head: &str, treatment: &Groups, holdout: &Groups) -> Comparison {
    let rates = treatment.rate().zip(holdout.rate());
    let sure = rates.filter(|(a, b)| a.is_sure() && b.is_sure());
    let (treated, held) = (side(treatment), side(holdout));
    let was = treated.hits + held.hits;
    let difference = rates.map(|(a, b)| a.value - b.value);
    let error = sure.map(|(a, b)| (a.variance + b.variance).sqrt());
    let far = sure.map(|(a, b)| freedom(&a, &b));
    let difference_interval = difference
        .zip(error)
        .zip(far)
        .map(|((difference, error), freedom)| Interval::around(difference, reach(freedom) * error));
    // What the treated decisions brought more than the page's own order would have.
    let brought = |interval: Interval| interval.times(treatment.rows());
    let would = difference.map(|difference| was as f64 - difference * treatment.rows());
    Comparison {
        head: head.to_owned(),
        treatment: treated,
        holdout: held,
        difference,
        difference_interval,
        lift: rates.filter(|(_, b)| b.hits > 0.0).map(|(a, b)| a.value / b.value - 1.0),
        lift_interval: sure.and_then(|(a, b)| lift(&a, &b)),
        chance: difference
            .zip(error)
            .zip(far)
            .filter(|((_, error), _)| *error > 0.0)
            .map(|((difference, error), freedom)| two_sided(difference / error, freedom)),
        was,
        would: would.map(|would| would.max(0.0)),
        would_interval: difference_interval.map(brought).map(|brought| Interval {
            low: (was as f64 - brought.high).max(0.0),
            high: (was as f64 - brought.low).max(0.0),
        }),
    }
}

/// Degrees of freedom of a difference of independent means (Welch, "The generalization of Student's problem when
/// several different population variances are involved", Biometrika 34, 1947).
fn freedom(a: &Rate, b: &Rate) -> f64 {
    let both = a.variance + b.variance;
    let each = a.variance * a.variance / a.freedom + b.variance * b.variance / b.freedom;
    if each > 0.0 { both * both / each } else { a.freedom.min(b.freedom) }
}

/// Interval of the ratio less 1, symmetric on the logarithm's scale (delta method).
fn lift(a: &Rate, b: &Rate) -> Option<Interval> {
    if a.hits <= 0.0 || b.hits <= 0.0 {
        return None;
    }
    let relative = |rate: &Rate| Rate { variance: rate.variance / (rate.value * rate.value), ..*rate };
    let (ra, rb) = (relative(a), relative(b));
    let reach = reach(freedom(&ra, &rb)) * (ra.variance + rb.variance).sqrt();
    let ratio = a.value / b.value;
    Some(Interval { low: ratio * (-reach).exp() - 1.0, high: ratio * reach.exp() - 1.0 })
}
