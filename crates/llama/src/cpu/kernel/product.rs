//! Eight rows times a few tokens.
#![allow(
    unsafe_code,
    reason = "the loops over every weight: bounds are checked once, in `Kernels::multiply`"
)]

use std::ops::Range;

use super::Vectors;
use crate::checkpoint::Format;
use crate::cpu::input::{Eighths, Input};
use crate::cpu::matrix::{BLOCK, Factors, Matrix, Packing, ROWS};

/// See `Kernels::multiply`.
///
/// # Safety
/// That of [`Vectors`], and the assertions of `Kernels::multiply`.
#[inline(always)]
pub(super) unsafe fn multiply<V: Vectors>(
    matrix: &Matrix,
    groups: Range<usize>,
    input: &Input,
    out: &mut [f32],
) {
    // SAFETY: the caller's.
    unsafe {
        for (group, out) in groups.zip(out.chunks_exact_mut(input.tokens * ROWS)) {
            let data = matrix.group(group);
            match matrix.format {
                Format::F32 => tiles::<V, Floats<32>>(data, input, out),
                Format::F16 => tiles::<V, Floats<16>>(data, input, out),
                Format::BF16 => tiles::<V, Floats<0>>(data, input, out),
                Format::Q8_0 => blocks::<V, Q8_0>(data, input, out),
                Format::Q4_0 => blocks::<V, Q4_0>(data, input, out),
                Format::Q4_1 => blocks::<V, Q4_1>(data, input, out),
                Format::Q5_0 => blocks::<V, Q5_0>(data, input, out),
                Format::Q4_K => blocks::<V, Q4K>(data, input, out),
                Format::Q6_K => blocks::<V, Q6K>(data, input, out),
            }
        }
    }
}

/// A way to multiply eight rows with `T` tokens from `token` on.
trait Tile {
    unsafe fn tile<V: Vectors, const T: usize>(data: &[u8], input: &Input, token: usize, out: &mut [f32]);
}

#[inline(always)]
unsafe fn blocks<V: Vectors, P: Packed>(data: &[u8], input: &Input, out: &mut [f32]) {
    // SAFETY: the caller's.
    unsafe {
        if input.fast {
            tiles::<V, Fast<P>>(data, input, out)
        } else {
            tiles::<V, Exact<P>>(data, input, out)
        }
    }
}

#[inline(always)]
unsafe fn tiles<V: Vectors, K: Tile>(data: &[u8], input: &Input, out: &mut [f32]) {
    let mut token = 0;
    // SAFETY: tokens below `input.tokens` only.
    unsafe {
        while input.tokens - token >= 4 {
            K::tile::<V, 4>(data, input, token, out);
            token += 4;
        }
        if input.tokens - token >= 2 {
            K::tile::<V, 2>(data, input, token, out);
            token += 2;
        }
        if input.tokens > token {
            K::tile::<V, 1>(data, input, token, out);
        }
    }
}

#[inline(always)]
unsafe fn put<V: Vectors, const T: usize>(sums: [V::Floats; T], token: usize, out: &mut [f32]) {
    for (at, sums) in sums.into_iter().enumerate() {
        // SAFETY: the slice has eight numbers.
        unsafe { V::store(sums, out[(token + at) * ROWS..][..ROWS].as_mut_ptr()) };
    }
}

/// A format of blocks, as a type.
trait Packed {
    const PACKING: Packing;
}

macro_rules! packed {
    ($($name:ident $format:ident),*) => {$(
        struct $name;
        impl Packed for $name {
            const PACKING: Packing = match Packing::of(Format::$format) {
                Some(packing) => packing,
                None => panic!(),
            };
        }
    )*};
}
packed!(Q8_0 Q8_0, Q4_0 Q4_0, Q4_1 Q4_1, Q5_0 Q5_0, Q4K Q4_K, Q6K Q6_K);

