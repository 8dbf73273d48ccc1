//! AdamW with a warm-up and a cosine, and gradients clipped by their norm.
//!
//! candle-nn has an AdamW too, but keeps its moments to itself: a run could not be resumed.

use serde::{Deserialize, Serialize};

/// The learning rate over a run: linear up to the peak, then half a cosine down to a part of it (Loshchilov and Hutter,
/// "SGDR", 2017).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f64,
    /// The last rate, as a part of the peak.
    pub last: f64,
    /// Steps until the peak.
    pub warm_up: usize,
    /// All steps.
    pub steps: usize,
}

impl Schedule {
    /// The rate of a step, counted from 0.
    #[must_use]
    pub fn rate(&self, step: usize) -> f64 {
        if step < self.warm_up {
            return self.peak * (step + 1) as f64 / self.warm_up as f64;
        }
        let span = self.steps.saturating_sub(self.warm_up).max(1);
        let way = ((step - self.warm_up) as f64 / span as f64).min(1.0);
        self.peak * (self.last + (1.0 - self.last) * 0.5 * (1.0 + (std::f64::consts::PI * way).cos()))
    }
}

/// AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019) for one tensor: its moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// The running mean of gradients.
    pub mean: Vec<f32>,
    /// The running mean of their squares.
    pub square: Vec<f32>,
}

/// The constants of AdamW.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// The decay of the mean.
    pub first: f64,
    /// The decay of the mean square.
    pub second: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
    /// How fast weights decay, in parts of the learning rate; gains of norms do not.
    pub decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { first: 0.9, second: 0.98, epsilon: 1e-8, decay: 0.1 }
    }
}

impl AdamW {
    /// Moves `weights` against `gradient · scale`. `step` counts from 1; `decay` is false for gains.
    pub fn update(&self, weights: &mut [f32], gradient: &[f32], moments: &mut Moments, by: Update) {
        let first = 1.0 - self.first.powi(by.step as i32);
        let second = 1.0 - self.second.powi(by.step as i32);
        let rate = (by.rate / first) as f32;
        let square_scale = (1.0 / second) as f32;
        let kept = if by.decay { (1.0 - by.rate * self.decay) as f32 } else { 1.0 };
        let (b1, b2, epsilon) = (self.first as f32, self.second as f32, self.epsilon as f32);
        let moments = moments.mean.iter_mut().zip(&mut moments.square);
        for ((weight, gradient), (mean, square)) in weights.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient * by.scale;
            *mean = b1 * *mean + (1.0 - b1) * gradient;
            *square = b2 * *square + (1.0 - b2) * gradient * gradient;
            *weight = *weight * kept - rate * *mean / ((*square * square_scale).sqrt() + epsilon);
        }
    }
}

/// One update.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// Which update it is, counted from 1.
    pub step: usize,
    /// The learning rate.
    pub rate: f64,
    /// What the gradient is multiplied by: the clip.
    pub scale: f32,
    /// Whether the weights decay.
    pub decay: bool,
}

/// What gradients are multiplied by so that their norm is at most `most` (Pascanu et al., 2013).
#[must_use]
pub fn clip(norm: f64, most: f64) -> f32 {
    if norm > most { (most / norm) as f32 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_and_falls() {
        let schedule = Schedule { peak: 1.0, last: 0.1, warm_up: 10, steps: 110 };
        assert!((schedule.rate(0) - 0.1).abs() < 1e-12);
        assert!((schedule.rate(9) - 1.0).abs() < 1e-12);
        assert!((schedule.rate(60) - 0.55).abs() < 1e-12);
        assert!((schedule.rate(110) - 0.1).abs() < 1e-12);
        assert!((schedule.rate(1_000) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn updates_are_candles() -> candle_core::Result<()> {
        use candle_core::{Device, Tensor, Var};
        use candle_nn::optim::{AdamW as Candles, Optimizer, ParamsAdamW};

        let start = [1.0_f32, -2.0, 3.0, 0.0];
        let (ours, by) = (AdamW::default(), |step| Update { step, rate: 0.01, scale: 1.0, decay: true });
        let variable = Var::new(&start, &Device::Cpu)?;
        let parameters = ParamsAdamW {
            lr: 0.01,
            beta1: ours.first,
            beta2: ours.second,
            eps: ours.epsilon,
            weight_decay: ours.decay,
        };
        let mut candles = Candles::new(vec![variable.clone()], parameters)?;
        let (mut weights, mut moments) =
            (start.to_vec(), Moments { mean: vec![0.0; 4], square: vec![0.0; 4] });
        for step in 1..=20 {
            let gradient: Vec<f32> =
                (0..4).map(|at| ((step * 7 + at * 3) % 11) as f32 / 10.0 - 0.4).collect();
            let pull = Tensor::new(gradient.as_slice(), &Device::Cpu)?;
            candles.backward_step(&(variable.as_tensor() * pull)?.sum_all()?)?;
            ours.update(&mut weights, &gradient, &mut moments, by(step));
        }
        for (ours, candles) in weights.iter().zip(variable.to_vec1::<f32>()?) {
            assert!((ours - candles).abs() < 1e-5, "{ours} {candles}");
        }
        Ok(())
    }

    #[test]
    fn long_gradients_are_shortened() {
        assert_eq!(clip(0.5, 1.0), 1.0);
        assert_eq!(clip(4.0, 1.0), 0.25);
    }
}
