//! Activations as the kernels read them.

use super::matrix::BLOCK;

/// 32 activations in 8 bits: a value is `scale · code`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct Eighths {
    pub(crate) codes: [i8; BLOCK],
    pub(crate) scale: f32,
    /// The codes of each half, summed up.
    pub(crate) sums: [f32; 2],
}

/// What a product multiplies matrices with: some tokens' activations, as numbers and, in fast mode, in 8 bits too.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(crate) tokens: usize,
    pub(crate) columns: usize,
    /// `[tokens, columns]`
    pub(crate) values: Vec<f32>,
    /// `[tokens, columns / 32]`: sums of 32 values, for the minima of exact mode.
    pub(crate) sums: Vec<f32>,
    /// `[tokens, columns / 32]`
    pub(crate) eighths: Vec<Eighths>,
    /// Whether `eighths` are to be used.
    pub(crate) fast: bool,
}

impl Input {
    /// Makes room.
    pub(crate) fn shape(&mut self, tokens: usize, columns: usize) {
        (self.tokens, self.columns) = (tokens, columns);
        self.values.resize(tokens * columns, 0.0);
        let blocks = tokens * (columns / BLOCK);
        if self.fast {
            self.eighths.resize(blocks, Eighths::default());
        } else {
            self.sums.resize(blocks, 0.0);
        }
    }

    /// Numbers of one token.
    pub(crate) fn token(&self, token: usize) -> &[f32] {
        &self.values[token * self.columns..][..self.columns]
    }
}

/// Fills in `sums` of one token.
#[inline(always)]
pub(crate) fn sum_up(values: &[f32], sums: &mut [f32]) {
    for (sum, block) in sums.iter_mut().zip(values.chunks_exact(BLOCK)) {
        let mut lanes = [0.0f32; 8];
        for eight in block.chunks_exact(8) {
            for (lane, value) in lanes.iter_mut().zip(eight) {
                *lane += value;
            }
        }
        *sum = lanes.iter().sum();
    }
}

/// Rounds one token's values to 8 bits: the greatest magnitude of each 32 becomes 127.
#[inline(always)]
pub(crate) fn to_eighths(values: &[f32], eighths: &mut [Eighths]) {
    /// Added, it rounds to whole numbers and leaves them in the low bits.
    const ROUND: f32 = 12_582_912.0;
    for (out, block) in eighths.iter_mut().zip(values.chunks_exact(BLOCK)) {
        let (mut most, mut nothing) = ([0.0f32; 8], [0.0f32; 8]);
        for eight in block.chunks_exact(8) {
            for ((most, nothing), value) in most.iter_mut().zip(&mut nothing).zip(eight) {
                *most = if value.abs() > *most { value.abs() } else { *most };
                *nothing += value * 0.0;
            }
        }
        let most = most.iter().fold(0.0f32, |a, &b| if b > a { b } else { a });
        // Codes cannot say what is no number; the scale does.
        out.scale = most / 127.0 + nothing.iter().sum::<f32>();
        // So small that its inverse is not a number: nothing.
        let inverse = if most > f32::MIN_POSITIVE { 127.0 / most } else { 0.0 };
        let mut whole = [0i32; BLOCK];
        for (whole, value) in whole.iter_mut().zip(block) {
            *whole = (value * inverse + ROUND).to_bits() as i32 - ROUND.to_bits() as i32;
        }
        for (code, whole) in out.codes.iter_mut().zip(whole) {
            *code = whole as i8;
        }
        let (first, second) = whole.split_at(BLOCK / 2);
        out.sums = [first.iter().sum::<i32>() as f32, second.iter().sum::<i32>() as f32];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighths_are_within_half_a_unit() {
        let values: [f32; BLOCK] = std::array::from_fn(|at| (at as f32 * 0.7).sin() * 3.0);
        let mut eighths = [Eighths::default()];
        to_eighths(&values, &mut eighths);
        let [Eighths { codes, scale, sums }] = eighths;
        for (value, code) in values.iter().zip(codes) {
            assert!((value - scale * f32::from(code)).abs() <= scale * 0.5001);
        }
        let sum = |codes: &[i8]| codes.iter().map(|&code| f32::from(code)).sum::<f32>();
        assert_eq!(sums, [sum(&codes[..16]), sum(&codes[16..])]);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = [1.0; BLOCK];
            values[9] = wrong;
            let mut eighths = [Eighths::default()];
            to_eighths(&values, &mut eighths);
            assert!(eighths[0].scale.is_nan());
        }
    }
}
