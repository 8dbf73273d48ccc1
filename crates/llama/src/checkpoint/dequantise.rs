//! Stored blocks → f32: the reference that every kernel is held to.
//!
//! The layouts and the order of the operations are ggml's (`ggml-quants.c`) and its Python package's (`gguf.quants`): equal
//! bit for bit, see `tests/formats.rs`.

use half::f16;

use super::Format;

/// Writes the numbers of whole blocks to `out`: as many blocks as both `blocks` and `out` have room for.
pub fn dequantise(format: Format, blocks: &[u8], out: &mut [f32]) {
    let one: fn(&[u8], &mut [f32]) = match format {
        Format::F32 => |b, out| out[0] = f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        Format::F16 => |b, out| out[0] = half(b),
        Format::BF16 => |b, out| out[0] = f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16),
        Format::Q8_0 => q8_0,
        Format::Q4_0 => q4_0,
        Format::Q4_1 => q4_1,
        Format::Q5_0 => q5_0,
        Format::Q4_K => q4_k,
        Format::Q6_K => q6_k,
    };
    let blocks = blocks.chunks_exact(format.block_bytes());
    for (block, out) in blocks.zip(out.chunks_exact_mut(format.block_len())) {
        one(block, out);
    }
}

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

fn q8_0(block: &[u8], out: &mut [f32]) {
    let d = half(block);
    for (out, &q) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(q as i8) * d;
    }
}

/// The low halves of the bytes are the first 16 weights, the high halves the last.
fn q4_0(block: &[u8], out: &mut [f32]) {
    let d = half(block);
    let (first, last) = out.split_at_mut(16);
    for ((first, last), &q) in first.iter_mut().zip(last).zip(&block[2..]) {
        *first = d * f32::from((q & 15) as i8 - 8);
        *last = d * f32::from((q >> 4) as i8 - 8);
    }
}

fn q4_1(block: &[u8], out: &mut [f32]) {
    let (d, m) = (half(block), half(&block[2..]));
    let (first, last) = out.split_at_mut(16);
    for ((first, last), &q) in first.iter_mut().zip(last).zip(&block[4..]) {
        *first = d * f32::from(q & 15) + m;
        *last = d * f32::from(q >> 4) + m;
    }
}

/// As Q4_0, with each weight's fifth bit in a word of 32.
fn q5_0(block: &[u8], out: &mut [f32]) {
    let d = half(block);
    let high = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
    let fifth = |i: usize| ((high >> i & 1) << 4) as i8;
    let (first, last) = out.split_at_mut(16);
    for (i, ((first, last), &q)) in first.iter_mut().zip(last).zip(&block[6..]).enumerate() {
        *first = d * f32::from(((q & 15) as i8 | fifth(i)) - 16);
        *last = d * f32::from(((q >> 4) as i8 | fifth(i + 16)) - 16);
    }
}

/// Eight groups of 32 with 6-bit scales and minima, packed in 12 bytes; two groups share 32 bytes of weights.
fn q4_k(block: &[u8], out: &mut [f32]) {
    let (d, min) = (half(block), half(&block[2..]));
    let packed = &block[4..16];
    let scale = |group: usize| match group {
        0..4 => (packed[group] & 63, packed[group + 4] & 63),
        _ => {
            let (low, high) = (packed[group + 4], |i: usize| packed[i] >> 2 & 48);
            (low & 15 | high(group - 4), low >> 4 | high(group))
        }
    };
    for (pair, (out, bytes)) in out.chunks_exact_mut(64).zip(block[16..].chunks_exact(32)).enumerate() {
        for (side, out) in out.chunks_exact_mut(32).enumerate() {
            let (s, m) = scale(2 * pair + side);
            let (d, m) = (d * f32::from(s), min * f32::from(m));
            for (out, byte) in out.iter_mut().zip(bytes) {
                *out = d * f32::from(byte >> (4 * side) & 15) - m;
            }
        }
    }
}

/// Two halves of 128 weights: 64 bytes of low four bits, 32 bytes of high two bits, eight scales each.
fn q6_k(block: &[u8], out: &mut [f32]) {
    let d = half(&block[208..]);
    for (part, out) in out.chunks_exact_mut(128).enumerate() {
        let low = &block[64 * part..][..64];
        let high = &block[128 + 32 * part..][..32];
        let scales = &block[192 + 8 * part..][..8];
        for (i, out) in out.iter_mut().enumerate() {
            let (quarter, at) = (i / 32, i % 32);
            let four = low[at + 32 * (quarter % 2)] >> (4 * (quarter / 2)) & 15;
            let two = high[at] >> (2 * quarter) & 3;
            let q = (four | two << 4) as i8 - 32;
            *out = d * f32::from(scales[i / 16] as i8) * f32::from(q);
        }
    }
}
