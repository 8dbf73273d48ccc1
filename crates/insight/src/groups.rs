//! Sums kept by random groups of shoppers, and how sure a figure made of them is.
//!
//! Rows of one shopper, or of one decision, are alike. A shopper's hash puts all of their rows into one of
//! [`GROUPS`] groups; the groups are independent of each other, so the spread between them says how much a figure
//! would vary, whatever goes on within a shopper (the method of random groups: Wolter, "Introduction to variance
//! estimation", 2nd ed. 2007, chapter 2; the ratio's linearisation is the cluster-robust one). The memory is the same
//! for a thousand shoppers and for a hundred million.

use crate::interval::{Interval, reach, wilson};

/// How many groups there are.
pub const GROUPS: usize = 64;
/// With fewer groups than this nothing is said about uncertainty.
pub const FEWEST: usize = 8;

/// The sums of one group.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Sums {
    n: f64,
    hits: f64,
}

/// Rows and hits by group.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Groups {
    of: Vec<Sums>,
}

/// A rate or a mean, with what is known of its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Hits / rows.
    pub value: f64,
    /// Rows, or decisions.
    pub n: f64,
    /// Hits.
    pub hits: f64,
    /// Squared standard error, from the spread between the groups.
    pub variance: f64,
    /// Degrees of freedom of that: groups with rows, less one.
    pub freedom: f64,
}

/// The group of a shopper, or of a decision without one, by a hash of its own (SplitMix64's finaliser: Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
#[must_use]
pub fn group(cluster: u64) -> usize {
    let mut x = cluster.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) % GROUPS as u64) as usize
}

impl Groups {
    /// Adds rows and hits to a group, made by [`group`].
    pub fn add(&mut self, group: usize, n: f64, hits: f64) {
        if self.of.is_empty() {
            self.of = vec![Sums::default(); GROUPS];
        }
        let sums = &mut self.of[group % GROUPS];
        sums.n += n;
        sums.hits += hits;
    }

    /// Adds another's sums.
    pub fn merge(&mut self, other: &Self) {
        for (group, sums) in other.of.iter().enumerate() {
            self.add(group, sums.n, sums.hits);
        }
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> f64 {
        self.of.iter().map(|sums| sums.n).sum()
    }

    /// Hits by rows; `None` without rows.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        let n = self.rows();
        if n <= 0.0 {
            return None;
        }
        let hits: f64 = self.of.iter().map(|sums| sums.hits).sum();
        let value = hits / n;
        let (variance, freedom) = spread(self.of.iter().map(|s| (s.n > 0.0, (s.hits - value * s.n) / n)));
        Some(Rate { value, n, hits, variance, freedom })
    }

    /// Squared standard error of `later`'s rate less `self`'s, groups paired: a shopper may be in both.
    #[must_use]
    pub fn paired(&self, later: &Self) -> Option<(f64, f64)> {
        let (a, b) = self.rate().zip(later.rate())?;
        let sums = |of: &Self, group: usize| of.of.get(group).copied().unwrap_or_default();
        Some(spread((0..GROUPS).map(|group| {
            let (early, late) = (sums(self, group), sums(later, group));
            let of_late = (late.hits - b.value * late.n) / b.n;
            (early.n + late.n > 0.0, of_late - (early.hits - a.value * early.n) / a.n)
        })))
    }
}

/// Variance of a total from what each group adds to it, and its degrees of freedom.
fn spread(parts: impl Iterator<Item = (bool, f64)>) -> (f64, f64) {
    let (mut count, mut squares) = (0.0, 0.0);
    for (there, part) in parts {
        if there {
            count += 1.0;
            squares += part * part;
        }
    }
    if count < 2.0 { (f64::INFINITY, 0.0) } else { (squares * count / (count - 1.0), count - 1.0) }
}

impl Rate {
    /// Whether there are groups enough to speak of uncertainty.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.freedom + 1.0 >= FEWEST as f64
    }

    /// How many independent rows would be as sure: the rows divided by the design effect, which is not taken below 1
    /// (Kish, "Survey sampling", 1965, section 8.2). For a rate of hits that are 0 or 1.
    #[must_use]
    pub fn effective(&self) -> f64 {
        let alone = self.value * (1.0 - self.value) / self.n;
        if alone > 0.0 { self.n / (self.variance / alone).max(1.0) } else { self.n }
    }

    /// Wilson's interval at the effective number of rows; `None` with too few groups.
    #[must_use]
    pub fn of_rate(&self) -> Option<Interval> {
        let n = self.effective();
        self.is_sure().then(|| wilson(self.value * n, n, reach(self.freedom)))
    }

    /// Interval of a mean that may exceed 1; `None` with too few groups.
    #[must_use]
    pub fn of_mean(&self) -> Option<Interval> {
        let around = || Interval::around(self.value, reach(self.freedom) * self.variance.sqrt());
        self.is_sure().then(around).map(|it| Interval { low: it.low.max(0.0), ..it })
    }
}
