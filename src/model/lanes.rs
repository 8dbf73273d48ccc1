//! Eight 32-bit floats side by side. In WebAssembly they are written as SIMD: what a page downloads is linked for size, which
//! turns the compiler's own vectorising off. Elsewhere the compiler finds it. Both round each product before it is added.

/// Numbers in [`Lanes`].
pub(super) const COUNT: usize = 8;

#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
mod form {
    use super::COUNT;

    /// Eight numbers.
    #[derive(Debug, Clone, Copy)]
    pub(in super::super) struct Lanes([f32; COUNT]);

    impl Lanes {
        pub(in super::super) const ZERO: Self = Self([0.0; COUNT]);

        pub(in super::super) fn new(numbers: [f32; COUNT]) -> Self {
            Self(numbers)
        }

        pub(in super::super) fn numbers(self) -> [f32; COUNT] {
            self.0
        }

        /// `self + x · factors`, lane by lane.
        #[inline(always)]
        pub(in super::super) fn add_product(self, x: f32, factors: Self) -> Self {
            Self(std::array::from_fn(|lane| self.0[lane] + x * factors.0[lane]))
        }
    }
}

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod form {
    use std::arch::wasm32::{f32x4, f32x4_add, f32x4_extract_lane, f32x4_mul, f32x4_splat, v128};

    use super::COUNT;

    /// Eight numbers.
    #[derive(Debug, Clone, Copy)]
    pub(in super::super) struct Lanes(v128, v128);

    impl Lanes {
        pub(in super::super) const ZERO: Self = Self(f32x4(0.0, 0.0, 0.0, 0.0), f32x4(0.0, 0.0, 0.0, 0.0));

        pub(in super::super) fn new([a, b, c, d, e, f, g, h]: [f32; COUNT]) -> Self {
            Self(f32x4(a, b, c, d), f32x4(e, f, g, h))
        }

        pub(in super::super) fn numbers(self) -> [f32; COUNT] {
            let four = |of| {
                [
                    f32x4_extract_lane::<0>(of),
                    f32x4_extract_lane::<1>(of),
                    f32x4_extract_lane::<2>(of),
                    f32x4_extract_lane::<3>(of),
                ]
            };
            let ([a, b, c, d], [e, f, g, h]) = (four(self.0), four(self.1));
            [a, b, c, d, e, f, g, h]
        }

        /// `self + x · factors`, lane by lane.
        #[inline(always)]
        pub(in super::super) fn add_product(self, x: f32, factors: Self) -> Self {
            let x = f32x4_splat(x);
            Self(f32x4_add(self.0, f32x4_mul(x, factors.0)), f32x4_add(self.1, f32x4_mul(x, factors.1)))
        }
    }
}

pub(super) use form::Lanes;
