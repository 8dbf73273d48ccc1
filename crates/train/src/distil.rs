//! Teachers, the student that learns from them, and what each is worth.

use serde::Serialize;

use crate::boosted::{Boosted, Growth};
use crate::calibrate::{Calibration, calibrate};
use crate::metrics::{Interval, Metrics, Scored, auc, best_threshold, lift_kept, logistic, measure};
use crate::network::{Network, Progress, Schedule, Shape, hard};
use crate::split::{Part, mix, uniform};
use crate::table::{Rows, Table, TableError, shuffle};

/// Below this many rows, recombined rows are scored by the teacher too.
const SMALL: usize = 100_000;
/// Rows learnt from, real and recombined, when there are few.
const POOL: usize = 120_000;
/// Share of a recombined row's fields that come from another row.
const SWAPPED: f64 = 0.3;

/// How models are fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Share of the teacher's probability in a student's target; the rest is what happened. The cross-entropy is
    /// linear in its target, so this is alpha·BCE(teacher) + (1 − alpha)·BCE(label).
    pub alpha: f32,
    /// Trees.
    pub growth: Growth,
    /// Passes of a network over a million rows; fewer rows get more, up to `most_passes`.
    pub passes: usize,
    /// Most passes.
    pub most_passes: usize,
    /// Bootstrap rounds of the interval of the lift kept.
    pub rounds: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, alpha: 0.9, growth: Growth::default(), passes: 3, most_passes: 30, rounds: 200 }
    }
}

/// Which model is being fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Additive tables on the labels.
    Logistic,
    /// Boosted trees.
    Boosted,
    /// The large network.
    Neural,
    /// The network that ships.
    Student,
    /// Calibration and figures.
    Evaluate,
}

/// Which teacher the student learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Boosted trees.
    Boosted,
    /// The large network.
    Neural,
    /// The mean of their logits.
    Average,
}

/// Figures of one head on the test part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadReport {
    /// The head.
    pub head: String,
    /// The training part's rate for every row.
    pub constant: Metrics,
    /// The baseline.
    pub logistic: Metrics,
    /// The trees.
    pub boosted: Metrics,
    /// The large network.
    pub neural: Metrics,
    /// The chosen teacher.
    pub teacher: Metrics,
    /// The student, calibrated.
    pub student: Metrics,
    /// Share of the lift in AUC over a constant, of the best of the three teachers on this very part, that the
    /// student keeps.
    pub lift_kept: Interval,
}

/// What was fitted and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Which teacher was best on the validation part.
    pub teacher: Choice,
    /// Bytes of the teacher.
    pub teacher_bytes: usize,
    /// Bytes of the student's weights.
    pub student_bytes: usize,
    /// Rows the trees were grown from.
    pub boosted_rows: usize,
    /// Per head.
    pub heads: Vec<HeadReport>,
}

/// All models.
pub struct Fitted {
    /// Additive tables on the labels.
    pub logistic: Network,
    /// Trees.
    pub boosted: Boosted,
    /// The large network.
    pub neural: Network,
    /// The network that ships.
    pub student: Network,
    /// Per head.
    pub calibration: Vec<Calibration>,
    /// Figures.
    pub report: Report,
}

struct Teachers<'a> {
    boosted: &'a Boosted,
    neural: &'a Network,
}

impl Teachers<'_> {
    /// Logits of trees, network and their mean.
    fn predict(&self, table: &Table, rows: &Rows) -> [Vec<f32>; 3] {
        let trees = self.boosted.predict(table, rows);
        let network = self.neural.predict(table, rows);
        let mean = trees.iter().zip(&network).map(|(a, b)| 0.5 * (a + b)).collect();
        [trees, network, mean]
    }
}

