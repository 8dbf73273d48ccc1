//! A loaded model and its lanes.

use super::cache::{Cache, Place};
use super::forward::Scratch;
use super::input::Input;
use super::kernel::Kernels;
use super::matrix::{Matrix, ROWS};
use super::pool::Pool;
use crate::backend::{Backend, Mask};
use crate::sample::{Sampler, Sampling, uniform};
use crate::{Config, Error, Result};

/// Tokens of a prompt that go through the layers together.
const CHUNK: usize = 64;

/// Everything but the cache.
pub(super) struct Weights {
    pub(super) embedding: Matrix,
    /// The embedding where it is not there.
    pub(super) output: Option<Matrix>,
    pub(super) output_norm: Vec<f32>,
    pub(super) layers: Vec<Layer>,
}

/// One transformer block; the names are [`crate::checkpoint::Part`]'s.
pub(super) struct Layer {
    pub(super) attention_norm: Vec<f32>,
    pub(super) query: Matrix,
    pub(super) key: Matrix,
    pub(super) value: Matrix,
    pub(super) query_bias: Option<Vec<f32>>,
    pub(super) key_bias: Option<Vec<f32>>,
    pub(super) value_bias: Option<Vec<f32>>,
    pub(super) query_norm: Option<Vec<f32>>,
    pub(super) key_norm: Option<Vec<f32>>,
    pub(super) attention_output: Matrix,
    pub(super) feed_forward_norm: Vec<f32>,
    pub(super) gate: Matrix,
    pub(super) up: Matrix,
    pub(super) down: Matrix,
}

/// A model on the processor.
///
/// A model with one lane never parts from its beginning: what it decodes can be prefilled after, and truncated.
pub struct Model {
    pub(super) config: Config,
    pub(super) weights: Weights,
    pub(super) cache: Cache,
    pub(super) kernels: Kernels,
    pub(super) pool: Pool,
    pub(super) scratch: Scratch,
    capacity: usize,
    /// Tokens of the shared beginning.
    shared: Vec<u32>,
    /// Each lane's tokens, those shared among them, once it has parted.
    own: Vec<Option<Vec<u32>>>,
    /// What the layers make of the last token: of the shared beginning, where it is known, and of each lane that has parted, `[hidden]`.
    shared_end: Option<Vec<f32>>,
    own_ends: Vec<Vec<f32>>,
    sampler: Sampler,
}

impl Model {
    #[expect(clippy::too_many_arguments, reason = "the loader's parts, put together in one place")]
    pub(super) fn new(
        config: Config,
        weights: Weights,
        cache: Cache,
        capacity: usize,
        lanes: usize,
        kernels: Kernels,
        pool: Pool,
        input: Input,
    ) -> Self {
        Self {
            config,
            weights,
            cache,
            kernels,
            pool,
            scratch: Scratch::new(input),
            capacity,
            shared: Vec::new(),
            own: vec![None; lanes],
            shared_end: None,
            own_ends: vec![Vec::new(); lanes],
            sampler: Sampler::default(),
        }
    }

    fn tokens(&self, lane: usize) -> &[u32] {
        self.own[lane].as_ref().unwrap_or(&self.shared)
    }

    fn check(&self, tokens: &[u32]) -> Result<()> {
        match tokens.iter().find(|token| **token as usize >= self.config.vocab) {
            Some(token) => {
                Err(Error::Input(format!("there is no token {token} among {}", self.config.vocab)))
            }
            None => Ok(()),
        }
    }

    /// Appends to the shared beginning.
    fn extend(&mut self, tokens: &[u32]) -> Result<()> {
        for chunk in tokens.chunks(CHUNK) {
            let positions: Vec<usize> = (self.shared.len()..).take(chunk.len()).collect();
            self.forward(chunk, &positions, Place::Shared);
            self.shared.extend_from_slice(chunk);
            let hidden = self.config.hidden;
            self.shared_end =
                self.scratch.stream[..chunk.len() * hidden].rchunks(hidden).next().map(Vec::from);
        }
        Ok(())
    }

    /// Sees to it that the end of the shared beginning is known: after it was cut, its last token goes through the layers once more.
    fn find_end(&mut self) -> Result<()> {
        if self.shared_end.is_some() {
            return Ok(());
        }
        let Some(last) = self.shared.pop() else {
            return Err(Error::Input("no token was appended yet".into()));
        };
        self.cache.truncate(self.shared.len());
        self.extend(&[last])
    }

