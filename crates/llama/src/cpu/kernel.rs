//! Matrix products over packed weights, written once over a small set of vector operations, and built for each instruction set.

mod element;
mod portable;
mod product;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

pub(crate) use self::element::Attention;
use super::input::{Eighths, Input};
use super::matrix::{Matrix, ROWS};

/// Which instructions the kernels use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernels {
    /// Those of every processor.
    Portable,
    /// AVX2, FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same with AVX-VNNI's product of bytes.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// The same with AVX-512's product of bytes (VNNI and VL).
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// WebAssembly's 128 bits.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

impl Kernels {
    /// All that this processor has, the best first.
    #[allow(clippy::vec_init_then_push, reason = "what there is depends on the target")]
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
        {
            if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512vl") {
                all.push(Self::Avx512Vnni);
            }
            if is_x86_feature_detected!("avxvnni") {
                all.push(Self::AvxVnni);
            }
            all.push(Self::Avx2);
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        all.push(Self::Simd128);
        all.push(Self::Portable);
        all
    }

    /// The best.
    pub(crate) fn best() -> Self {
        Self::all().first().copied().unwrap_or(Self::Portable)
    }

    /// Eight rows each of `groups`, times every token of `input`; `out` is `[groups, tokens, 8]`.
    pub(crate) fn multiply(self, matrix: &Matrix, groups: Range<usize>, input: &Input, out: &mut [f32]) {
        assert_eq!(input.columns, matrix.columns);
        assert!(groups.end <= matrix.groups() && out.len() >= groups.len() * input.tokens * ROWS);
        dispatch!(self, multiply(matrix, groups, input, out));
    }

    /// Root mean square normalisation: `out = values · weights / √(mean of squares + epsilon)`.
    pub(crate) fn normalise(self, values: &[f32], weights: &[f32], epsilon: f32, out: &mut [f32]) {
        dispatch!(self, normalise(values, weights, epsilon, out));
    }

    /// `gate = silu(gate) · up`
    pub(crate) fn gate(self, gate: &mut [f32], up: &[f32]) {
        dispatch!(self, gate(gate, up));
    }

    /// One token's values in 8 bits.
    pub(crate) fn to_eighths(self, values: &[f32], eighths: &mut [Eighths]) {
        dispatch!(self, to_eighths(values, eighths));
    }

    /// One token's values, summed up by 32.
    pub(crate) fn sum_up(self, values: &[f32], sums: &mut [f32]) {
        dispatch!(self, sum_up(values, sums));
    }

    /// One head's attention over its keys and values.
    pub(crate) fn attend(self, attention: &Attention<'_>, out: &mut [f32]) {
        attention.check(out);
        dispatch!(self, attend(attention, out));
    }
}

/// Calls the function of that name in the instruction set's module.
macro_rules! dispatch {
    ($kernels:expr, $function:ident($($argument:expr),*)) => {
        #[allow(unsafe_code, reason = "`Kernels` has only what the processor was found to have; lengths are checked before")]
        // SAFETY: see the reason.
        unsafe {
            match $kernels {
                Kernels::Portable => portable::$function($($argument),*),
                #[cfg(target_arch = "x86_64")]
                Kernels::Avx2 => x86::avx2::$function($($argument),*),
                #[cfg(target_arch = "x86_64")]
                Kernels::AvxVnni => x86::avx_vnni::$function($($argument),*),
                #[cfg(target_arch = "x86_64")]
                Kernels::Avx512Vnni => x86::avx512_vnni::$function($($argument),*),
                #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                Kernels::Simd128 => simd128::$function($($argument),*),
            }
        }
    };
}
use dispatch;