/// Columns `4 · four` to the next four, of a block's codes.
#[inline(always)]
unsafe fn four<V: Vectors, P: Packed>(codes: *const u8, four: usize) -> V::Bytes {
    // SAFETY: the codes of 32 columns are the caller's; see `matrix` for their order.
    unsafe {
        if P::PACKING.bits == 8 {
            return V::bytes(codes.add(four * 32));
        }
        let pair = V::bytes(codes.add(four / 2 * 32));
        let low = if four.is_multiple_of(2) { V::low(pair) } else { V::high(pair) };
        if P::PACKING.bits == 4 {
            return low;
        }
        V::with_pair(low, V::bytes(codes.add(128 + four / 4 * 32)), four % 4)
    }
}

/// Scales and minima of a part of a block.
#[inline(always)]
unsafe fn scales<V: Vectors, P: Packed>(
    scale: V::Floats,
    minimum: V::Floats,
    block: *const u8,
    part: usize,
) -> (V::Floats, V::Floats) {
    // SAFETY: factors are at the block's beginning.
    unsafe {
        match P::PACKING.factors {
            Factors::None => (scale, minimum),
            Factors::ScaleAndMinimum => {
                (V::mul(scale, V::unsigned(block)), V::mul(minimum, V::unsigned(block.add(ROWS))))
            }
            Factors::Halves => (V::mul(scale, V::signed(block.add(part * ROWS))), minimum),
        }
    }
}

/// Calls `$body` for each block, with what it needs bound to the names.
macro_rules! for_blocks {
    ($data:ident, $packing:ident, |$at:ident, $block:ident, $scale:ident, $minimum:ident| $body:block) => {
        for (record, bytes) in $data.chunks_exact($packing.record_bytes()).enumerate() {
            let head = bytes.as_ptr();
            let $scale = V::halves(head);
            let $minimum = if $packing.minimum { V::halves(head.add(2 * ROWS)) } else { V::splat(0.0) };
            for of_record in 0..$packing.blocks {
                let $block = head.add($packing.header() + of_record * $packing.block_bytes());
                let $at = record * $packing.blocks + of_record;
                $body
            }
        }
    };
}

/// With activations in 8 bits: whole-number products, one floating-point sum for each block.
struct Fast<P>(std::marker::PhantomData<P>);

impl<P: Packed> Tile for Fast<P> {
    #[inline(always)]
    unsafe fn tile<V: Vectors, const T: usize>(data: &[u8], input: &Input, token: usize, out: &mut [f32]) {
        let in_row = input.columns / BLOCK;
        let with: [*const Eighths; T] =
            std::array::from_fn(|at| input.eighths[(token + at) * in_row..][..in_row].as_ptr());
        let packing = const { P::PACKING };
        let parts = const { if matches!(P::PACKING.factors, Factors::Halves) { 2 } else { 1 } };
        // SAFETY: a group's data is as long as its columns need, and so is `with`.
        unsafe {
            let mut all = [V::splat(0.0); T];
            for_blocks!(data, packing, |at, block, scale, minimum| {
                let codes = block.add(packing.factor_bytes());
                for part in 0..parts {
                    let mut sums = [V::no_sums(); T];
                    for four_at in part * 8 / parts..(part + 1) * 8 / parts {
                        let codes = four::<V, P>(codes, four_at);
                        for t in 0..T {
                            let with = (*with[t].add(at)).codes.as_ptr().add(4 * four_at);
                            sums[t] = if packing.bits == 8 {
                                V::dot::<true>(sums[t], codes, with)
                            } else {
                                V::dot::<false>(sums[t], codes, with)
                            };
                        }
                    }
                    let (scale, minimum) = scales::<V, P>(scale, minimum, block, part);
                    for t in 0..T {
                        let with = &*with[t].add(at);
                        let sum = if parts == 2 { with.sums[part] } else { with.sums[0] + with.sums[1] };
                        let mut total = V::totals(sums[t]);
                        if packing.bias > 0 {
                            total = V::sub(total, V::splat(sum * f32::from(packing.bias)));
                        }
                        all[t] = V::mul_add(scale, V::mul(total, V::splat(with.scale)), all[t]);
                        if packing.minimum {
                            all[t] = V::mul_add(minimum, V::splat(with.scale * sum), all[t]);
                        }
                    }
                }
            });
            put::<V, T>(all, token, out);
        }
    }
}

