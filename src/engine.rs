//! A loaded bundle: encoder, tables, network, calibration.

mod predicted;

use std::sync::Arc;

use crate::bundle::{Bundle, Card, hex, integrity};
use crate::decision::Effect;
use crate::effect::Head;
use crate::error::{Error, Result};
use crate::feature::{Encoder, FeatureList, Moment, Observation};
use crate::model::Model;
use crate::named::Named;
use crate::profile::TagRule;
use crate::wire::{Candidate, Request, Slot, Term};

pub use predicted::{Predicted, PredictedCandidate, PredictedSlot};

/// What the network says of one candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// One per head, before calibration.
    pub logits: Vec<f32>,
    /// One per head.
    pub effects: Vec<Effect>,
    /// Additive share of each feature, feature-major: `features × heads`.
    pub shares: Vec<f32>,
}

/// Candidates as the network reads them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Encoded {
    /// Additive shares `[n, features × heads]`, row-major.
    pub shares: Vec<f32>,
    /// Interaction columns `[n, features × K]`, row-major.
    pub embedding: Vec<f32>,
}

/// A bundle ready to predict. Shared freely between threads.
#[derive(Debug)]
pub struct Engine {
    card: Card,
    hash: String,
    encoder: Encoder,
    tables: Vec<Vec<f32>>,
    heads: Vec<Head>,
    head_names: Arc<[String]>,
    own: Parts,
    shared: Parts,
    objective: Vec<Term>,
    tag_rules: Vec<TagRule>,
    bias: Vec<f32>,
    interaction: usize,
    model: Model,
}

impl Engine {
    /// Loads a bundle and checks it whole: checksum, schema, network, golden cases.
    ///
    /// # Errors
    /// [`Error::Bundle`] or [`Error::Model`], each saying what does not fit.
    pub fn load(bytes: &[u8]) -> Result<Self> {
        let engine = Self::assemble(Bundle::from_bytes(bytes)?, bytes)?;
        Ok(engine)
    }

    /// Loads a bundle whose hash the page or Worker states, as `sha256-…` in subresource-integrity form.
    ///
    /// # Errors
    /// [`Error::Integrity`] when the hash differs; else as [`Engine::load`].
    pub fn load_checked(bytes: &[u8], expected: &str) -> Result<Self> {
        let found = integrity(bytes);
        if found != expected.trim() {
            return Err(Error::Integrity { expected: expected.to_owned(), found });
        }
        Self::load(bytes)
    }

    fn assemble(bundle: Bundle, bytes: &[u8]) -> Result<Self> {
        let Bundle { card, declaration, encoder, tables, onnx, golden } = bundle;
        let model = Model::load(&onnx)?;
        let (features, heads) = (declaration.list.features.len(), declaration.heads.len());
        let wrong = |what: &str| Error::Bundle(format!("{what} does not fit the network"));
        if features == 0 || encoder.tables().len() != features || tables.len() != features {
            return Err(wrong("the number of tables"));
        }
        if model.heads() != heads || heads == 0 || declaration.bias.len() != heads {
            return Err(wrong("the number of heads"));
        }
        if !model.embedding_width().is_multiple_of(features) {
            return Err(wrong("the number of features"));
        }
        let interaction = model.embedding_width() / features;
        for (field, weights) in encoder.tables().iter().zip(&tables) {
            if weights.len() != field.rows() * (heads + interaction) {
                return Err(wrong("an embedding table"));
            }
        }
        let finite = |head: &Head| {
            head.slope.is_finite()
                && head.intercept.is_finite()
                && head.intervals.iter().all(|k| k.logit.is_finite() && k.low <= 0.0 && k.high >= 0.0)
                && head.intervals.is_sorted_by(|a, b| a.logit < b.logit)
        };
        if !declaration.heads.iter().all(finite) {
            return Err(Error::Bundle("a head's calibration is not usable".to_owned()));
        }
        let engine = Self {
            card,
            head_names: declaration.heads.iter().map(|head| head.name.clone()).collect(),
            own: Parts::of(&declaration.list, false, "interaction"),
            shared: Parts::of(&declaration.list, true, "bias"),
            hash: hex(&bytes[bytes.len() - 32..]),
            encoder,
            tables,
            heads: declaration.heads,
            objective: declaration.objective,
            tag_rules: declaration.tag_rules,
            bias: declaration.bias,
            interaction,
            model,
        };
        for case in &golden {
            if engine.logits(&case.request)? != case.logits {
                return Err(Error::Bundle(
                    "a golden case gives other logits than when the bundle was written".to_owned(),
                ));
            }
        }
        Ok(engine)
    }

