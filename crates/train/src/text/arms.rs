//! Headline tests: the arms, and the contests in which they can be compared.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;

use crate::source::LoadError;

/// The most bytes read of an unpacked file.
const MAX_BYTES: u64 = 1 << 30;

/// One arm of a headline test.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// The headline.
    pub text: String,
    /// Its test: arms of one test were drawn at random at the same time for the same story.
    pub test: u32,
    /// Its test and image: arms of one `image` differ in their headline alone.
    pub image: u32,
    /// The ISO week of the test, as year · 100 + week.
    pub week: u32,
    /// Impressions.
    pub impressions: f64,
    /// Clicks, at most `impressions`.
    pub clicks: f64,
}

impl Arm {
    /// Empirical log-odds of a click, half a click and half a miss added (Haldane, 1956; Anscombe, 1956).
    #[must_use]
    pub fn log_odds(&self) -> f64 {
        ((self.clicks + 0.5) / (self.impressions - self.clicks + 0.5)).ln()
    }

    /// Sampling variance of [`Arm::log_odds`].
    #[must_use]
    pub fn variance(&self) -> f64 {
        1.0 / (self.clicks + 0.5) + 1.0 / (self.impressions - self.clicks + 0.5)
    }
}

#[derive(Deserialize)]
struct Row {
    clickability_test_id: String,
    headline: String,
    impressions: u64,
    clicks: u64,
    test_week: u32,
    eyecatcher_id: String,
}

/// Reads the Upworthy Research Archive's table of arms (CSV, packed or not), in file order. Arms without a headline or
/// an impression are left out.
///
/// # Errors
/// [`LoadError::Read`] when the file cannot be read, [`LoadError::Mapping`] when a column is missing or a cell is not
/// what it should be, [`LoadError::Nothing`] when there is no arm.
pub fn read(path: &Path) -> Result<Vec<Arm>, LoadError> {
    let fail = |error: std::io::Error| LoadError::io(path, 0, &error);
    let mut raw = BufReader::new(File::open(path).map_err(fail)?);
    let packed = raw.fill_buf().map_err(fail)?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) };
    let mut table = csv::Reader::from_reader(plain.take(MAX_BYTES));
    let (mut tests, mut images) = (BTreeMap::new(), BTreeMap::new());
    let mut arms = Vec::new();
    for row in table.deserialize() {
        let row: Row = row.map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => LoadError::io(path, 0, &error),
            csv::ErrorKind::Deserialize { pos, err } => {
                let line = pos.map_or(0, |pos| pos.line());
                LoadError::Mapping(format!("{}, line {line}: {err}", path.display()))
            }
            other => LoadError::Mapping(format!("{}: {other:?}", path.display())),
        })?;
        if row.clicks > row.impressions {
            return Err(LoadError::Mapping(format!(
                "{}: {} clicks of {} impressions in the test {}",
                path.display(),
                row.clicks,
                row.impressions,
                row.clickability_test_id
            )));
        }
        if row.headline.trim().is_empty() || row.impressions == 0 {
            continue;
        }
        let next = tests.len() as u32;
        let test = *tests.entry(row.clickability_test_id).or_insert(next);
        let next = images.len() as u32;
        let image = *images.entry((test, row.eyecatcher_id)).or_insert(next);
        arms.push(Arm {
            text: row.headline,
            test,
            image,
            week: row.test_week,
            impressions: row.impressions as f64,
            clicks: row.clicks as f64,
        });
    }
    if arms.is_empty() {
        return Err(LoadError::Nothing {
            path: path.to_owned(),
            detail: "no arm of a test in it".to_owned(),
        });
    }
    Ok(arms)
}

/// Arms (by index) that can be compared with each other: at least two.
#[must_use]
pub fn contests(arms: &[Arm], among: &[usize], key: impl Fn(&Arm) -> u32) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for at in among {
        groups.entry(key(&arms[*at])).or_default().push(*at);
    }
    groups.into_values().filter(|group| group.len() > 1).collect()
}

/// Two arms with the same image and different headlines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Index of the one.
    pub first: usize,
    /// Index of the other.
    pub second: usize,
    /// The two-proportion z statistic (pooled variance), above 0 when the first has the higher rate.
    pub z: f64,
    /// 1 / the number of pairs of the contest.
    pub weight: f64,
}

