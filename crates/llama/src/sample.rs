//! Choosing the next token: the same rule on every backend.
//!
//! From the logits `l` of the next token of lane `n`, which is to stand at position `p` (the lane's length so far):
//!
//! 1. **Penalties.** For every token that stands `c > 0` times among the lane's last `window` tokens, whether of the prompt or drawn:
//!    `l = l > 0 ? l / repetition_penalty : l · repetition_penalty`, then `l = l − c · frequency_penalty`.
//! 2. **Mask.** Tokens outside the mask, and those whose logit is not finite, are out.
//! 3. **Temperature 0** takes the greatest logit, the lowest id among equals, and is done.
//! 4. **Weights.** `w = exp((l − m) / temperature)`, where `m` is the greatest logit.
//! 5. **Top-k.** Tokens whose logit is at least the `top_k`-th greatest stay: those equal to it all stay.
//! 6. **Top-p.** With `W` the sum of the weights that are left, the threshold is the greatest logit `t` for which the tokens with
//!    `l ≥ t` weigh at least `top_p · W`; tokens with `l ≥ t` stay.
//! 7. **Min-p.** Tokens with `w ≥ min_p` stay (the greatest weight is 1).
//! 8. **Draw.** `u = uniform(seed, n, p)`; the token is the first, by id, at which the running sum of the weights that are left is greater
//!    than `u` times their whole sum.
//!
//! Rules 5 to 7 are each a threshold on the logit. None needs a sort: [`ordered`] maps logits to whole numbers of the same order, and the
//! threshold's bits are found from the highest on: a bit stays set where the tokens at or above it still are enough ([`threshold`]'s
//! way; a GPU counts or sums once a bit). Sums are in floating point, and how they are bracketed is the backend's: two backends differ
//! where a sum meets its bound within rounding, as they do in the logits themselves.

use crate::backend::Mask;
use crate::{Error, Result};

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

impl Sampling {
    /// Whether every setting is one that there is.
    ///
    /// # Errors
    /// [`Error::Input`] names the setting that is not.
    pub fn check(&self) -> Result<()> {
        let wrong = [
            ("temperature", !(self.temperature >= 0.0 && self.temperature.is_finite()), "a number from 0"),
            ("top_p", !(self.top_p > 0.0 && self.top_p <= 1.0), "above 0 and at most 1"),
            ("min_p", !(0.0..=1.0).contains(&self.min_p), "from 0 to 1"),
            (
                "repetition_penalty",
                !(self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite()),
                "a number above 0",
            ),
            ("frequency_penalty", !self.frequency_penalty.is_finite(), "a number"),
        ];
        match wrong.iter().find(|(_, wrong, _)| *wrong) {
            None => Ok(()),
            Some((name, _, right)) => Err(Error::Input(format!("{name} has to be {right}"))),
        }
    }
}

/// Draws tokens on the CPU; keeps its memory from one draw to the next.
#[derive(Debug, Default)]
pub struct Sampler {
    /// Order and weight of the tokens that are left.
    left: Vec<(u32, f32)>,
    window: Vec<u32>,
}

impl Sampler {
    /// The next token of a lane whose tokens by now are `tokens` (or the last of them, as many as the window). The logits `[vocab]` are
    /// changed: by the penalties, and to −∞ where a token is out. `uniform` is [`uniform`]'s number for lane and position.
    ///
    /// # Errors
    /// [`Error::Input`] for a setting that there is none of, a mask of another length or with no token in it; [`Error::Device`] where no
    /// logit is a number.
    pub fn draw(
        &mut self,
        logits: &mut [f32],
        tokens: &[u32],
        mask: Option<&Mask>,
        sampling: &Sampling,
        uniform: f32,
    ) -> Result<u32> {
        sampling.check()?;
        self.penalise(logits, tokens, sampling);
        leave_out(logits, mask)?;
        let (likeliest, most) =
            greatest(logits).ok_or_else(|| Error::Device("no logit is a number".into()))?;
        if sampling.temperature == 0.0 {
            return Ok(likeliest);
        }
        let weight = |logit: f32| ((logit - most) / sampling.temperature).exp();
        let least = self.least(logits, sampling, weight);
        let stays = |logit: f32| ordered(logit) >= least && weight(logit) >= sampling.min_p;
        let weights =
            || logits.iter().map(|&logit| if stays(logit) { f64::from(weight(logit)) } else { 0.0 });
        let bound = f64::from(uniform) * weights().sum::<f64>();
        let mut sum = 0.0;
        for (id, weight) in (0..).zip(weights()) {
            sum += weight;
            if sum > bound {
                return Ok(id);
            }
        }
        Ok(likeliest)
    }

