//! What is done number by number, and attention.

use super::Vectors;
use crate::cpu::matrix::ROWS;

/// See `Kernels::normalise`.
#[inline(always)]
pub(super) fn normalise(values: &[f32], weights: &[f32], epsilon: f32, out: &mut [f32]) {
    let mut lanes = [0.0f32; 8];
    let eights = values.chunks_exact(8);
    let rest: f32 = eights.remainder().iter().map(|value| value * value).sum();
    for eight in eights {
        for (lane, value) in lanes.iter_mut().zip(eight) {
            *lane += value * value;
        }
    }
    let mean = (lanes.iter().sum::<f32>() + rest) / values.len() as f32;
    let scale = 1.0 / (mean + epsilon).sqrt();
    for ((out, value), weight) in out.iter_mut().zip(values).zip(weights) {
        *out = value * scale * weight;
    }
}

/// See `Kernels::gate`.
#[inline(always)]
pub(super) fn gate(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + exp(-*gate)) * up;
    }
}

/// e to the power of `x` to about a unit in the last place; no branch, so that loops over it become vectors. The polynomial is Cephes'
/// (`expf`).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = p * r + coefficient;
    }
    // The low bits of `rounded` are n's, which go to where the exponent is.
    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    (p * r * r + r + 1.0) * scale
}

/// One head of one token, over keys and values in one or two pieces.
pub(crate) struct Attention<'a> {
    /// `[head_dim]`
    pub(crate) query: &'a [f32],
    /// Keys and values of the same tokens, each token's at `offset + stride · token`.
    pub(crate) pieces: [(&'a [f32], &'a [f32]); 2],
    pub(crate) stride: usize,
    pub(crate) offset: usize,
}

impl Attention<'_> {
    /// Panics where a key or value would be outside its piece.
    pub(super) fn check(&self, out: &[f32]) {
        assert!(self.offset + self.query.len() <= self.stride && out.len() == self.query.len());
        for (keys, values) in self.pieces {
            assert!(keys.len() == values.len() && keys.len().is_multiple_of(self.stride));
        }
    }
}

/// Softmax of the scores, as they come: what is summed up is scaled down when a greater score turns up (Milakov and Gimelshein 2018,
/// "Online normalizer calculation for softmax").
///
/// # Safety
/// That of [`Vectors`], and `Attention::check`.
#[inline(always)]
#[allow(unsafe_code, reason = "vectors on pointers; `Attention::check` holds the bounds")]
pub(super) unsafe fn attend<V: Vectors>(attention: &Attention<'_>, out: &mut [f32]) {
    const TOKENS: usize = 64;
    let Attention { query, pieces, stride, offset } = *attention;
    let scale = 1.0 / (query.len() as f32).sqrt();
    let (mut most, mut sum) = (f32::NEG_INFINITY, 0.0f32);
    out.fill(0.0);
    for (keys, values) in pieces {
        for (keys, values) in keys.chunks(TOKENS * stride).zip(values.chunks(TOKENS * stride)) {
            let mut scores = [f32::NEG_INFINITY; TOKENS];
            for (score, key) in scores.iter_mut().zip(keys.chunks_exact(stride)) {
                // SAFETY: the caller's.
                *score = unsafe { dot::<V>(query, &key[offset..][..query.len()]) } * scale;
            }
            let greater = scores.iter().fold(most, |a, &b| if b > a { b } else { a });
            if greater > most {
                let shrink = exp(most - greater);
                sum *= shrink;
                out.iter_mut().for_each(|out| *out *= shrink);
                most = greater;
            }
            for score in &mut scores {
                *score = exp(*score - most);
            }
            for (score, value) in scores.iter().zip(values.chunks_exact(stride)) {
                sum += score;
                // SAFETY: the caller's.
                unsafe { add_scaled::<V>(*score, &value[offset..][..query.len()], out) };
            }
        }
    }
    let inverse = 1.0 / sum;
    out.iter_mut().for_each(|out| *out *= inverse);
}

#[inline(always)]
#[allow(unsafe_code, reason = "as `attend`")]
unsafe fn dot<V: Vectors>(a: &[f32], b: &[f32]) -> f32 {
    let (whole_a, rest_a) = a.as_chunks::<ROWS>();
    let (whole_b, rest_b) = b.as_chunks::<ROWS>();
    let mut lanes = [0.0f32; ROWS];
    // SAFETY: chunks of eight.
    unsafe {
        let mut sum = V::splat(0.0);
        for (a, b) in whole_a.iter().zip(whole_b) {
            sum = V::mul_add(V::floats(a.as_ptr()), V::floats(b.as_ptr()), sum);
        }
        V::store(sum, lanes.as_mut_ptr());
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

#[inline(always)]
#[allow(unsafe_code, reason = "as `attend`")]
unsafe fn add_scaled<V: Vectors>(scale: f32, values: &[f32], out: &mut [f32]) {
    let (whole_out, rest_out) = out.as_chunks_mut::<ROWS>();
    let (whole, rest) = values.as_chunks::<ROWS>();
    for (out, values) in whole_out.iter_mut().zip(whole) {
        // SAFETY: chunks of eight.
        unsafe {
            let sum = V::mul_add(V::splat(scale), V::floats(values.as_ptr()), V::floats(out.as_ptr()));
            V::store(sum, out.as_mut_ptr());
        }
    }
    for (out, value) in rest_out.iter_mut().zip(rest) {
        *out += scale * value;
    }
}
