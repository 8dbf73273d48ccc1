//! How far two models' logits are from each other, position by position.

/// Sums over positions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Agreement {
    positions: usize,
    divergence: f64,
    same: usize,
}

impl Agreement {
    /// Counts a position: the logits that are due, and those that are there, over the same vocabulary.
    pub fn count(&mut self, due: &[f32], got: &[f32]) {
        self.positions += 1;
        self.divergence += kullback_leibler(due, got);
        self.same += usize::from(likeliest(due) == likeliest(got));
    }

    /// Positions counted.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// The mean Kullback–Leibler divergence of a position's probabilities, in nats.
    #[must_use]
    pub fn divergence(&self) -> f64 {
        self.divergence / self.positions.max(1) as f64
    }

    /// The share of positions whose likeliest token is the same.
    #[must_use]
    pub fn same(&self) -> f64 {
        self.same as f64 / self.positions.max(1) as f64
    }
}

fn likeliest(logits: &[f32]) -> Option<usize> {
    (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]))
}

fn kullback_leibler(due: &[f32], got: &[f32]) -> f64 {
    let logarithms = |logits: &[f32]| -> Vec<f64> {
        let most = logits.iter().copied().fold(f32::MIN, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
        logits.iter().map(|logit| f64::from(logit - most) - sum.ln()).collect()
    };
    logarithms(due).iter().zip(logarithms(got)).map(|(p, q)| p.exp() * (p - q)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_agree_and_others_by_the_formula() {
        let mut agreement = Agreement::default();
        agreement.count(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0]);
        assert_eq!((agreement.positions(), agreement.same()), (1, 1.0));
        assert!(agreement.divergence().abs() < 1e-12);
        // Probabilities 1/4 and 3/4 beside 1/2 and 1/2.
        agreement.count(&[0.0, 3.0_f32.ln()], &[5.0, 4.999_999]);
        let due = 0.25 * 0.5_f64.ln() + 0.75 * 1.5_f64.ln();
        assert!((2.0 * agreement.divergence() - due).abs() < 1e-6);
        assert_eq!(agreement.same(), 0.5);
    }
}
