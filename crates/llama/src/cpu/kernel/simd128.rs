//! WebAssembly's 128-bit vectors, two for eight rows. Without relaxed-simd there is no product of bytes: they are widened, and pairs of
//! 16-bit products are summed up.
#![allow(unsafe_code, reason = "the trait's functions take pointers")]
#![allow(clippy::redundant_closure, reason = "functions of target features are no `Fn`")]
#![allow(clippy::missing_safety_doc, reason = "the trait's")]

use std::arch::wasm32::*;

use super::Vectors;

pub(super) struct Simd128;

mod functions {
    super::super::kernels!(super::Simd128);
}
pub(super) use functions::{attend, gate, multiply, normalise, sum_up, to_eighths};

/// Four binary16 numbers, one in each 32 bits; without infinities, which no weight is.
#[inline(always)]
fn wide(bits: v128) -> v128 {
    let magnitude = i32x4_shl(v128_and(bits, u32x4_splat(0x7FFF)), 13);
    // The exponent's bias, made up for by a product, so that what is below the normal numbers comes out right too.
    let magnitude = f32x4_mul(magnitude, f32x4_splat(f32::from_bits((127 + 112) << 23)));
    v128_or(magnitude, i32x4_shl(v128_and(bits, u32x4_splat(0x8000)), 16))
}

#[inline(always)]
fn both(a: [v128; 2], b: [v128; 2], of: impl Fn(v128, v128) -> v128) -> [v128; 2] {
    [of(a[0], b[0]), of(a[1], b[1])]
}

// SAFETY, for each function: the caller has the numbers behind the pointers.
impl Vectors for Simd128 {
    type Bytes = [v128; 2];
    /// Two rows each, two sums a row.
    type Sums = [v128; 4];
    type Floats = [v128; 2];

    #[inline(always)]
    unsafe fn bytes(from: *const u8) -> [v128; 2] {
        unsafe { [v128_load(from.cast()), v128_load(from.add(16).cast())] }
    }

    #[inline(always)]
    unsafe fn low(bytes: [v128; 2]) -> [v128; 2] {
        bytes.map(|bytes| v128_and(bytes, u8x16_splat(15)))
    }

    #[inline(always)]
    unsafe fn high(bytes: [v128; 2]) -> [v128; 2] {
        // By 16 bits and a mask: there is no shift of bytes on x86.
        bytes.map(|bytes| v128_and(u16x8_shr(bytes, 4), u8x16_splat(15)))
    }

    #[inline(always)]
    unsafe fn with_pair(low: [v128; 2], pairs: [v128; 2], at: usize) -> [v128; 2] {
        let moved = |pairs| match at {
            0 => u16x8_shl(pairs, 4),
            1 => u16x8_shl(pairs, 2),
            2 => pairs,
            _ => u16x8_shr(pairs, 2),
        };
        both(low, pairs, |low, pairs| v128_or(low, v128_and(moved(pairs), u8x16_splat(0x30))))
    }

    #[inline(always)]
    unsafe fn no_sums() -> [v128; 4] {
        [u32x4_splat(0); 4]
    }

    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(sums: [v128; 4], codes: [v128; 2], with: *const i8) -> [v128; 4] {
        let with = i16x8_extend_low_i8x16(unsafe { v128_load32_splat(with.cast()) });
        let wide = [
            u16x8_extend_low_u8x16(codes[0]),
            u16x8_extend_high_u8x16(codes[0]),
            u16x8_extend_low_u8x16(codes[1]),
            u16x8_extend_high_u8x16(codes[1]),
        ];
        std::array::from_fn(|at| i32x4_add(sums[at], i32x4_dot_i16x8(wide[at], with)))
    }

    #[inline(always)]
    unsafe fn totals(sums: [v128; 4]) -> [v128; 2] {
        let rows = |a, b| {
            let sum = i32x4_add(i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b));
            f32x4_convert_i32x4(sum)
        };
        [rows(sums[0], sums[1]), rows(sums[2], sums[3])]
    }

    #[inline(always)]
    unsafe fn column(codes: [v128; 2], at: usize) -> [v128; 2] {
        codes.map(|codes| f32x4_convert_i32x4(v128_and(u32x4_shr(codes, 8 * at as u32), u32x4_splat(0xFF))))
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> [v128; 2] {
        [f32x4_splat(value); 2]
    }

    #[inline(always)]
    unsafe fn floats(from: *const f32) -> [v128; 2] {
        unsafe { [v128_load(from.cast()), v128_load(from.add(4).cast())] }
    }

    #[inline(always)]
    unsafe fn halves(from: *const u8) -> [v128; 2] {
        unsafe {
            [wide(u32x4_load_extend_u16x4(from.cast())), wide(u32x4_load_extend_u16x4(from.add(8).cast()))]
        }
    }

    #[inline(always)]
    unsafe fn upper_halves(from: *const u8) -> [v128; 2] {
        unsafe {
            [u32x4_load_extend_u16x4(from.cast()), u32x4_load_extend_u16x4(from.add(8).cast())]
                .map(|words| u32x4_shl(words, 16))
        }
    }

    #[inline(always)]
    unsafe fn unsigned(from: *const u8) -> [v128; 2] {
        let words = unsafe { u16x8_load_extend_u8x8(from) };
        [u32x4_extend_low_u16x8(words), u32x4_extend_high_u16x8(words)]
            .map(|words| f32x4_convert_i32x4(words))
    }

    #[inline(always)]
    unsafe fn signed(from: *const u8) -> [v128; 2] {
        let words = unsafe { i16x8_load_extend_i8x8(from.cast()) };
        [i32x4_extend_low_i16x8(words), i32x4_extend_high_i16x8(words)]
            .map(|words| f32x4_convert_i32x4(words))
    }

    #[inline(always)]
    unsafe fn add(a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        both(a, b, |a, b| f32x4_add(a, b))
    }

    #[inline(always)]
    unsafe fn sub(a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        both(a, b, |a, b| f32x4_sub(a, b))
    }

    #[inline(always)]
    unsafe fn mul(a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        both(a, b, |a, b| f32x4_mul(a, b))
    }

    #[inline(always)]
    unsafe fn mul_add(a: [v128; 2], b: [v128; 2], c: [v128; 2]) -> [v128; 2] {
        both(both(a, b, |a, b| f32x4_mul(a, b)), c, |a, b| f32x4_add(a, b))
    }

    #[inline(always)]
    unsafe fn store(values: [v128; 2], to: *mut f32) {
        unsafe {
            v128_store(to.cast(), values[0]);
            v128_store(to.add(4).cast(), values[1]);
        }
    }
}