    /// The bundle's card.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The bundle's own checksum, sha256 in hex: what decisions are audited by.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The feature list's hash, hex.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.card.schema
    }

    /// The encoder.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The heads, in order.
    #[must_use]
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// The heads' names, in order.
    #[must_use]
    pub fn head_names(&self) -> &Arc<[String]> {
        &self.head_names
    }

    /// What ranking maximises unless a request says otherwise.
    #[must_use]
    pub fn objective(&self) -> &[Term] {
        &self.objective
    }

    /// Tags by rule, for [`crate::Profile::apply`].
    #[must_use]
    pub fn tag_rules(&self) -> &[TagRule] {
        &self.tag_rules
    }

    /// The network alone, for benchmarks and checks.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The logits a request's candidates get: per slot, per candidate in the page's order, per head.
    ///
    /// # Errors
    /// [`Error::Model`] when the network fails, which a checked bundle does not.
    pub fn logits(&self, request: &Request) -> Result<Vec<Vec<Vec<f32>>>> {
        let slots = self.predict(request)?;
        Ok(slots.into_iter().map(|slot| slot.into_iter().map(|p| p.logits).collect()).collect())
    }

    /// Predicts the effect of every candidate: per slot, in the page's order.
    ///
    /// # Errors
    /// [`Error::TooMany`] above [`crate::wire::MAX_CANDIDATES`]; [`Error::Model`] when the network fails.
    pub fn predict(&self, request: &Request) -> Result<Vec<Vec<Prediction>>> {
        request.check()?;
        let candidates: Vec<&Candidate> =
            request.slots.iter().flat_map(|slot| slot.candidates.iter()).collect();
        let mut all = self.predict_at(&Moment::of(request), &candidates)?.into_iter();
        Ok(request.slots.iter().map(|slot| all.by_ref().take(slot.candidates.len()).collect()).collect())
    }

    /// Predicts the effect of every candidate of one slot on the page that `request` asks for.
    ///
    /// # Errors
    /// [`Error::Model`] when the network fails, which a checked bundle does not.
    pub fn predict_slot(&self, request: &Request, slot: &Slot) -> Result<Vec<Prediction>> {
        self.predict_at(&Moment::of(request), &slot.candidates.iter().collect::<Vec<_>>())
    }

    fn predict_at(&self, moment: &Moment<'_>, candidates: &[&Candidate]) -> Result<Vec<Prediction>> {
        let encoded = self.encode_at(moment, candidates, 0);
        let heads = self.heads.len();
        let width = self.encoder.list().features.len() * heads;
        let logits = self.run(&encoded)?;
        Ok(logits
            .chunks_exact(heads)
            .zip(encoded.shares.chunks_exact(width))
            .map(|(logits, shares)| Prediction {
                logits: logits.to_vec(),
                effects: self.heads.iter().zip(logits).map(|(head, logit)| head.effect(*logit)).collect(),
                shares: shares.to_vec(),
            })
            .collect())
    }

    /// Candidates that stand at `position`, encoded. Serving asks for position 0, evaluation for where they stood.
    #[must_use]
    pub fn encode_at(&self, moment: &Moment<'_>, candidates: &[&Candidate], position: usize) -> Encoded {
        let list = &self.encoder.list().features;
        let (heads, features) = (self.heads.len(), list.len());
        let (shares_width, embedding_width) = (features * heads, features * self.interaction);
        let mut shares = vec![0.0; candidates.len() * shares_width];
        let mut embedding = vec![0.0; candidates.len() * embedding_width];
        let columns = heads + self.interaction;
        let mut sum = vec![0.0_f32; columns];
        let mut observation = Observation::default();
        for (index, feature) in list.iter().enumerate() {
            let shared = feature.kind.is_shared();
            for (n, candidate) in candidates.iter().enumerate() {
                if n == 0 || !shared {
                    self.encoder.observe_field(index, moment, candidate, position, &mut observation);
                    sum.fill(0.0);
                    let table = &self.tables[index];
                    self.encoder.tables()[index].weigh(observation.field(0), |row, weight| {
                        let row = &table[row as usize * columns..(row as usize + 1) * columns];
                        for (total, cell) in sum.iter_mut().zip(row) {
                            *total += cell * weight;
                        }
                    });
                }
                let at = n * shares_width + index * heads;
                shares[at..at + heads].copy_from_slice(&sum[..heads]);
                let at = n * embedding_width + index * self.interaction;
                embedding[at..at + self.interaction].copy_from_slice(&sum[heads..]);
            }
        }
        Encoded { shares, embedding }
    }

    /// Logits `[n, H]` of encoded candidates, row-major.
    ///
    /// # Errors
    /// [`Error::Model`] when the network fails, which a checked bundle does not.
    pub fn run(&self, encoded: &Encoded) -> Result<Vec<f32>> {
        let (heads, features) = (self.heads.len(), self.encoder.list().features.len());
        let rows = encoded.shares.len() / (features * heads);
        let mut additive = Vec::with_capacity(rows * heads);
        for shares in encoded.shares.chunks_exact(features * heads) {
            let first = additive.len();
            additive.extend_from_slice(&self.bias);
            for shares in shares.chunks_exact(heads) {
                additive[first..].iter_mut().zip(shares).for_each(|(sum, share)| *sum += share);
            }
        }
        Ok(self.model.run(rows, &additive, &encoded.embedding)?)
    }

    /// Head → part → share of the logit that is this candidate's own: one per feature that differs between candidates,
    /// and `interaction` for what the features do together. With [`Self::shared_attributions`] they sum to the logit.
    #[must_use]
    pub fn attributions(&self, prediction: &Prediction) -> Named<Named<f32>> {
        let heads = self.heads.len();
        self.by_head(&self.own, prediction, |head| {
            let shares = prediction.shares.chunks_exact(heads);
            shares.fold(prediction.logits[head] - self.bias[head], |rest, shares| rest - shares[head])
        })
    }

    /// Head → part → share of the logit that is the same for every candidate of the request: one per feature of shopper
    /// and moment, and `bias`.
    #[must_use]
    pub fn shared_attributions(&self, prediction: &Prediction) -> Named<Named<f32>> {
        self.by_head(&self.shared, prediction, |head| self.bias[head])
    }

    fn by_head(
        &self,
        parts: &Parts,
        prediction: &Prediction,
        last: impl Fn(usize) -> f32,
    ) -> Named<Named<f32>> {
        let heads = self.heads.len();
        let of_head = |head: usize| {
            let mut shares = Vec::with_capacity(parts.names.len());
            shares.extend(parts.features.iter().map(|feature| prediction.shares[feature * heads + head]));
            shares.push(last(head));
            Named::new(&parts.names, shares)
        };
        Named::new(&self.head_names, (0..heads).map(of_head).collect())
    }
}

/// Parts of a logit that go together: some features, and one part that is no feature.
#[derive(Debug)]
struct Parts {
    features: Vec<usize>,
    names: Arc<[String]>,
}

impl Parts {
    fn of(list: &FeatureList, shared: bool, last: &str) -> Self {
        let chosen =
            list.features.iter().enumerate().filter(|(_, feature)| feature.kind.is_shared() == shared);
        let (features, names): (Vec<usize>, Vec<String>) =
            chosen.map(|(index, feature)| (index, feature.name.clone())).unzip();
        Self { features, names: names.into_iter().chain([last.to_owned()]).collect() }
    }
}