    /// The order that a logit has to have at least by top-k and top-p.
    fn least(&mut self, logits: &[f32], sampling: &Sampling, weight: impl Fn(f32) -> f32) -> u32 {
        if sampling.top_k == 0 && sampling.top_p >= 1.0 {
            return 0;
        }
        self.left.clear();
        self.left.extend(logits.iter().map(|&logit| (ordered(logit), weight(logit))));
        let mut least = 0;
        if sampling.top_k > 0 && (sampling.top_k as usize) < self.left.len() {
            least = threshold(&mut self.left, f64::from(sampling.top_k), |_| 1.0);
            self.left.retain(|(order, _)| *order >= least);
        }
        if sampling.top_p < 1.0 {
            let all: f64 = self.left.iter().map(|(_, weight)| f64::from(*weight)).sum();
            least = least.max(threshold(&mut self.left, f64::from(sampling.top_p) * all, f64::from));
        }
        least
    }

    fn penalise(&mut self, logits: &mut [f32], tokens: &[u32], sampling: &Sampling) {
        if sampling.repetition_penalty == 1.0 && sampling.frequency_penalty == 0.0 {
            return;
        }
        self.window.clear();
        let skipped = tokens.len().saturating_sub(sampling.window as usize);
        self.window.extend_from_slice(&tokens[skipped..]);
        self.window.sort_unstable();
        for same in self.window.chunk_by(|a, b| a == b) {
            let Some(logit) = logits.get_mut(same[0] as usize) else { continue };
            let penalty = sampling.repetition_penalty;
            *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            *logit -= same.len() as f32 * sampling.frequency_penalty;
        }
    }
}

/// A whole number that is greater for a greater number; −0 and 0 have the same.
pub fn ordered(number: f32) -> u32 {
    let bits = (number + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The greatest `t` for which the members whose order is at least `t` measure `enough` together; the members are moved about. Bit by
/// bit: those that have the next bit measure enough, and it is `t`'s too, or they are counted in and the others asked.
fn threshold(members: &mut [(u32, f32)], enough: f64, measure: impl Fn(f32) -> f64) -> u32 {
    let (mut members, mut above, mut found) = (members, 0.0, 0);
    for bit in (0..32).rev().map(|bit| 1 << bit) {
        let mut with = 0;
        let mut sum = 0.0;
        for at in 0..members.len() {
            if members[at].0 & bit != 0 {
                sum += measure(members[at].1);
                members.swap(at, with);
                with += 1;
            }
        }
        let (set, unset) = members.split_at_mut(with);
        if above + sum >= enough && with > 0 {
            (members, found) = (set, found | bit);
        } else {
            (members, above) = (unset, above + sum);
        }
    }
    found
}

/// Sets what is outside the mask or no number to −∞.
fn leave_out(logits: &mut [f32], mask: Option<&Mask>) -> Result<()> {
    let vocab = logits.len();
    if mask.is_some_and(|mask| mask.0.len() != vocab.div_ceil(32)) {
        return Err(Error::Input(format!("the mask is not one of {vocab} tokens")));
    }
    let mut any = false;
    for (id, logit) in logits.iter_mut().enumerate() {
        let allowed = mask.is_none_or(|mask| mask.0[id / 32] >> (id % 32) & 1 == 1);
        any |= allowed;
        if !allowed || !logit.is_finite() {
            *logit = f32::NEG_INFINITY;
        }
    }
    if any { Ok(()) } else { Err(Error::Input("the mask lets no token through".into())) }
}

/// The first of the greatest finite numbers.
fn greatest(numbers: &[f32]) -> Option<(u32, f32)> {
    let mut best = None;
    for (at, &number) in (0..).zip(numbers) {
        if number.is_finite() && best.is_none_or(|(_, most)| number > most) {
            best = Some((at, number));
        }
    }
    best
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

#[cfg(test)]
mod tests;
