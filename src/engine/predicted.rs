//! The answer that predicts without ordering.

use serde::Serialize;

use super::Engine;
use crate::decision::Effect;
use crate::error::Result;
use crate::named::Named;
use crate::wire::Request;

/// The effects of every candidate of a request, in the page's own order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predicted {
    /// sha256 of the bundle, hex.
    pub bundle: String,
    /// Hash of the bundle's feature list, hex.
    pub schema: String,
    /// Head → part → share of every candidate's logit, when the request asks to explain.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub shared: Named<Named<f32>>,
    /// One per slot of the request.
    pub slots: Vec<PredictedSlot>,
}

/// One slot of [`Predicted`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictedSlot {
    /// The slot's name.
    pub id: String,
    /// Its candidates.
    pub candidates: Vec<PredictedCandidate>,
}

/// One candidate of [`Predicted`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictedCandidate {
    /// Candidate id.
    pub id: String,
    /// Raw network outputs by head; bit for bit what every runtime gets.
    pub logits: Named<f32>,
    /// Predicted effects by head.
    pub effects: Named<Effect>,
    /// Head → part → share of the logit that is the candidate's own, when the request asks to explain.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub attributions: Named<Named<f32>>,
}

impl Engine {
    /// [`Engine::predict`] in the form that surfaces answer with.
    ///
    /// # Errors
    /// As [`Engine::predict`].
    pub fn predicted(&self, request: &Request) -> Result<Predicted> {
        let all = self.predict(request)?;
        let any = all.iter().flatten().next().filter(|_| request.explain);
        let shared = any.map_or_else(Named::default, |any| self.shared_attributions(any));
        let slots = request.slots.iter().zip(all).map(|(slot, predictions)| {
            let candidates = slot.candidates.iter().zip(predictions).map(|(candidate, prediction)| {
                let attributions =
                    if request.explain { self.attributions(&prediction) } else { Named::default() };
                PredictedCandidate {
                    id: candidate.id.clone(),
                    logits: Named::new(self.head_names(), prediction.logits),
                    effects: Named::new(self.head_names(), prediction.effects),
                    attributions,
                }
            });
            PredictedSlot { id: slot.id.clone(), candidates: candidates.collect() }
        });
        Ok(Predicted {
            bundle: self.hash().to_owned(),
            schema: self.schema().to_owned(),
            slots: slots.collect(),
            shared,
        })
    }
}
