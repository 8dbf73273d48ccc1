//! Drawing by weight without replacement.

/// Weights in a tree of sums: drawing one and taking it out costs log n. Every sum is made anew from its two parts,
/// so that rounding does not add up over the draws.
#[derive(Debug)]
pub(super) struct Weights {
    /// A complete binary tree, root first; the leaves are the weights, then zeros.
    sums: Vec<f64>,
    leaves: usize,
}

impl Weights {
    /// Weights that are finite and not negative.
    pub(super) fn new(weights: impl ExactSizeIterator<Item = f64>) -> Self {
        let leaves = weights.len().next_power_of_two();
        let mut sums = vec![0.0; 2 * leaves - 1];
        for (leaf, weight) in sums[leaves - 1..].iter_mut().zip(weights) {
            *leaf = weight;
        }
        for node in (0..leaves - 1).rev() {
            sums[node] = sums[2 * node + 1] + sums[2 * node + 2];
        }
        Self { sums, leaves }
    }

    /// The sum of all that are left.
    pub(super) fn total(&self) -> f64 {
        self.sums[0]
    }

    /// One weight.
    pub(super) fn get(&self, index: usize) -> f64 {
        self.sums[self.leaves - 1 + index]
    }

    /// The index on which `point`, from 0 to the total, falls. Never one whose weight is 0, while the total is above 0.
    pub(super) fn at(&self, mut point: f64) -> usize {
        let mut node = 0;
        while node < self.leaves - 1 {
            let (left, right) = (2 * node + 1, 2 * node + 2);
            // A point that rounding put past the end stays in the last part that weighs anything.
            if point < self.sums[left] || self.sums[right] <= 0.0 {
                node = left;
            } else {
                point -= self.sums[left];
                node = right;
            }
        }
        node - (self.leaves - 1)
    }

    /// Takes one out.
    pub(super) fn take(&mut self, index: usize) {
        let mut node = self.leaves - 1 + index;
        self.sums[node] = 0.0;
        while node > 0 {
            node = (node - 1) / 2;
            self.sums[node] = self.sums[2 * node + 1] + self.sums[2 * node + 2];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_fall_on_their_weights() {
        let mut weights = Weights::new([1.0, 0.0, 3.0, 2.0, 0.5].into_iter());
        assert_eq!(weights.total(), 6.5);
        let falls: Vec<usize> = [0.0, 0.9, 1.0, 3.9, 4.0, 6.1, 99.0].map(|point| weights.at(point)).into();
        assert_eq!(falls, [0, 0, 2, 2, 3, 4, 4]);
        weights.take(2);
        weights.take(4);
        assert_eq!((weights.total(), weights.get(2), weights.at(2.5), weights.at(9.0)), (3.0, 0.0, 3, 3));
        assert_eq!(Weights::new([2.0].into_iter()).at(1.0), 0);
    }
}
