#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// The rules written out over a sorted list: which tokens stay, with their weights.
fn staying(logits: &[f32], sampling: &Sampling) -> Vec<(u32, f64)> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: f32| f64::from(((logit - most) / sampling.temperature).exp());
    let mut sorted: Vec<f32> = logits.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    if sampling.top_k > 0 && (sampling.top_k as usize) < sorted.len() {
        let least = sorted[sampling.top_k as usize - 1];
        sorted.retain(|&logit| logit >= least);
    }
    let all: f64 = sorted.iter().map(|&logit| weight(logit)).sum();
    let mut least = *sorted.last().unwrap();
    let mut sum = 0.0;
    for same in sorted.chunk_by(|a, b| a == b) {
        sum += same.iter().map(|&logit| weight(logit)).sum::<f64>();
        if sum >= f64::from(sampling.top_p) * all {
            least = same[0];
            break;
        }
    }
    let ids = (0..).zip(logits).filter(|(_, logit)| **logit >= least);
    ids.map(|(id, &logit)| (id, weight(logit))).filter(|(_, w)| *w >= f64::from(sampling.min_p)).collect()
}

proptest! {
    #[test]
    fn a_draw_is_the_rules_written_out(
        logits in prop::collection::vec((-40i8..40).prop_map(|n| f32::from(n) / 8.0), 1..80),
        (temperature, top_k, top_p, min_p) in (0.1f32..2.0, 0u32..90, 0.01f32..0.999, 0.0f32..0.3),
        uniform in 0.0f32..1.0,
    ) {
        let sampling = Sampling { temperature, top_k, top_p, min_p, ..Sampling::default() };
        let left = staying(&logits, &sampling);
        let bound = f64::from(uniform) * left.iter().map(|(_, w)| w).sum::<f64>();
        let mut sum = 0.0;
        let due = left.iter().find(|(_, w)| { sum += w; sum > bound }).unwrap().0;
        let got = Sampler::default().draw(&mut logits.clone(), &[], None, &sampling, uniform).unwrap();
        prop_assert_eq!(got, due);
    }

    #[test]
    fn order_is_kept(a in any::<f32>(), b in any::<f32>()) {
        prop_assume!(!a.is_nan() && !b.is_nan());
        prop_assert_eq!(ordered(a).cmp(&ordered(b)), a.partial_cmp(&b).unwrap());
    }
}

#[test]
fn zero_has_one_order() {
    assert_eq!(ordered(-0.0), ordered(0.0));
}

#[test]
fn greedy_takes_the_first_of_equals_within_the_mask() {
    let draw = |mask: Option<&Mask>| {
        Sampler::default().draw(&mut [1.0, 3.0, f32::NAN, 3.0, 3.0], &[], mask, &Sampling::default(), 0.9)
    };
    assert_eq!(draw(None).unwrap(), 1);
    assert_eq!(draw(Some(&Mask(vec![0b11001]))).unwrap(), 3);
    assert!(matches!(draw(Some(&Mask(vec![0]))), Err(Error::Input(_))));
    assert!(matches!(draw(Some(&Mask(vec![0b100]))), Err(Error::Device(_))));
    assert!(matches!(draw(Some(&Mask(vec![1, 1]))), Err(Error::Input(_))));
}

#[test]
fn penalties_look_back_as_far_as_the_window() {
    let sampling =
        Sampling { repetition_penalty: 2.0, frequency_penalty: 0.5, window: 3, ..Sampling::default() };
    let mut logits = [4.0, -1.0, 3.0, 8.0];
    Sampler::default().draw(&mut logits, &[3, 0, 0, 1], None, &sampling, 0.0).unwrap();
    // 4 / 2 − 2 · 0.5, −1 · 2 − 0.5; token 3 is out of the window, and token 2 was not there.
    assert_eq!(logits, [1.0, -2.5, 3.0, 8.0]);
}

#[test]
fn settings_are_checked() {
    for wrong in [
        Sampling { temperature: f32::NAN, ..Sampling::default() },
        Sampling { top_p: 0.0, ..Sampling::default() },
        Sampling { min_p: 1.5, ..Sampling::default() },
        Sampling { repetition_penalty: 0.0, ..Sampling::default() },
        Sampling { frequency_penalty: f32::INFINITY, ..Sampling::default() },
    ] {
        assert!(matches!(wrong.check(), Err(Error::Input(_))), "{wrong:?}");
    }
}

#[test]
fn draws_are_spread_evenly() {
    // Pearson's χ² over 16 cells of 16,000 draws: the 99.9 % quantile for 15 degrees of freedom is 37.7.
    let mut cells = [0f64; 16];
    for position in 0..16_000 {
        cells[(uniform(7, position % 8, position) * 16.0) as usize] += 1.0;
    }
    let chi: f64 = cells.iter().map(|n| (n - 1000.0).powi(2) / 1000.0).sum();
    assert!(chi < 37.7, "{chi}");
}
