//! Plain Rust: what every processor runs, and what the others are held to.
#![allow(unsafe_code, reason = "the trait's functions take pointers")]
#![allow(clippy::missing_safety_doc, reason = "the trait's")]

use half::f16;

use super::Vectors;

pub(super) struct Portable;

mod functions {
    super::super::kernels!(super::Portable);
}
pub(super) use functions::{attend, gate, multiply, normalise, sum_up, to_eighths};

/// Eight 16-bit words.
unsafe fn words(from: *const u8) -> [u16; 8] {
    // SAFETY: the caller's.
    std::array::from_fn(|at| unsafe { u16::from_le_bytes(from.add(2 * at).cast::<[u8; 2]>().read()) })
}

impl Vectors for Portable {
    type Bytes = [u8; 32];
    type Sums = [i32; 8];
    type Floats = [f32; 8];

    #[inline(always)]
    unsafe fn bytes(from: *const u8) -> [u8; 32] {
        // SAFETY: the caller's.
        unsafe { from.cast::<[u8; 32]>().read() }
    }

    #[inline(always)]
    unsafe fn low(bytes: [u8; 32]) -> [u8; 32] {
        bytes.map(|byte| byte & 15)
    }

    #[inline(always)]
    unsafe fn high(bytes: [u8; 32]) -> [u8; 32] {
        bytes.map(|byte| byte >> 4)
    }

    #[inline(always)]
    unsafe fn with_pair(low: [u8; 32], pairs: [u8; 32], at: usize) -> [u8; 32] {
        std::array::from_fn(|byte| low[byte] | (pairs[byte] >> (2 * at) & 3) << 4)
    }

    #[inline(always)]
    unsafe fn no_sums() -> [i32; 8] {
        [0; 8]
    }

    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(sums: [i32; 8], codes: [u8; 32], with: *const i8) -> [i32; 8] {
        // SAFETY: the caller's.
        let with = unsafe { with.cast::<[i8; 4]>().read() };
        std::array::from_fn(|row| {
            (0..4).fold(sums[row], |sum, k| sum + i32::from(codes[row * 4 + k]) * i32::from(with[k]))
        })
    }

    #[inline(always)]
    unsafe fn totals(sums: [i32; 8]) -> [f32; 8] {
        sums.map(|sum| sum as f32)
    }

    #[inline(always)]
    unsafe fn column(codes: [u8; 32], at: usize) -> [f32; 8] {
        std::array::from_fn(|row| f32::from(codes[row * 4 + at]))
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 8] {
        [value; 8]
    }

    #[inline(always)]
    unsafe fn floats(from: *const f32) -> [f32; 8] {
        // SAFETY: the caller's; weights need not lie at multiples of four bytes.
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn halves(from: *const u8) -> [f32; 8] {
        // SAFETY: the caller's.
        unsafe { words(from) }.map(|bits| f16::from_bits(bits).to_f32())
    }

    #[inline(always)]
    unsafe fn upper_halves(from: *const u8) -> [f32; 8] {
        // SAFETY: the caller's.
        unsafe { words(from) }.map(|bits| f32::from_bits(u32::from(bits) << 16))
    }

    #[inline(always)]
    unsafe fn unsigned(from: *const u8) -> [f32; 8] {
        // SAFETY: the caller's.
        unsafe { from.cast::<[u8; 8]>().read() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn signed(from: *const u8) -> [f32; 8] {
        // SAFETY: the caller's.
        unsafe { from.cast::<[i8; 8]>().read() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|at| a[at] + b[at])
    }

    #[inline(always)]
    unsafe fn sub(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|at| a[at] - b[at])
    }

    #[inline(always)]
    unsafe fn mul(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|at| a[at] * b[at])
    }

    #[inline(always)]
    unsafe fn mul_add(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|at| a[at] * b[at] + c[at])
    }

    #[inline(always)]
    unsafe fn store(values: [f32; 8], to: *mut f32) {
        // SAFETY: the caller's.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(values) }
    }
}
