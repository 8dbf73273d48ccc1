//! From a prompt's tokens to text that streams: variants side by side, stop sequences, rules, a limit.

use crate::backend::Backend;
use crate::constrain::{Constraint, Rules};
use crate::sample::Sampling;
use crate::vocabulary::Vocabulary;
use crate::{Error, Result};

/// Tokens of a prompt that are appended at a time; between them an abort is seen.
const CHUNK: usize = 256;
/// Tokens that are drawn before they are looked at, where no rule binds. The first comes alone.
const STEPS: usize = 8;
/// The most stop sequences, and the most bytes of one.
const STOPS: (usize, usize) = (16, 256);

/// What is wanted.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The most tokens of a variant.
    pub max_tokens: usize,
    /// One for each variant. Variants with the same seed differ by their lane.
    pub samplings: Vec<Sampling>,
    /// Texts that end a variant; they are not part of it.
    pub stop: Vec<String>,
    /// What every variant must keep to.
    pub rules: Rules,
}

/// Why a variant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// By an end token or a stop sequence.
    Stop,
    /// By the limit, or the end of the sequence's memory.
    Length,
}

/// The next part of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which variant.
    pub lane: usize,
    /// Whole characters; may be empty.
    pub text: String,
    /// Tokens that it was made of.
    pub tokens: Vec<u32>,
    /// Set in a variant's last part.
    pub finish: Option<Finish>,
}

/// A model that writes. It keeps what it has read: a prompt that begins like the last one is read from where they differ.
#[derive(Debug)]
pub struct Writer<B> {
    backend: B,
    vocabulary: Vocabulary,
    read: Vec<u32>,
}

impl<B: Backend> Writer<B> {
    /// The vocabulary is the model's.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the model has fewer tokens than the vocabulary.
    pub fn new(backend: B, vocabulary: Vocabulary) -> Result<Self> {
        let (model, words) = (backend.config().vocab, vocabulary.len());
        if words > model {
            return Err(Error::Malformed(format!("{words} tokens in the vocabulary, {model} in the model")));
        }
        Ok(Self { backend, vocabulary, read: Vec::new() })
    }

    /// The model.
    pub fn backend(&mut self) -> &mut B {
        // What is done there is not known here.
        self.read.clear();
        &mut self.backend
    }

    /// The model's shape and limits.
    pub fn limits(&self) -> (&crate::Config, usize, usize) {
        (self.backend.config(), self.backend.capacity(), self.backend.lanes())
    }

    /// How many variants can be written side by side that have room for `tokens` tokens each, or for as many as one alone, after a
    /// prompt of `prompt` tokens; at least one.
    pub fn side_by_side(&self, prompt: usize, tokens: usize) -> usize {
        let tokens = tokens.min(self.backend.room(prompt, 1));
        (1..=self.backend.lanes())
            .rev()
            .find(|&lanes| self.backend.room(prompt, lanes) >= tokens)
            .unwrap_or(1)
    }

    /// Reads the prompt. The variants then come by [`Generation::next`].
    ///
    /// # Errors
    /// [`Error::Full`] where the prompt leaves no room; [`Error::Input`]; [`Error::Device`].
    pub async fn begin<'w>(&'w mut self, prompt: &[u32], wanted: &'w Wanted) -> Result<Generation<'w, B>> {
        let lanes = wanted.samplings.len();
        if lanes == 0 || lanes > self.backend.lanes() {
            return Err(Error::Input(format!("1 to {} variants at once, not {lanes}", self.backend.lanes())));
        }
        if prompt.is_empty() {
            return Err(Error::Input("the prompt is empty".to_owned()));
        }
        if wanted.stop.len() > STOPS.0 || wanted.stop.iter().any(|stop| stop.len() > STOPS.1) {
            return Err(Error::Input(format!("at most {} stop sequences of {} bytes", STOPS.0, STOPS.1)));
        }
        let capacity = self.backend.capacity();
        if prompt.len() >= capacity {
            return Err(Error::Full { capacity });
        }
        let shared = self.read.iter().zip(prompt).take_while(|(a, b)| a == b).count().min(prompt.len() - 1);
        self.read.clear();
        self.backend.truncate(shared);
        for chunk in prompt[shared..].chunks(CHUNK) {
            self.backend.prefill(chunk).await?;
        }
        self.read = prompt.to_vec();
        let vocabulary = &self.vocabulary;
        let lanes = (0..lanes)
            .map(|_| Lane {
                pending: Vec::new(),
                drawn: 0,
                done: false,
                constraint: (!wanted.rules.is_empty()).then(|| Constraint::new(&wanted.rules, vocabulary)),
            })
            .collect();
        let room = wanted.max_tokens.min(self.backend.room(prompt.len(), wanted.samplings.len()));
        Ok(Generation { backend: &mut self.backend, vocabulary, wanted, lanes, room, steps: 1 })
    }
}

