//! f32 → stored blocks, as ggml's reference quantisers do it (`quantize_row_*_ref` in `ggml-quants.c`): equal bit for bit to
//! its Python package's `gguf.quants`, see `tests/formats.rs`.

use half::{bf16, f16};

use super::Format;
use crate::{Error, Result};

/// Appends the blocks of `values` to `out`. Whole blocks only: what is left over at the end of `values` is not written.
///
/// # Errors
/// [`Error::Unsupported`] for Q4_K and Q6_K, which are only read.
pub fn quantise(format: Format, values: &[f32], out: &mut Vec<u8>) -> Result<()> {
    let one: fn(&[f32], &mut Vec<u8>) = match format {
        Format::F32 => |v, out| out.extend(v[0].to_le_bytes()),
        Format::F16 => |v, out| out.extend(f16::from_f32(v[0]).to_le_bytes()),
        Format::BF16 => |v, out| out.extend(bf16::from_f32(v[0]).to_le_bytes()),
        Format::Q8_0 => q8_0,
        Format::Q4_0 => q4_0,
        Format::Q4_1 => q4_1,
        Format::Q5_0 => q5_0,
        Format::Q4_K | Format::Q6_K => {
            return Err(Error::Unsupported(format!("{format:?} is read, and not written")));
        }
    };
    out.reserve(values.len() / format.block_len() * format.block_bytes());
    for values in values.chunks_exact(format.block_len()) {
        one(values, out);
    }
    Ok(())
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

/// The value farthest from zero, with its sign; the first among equals.
fn farthest(values: &[f32]) -> f32 {
    values.iter().fold(0.0f32, |far, &value| if value.abs() > far.abs() { value } else { far })
}

fn push_half(value: f32, out: &mut Vec<u8>) {
    out.extend(f16::from_f32(value).to_le_bytes());
}

fn push_nibbles(levels: &[u8; 32], out: &mut Vec<u8>) {
    out.extend((0..16).map(|i| levels[i] & 15 | levels[i + 16] << 4));
}

fn q8_0(values: &[f32], out: &mut Vec<u8>) {
    let scale = farthest(values).abs() / 127.0;
    let inverse = inverse(scale);
    push_half(scale, out);
    out.extend(values.iter().map(|value| (value * inverse).round() as i8 as u8));
}

fn q4_0(values: &[f32], out: &mut Vec<u8>) {
    let scale = farthest(values) / -8.0;
    push_half(scale, out);
    push_nibbles(&levels(values, 0.0, scale, 8.5, 15), out);
}

fn q4_1(values: &[f32], out: &mut Vec<u8>) {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = (high - low) / 15.0;
    push_half(scale, out);
    push_half(low, out);
    push_nibbles(&levels(values, low, scale, 0.5, 15), out);
}

fn q5_0(values: &[f32], out: &mut Vec<u8>) {
    let scale = farthest(values) / -16.0;
    push_half(scale, out);
    let levels = levels(values, 0.0, scale, 16.5, 31);
    let high = levels.iter().enumerate().fold(0u32, |bits, (i, level)| bits | u32::from(level >> 4) << i);
    out.extend(high.to_le_bytes());
    push_nibbles(&levels, out);
}

fn levels(values: &[f32], low: f32, scale: f32, shift: f32, most: u8) -> [u8; 32] {
    let inverse = inverse(scale);
    let mut levels = [0; 32];
    for (level, value) in levels.iter_mut().zip(values) {
        *level = (((value - low) * inverse + shift) as u8).min(most);
    }
    levels
}
