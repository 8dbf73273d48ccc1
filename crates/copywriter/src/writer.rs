//! Writing: tokens drawn one after the other, several texts of one prompt at once.

use candle_core::{D, Device, Tensor};
use candle_nn::ops::log_softmax;
use rand::Rng;

use crate::network::{Memory, Network};
use crate::vocabulary::Vocabulary;
use crate::{CopywriterError, random};

/// A network and its vocabulary.
#[derive(Debug)]
pub struct Writer {
    network: Network,
    vocabulary: Vocabulary,
}

/// How tokens are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Drawing {
    /// Texts.
    pub texts: usize,
    /// 0 takes the likeliest token; 1 draws as the network says.
    pub temperature: f32,
    /// The seed of what is drawn.
    pub seed: u64,
    /// The most tokens of a text.
    pub most: usize,
}

/// A text that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its ids, without the end.
    pub ids: Vec<u32>,
    /// The text, with marks.
    pub text: String,
    /// The mean log probability of its tokens, the end among them.
    pub likelihood: f32,
    /// Whether it came to its end.
    pub ended: bool,
}

struct Row {
    ids: Vec<u32>,
    sum: f32,
    ended: bool,
}

impl Writer {
    /// Puts a network to its vocabulary.
    ///
    /// # Errors
    /// [`CopywriterError::Vocabulary`] when they are not equally large.
    pub fn new(network: Network, vocabulary: Vocabulary) -> Result<Self, CopywriterError> {
        let (tokens, rows) = (vocabulary.len(), network.shape().vocabulary);
        if tokens != rows {
            return Err(CopywriterError::Vocabulary(format!(
                "{tokens} tokens, and {rows} rows of the network"
            )));
        }
        Ok(Self { network, vocabulary })
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Writes after `prompt`, which is read once for all texts.
    ///
    /// # Errors
    /// [`CopywriterError::Vocabulary`] when the prompt is empty or longer than the context.
    pub fn write(&self, prompt: &str, by: Drawing) -> Result<Vec<Draft>, CopywriterError> {
        let prompt = self.vocabulary.encode(prompt)?;
        let context = self.network.shape().context;
        if prompt.is_empty() || prompt.len() >= context {
            let problem = format!("a prompt has 1 to {} tokens, and not {}", context - 1, prompt.len());
            return Err(CopywriterError::Vocabulary(problem));
        }
        let most = by.most.min(context - prompt.len());
        let mut random = random::at(by.seed, [0, 0]);
        let mut rows: Vec<Row> =
            (0..by.texts).map(|_| Row { ids: Vec::new(), sum: 0.0, ended: false }).collect();

        let mut memory = Memory::default();
        let ids = Tensor::new(prompt.as_slice(), &Device::Cpu)?.unsqueeze(0)?;
        let last = self.network.read_on(&ids, &mut memory)?;
        let last = last.narrow(1, prompt.len() - 1, 1)?.squeeze(1)?;
        let first = self.network.logits(&last)?;
        // Which of `rows` each row of the memory is; what has ended leaves.
        let mut open: Vec<usize> = (0..by.texts).collect();
        let mut logits = first.repeat((by.texts, 1))?;
        memory = memory.select(&vec![0; by.texts])?;
        for step in 0..most {
            let likelihoods = log_softmax(&logits, D::Minus1)?.to_vec2::<f32>()?;
            let (mut kept, mut next) = (Vec::new(), Vec::new());
            for (at, likelihoods) in likelihoods.iter().enumerate() {
                let row = &mut rows[open[at]];
                let id = drawn(likelihoods, by.temperature, &mut random);
                row.sum += likelihoods[id as usize];
                if id == self.vocabulary.end() {
                    row.ended = true;
                } else {
                    row.ids.push(id);
                    kept.push(at as u32);
                    next.push(id);
                }
            }
            if kept.is_empty() || step + 1 == most {
                break;
            }
            if kept.len() < open.len() {
                memory = memory.select(&kept)?;
                open = kept.iter().map(|at| open[*at as usize]).collect();
            }
            let ids = Tensor::from_vec(next, (open.len(), 1), &Device::Cpu)?;
            logits = self.network.logits(&self.network.read_on(&ids, &mut memory)?.squeeze(1)?)?;
        }
        rows.into_iter()
            .map(|Row { ids, sum, ended }| {
                let tokens = ids.len() + usize::from(ended);
                let text = self.vocabulary.decode(&ids)?;
                Ok(Draft { text, ids, likelihood: sum / tokens.max(1) as f32, ended })
            })
            .collect()
    }
}

/// An id by its log probability.
fn drawn(likelihoods: &[f32], temperature: f32, random: &mut random::Random) -> u32 {
    let best = likelihoods.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(id, _)| id);
    if temperature <= 0.0 {
        return best as u32;
    }
    let weight = |id: usize| f64::from((likelihoods[id] - likelihoods[best]) / temperature).exp();
    let mut left = random.random::<f64>() * (0..likelihoods.len()).map(weight).sum::<f64>();
    for id in 0..likelihoods.len() {
        left -= weight(id);
        if left < 0.0 {
            return id as u32;
        }
    }
    best as u32
}
