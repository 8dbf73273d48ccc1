//! Seeded randomness of training, equal on every machine: xoshiro256++, and dropout drawn from it.

use candle_core::{Result, Tensor};
use rand::RngCore;
use rand::SeedableRng;
pub(crate) use rand_xoshiro::Xoshiro256PlusPlus as Random;

/// The generator of one place in a run, told apart from those of all others.
pub(crate) fn at(seed: u64, place: [u64; 2]) -> Random {
    let mut bytes = [0; 32];
    for (eight, number) in bytes.chunks_exact_mut(8).zip([seed, place[0], place[1], 0x5851_f42d_4c95_7f2d]) {
        eight.copy_from_slice(&number.to_le_bytes());
    }
    let mut random = Random::from_seed(bytes);
    // Seeds that differ in few bits give like numbers at first.
    random.jump();
    random
}

/// Dropout (Srivastava et al., 2014) whose masks are drawn from a seed: candle's cannot be repeated.
#[derive(Debug)]
pub struct Dropout {
    rate: f64,
    random: Random,
}

impl Dropout {
    /// Drops each number with probability `rate`, and scales the others up; `seed` and `place` draw which.
    #[must_use]
    pub fn new(rate: f64, seed: u64, place: [u64; 2]) -> Self {
        Self { rate, random: at(seed, place) }
    }

    /// Drops nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::new(0.0, 0, [0, 0])
    }

    pub(crate) fn apply(&mut self, x: Tensor) -> Result<Tensor> {
        if self.rate <= 0.0 {
            return Ok(x);
        }
        let threshold = (self.rate * 65_536.0) as u64;
        let kept = (65_536.0 / (65_536 - threshold) as f64) as f32;
        let mut mask = vec![0.0_f32; x.elem_count()];
        for four in mask.chunks_mut(4) {
            let mut bits = self.random.next_u64();
            for one in four {
                *one = if bits & 0xffff < threshold { 0.0 } else { kept };
                bits >>= 16;
            }
        }
        let mask = Tensor::from_vec(mask, x.shape(), x.device())?;
        x * mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn dropout_keeps_the_mean_and_repeats() {
        let ones = Tensor::ones((200, 100), candle_core::DType::F32, &Device::Cpu).unwrap();
        let dropped = |seed| {
            Dropout::new(0.2, seed, [0, 0])
                .apply(ones.clone())
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
        };
        let first = dropped(1);
        let mean = first.iter().sum::<f32>() / 20_000.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        let zeros = first.iter().filter(|x| **x == 0.0).count() as f64 / 20_000.0;
        assert!((zeros - 0.2).abs() < 0.02, "{zeros}");
        assert_eq!(first, dropped(1));
        assert_ne!(first, dropped(2));
    }
}
