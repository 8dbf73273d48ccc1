//! Points for dashboards, in Analytics Engine where the shop has bound it. It samples: nothing is learned or counted from
//! it, the log is for that.

use std::collections::BTreeMap;

use attune::Decision;
use attune::decision::OutcomeKind;
use worker::{AnalyticsEngineDataPointBuilder, Env};

use crate::metrics;

const BINDING: &str = "DASHBOARD";

/// One point for a decision. Blobs: `decision`, result, mode, arm, bundle. Doubles: slots, items on view, and what the model
/// expects of these: clicks, conversions.
pub(crate) fn decided(env: &Env, decision: &Decision) {
    let Ok(dataset) = env.analytics_engine(BINDING) else { return };
    let shown = || decision.slots.iter().flat_map(|slot| slot.items.iter().take(slot.show));
    let expected = |head: &str| -> f64 {
        shown().filter_map(|item| item.effects.get(head)).map(|effect| effect.value).sum()
    };
    let name = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let result = metrics::result(decision);
    let blobs = [
        "decision".to_owned(),
        result.to_owned(),
        name(serde_json::json!(decision.mode)),
        name(serde_json::json!(decision.arm)),
        decision.bundle.clone(),
    ];
    let doubles =
        [decision.slots.len() as f64, shown().count() as f64, expected("click"), expected("conversion")];
    let point =
        AnalyticsEngineDataPointBuilder::new().indexes([result]).blobs(blobs).doubles(doubles).build();
    // A dashboard may miss a point.
    let _ = dataset.write_data_point(&point);
}

/// One point for each kind of outcome. Blobs: `outcome`, kind. Doubles: how many, their value.
pub(crate) fn came(env: &Env, outcomes: impl Iterator<Item = (OutcomeKind, Option<f64>)>) {
    let Ok(dataset) = env.analytics_engine(BINDING) else { return };
    let mut kinds = BTreeMap::<String, (f64, f64)>::new();
    for (kind, value) in outcomes {
        let kind = serde_json::json!(kind).as_str().unwrap_or_default().to_owned();
        let sum = kinds.entry(kind).or_default();
        sum.0 += 1.0;
        sum.1 += value.unwrap_or(0.0);
    }
    for (kind, (count, value)) in kinds {
        let point = AnalyticsEngineDataPointBuilder::new()
            .indexes([kind.as_str()])
            .blobs(["outcome", kind.as_str()])
            .doubles([count, value])
            .build();
        let _ = dataset.write_data_point(&point);
    }
}
