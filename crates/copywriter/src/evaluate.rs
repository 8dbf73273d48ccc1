//! A writer's figures on RNNLG's rows, by RNNLG's own scores.

use std::sync::atomic::{AtomicUsize, Ordering};

use attune_generate::act::Act;
use attune_generate::evaluate::Scores;
use attune_generate::evaluate::rnnlg::{self, Row};
use attune_generate::local::acts::{Sentence, prompt, ranked};
use attune_generate::rung::Draft;
use rayon::prelude::*;

use crate::CopywriterError;
use crate::trainer::one_thread_a_product;
use crate::writer::{Drawing, Writer};

/// The texts of an act, best first.
///
/// # Errors
/// The vocabulary's, when the act is longer than the context.
pub fn texts(writer: &Writer, act: &Act, by: Drawing) -> Result<Vec<Sentence>, CopywriterError> {
    let drafts = writer.write(&prompt(act), by)?;
    let ended = drafts.into_iter().filter(|draft| draft.ended);
    let drafts: Vec<Draft> = ended.map(|draft| Draft { text: draft.text, tokens: draft.ids.len() }).collect();
    Ok(ranked(act, &drafts))
}

/// Scores the first text of each row's act; `done` hears how many rows are written.
///
/// # Errors
/// The writer's.
pub fn evaluate(
    writer: &Writer,
    rows: &[Row],
    by: Drawing,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Scores, CopywriterError> {
    one_thread_a_product();
    let count = AtomicUsize::new(0);
    let written = rows
        .par_iter()
        .enumerate()
        .map(|(at, row)| {
            let first =
                texts(writer, &row.act, Drawing { seed: by.seed + at as u64, ..by })?.into_iter().next();
            done(count.fetch_add(1, Ordering::Relaxed) + 1);
            Ok(first.map(|text| text.text))
        })
        .collect::<Result<Vec<_>, CopywriterError>>()?;
    // The scorer asks row by row, in their order.
    let mut written = written.into_iter();
    Ok(rnnlg::evaluate(rows, &mut |_| written.next().flatten().into_iter().collect()))
}
