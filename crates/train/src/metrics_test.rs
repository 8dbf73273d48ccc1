//! Expected values: scikit-learn 1.9.1 on the same sixteen rows.

use super::*;

const LOGITS: [f32; 16] =
    [-2.0, -1.5, -1.5, -1.0, -0.5, -0.5, 0.0, 0.25, 0.5, 0.5, 1.0, 1.5, 2.0, -0.25, -1.0, 0.75];
const LABELS: [f32; 16] = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0];
const WEIGHTS: [f32; 16] = [1.0, 2.0, 0.5, 1.0, 1.0, 3.0, 1.0, 1.0, 0.5, 2.0, 1.0, 1.0, 1.0, 0.25, 1.0, 1.5];

fn rows() -> Vec<Scored> {
    (0..16)
        .map(|i| Scored { logit: LOGITS[i], label: LABELS[i], weight: WEIGHTS[i], group: i as u32 })
        .collect()
}

fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() < within, "{found} instead of {expected}");
}

#[test]
fn as_scikit_learn_computes_them() {
    let rows = rows();
    near(auc(&rows), 0.790_896_159_317_211_9, 1e-12);
    near(average_precision(&rows), 0.824_121_158_596_731, 1e-12);
    near(log_loss(&rows), 0.558_584_849_031_028_8, 1e-9);
    let (slope, intercept) = calibration(&rows);
    near(slope, 1.197_021_51, 1e-5);
    near(intercept, 0.222_982_37, 1e-5);
    let decision = decide(&rows, 0.6);
    near(decision.accuracy, 0.653_333_333_333_333_3, 1e-12);
    near(decision.precision, 0.714_285_714_285_714_3, 1e-12);
    near(decision.recall, 0.526_315_789_473_684_2, 1e-12);
    near(decision.f1, 0.606_060_606_060_606_1, 1e-12);
}

#[test]
fn lists_as_scikit_learn_computes_them() {
    let lists_of = [
        (vec![0.0, 1.0, 1.0, 0.0, 0.0], vec![0.1, 0.3, -0.2, 0.9, 0.0]),
        (vec![1.0, 0.0, 0.0], vec![2.0, 1.0, 3.0]),
        (vec![0.0, 0.0, 1.0], vec![1.0, 2.0, 3.0]),
        // No positive: left out.
        (vec![0.0, 0.0], vec![1.0, 2.0]),
    ];
    let rows: Vec<Scored> = lists_of
        .iter()
        .enumerate()
        .flat_map(|(group, (labels, logits))| {
            labels.iter().zip(logits).map(move |(label, logit)| Scored {
                logit: *logit,
                label: *label,
                weight: 1.0,
                group: group as u32,
            })
        })
        .collect();
    let (ndcg, rank) = lists(&rows, 2).unwrap();
    near(ndcg, 0.672_594_186_935_333, 1e-12);
    near(rank, 0.666_666_666_666_666_6, 1e-12);
}

#[test]
fn a_fractional_label_is_its_two_halves() {
    let whole = [Scored { logit: 0.3, label: 0.25, weight: 4.0, group: 0 }];
    let parts = [
        Scored { logit: 0.3, label: 1.0, weight: 1.0, group: 0 },
        Scored { logit: 0.3, label: 0.0, weight: 3.0, group: 0 },
    ];
    near(log_loss(&whole), log_loss(&parts), 1e-9);
    near(auc(&whole), auc(&parts), 1e-12);
}

#[test]
fn bins_have_equal_weight_and_the_error_is_their_gap() {
    // Probability one half everywhere, three quarters happen.
    let rows: Vec<Scored> = (0..100)
        .map(|i| Scored { logit: 0.0, label: f32::from(u8::from(i % 4 != 0)), weight: 1.0, group: i })
        .collect();
    near(calibration_error(&rows, 1), 0.25, 1e-12);
    assert!(mass_bins(&rows, 10).iter().all(|bin| bin.len() == 10));
}

#[test]
fn the_same_scores_keep_all_of_the_lift() {
    let kept = lift_kept(&rows(), &rows(), 50, 3);
    assert_eq!((kept.value, kept.low, kept.high), (1.0, 1.0, 1.0));
}

#[test]
fn one_class_gives_finite_figures() {
    let rows: Vec<Scored> =
        (0..9).map(|i| Scored { logit: i as f32, label: 1.0, weight: 1.0, group: 0 }).collect();
    let metrics = measure(&rows, 0.5);
    assert!(metrics.calibration_slope.is_finite() && metrics.calibration_intercept.is_finite());
    near(metrics.auc, 0.5, 1e-12);
}