/// Fits baseline, teachers and student, calibrates and measures.
///
/// # Errors
/// [`TableError::Empty`] when the training, validation, calibration or test part has no rows; the others as they come.
pub fn fit(
    table: &Table,
    options: &Options,
    progress: &mut dyn FnMut(Stage, Progress),
) -> Result<Fitted, TableError> {
    for part in Part::ALL {
        if table.rows_of(part) == 0 {
            return Err(TableError::Empty(format!("no rows to use as {part:?}")));
        }
    }
    let heads = table.layout().heads.len();
    let rows = table.rows_of(Part::Train);
    let small = rows < SMALL;
    let epochs = (options.passes * 1_000_000 / rows).max(options.passes).min(options.most_passes);
    let schedule = Schedule {
        rate: if small { 0.003 } else { 0.004 },
        decay: 0.01,
        batch: if small { 128 } else { 1024 },
        epochs,
        patience: 3,
        seed: options.seed,
    };
    let on_labels = |network: &mut Network, schedule: &Schedule, report: &mut dyn FnMut(Progress)| {
        let steps = rows.div_ceil(schedule.batch);
        network.learn(
            table,
            schedule,
            steps,
            |seed, learn| {
                table.shuffled(Part::Train, schedule.batch, seed, |rows| {
                    let (targets, weights) = hard(rows, heads);
                    learn(rows, &targets, &weights)
                })
            },
            report,
        )
    };

    let mut logistic = Network::new(table, &Shape::logistic(), mix(options.seed ^ 1));
    let quick = Schedule { rate: 0.02, ..schedule };
    on_labels(&mut logistic, &quick, &mut |at| progress(Stage::Logistic, at))?;

    progress(Stage::Boosted, Progress { epoch: 0, rows: 0, loss: None });
    let boosted = Boosted::fit(table, &Growth { seed: options.seed, ..options.growth })?;

    let mut neural = Network::new(table, &Shape::teacher(), mix(options.seed ^ 2));
    neural.start_from(&logistic);
    let slow = Schedule { rate: 0.002, decay: 0.02, ..schedule };
    on_labels(&mut neural, &slow, &mut |at| progress(Stage::Neural, at))?;

    let teachers = Teachers { boosted: &boosted, neural: &neural };
    let choice = choose(table, &teachers)?;
    let mut student = Network::new(table, &Shape::student(), mix(options.seed ^ 3));
    student.start_from(&logistic);
    let learn = Schedule { rate: 0.005, decay: 0.001, ..schedule };
    let mut report = |at| progress(Stage::Student, at);
    if small {
        from_pool(table, &teachers, choice, options, &mut student, &learn, &mut report)?;
    } else {
        from_table(table, &teachers, choice, options, &mut student, &learn, &mut report)?;
    }
    student.fill_unseen(table)?;

    progress(Stage::Evaluate, Progress { epoch: 0, rows: 0, loss: None });
    let calibration = calibrated(table, &teachers, &student)?;
    let report = evaluate(table, options, &teachers, choice, &logistic, &student, &calibration)?;
    Ok(Fitted { logistic, boosted, neural, student, calibration, report })
}

/// The index of a choice among [`Teachers::predict`]'s answers.
fn place(choice: Choice) -> usize {
    match choice {
        Choice::Boosted => 0,
        Choice::Neural => 1,
        Choice::Average => 2,
    }
}

/// The best mean AUC on the validation part.
fn choose(table: &Table, teachers: &Teachers<'_>) -> Result<Choice, TableError> {
    let heads = table.layout().heads.len();
    let mut scored = vec![vec![Vec::new(); heads]; 3];
    table.scan(Part::Valid, |rows| {
        for (scored, logits) in scored.iter_mut().zip(teachers.predict(table, rows)) {
            collect(rows, &logits, scored);
        }
        Ok(())
    })?;
    let worth: Vec<f64> = scored.iter().map(|model| model.iter().map(|head| auc(head)).sum()).collect();
    let mut best = Choice::Average;
    for choice in [Choice::Boosted, Choice::Neural] {
        if worth[place(choice)] > worth[place(best)] {
            best = choice;
        }
    }
    Ok(best)
}

/// Adds rows to each head's list.
fn collect(rows: &Rows, logits: &[f32], heads: &mut [Vec<Scored>]) {
    let count = heads.len();
    for (head, list) in heads.iter_mut().enumerate() {
        for row in 0..rows.len() {
            let weight = rows.weight(row, head);
            if weight > 0.0 {
                let (logit, label) = (logits[row * count + head], rows.label(row, head));
                list.push(Scored { logit, label, weight, group: rows.group(row) });
            }
        }
    }
}

fn soft(logit: f32) -> f32 {
    logistic(f64::from(logit)) as f32
}