#[derive(Debug)]
struct Lane<'w> {
    /// Bytes that have not been told: a character that is not whole, or what may become a stop sequence.
    pending: Vec<u8>,
    drawn: usize,
    done: bool,
    constraint: Option<Constraint<'w>>,
}

/// Variants of a text that is being written. Dropping it stops the writing.
#[derive(Debug)]
pub struct Generation<'w, B> {
    backend: &'w mut B,
    vocabulary: &'w Vocabulary,
    wanted: &'w Wanted,
    lanes: Vec<Lane<'w>>,
    room: usize,
    steps: usize,
}

impl<B: Backend> Generation<'_, B> {
    /// The next part of every variant that goes on; empty when all have ended.
    ///
    /// # Errors
    /// [`Error::Device`]; what was told before stays true.
    pub async fn next(&mut self) -> Result<Vec<Piece>> {
        if self.lanes.iter().all(|lane| lane.done) {
            return Ok(Vec::new());
        }
        let drawn = self.lanes.iter().map(|lane| lane.drawn).max().unwrap_or_default();
        let bound = self.lanes.iter().any(|lane| lane.constraint.is_some());
        let steps = if bound { 1 } else { self.steps }.min(self.room - drawn.min(self.room));
        self.steps = STEPS;
        let masks: Vec<_> = self
            .lanes
            .iter_mut()
            .map(|lane| lane.constraint.as_mut().filter(|_| !lane.done).map(Constraint::mask))
            .collect();
        let tokens = match steps {
            0 => vec![Vec::new(); self.lanes.len()],
            steps => self.backend.decode(steps, &self.wanted.samplings, &masks).await?,
        };
        let mut pieces = Vec::new();
        for (index, (lane, tokens)) in self.lanes.iter_mut().zip(tokens).enumerate() {
            if lane.done {
                lane.drawn += tokens.len();
                continue;
            }
            let mut piece = Piece { lane: index, text: String::new(), tokens: Vec::new(), finish: None };
            for token in tokens {
                lane.drawn += 1;
                if self.vocabulary.ends(token) {
                    piece.finish = Some(Finish::Stop);
                    break;
                }
                if let Some(constraint) = &mut lane.constraint
                    && !constraint.accept(token)
                {
                    return Err(Error::Device(format!("token {token} came against the rules")));
                }
                piece.tokens.push(token);
                lane.pending.extend_from_slice(self.vocabulary.bytes(token));
                if let Some(at) = first_stop(&lane.pending, &self.wanted.stop) {
                    lane.pending.truncate(at);
                    piece.finish = Some(Finish::Stop);
                    break;
                }
            }
            if piece.finish.is_none() && lane.drawn >= self.room {
                piece.finish = Some(Finish::Length);
            }
            lane.done = piece.finish.is_some();
            let told = if lane.done { lane.pending.len() } else { settled(&lane.pending, &self.wanted.stop) };
            let bytes: Vec<u8> = lane.pending.drain(..told).collect();
            piece.text = String::from_utf8_lossy(&bytes).into_owned();
            pieces.push(piece);
        }
        Ok(pieces)
    }

    /// Waits for the end of all variants: their texts and why they ended.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn all(&mut self) -> Result<Vec<(String, Finish)>> {
        let mut texts = vec![(String::new(), Finish::Length); self.lanes.len()];
        loop {
            let pieces = self.next().await?;
            if pieces.is_empty() {
                return Ok(texts);
            }
            for piece in pieces {
                texts[piece.lane].0.push_str(&piece.text);
                texts[piece.lane].1 = piece.finish.unwrap_or(Finish::Length);
            }
        }
    }
}

/// Where the first stop sequence begins.
fn first_stop(bytes: &[u8], stop: &[String]) -> Option<usize> {
    let find = |stop: &[u8]| bytes.windows(stop.len()).position(|window| window == stop);
    stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| find(stop.as_bytes())).min()
}

/// How many bytes can be told: whole characters, and none that may be a stop sequence's beginning.
fn settled(bytes: &[u8], stop: &[String]) -> usize {
    let held = stop
        .iter()
        .flat_map(|stop| (1..stop.len()).rev().find(|length| bytes.ends_with(&stop.as_bytes()[..*length])))
        .max()
        .unwrap_or(0);
    let told = &bytes[..bytes.len() - held];
    // A character of up to four bytes may be cut off.
    let whole = (0..told.len().min(4)).map(|cut| told.len() - cut).find(|end| {
        std::str::from_utf8(&told[..*end]).map_or_else(|error| error.error_len().is_some(), |_| true)
    });
    whole.unwrap_or(if told.len() < 4 { 0 } else { told.len() })
}

#[cfg(test)]
mod tests;