    /// Logits of some lanes' next tokens, `[lane][vocab]`; once for all that have not parted.
    fn logits_of(&mut self, lanes: std::ops::Range<usize>) -> Result<Vec<Vec<f32>>> {
        if lanes.clone().any(|lane| self.own[lane].is_none()) {
            self.find_end()?;
        }
        let mut ends = Vec::new();
        let (mut count, mut shared_at) = (0, None);
        let mut of_lane = Vec::new();
        for lane in lanes {
            let end = match (&self.own[lane], shared_at) {
                (Some(_), _) => &self.own_ends[lane],
                (None, Some(at)) => {
                    of_lane.push(at);
                    continue;
                }
                (None, None) => {
                    shared_at = Some(count);
                    self.shared_end.as_ref().ok_or_else(|| Error::Device("an end is lost".into()))?
                }
            };
            ends.extend_from_slice(end);
            of_lane.push(count);
            count += 1;
        }
        let vocab = self.config.vocab;
        let panels = self.output(&ends);
        let logits = |at: usize| {
            let eights = panels.chunks_exact(count * ROWS).flat_map(|group| &group[at * ROWS..][..ROWS]);
            eights.copied().take(vocab).collect()
        };
        Ok(of_lane.into_iter().map(logits).collect())
    }

    /// One token more for each of the first lanes.
    fn step(&mut self, drawn: &[u32]) -> Result<()> {
        if self.own.len() == 1 {
            return self.extend(drawn);
        }
        for lane in 0..drawn.len() {
            if self.own[lane].is_none() {
                self.own[lane] = Some(self.shared.clone());
            }
        }
        let positions: Vec<usize> = (0..drawn.len()).map(|lane| self.tokens(lane).len()).collect();
        self.forward(drawn, &positions, Place::Lanes);
        let hidden = self.config.hidden;
        for (lane, end) in self.scratch.stream.chunks_exact(hidden).take(drawn.len()).enumerate() {
            self.own_ends[lane].clear();
            self.own_ends[lane].extend_from_slice(end);
            if let Some(tokens) = &mut self.own[lane] {
                tokens.push(drawn[lane]);
            }
        }
        Ok(())
    }

    fn check_decode(&self, steps: usize, samplings: &[Sampling], masks: &[Option<Mask>]) -> Result<()> {
        if samplings.is_empty() || samplings.len() > self.own.len() {
            return Err(Error::Input(format!("{} lanes of {}", samplings.len(), self.own.len())));
        }
        if !masks.is_empty() && masks.len() != samplings.len() {
            return Err(Error::Input(format!("{} masks for {} lanes", masks.len(), samplings.len())));
        }
        if steps > 1 && masks.iter().any(Option::is_some) {
            return Err(Error::Input("a mask is for one step".into()));
        }
        samplings.iter().try_for_each(Sampling::check)?;
        let longest = (0..samplings.len()).map(|lane| self.tokens(lane).len()).max().unwrap_or(0);
        self.check_room(longest, steps)
    }

    fn check_room(&self, tokens: usize, more: usize) -> Result<()> {
        if more > self.capacity.saturating_sub(tokens) {
            return Err(Error::Full { capacity: self.capacity });
        }
        Ok(())
    }
}

impl Backend for Model {
    fn config(&self) -> &Config {
        &self.config
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn lanes(&self) -> usize {
        self.own.len()
    }

    fn len(&self) -> usize {
        self.tokens(0).len()
    }

    fn truncate(&mut self, tokens: usize) {
        self.own.fill(None);
        if tokens < self.shared.len() {
            self.shared.truncate(tokens);
            self.shared_end = None;
        }
        self.cache.truncate(self.shared.len());
    }

    async fn prefill(&mut self, tokens: &[u32]) -> Result<()> {
        if self.own.iter().any(Option::is_some) {
            return Err(Error::Input(
                "the lanes have parted: truncate before more is appended to all".into(),
            ));
        }
        self.check(tokens)?;
        self.check_room(self.shared.len(), tokens.len())?;
        self.extend(tokens)
    }

    async fn logits(&mut self, lane: usize) -> Result<Vec<f32>> {
        if lane >= self.own.len() {
            return Err(Error::Input(format!("there is no lane {lane} of {}", self.own.len())));
        }
        self.logits_of(lane..lane + 1).map(|mut logits| logits.swap_remove(0))
    }

    async fn decode(
        &mut self,
        steps: usize,
        samplings: &[Sampling],
        masks: &[Option<Mask>],
    ) -> Result<Vec<Vec<u32>>> {
        self.check_decode(steps, samplings, masks)?;
        if self.own.len() > 1 {
            self.cache.reserve(samplings.len(), steps)?;
        }
        let mut answer = vec![Vec::with_capacity(steps); samplings.len()];
        for _ in 0..steps {
            let mut logits = self.logits_of(0..samplings.len())?;
            let mut drawn = Vec::with_capacity(samplings.len());
            for (lane, (sampling, logits)) in samplings.iter().zip(&mut logits).enumerate() {
                let tokens = self.own[lane].as_ref().unwrap_or(&self.shared);
                let uniform = uniform(sampling.seed, lane as u32, tokens.len() as u32);
                let mask = masks.get(lane).and_then(Option::as_ref);
                drawn.push(self.sampler.draw(logits, tokens, mask, sampling, uniform)?);
            }
            self.step(&drawn)?;
            for (answer, token) in answer.iter_mut().zip(drawn) {
                answer.push(token);
            }
        }
        Ok(answer)
    }
}