/// Blends a teacher's probabilities with the labels. A masked label leaves the teacher's probability alone.
fn blend(rows: &Rows, probabilities: &[f32], heads: usize, alpha: f32) -> (Vec<f32>, Vec<f32>) {
    let (mut targets, mut weights) = hard(rows, heads);
    for ((target, weight), probability) in targets.iter_mut().zip(&mut weights).zip(probabilities) {
        if *weight > 0.0 {
            *target = alpha * probability + (1.0 - alpha) * *target;
        } else {
            (*target, *weight) = (*probability, alpha);
        }
    }
    (targets, weights)
}

fn from_table(
    table: &Table,
    teachers: &Teachers<'_>,
    choice: Choice,
    options: &Options,
    student: &mut Network,
    schedule: &Schedule,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), TableError> {
    let heads = table.layout().heads.len();
    let mut probabilities = vec![0.0_f32; table.rows() * heads];
    table.scan(Part::Train, |rows| {
        let logits = &teachers.predict(table, rows)[place(choice)];
        for (row, at) in rows.index.iter().enumerate() {
            for head in 0..heads {
                probabilities[at * heads + head] = soft(logits[row * heads + head]);
            }
        }
        Ok(())
    })?;
    let steps = table.rows_of(Part::Train).div_ceil(schedule.batch);
    let feed = |seed, learn: &mut crate::network::Learn<'_>| {
        table.shuffled(Part::Train, schedule.batch, seed, |rows| {
            let taught: Vec<f32> = rows
                .index
                .iter()
                .flat_map(|at| probabilities[at * heads..(at + 1) * heads].iter().copied())
                .collect();
            let (targets, weights) = blend(rows, &taught, heads, options.alpha);
            learn(rows, &targets, &weights)
        })
    };
    student.learn(table, schedule, steps, feed, progress)?;
    Ok(())
}

/// Learns from the real rows and from recombined ones, whose fields come from two rows and whose target is the
/// teacher's alone: a small table does not show the teacher where it has not been.
fn from_pool(
    table: &Table,
    teachers: &Teachers<'_>,
    choice: Choice,
    options: &Options,
    student: &mut Network,
    schedule: &Schedule,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), TableError> {
    let (heads, fields) = (table.layout().heads.len(), table.layout().fields.len());
    let mut real = Rows::default();
    table.scan(Part::Train, |rows| {
        for row in 0..rows.len() {
            real.take(rows, row);
        }
        Ok(())
    })?;
    let count = real.len();
    let mut pool = real.clone();
    let seed = mix(options.seed ^ 0x900);
    for row in count..POOL.max(count) {
        let drawn = |salt: u64| (mix(seed ^ mix((row as u64) << 8 | salt)) % count as u64) as usize;
        let (first, second) = (drawn(0), drawn(1));
        pool.take(&real, first);
        for field in 0..fields {
            if uniform(seed ^ 7, (row * fields + field) as u64) < SWAPPED {
                pool.set_cell(row, field, real.cell(second, field));
            }
        }
    }
    let logits = &teachers.predict(table, &pool)[place(choice)];
    let taught: Vec<f32> = logits.iter().copied().map(soft).collect();
    let (mut targets, mut weights) = blend(&real, &taught[..count * heads], heads, options.alpha);
    targets.extend(&taught[count * heads..]);
    weights.resize(targets.len(), 1.0);
    let feed = |seed, learn: &mut crate::network::Learn<'_>| {
        let order = shuffle((0..pool.len()).collect(), seed);
        for some in order.chunks(schedule.batch) {
            let mut rows = Rows::default();
            let (mut some_targets, mut some_weights) = (Vec::new(), Vec::new());
            for row in some {
                rows.take(&pool, *row);
                some_targets.extend(&targets[row * heads..(row + 1) * heads]);
                some_weights.extend(&weights[row * heads..(row + 1) * heads]);
            }
            learn(&rows, &some_targets, &some_weights)?;
        }
        Ok(())
    };
    let passes = (schedule.epochs * count).div_ceil(pool.len()).max(10);
    let schedule = Schedule { epochs: passes, patience: passes, ..*schedule };
    student.learn(table, &schedule, pool.len().div_ceil(schedule.batch), feed, progress)?;
    Ok(())
}