/// All pairs of same-image arms.
#[must_use]
pub fn pairs(arms: &[Arm], among: &[usize]) -> Vec<Pair> {
    let mut found = Vec::new();
    for contest in contests(arms, among, |arm| arm.image) {
        let start = found.len();
        for (at, &first) in contest.iter().enumerate() {
            for &second in &contest[at + 1..] {
                let (a, b) = (&arms[first], &arms[second]);
                if a.text == b.text {
                    continue;
                }
                let pooled = (a.clicks + b.clicks) / (a.impressions + b.impressions);
                let error =
                    (pooled * (1.0 - pooled) * (1.0 / a.impressions + 1.0 / b.impressions)).max(1e-12).sqrt();
                let z = (a.clicks / a.impressions - b.clicks / b.impressions) / error;
                found.push(Pair { first, second, z, weight: 1.0 });
            }
        }
        let n = (found.len() - start) as f64;
        found[start..].iter_mut().for_each(|pair| pair.weight = 1.0 / n);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "clickability_test_id,headline,impressions,clicks,test_week,eyecatcher_id\n";

    fn of(name: &str, rows: &str) -> Result<Vec<Arm>, LoadError> {
        let path = std::env::temp_dir().join(format!("attune-arms-{name}-{}.csv", std::process::id()));
        std::fs::write(&path, format!("{HEAD}{rows}")).unwrap();
        let arms = read(&path);
        let _ = std::fs::remove_file(path);
        arms
    }

    #[test]
    fn arms_are_compared_where_the_image_is_the_same() {
        let arms = of(
            "good",
            "a,\"One, two\",1000,30,201401,x\na,Three,1000,10,201401,x\na,Four,1000,10,201401,y\nb,Five,9,0,201402,x\n\
             b, ,9,0,201402,x\nb,Six,0,0,201402,x\n",
        )
        .unwrap();
        assert_eq!(arms.len(), 4);
        let all = [0, 1, 2, 3];
        assert_eq!(contests(&arms, &all, |arm| arm.test), [[0, 1, 2]]);
        let pairs = pairs(&arms, &all);
        // Pooled two-proportion z of 30 and 10 of 1,000: 0.02 / √(0.02 · 0.98 · 2 / 1000).
        assert_eq!(pairs.len(), 1);
        assert!((pairs[0].z - 3.194).abs() < 1e-3, "{}", pairs[0].z);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let said = |name: &str, rows: &str| of(name, rows).unwrap_err().to_string();
        assert!(said("clicks", "a,One,10,30,201401,x\n").contains("30 clicks of 10"));
        assert!(said("cell", "a,One,ten,3,201401,x\n").contains("line 2"));
        assert!(said("none", "").contains("no arm"));
        assert!(read(Path::new("/no/such/file")).is_err());
    }

    /// The archive's counts, and what is published of headlines' length: the longer of two wins 55.2 %.
    #[test]
    fn the_archive_is_as_published() {
        let root = std::env::var_os("CARGO_MANIFEST_DIR").map(std::path::PathBuf::from).unwrap();
        let data =
            std::env::var_os("ATTUNE_DATA").map_or_else(|| root.join("../../../shared/data"), Into::into);
        let path = data.join("upworthy/train.csv.gz");
        if !path.exists() {
            assert!(std::env::var_os("CI").is_none(), "{} is not there", path.display());
            println!("skipped: {} is not there (ATTUNE_DATA)", path.display());
            return;
        }
        let arms = read(&path).unwrap();
        let tests = arms.iter().map(|arm| arm.test).max().unwrap() + 1;
        assert_eq!((arms.len(), tests), (12_344, 2_589));
        let all: Vec<usize> = (0..arms.len()).collect();
        let length: Vec<f64> = arms.iter().map(|arm| arm.text.chars().count() as f64).collect();
        let (longer, pairs) = super::super::figures::winners(&arms, &all, &length);
        assert!(pairs > 3_000 && (longer - 0.552).abs() < 0.02, "{longer} of {pairs}");
    }
}
