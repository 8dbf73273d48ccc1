//! What came of a decision: the other half of the log.

use serde::{Deserialize, Serialize};

/// What came of a shown item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    /// It came into view.
    Impression,
    /// It was chosen.
    Click,
    /// It was bought.
    Conversion,
    /// It was sent back.
    Return,
    /// Its page was read for a time.
    Dwell,
    /// It brought money.
    Revenue,
}

/// One line of outcomes, as logged. Its `type` is `outcome`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Removes duplicates.
    #[serde(default)]
    pub id: String,
    /// The decision it came of.
    pub decision: String,
    /// The slot; any slot of the decision when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// The item.
    pub item: String,
    /// What happened.
    pub kind: OutcomeKind,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// Money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

impl Outcome {
    /// What an event says came of its decision, item by item; nothing for an event that names none, or that is no
    /// outcome. Ids are the event's with the item's after it, so that an event sent again gives the same ones. An
    /// order's value goes to its items by price and quantity, or by quantity where a price is missing.
    #[must_use]
    pub fn of(event: &crate::Event) -> Vec<Self> {
        use crate::EventKind;
        let kind = match event.kind {
            EventKind::Impression => OutcomeKind::Impression,
            EventKind::Click => OutcomeKind::Click,
            EventKind::Purchase => OutcomeKind::Conversion,
            EventKind::Return => OutcomeKind::Return,
            _ => return Vec::new(),
        };
        let Some(decision) = event.decision.as_deref().filter(|decision| !decision.is_empty()) else {
            return Vec::new();
        };
        let prices: Option<Vec<f64>> = event
            .items
            .iter()
            .map(|item| {
                item.fields.get("price").and_then(crate::Value::number).map(|price| price * item.quantity)
            })
            .collect();
        let shares = prices.unwrap_or_else(|| event.items.iter().map(|item| item.quantity).collect());
        let sum: f64 = shares.iter().sum();
        event
            .items
            .iter()
            .zip(shares)
            .filter(|(item, _)| !item.id.is_empty())
            .map(|(item, share)| Self {
                id: if event.id.is_empty() { String::new() } else { format!("{}/{}", event.id, item.id) },
                decision: decision.to_owned(),
                slot: event.slot.clone(),
                item: item.id.clone(),
                kind,
                at: event.at,
                value: event.value.map(|value| value * share / sum).filter(|value| value.is_finite()),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orders_value_is_shared_out() {
        let event = crate::Event::from_json(
            r#"{"id":"e","type":"purchase","at":5,"decision":"d","value":50,"items":[
                {"id":"a","fields":{"price":10}},{"id":"b","quantity":3,"fields":{"price":5}}]}"#,
        );
        let outcomes = Outcome::of(&event.unwrap());
        let said: Vec<_> = outcomes.iter().map(|o| (o.id.as_str(), o.kind, o.value)).collect();
        assert_eq!(
            said,
            [("e/a", OutcomeKind::Conversion, Some(20.0)), ("e/b", OutcomeKind::Conversion, Some(30.0))]
        );
    }

    #[test]
    fn what_is_no_outcome_gives_none() {
        for event in [
            r#"{"type":"view","at":5,"decision":"d","items":[{"id":"a"}]}"#,
            r#"{"type":"click","at":5,"items":[{"id":"a"}]}"#,
            r#"{"type":"click","at":5,"decision":"d","items":[{"id":""}]}"#,
        ] {
            assert!(Outcome::of(&crate::Event::from_json(event).unwrap()).is_empty(), "{event}");
        }
    }
}