fn calibrated(
    table: &Table,
    teachers: &Teachers<'_>,
    student: &Network,
) -> Result<Vec<Calibration>, TableError> {
    let heads = table.layout().heads.len();
    let mut scored = vec![Vec::new(); heads];
    let mut members = vec![Vec::new(); heads];
    table.scan(Part::Calibration, |rows| {
        collect(rows, &student.predict(table, rows), &mut scored);
        let [trees, network, _] = teachers.predict(table, rows);
        for (head, list) in members.iter_mut().enumerate() {
            for row in 0..rows.len() {
                if rows.weight(row, head) > 0.0 {
                    list.push([trees[row * heads + head], network[row * heads + head]]);
                }
            }
        }
        Ok(())
    })?;
    Ok(scored.iter().zip(&members).map(|(rows, members)| calibrate(rows, members)).collect())
}

/// Per model (trees, network, their mean, baseline, calibrated student) and head, the rows of a part.
fn every_model(
    table: &Table,
    part: Part,
    teachers: &Teachers<'_>,
    logistic: &Network,
    student: &Network,
    calibration: &[Calibration],
) -> Result<Vec<Vec<Vec<Scored>>>, TableError> {
    let heads = table.layout().heads.len();
    let mut scored = vec![vec![Vec::new(); heads]; 5];
    table.scan(part, |rows| {
        let [trees, network, mean] = teachers.predict(table, rows);
        let mut shipped = student.predict(table, rows);
        for (at, logit) in shipped.iter_mut().enumerate() {
            *logit = calibration[at % heads].apply(*logit);
        }
        let all = [trees, network, mean, logistic.predict(table, rows), shipped];
        for (scored, logits) in scored.iter_mut().zip(&all) {
            collect(rows, logits, scored);
        }
        Ok(())
    })?;
    Ok(scored)
}

fn evaluate(
    table: &Table,
    options: &Options,
    teachers: &Teachers<'_>,
    choice: Choice,
    logistic: &Network,
    student: &Network,
    calibration: &[Calibration],
) -> Result<Report, TableError> {
    let names = &table.layout().heads;
    let heads = names.len();
    let mut totals = vec![(0.0, 0.0); heads];
    table.scan(Part::Train, |rows| {
        for (head, total) in totals.iter_mut().enumerate() {
            for row in 0..rows.len() {
                let weight = f64::from(rows.weight(row, head));
                total.0 += weight;
                total.1 += weight * f64::from(rows.label(row, head));
            }
        }
        Ok(())
    })?;
    let all = |part| every_model(table, part, teachers, logistic, student, calibration);
    let chosen: Vec<Vec<f64>> = all(Part::Calibration)?
        .iter()
        .map(|model| model.iter().map(|rows| best_threshold(rows)).collect())
        .collect();
    let scored = all(Part::Test)?;
    let mut reports = Vec::with_capacity(heads);
    for (head, name) in names.iter().enumerate() {
        let rate = ((totals[head].1 + 0.5) / (totals[head].0 + 1.0)).clamp(1e-6, 1.0 - 1e-6);
        let flat = (rate / (1.0 - rate)).ln() as f32;
        let constant: Vec<Scored> =
            scored[4][head].iter().map(|row| Scored { logit: flat, ..*row }).collect();
        let best = (0..3)
            .max_by(|a, b| auc(&scored[*a][head]).total_cmp(&auc(&scored[*b][head])))
            .unwrap_or(place(choice));
        let of = |model: usize| measure(&scored[model][head], chosen[model][head]);
        reports.push(HeadReport {
            head: name.clone(),
            constant: measure(&constant, 0.5),
            logistic: of(3),
            boosted: of(0),
            neural: of(1),
            teacher: of(place(choice)),
            student: of(4),
            lift_kept: lift_kept(&scored[4][head], &scored[best][head], options.rounds, options.seed),
        });
    }
    let teacher_bytes = match choice {
        Choice::Boosted => teachers.boosted.bytes,
        Choice::Neural => teachers.neural.bytes(),
        Choice::Average => teachers.boosted.bytes + teachers.neural.bytes(),
    };
    Ok(Report {
        teacher: choice,
        teacher_bytes,
        student_bytes: student.bytes(),
        boosted_rows: teachers.boosted.rows,
        heads: reports,
    })
}

#[cfg(test)]
#[path = "distil_test.rs"]
mod tests;
