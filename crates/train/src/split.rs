//! Train, validation, calibration and test: by time where there is one, else by group at random.

use serde::{Deserialize, Serialize};

use crate::source::Observation;

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Weights are learnt here.
    Train,
    /// When to stop is decided here.
    Valid,
    /// Scores are calibrated here.
    Calibration,
    /// Reported figures are measured here.
    Test,
}

impl Part {
    /// All parts, in order of time.
    pub const ALL: [Self; 4] = [Self::Train, Self::Valid, Self::Calibration, Self::Test];
}

/// Shares of train, validation and calibration; what is left is the test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shares(pub [f64; 3]);

impl Default for Shares {
    fn default() -> Self {
        Self([0.7, 0.1, 0.1])
    }
}

/// How rows go to parts. Written into the card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Split {
    /// A row belongs to the first part whose end (milliseconds since 1970) is later than it.
    Time {
        /// Ends of train, validation and calibration.
        ends: [i64; 3],
    },
    /// A group's seeded hash decides.
    Group {
        /// Changes who goes where.
        #[serde(with = "seed")]
        seed: u64,
        /// Shares of train, validation and calibration.
        shares: Shares,
    },
}

impl Split {
    /// The part a row belongs to.
    #[must_use]
    pub fn part(&self, row: &Observation) -> Part {
        let index = match self {
            Self::Time { ends } => {
                let at = row.view.at.unwrap_or(i64::MIN);
                ends.iter().position(|end| at < *end)
            }
            Self::Group { seed, shares } => {
                let drawn = uniform(*seed, row.view.group);
                let mut end = 0.0;
                shares.0.iter().position(|share| {
                    end += share;
                    drawn < end
                })
            }
        };
        Part::ALL[index.unwrap_or(3)]
    }
}

/// Finds the ends of a split by time from a fixed-size sample of the rows' times, so that memory does not grow
/// with the rows (reservoir sampling: Vitter, "Random sampling with a reservoir", 1985, algorithm R).
#[derive(Debug, Clone)]
pub struct Times {
    sample: Vec<i64>,
    seen: u64,
    untimed: u64,
    seed: u64,
    first: i64,
    last: i64,
}

impl Times {
    const SIZE: usize = 1 << 16;

    /// Starts with no rows.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { sample: Vec::new(), seen: 0, untimed: 0, seed, first: i64::MAX, last: i64::MIN }
    }

    /// Takes one row in.
    pub fn add(&mut self, row: &Observation) {
        let Some(at) = row.view.at else {
            self.untimed += 1;
            return;
        };
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        self.seen += 1;
        if self.sample.len() < Self::SIZE {
            self.sample.push(at);
            return;
        }
        let slot = mix(self.seed ^ self.seen) % self.seen;
        if let Some(place) = self.sample.get_mut(slot as usize) {
            *place = at;
        }
    }

    /// First and last time seen.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        (self.seen > 0).then_some((self.first, self.last))
    }

    /// The split: by time when every row has one and they differ enough for four parts, else by group.
    #[must_use]
    pub fn split(mut self, shares: Shares) -> Split {
        let by_group = Split::Group { seed: self.seed, shares };
        if self.untimed > 0 || self.seen < 8 {
            return by_group;
        }
        self.sample.sort_unstable();
        let mut share = 0.0;
        let ends = shares.0.map(|part| {
            share += part;
            let index = (share * self.sample.len() as f64).round() as usize;
            self.sample[index.min(self.sample.len() - 1)]
        });
        let apart = self.first < ends[0] && ends[0] < ends[1] && ends[1] < ends[2] && ends[2] <= self.last;
        if apart { Split::Time { ends } } else { by_group }
    }
}

/// A uniform number in [0, 1) from a seed and a key.
#[must_use]
pub fn uniform(seed: u64, key: u64) -> f64 {
    (mix(seed ^ mix(key)) >> 11) as f64 / (1u64 << 53) as f64
}

/// SplitMix64's output function (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[must_use]
pub fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

mod seed {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(seed)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::source::View;

    fn row(at: Option<i64>, group: u64) -> Observation {
        Observation { view: Arc::new(View { at, group, ..View::default() }), ..Observation::default() }
    }

    fn shares_of(split: &Split, rows: &[Observation]) -> [usize; 4] {
        let mut counts = [0; 4];
        for row in rows {
            counts[split.part(row) as usize] += 1;
        }
        counts
    }

    #[test]
    fn by_time_no_part_overlaps_another() {
        let rows: Vec<_> = (0..1000).map(|i| row(Some(i * 10), i as u64)).collect();
        let mut times = Times::new(1);
        rows.iter().for_each(|row| times.add(row));
        let split = times.split(Shares::default());
        assert!(matches!(split, Split::Time { .. }));
        assert_eq!(shares_of(&split, &rows), [700, 100, 100, 100]);
        assert!(rows.windows(2).all(|pair| split.part(&pair[0]) <= split.part(&pair[1])));
    }

    #[test]
    fn without_time_groups_stay_together() {
        let rows: Vec<_> = (0..20_000).map(|i| row(None, i / 4)).collect();
        let mut times = Times::new(7);
        rows.iter().for_each(|row| times.add(row));
        let split = times.split(Shares::default());
        assert!(rows.chunks(4).all(|group| group.iter().all(|r| split.part(r) == split.part(&group[0]))));
        let counts = shares_of(&split, &rows);
        assert!(
            (13_300..14_700).contains(&counts[0]) && counts[1..].iter().all(|n| (1_700..2_300).contains(n))
        );
    }

    #[test]
    fn one_time_for_all_is_no_time() {
        let mut times = Times::new(7);
        (0..100).for_each(|group| times.add(&row(Some(5), group)));
        assert!(matches!(times.split(Shares::default()), Split::Group { .. }));
    }
}