/// With activations as they are.
struct Exact<P>(std::marker::PhantomData<P>);

impl<P: Packed> Tile for Exact<P> {
    #[inline(always)]
    unsafe fn tile<V: Vectors, const T: usize>(data: &[u8], input: &Input, token: usize, out: &mut [f32]) {
        let in_row = input.columns / BLOCK;
        let with: [*const f32; T] = std::array::from_fn(|at| input.token(token + at).as_ptr());
        let sums: [*const f32; T] =
            std::array::from_fn(|at| input.sums[(token + at) * in_row..][..in_row].as_ptr());
        let packing = const { P::PACKING };
        let parts = const { if matches!(P::PACKING.factors, Factors::Halves) { 2 } else { 1 } };
        // SAFETY: as for `Fast`.
        unsafe {
            let mut all = [V::splat(0.0); T];
            for_blocks!(data, packing, |at, block, scale, minimum| {
                let codes = block.add(packing.factor_bytes());
                let bias = V::splat(f32::from(packing.bias));
                for part in 0..parts {
                    let mut products = [V::splat(0.0); T];
                    for four_at in part * 8 / parts..(part + 1) * 8 / parts {
                        let codes = four::<V, P>(codes, four_at);
                        for column in 0..4 {
                            let mut weights = V::column(codes, column);
                            if packing.bias > 0 {
                                weights = V::sub(weights, bias);
                            }
                            for t in 0..T {
                                let value = *with[t].add(at * BLOCK + four_at * 4 + column);
                                products[t] = V::mul_add(weights, V::splat(value), products[t]);
                            }
                        }
                    }
                    let (scale, minimum) = scales::<V, P>(scale, minimum, block, part);
                    for t in 0..T {
                        all[t] = V::mul_add(scale, products[t], all[t]);
                        if packing.minimum {
                            all[t] = V::mul_add(minimum, V::splat(*sums[t].add(at)), all[t]);
                        }
                    }
                }
            });
            put::<V, T>(all, token, out);
        }
    }
}

/// Floating-point weights: of 32 bits, of 16, or (0) the upper 16 of 32.
struct Floats<const KIND: usize>;

impl<const KIND: usize> Floats<KIND> {
    #[inline(always)]
    unsafe fn weights<V: Vectors>(data: *const u8, column: usize) -> V::Floats {
        // SAFETY: the caller's.
        unsafe {
            match KIND {
                32 => V::floats(data.add(column * 4 * ROWS).cast()),
                16 => V::halves(data.add(column * 2 * ROWS)),
                _ => V::upper_halves(data.add(column * 2 * ROWS)),
            }
        }
    }
}

impl<const KIND: usize> Tile for Floats<KIND> {
    #[inline(always)]
    unsafe fn tile<V: Vectors, const T: usize>(data: &[u8], input: &Input, token: usize, out: &mut [f32]) {
        let with: [*const f32; T] = std::array::from_fn(|at| input.token(token + at).as_ptr());
        let data = data.as_ptr();
        // Sums that do not wait for each other.
        const APART: usize = 4;
        // SAFETY: a group has eight weights a column.
        unsafe {
            let mut sums = [[V::splat(0.0); T]; APART];
            let whole = input.columns / APART * APART;
            for column in (0..whole).step_by(APART) {
                for (apart, sums) in sums.iter_mut().enumerate() {
                    let weights = Self::weights::<V>(data, column + apart);
                    for t in 0..T {
                        sums[t] = V::mul_add(weights, V::splat(*with[t].add(column + apart)), sums[t]);
                    }
                }
            }
            for column in whole..input.columns {
                let weights = Self::weights::<V>(data, column);
                for t in 0..T {
                    sums[0][t] = V::mul_add(weights, V::splat(*with[t].add(column)), sums[0][t]);
                }
            }
            let [a, b, c, d] = sums;
            let all: [V::Floats; T] = std::array::from_fn(|t| V::add(V::add(a[t], b[t]), V::add(c[t], d[t])));
            put::<V, T>(all, token, out);
        }
    }
}
