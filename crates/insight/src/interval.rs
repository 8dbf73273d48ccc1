//! Intervals and the distributions behind them.

use serde::Serialize;

/// Coverage of every interval here.
pub const COVERAGE: f64 = 0.9;
/// The normal distribution's 95 % quantile: a two-sided 90 % interval reaches so many standard errors.
const Z: f64 = 1.644_853_626_951_472_2;

/// A 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// So far to both sides of a value.
    #[must_use]
    pub fn around(value: f64, reach: f64) -> Self {
        Self { low: value - reach, high: value + reach }
    }

    /// Whether a value lies in it.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The interval of the value times a factor.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        let (a, b) = (self.low * factor, self.high * factor);
        Self { low: a.min(b), high: a.max(b) }
    }
}

/// Wilson's score interval for a rate of `hits` among `n`, `reach` standard errors wide (Wilson, "Probable inference,
/// the law of succession, and statistical inference", JASA 22, 1927). With an effective `n` it is the modified Wilson
/// interval for clustered samples (Franco, Little, Louis and Slud, "Comparative study of confidence intervals for
/// proportions in complex sample surveys", J. Survey Statistics and Methodology 7, 2019).
#[must_use]
pub fn wilson(hits: f64, n: f64, reach: f64) -> Interval {
    if n <= 0.0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (p, z2) = (hits / n, reach * reach);
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = reach / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    // The ends are 0 and 1 exactly where nothing, or everything, is a hit.
    let low = if hits <= 0.0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if hits >= n { 1.0 } else { (middle + half).min(1.0) };
    Interval { low, high }
}

/// How many standard errors a two-sided 90 % interval reaches when the error was estimated with `freedom` degrees of
/// freedom: Student's 95 % quantile (expansion 26.7.5 of Abramowitz and Stegun, "Handbook of mathematical functions",
/// 1964; from 7 degrees on right to four decimals).
#[must_use]
pub fn reach(freedom: f64) -> f64 {
    if freedom < 1.0 {
        return f64::INFINITY;
    }
    let z = Z;
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    let terms = [
        (z3 + z) / 4.0,
        (5.0 * z5 + 16.0 * z3 + 3.0 * z) / 96.0,
        (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / 384.0,
        (79.0 * z.powi(9) + 776.0 * z7 + 1482.0 * z5 - 1920.0 * z3 - 945.0 * z) / 92_160.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| (sum + term) / freedom) + z
}

/// Probability of a value at least so far from 0, either way, when nothing but chance is at work: Student's t with
/// `freedom` degrees, by its normal approximation (26.7.8 of Abramowitz and Stegun; within 5 % of the value from 7
/// degrees on).
#[must_use]
pub fn two_sided(t: f64, freedom: f64) -> f64 {
    if freedom < 1.0 || t.is_nan() {
        return 1.0;
    }
    if t.is_infinite() {
        return 0.0;
    }
    let z = t.abs() * (1.0 - 1.0 / (4.0 * freedom)) / (1.0 + t * t / (2.0 * freedom)).sqrt();
    libm::erfc(z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `statsmodels.stats.proportion.proportion_confint(hits, n, alpha=0.1, method="wilson")`, statsmodels 0.15.0.
    #[test]
    fn wilson_as_statsmodels_has_it() {
        let oracle = [
            (0.0, 10.0, 0.0, 0.212_941_970_083_407_1),
            (3.0, 10.0, 0.126_876_583_903_197_84, 0.558_300_204_130_165),
            (10.0, 10.0, 0.787_058_029_916_592_8, 1.0),
            (81.0, 263.0, 0.263_313_617_188_481_4, 0.356_566_349_608_488_15),
            (9010.0, 100_000.0, 0.088_621_753_851_456_03, 0.091_600_425_593_710_61),
            (1.0, 2000.0, 0.000_111_554_015_012_593_85, 0.002_238_039_248_697_904_5),
        ];
        for (hits, n, low, high) in oracle {
            let found = wilson(hits, n, Z);
            assert!((found.low - low).abs() < 1e-12 && (found.high - high).abs() < 1e-12, "{found:?}");
        }
    }

    /// `scipy.stats.t.ppf(0.95, freedom)`, scipy 1.17.1.
    #[test]
    fn quantiles_as_scipy_has_them() {
        let oracle = [
            (7.0, 1.894_578_605_090_006_2),
            (15.0, 1.753_050_355_692_572),
            (31.0, 1.695_518_782_545_864_9),
            (63.0, 1.669_402_221_706_812_7),
            (1000.0, 1.646_378_817_285_464_3),
        ];
        for (freedom, quantile) in oracle {
            assert!((reach(freedom) - quantile).abs() < 1e-4, "{freedom}: {}", reach(freedom));
        }
        assert!(reach(0.0).is_infinite());
    }

    /// `2 * scipy.stats.t.sf(t, freedom)`, scipy 1.17.1.
    #[test]
    fn tails_as_scipy_has_them() {
        let oracle = [
            (1.0, 7.0, 0.350_616_662_820_207_4),
            (1.669, 63.0, 0.100_080_031_207_370_44),
            (3.0, 31.0, 0.005_288_746_688_991_346),
            (2.5, 15.0, 0.024_505_803_246_513_826),
            (3.5, 63.0, 0.000_860_143_840_507_224_3),
            (4.0, 63.0, 0.000_169_052_521_085_466_68),
        ];
        for (t, freedom, tail) in oracle {
            let found = two_sided(t, freedom);
            assert!((found / tail - 1.0).abs() < 0.05, "{t} {freedom}: {found} {tail}");
        }
        assert_eq!(two_sided(0.0, 20.0), 1.0);
        assert_eq!(two_sided(f64::NAN, 20.0), 1.0);
    }
}
