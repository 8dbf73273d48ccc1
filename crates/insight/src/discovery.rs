//! Many comparisons at once.

/// The expected share of false marks among all marks.
pub const FALSE_SHARE: f64 = 0.1;

/// Which of these probabilities stand out when at most `share` of those that do may be chance (Benjamini and
/// Hochberg, "Controlling the false discovery rate", J. Royal Statistical Society B 57, 1995).
#[must_use]
pub fn stand_out(probabilities: &[f64], share: f64) -> Vec<bool> {
    let mut sorted = probabilities.to_vec();
    sorted.sort_by(f64::total_cmp);
    let all = sorted.len() as f64;
    let last = sorted.iter().enumerate().rfind(|(index, p)| **p <= share * (index + 1) as f64 / all);
    let bar = last.map_or(f64::NEG_INFINITY, |(_, p)| *p);
    probabilities.iter().map(|p| *p <= bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the 1995 paper (section 3.2): 15 comparisons, four of them at 5 %. At 10 % nine, as
    /// `statsmodels.stats.multitest.multipletests(p, alpha=0.1, method="fdr_bh")` says.
    #[test]
    fn as_the_paper_has_it() {
        let mut p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719,
            0.6528, 0.7590, 1.0,
        ];
        let count = |p: &[f64], share| stand_out(p, share).into_iter().filter(|yes| *yes).count();
        assert_eq!((count(&p, 0.05), count(&p, 0.1)), (4, 9));
        p.reverse();
        assert_eq!(stand_out(&p, 0.05)[10..], [false, true, true, true, true]);
        assert_eq!((count(&[], 0.1), count(&[0.5], 0.1), count(&[0.1], 0.1)), (0, 0, 1));
    }
}
