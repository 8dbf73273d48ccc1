//! Choosing the next token: the same rule on every backend.

/// How tokens are drawn. The order of the rules: penalties, temperature, top-k, top-p, min-p, draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token (the lowest id among equals).
    pub temperature: f32,
    /// Only the likeliest so many tokens; 0 is all.
    pub top_k: u32,
    /// Only the likeliest tokens that make up this probability; 1 is all.
    pub top_p: f32,
    /// Only tokens at least this share as likely as the likeliest; 0 is all.
    pub min_p: f32,
    /// Divides (or, below zero, multiplies) the logits of tokens in the window; 1 changes nothing (Keskar et al. 2019, CTRL).
    pub repetition_penalty: f32,
    /// Taken off a token's logit for every time it is in the window; 0 changes nothing.
    pub frequency_penalty: f32,
    /// Tokens that the penalties look back on.
    pub window: u32,
    /// Together with lane and position the whole state of the draw.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            window: 64,
            seed: 0,
        }
    }
}

/// The draw's uniform number in [0, 1) with 24 bits, for a seed, a lane and a position: a counter, so that no state is kept, in 32-bit
/// whole-number arithmetic that WGSL has too (the finaliser of MurmurHash3, three times).
pub fn uniform(seed: u64, lane: u32, position: u32) -> f32 {
    let mut bits = seed as u32;
    for word in [(seed >> 32) as u32, lane, position] {
        bits = mixed(bits ^ word.wrapping_mul(0x9E37_79B9));
    }
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

fn mixed(mut bits: u32) -> u32 {
    bits ^= bits >> 16;
    bits = bits.wrapping_mul(0x85EB_CA6B);
    bits ^= bits >> 13;
    bits = bits.wrapping_mul(0xC2B2_AE35);
    bits ^ (bits >> 16)
}
