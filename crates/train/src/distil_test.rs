//! A planted truth: the fits recover it, agree with the exported network, and repeat to the byte.

use attune::model::Model;

use super::*;
use crate::export::onnx;
use crate::table::{Cell, FieldKind, FieldLayout, Layout, Outcome, TableWriter};

const GROUPS: u32 = 1500;
const LIST: u32 = 4;

/// Two numbers that interact, a category and a bag; clicks follow a known logit, conversions are masked without one.
fn planted() -> (Table, Vec<f32>) {
    let knots: Vec<f32> = (0..11).map(|knot| knot as f32 / 5.0 - 1.0).collect();
    let field = |name: &str, kind| FieldLayout { name: name.to_owned(), kind };
    let layout = Layout {
        fields: vec![
            field("a", FieldKind::Number { knots: knots.clone() }),
            field("b", FieldKind::Number { knots }),
            field("category", FieldKind::Symbols { rows: 6 }),
            field("words", FieldKind::Symbols { rows: 17 }),
        ],
        heads: vec!["click".to_owned(), "conversion".to_owned()],
    };
    let mut writer = TableWriter::new(layout, &std::env::temp_dir()).unwrap();
    let mut truth = Vec::new();
    for row in 0..GROUPS * LIST {
        let group = row / LIST;
        let draw = |salt: u64| uniform(11, u64::from(row) << 4 | salt) as f32;
        let (a, b) = (2.0 * draw(0) - 1.0, 2.0 * draw(1) - 1.0);
        let category = (draw(2) * 5.0) as u32 + 1;
        let words = [((draw(3) * 16.0) as u32 + 1, 0.707), ((draw(4) * 16.0) as u32 + 1, 0.707)];
        let logit = -0.5 + 1.2 * a + 0.4 * (category as f32 - 3.0) + 2.0 * a * b;
        let click = f32::from(u8::from(f64::from(draw(5)) < logistic(f64::from(logit))));
        let conversion = click * f32::from(u8::from(draw(6) < 0.5));
        let part = match group % 10 {
            0..=5 => Part::Train,
            6 => Part::Valid,
            7 => Part::Calibration,
            _ => Part::Test,
        };
        if part == Part::Test {
            truth.push(logit);
        }
        let missing = if row % 50 == 0 { f32::NAN } else { b };
        let cells =
            [Cell::Number(a), Cell::Number(missing), Cell::Bag(&[(category, 1.0)]), Cell::Bag(&words)];
        let outcome = Outcome {
            labels: &[click, conversion],
            label_weights: &[1.0, f32::from(u8::from(row % 7 != 0))],
            weight: 1.0,
            group,
            part,
            at: i64::from(row),
        };
        writer.push(&cells, outcome).unwrap();
    }
    (writer.finish().unwrap(), truth)
}

fn quick() -> Options {
    Options { seed: 5, most_passes: 8, rounds: 20, ..Options::default() }
}

#[test]
fn a_planted_truth_is_recovered_and_the_export_agrees() {
    let (table, truth) = planted();
    let fitted = fit(&table, &quick(), &mut |_, _| ()).unwrap();
    let mut best = vec![Vec::new(); 2];
    let mut at = 0;
    table
        .scan(Part::Test, |rows| {
            let logits: Vec<f32> = (0..rows.len()).flat_map(|row| [truth[at + row], 0.0]).collect();
            at += rows.len();
            collect(rows, &logits, &mut best);
            Ok(())
        })
        .unwrap();
    let ceiling = auc(&best[0]);
    let click = &fitted.report.heads[0];
    assert_eq!(click.constant.auc, 0.5);
    assert!(click.student.auc > 0.5 + 0.9 * (ceiling - 0.5), "{} of {ceiling}", click.student.auc);
    // The product of two numbers is what additive tables cannot hold.
    assert!(click.student.auc > click.logistic.auc + 0.02);
    assert!((click.student.calibration_slope - 1.0).abs() < 0.25, "{}", click.student.calibration_slope);

    // An item of which nothing is known is an average one: `b` is missing in some rows, the rest never is.
    let mut mean = (0.0, 0.0);
    table
        .scan(Part::Train, |rows| {
            mean.0 += fitted.student.predict(&table, rows).iter().step_by(2).sum::<f32>();
            mean.1 += rows.len() as f32;
            Ok(())
        })
        .unwrap();
    let width = fitted.student.heads + fitted.student.columns;
    let unknown: f32 = fitted.student.tables.iter().map(|table| table[..width][0]).sum();
    let unknown = unknown + fitted.student.bias()[0];
    assert!((unknown - mean.0 / mean.1).abs() < 0.5, "{unknown}, on average {}", mean.0 / mean.1);

    let file = onnx(&fitted.student, "schema").unwrap();
    assert_eq!(file, onnx(&fitted.student, "schema").unwrap());
    let model = Model::load(&file).unwrap();
    table
        .scan(Part::Test, |rows| {
            let ours = fitted.student.predict(&table, rows);
            let (mut additive, mut embedding) = (Vec::new(), Vec::new());
            for row in 0..rows.len() {
                let (a, e) = fitted.student.inputs(&table, rows, row);
                additive.extend(a);
                embedding.extend(e);
            }
            let shipped = model.run(rows.len(), &additive, &embedding).unwrap();
            for (a, b) in ours.iter().zip(&shipped) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (table, _) = planted();
    let options = Options { most_passes: 2, ..quick() };
    let first = fit(&table, &options, &mut |_, _| ()).unwrap();
    let second = fit(&table, &options, &mut |_, _| ()).unwrap();
    assert!(first.student == second.student && first.neural == second.neural);
    assert_eq!(first.calibration, second.calibration);
    assert_eq!(first.report, second.report);
    let other = fit(&table, &Options { seed: 6, ..options }, &mut |_, _| ()).unwrap();
    assert!(other.student != first.student);
}

#[test]
fn a_missing_part_is_named() {
    let layout = Layout { fields: Vec::new(), heads: vec!["click".to_owned()] };
    let table = TableWriter::new(layout, &std::env::temp_dir()).unwrap().finish().unwrap();
    let error = fit(&table, &quick(), &mut |_, _| ()).err().unwrap();
    assert_eq!(error.to_string(), "no rows to use as Train");
}