/// The functions that `dispatch!` calls, for a type of vectors, built with the target features.
macro_rules! kernels {
    ($vectors:ty $(, $feature:literal)*) => {
        use std::ops::Range;

        use super::super::{element::{self, Attention}, product};
        use crate::cpu::input::{self, Eighths, Input};
        use crate::cpu::matrix::Matrix;

        $(#[target_feature(enable = $feature)])*
        pub(in crate::cpu::kernel) unsafe fn multiply(
            matrix: &Matrix, groups: Range<usize>, input: &Input, out: &mut [f32],
        ) {
            // SAFETY: the caller's, and the features are those of this function.
            unsafe { product::multiply::<$vectors>(matrix, groups, input, out) }
        }

        $(#[target_feature(enable = $feature)])*
        pub(in crate::cpu::kernel) unsafe fn normalise(
            values: &[f32], weights: &[f32], epsilon: f32, out: &mut [f32],
        ) {
            element::normalise(values, weights, epsilon, out);
        }

        $(#[target_feature(enable = $feature)])*
        pub(in crate::cpu::kernel) unsafe fn gate(gate: &mut [f32], up: &[f32]) {
            element::gate(gate, up);
        }

        $(#[target_feature(enable = $feature)])*
        pub(in crate::cpu::kernel) unsafe fn to_eighths(values: &[f32], eighths: &mut [Eighths]) {
            input::to_eighths(values, eighths);
        }

        $(#[target_feature(enable = $feature)])*
        pub(in crate::cpu::kernel) unsafe fn sum_up(values: &[f32], sums: &mut [f32]) {
            input::sum_up(values, sums);
        }

        $(#[target_feature(enable = $feature)])*
        pub(in crate::cpu::kernel) unsafe fn attend(attention: &Attention<'_>, out: &mut [f32]) {
            // SAFETY: the caller's, and the features are those of this function.
            unsafe { element::attend::<$vectors>(attention, out) }
        }
    };
}
use kernels;

/// Vectors that hold one lane for each of eight rows.
///
/// # Safety
/// For all functions: the processor has the instructions, and pointers lead to as many numbers as are read or written.
#[allow(unsafe_code, reason = "instructions that a processor may lack, on pointers")]
pub(crate) trait Vectors {
    /// 32 bytes: four columns of eight rows.
    type Bytes: Copy;
    /// Whole-number sums on the way to one for each row.
    type Sums: Copy;
    /// Eight numbers.
    type Floats: Copy;

    unsafe fn bytes(from: *const u8) -> Self::Bytes;
    /// The low four bits of each byte.
    unsafe fn low(bytes: Self::Bytes) -> Self::Bytes;
    /// The high four bits of each byte.
    unsafe fn high(bytes: Self::Bytes) -> Self::Bytes;
    /// Bits 2 · `at` and the next of each byte of `pairs`, over the four bits of `low`.
    unsafe fn with_pair(low: Self::Bytes, pairs: Self::Bytes, at: usize) -> Self::Bytes;
    unsafe fn no_sums() -> Self::Sums;
    /// Adds products of each row's four bytes, unsigned, with four signed bytes; `WIDE` where the unsigned have more than 6 bits.
    unsafe fn dot<const WIDE: bool>(sums: Self::Sums, codes: Self::Bytes, with: *const i8) -> Self::Sums;
    unsafe fn totals(sums: Self::Sums) -> Self::Floats;
    /// Column `at` of four, as numbers.
    unsafe fn column(codes: Self::Bytes, at: usize) -> Self::Floats;

    unsafe fn splat(value: f32) -> Self::Floats;
    unsafe fn floats(from: *const f32) -> Self::Floats;
    /// Eight binary16 numbers.
    unsafe fn halves(from: *const u8) -> Self::Floats;
    /// Eight upper halves of 32-bit numbers.
    unsafe fn upper_halves(from: *const u8) -> Self::Floats;
    unsafe fn unsigned(from: *const u8) -> Self::Floats;
    unsafe fn signed(from: *const u8) -> Self::Floats;
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn sub(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a · b + c`, rounded once or twice.
    unsafe fn mul_add(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    unsafe fn store(values: Self::Floats, to: *mut f32);
}

#[cfg(test)]
mod tests;
