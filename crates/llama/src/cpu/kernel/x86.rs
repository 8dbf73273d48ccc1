//! 256 bits: AVX2, FMA, F16C; with and without VNNI.
#![allow(unsafe_code, reason = "instructions that a processor may lack, on pointers")]
#![allow(clippy::missing_safety_doc, reason = "the trait's")]

use std::arch::x86_64::*;

use super::Vectors;

/// How bytes are multiplied: 0 without VNNI, 1 as in AVX-VNNI, 2 as in AVX-512.
struct X86<const VNNI: u8>;

pub(super) mod avx2 {
    super::super::kernels!(super::X86<0>, "avx2,fma,f16c");
}
pub(super) mod avx_vnni {
    super::super::kernels!(super::X86<1>, "avx2,fma,f16c,avxvnni");
}
pub(super) mod avx512_vnni {
    super::super::kernels!(super::X86<2>, "avx2,fma,f16c,avx512f,avx512vl,avx512vnni");
}

/// Sums of four products of bytes in each 32 bits. No sum of two may be beyond 16 bits.
#[inline(always)]
unsafe fn fours(codes: __m256i, with: __m256i) -> __m256i {
    // SAFETY: the caller's.
    unsafe { _mm256_madd_epi16(_mm256_maddubs_epi16(codes, with), _mm256_set1_epi16(1)) }
}

// SAFETY, for each function: the caller has the features and the numbers behind the pointers.
impl<const VNNI: u8> Vectors for X86<VNNI> {
    type Bytes = __m256i;
    type Sums = __m256i;
    type Floats = __m256;

    #[inline(always)]
    unsafe fn bytes(from: *const u8) -> __m256i {
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn low(bytes: __m256i) -> __m256i {
        unsafe { _mm256_and_si256(bytes, _mm256_set1_epi8(15)) }
    }

    #[inline(always)]
    unsafe fn high(bytes: __m256i) -> __m256i {
        unsafe { Self::low(_mm256_srli_epi16::<4>(bytes)) }
    }

    #[inline(always)]
    unsafe fn with_pair(low: __m256i, pairs: __m256i, at: usize) -> __m256i {
        unsafe {
            let moved = match at {
                0 => _mm256_slli_epi16::<4>(pairs),
                1 => _mm256_slli_epi16::<2>(pairs),
                2 => pairs,
                _ => _mm256_srli_epi16::<2>(pairs),
            };
            _mm256_or_si256(low, _mm256_and_si256(moved, _mm256_set1_epi8(0x30)))
        }
    }

    #[inline(always)]
    unsafe fn no_sums() -> __m256i {
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn dot<const WIDE: bool>(sums: __m256i, codes: __m256i, with: *const i8) -> __m256i {
        unsafe {
            let with = _mm256_set1_epi32(with.cast::<i32>().read_unaligned());
            match VNNI {
                2 => _mm256_dpbusd_epi32(sums, codes, with),
                1 => _mm256_dpbusd_avx_epi32(sums, codes, with),
                // Two products of a code up to 255 would not fit 16 bits: the eighth bit goes by itself.
                _ if WIDE => {
                    let low = fours(_mm256_and_si256(codes, _mm256_set1_epi8(0x7F)), with);
                    let high = fours(_mm256_and_si256(codes, _mm256_set1_epi8(-0x80)), with);
                    _mm256_add_epi32(sums, _mm256_add_epi32(low, high))
                }
                _ => _mm256_add_epi32(sums, fours(codes, with)),
            }
        }
    }

    #[inline(always)]
    unsafe fn totals(sums: __m256i) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(sums) }
    }

    #[inline(always)]
    unsafe fn column(codes: __m256i, at: usize) -> __m256 {
        unsafe {
            let byte = _mm256_set1_epi32(0xFF);
            _mm256_cvtepi32_ps(match at {
                0 => _mm256_and_si256(codes, byte),
                1 => _mm256_and_si256(_mm256_srli_epi32::<8>(codes), byte),
                2 => _mm256_and_si256(_mm256_srli_epi32::<16>(codes), byte),
                _ => _mm256_srli_epi32::<24>(codes),
            })
        }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn floats(from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn halves(from: *const u8) -> __m256 {
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn upper_halves(from: *const u8) -> __m256 {
        unsafe {
            let words = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words))
        }
    }

    #[inline(always)]
    unsafe fn unsigned(from: *const u8) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn signed(from: *const u8) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn store(values: __m256, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, values) }
    }
}
