//! `attune evaluate`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use attune_train::metrics::Metrics;
use clap::Args;

use crate::output;
use crate::progress::Step;
use crate::survey::DataArguments;

#[derive(Args)]
#[command(after_help = "Examples:
  attune evaluate --bundle shop.attune --data next-week
  attune evaluate --bundle visits.attune --data online_shoppers --mapping online-shoppers --json

On the files that the bundle was trained on only their test part counts, which training has not seen.")]
pub(crate) struct Arguments {
    /// The bundle.
    #[arg(long, value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let engine = crate::bundle::engine(&arguments.bundle)?;
    let source = arguments.data.open()?;
    let mut step = Step::begin("evaluate", source.bytes());
    let evaluation = attune_train::evaluate(&engine, &source, |read| step.at(read))?;
    step.end(&format!("{} observations", evaluation.rows));
    if arguments.json {
        return output::json(&evaluation);
    }
    let mut said = format!("{}\n", evaluation.cleaning);
    if evaluation.trained_on {
        let _ =
            writeln!(said, "trained on these files: only their test part is used, {} rows", evaluation.rows);
    }
    for head in &evaluation.heads {
        let _ = writeln!(
            said,
            "\n{} ({} rows, {:.0} positive)",
            head.head, head.bundle.rows, head.bundle.positives
        );
        let line = |name: &str, of: &Metrics| {
            format!(
                "  {name:<9} AUC {:.4}  log loss {:.5}  calibration slope {:.2}, error {:.4}  average precision {:.4}",
                of.auc, of.log_loss, of.calibration_slope, of.calibration_error, of.average_precision
            )
        };
        let _ = writeln!(said, "{}\n{}", line("constant", &head.constant), line("bundle", &head.bundle));
        if let Some((ndcg, rank)) = head.bundle.ndcg.zip(head.bundle.reciprocal_rank) {
            let _ = writeln!(said, "  lists     NDCG@10 {ndcg:.4}  mean reciprocal rank {rank:.4}");
        }
        let decision = &head.bundle.decision;
        let _ = writeln!(
            said,
            "  at {:.3}  accuracy {:.4}  precision {:.4}  recall {:.4}  F1 {:.4}",
            decision.threshold, decision.accuracy, decision.precision, decision.recall, decision.f1
        );
        let _ = writeln!(said, "  {:+.2} % log loss against the constant", -100.0 * head.log_loss_gain);
    }
    output::text(&said)
}
