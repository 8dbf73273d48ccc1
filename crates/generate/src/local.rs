//! A language model on this device, as a rung.

pub mod acts;
pub mod polite;
pub mod trial;

use attune_llama::backend::Backend;
use attune_llama::chat::Template;
use attune_llama::checkpoint::Metadata;
use attune_llama::constrain::{Numbers, Phrases, Rules};
use attune_llama::generation::{Wanted, Writer};
use attune_llama::sample::Sampling;
use attune_llama::tokenizer::Tokenizer;
use attune_llama::vocabulary::Vocabulary;

use crate::Brief;
use crate::brief::Language;
use crate::prompt::messages;
use crate::rung::{Draft, Failure, Kind, Local as Waits, Rung, Task, Told};

/// The key of a model's file that says how it was taught to read facts; see [`Voice`].
pub const VOICE: &str = "attune.voice";

/// How a model is asked.
#[derive(Debug)]
enum Voice {
    /// By a conversation.
    Chat(Template),
    /// By a dialogue act in one line, its values as marks: Attune's own copywriter (`attune.voice` is `act`).
    Act,
}

/// The rung.
#[derive(Debug)]
pub struct Local<B> {
    kind: Kind,
    name: String,
    writer: Writer<B>,
    tokenizer: Tokenizer,
    voice: Voice,
}

impl<B: Backend> Local<B> {
    /// A loaded model with the metadata of its file.
    ///
    /// # Errors
    /// Where the file has no tokenizer, or a chat template that is none.
    pub fn new(kind: Kind, backend: B, metadata: &Metadata) -> Result<Self, Failure> {
        let tokenizer = Tokenizer::new(metadata)?;
        let voice = match metadata.text(VOICE)? {
            Some("act") => Voice::Act,
            _ => Voice::Chat(Template::of(metadata)?),
        };
        let name = metadata.text("general.name")?.unwrap_or("a model without a name").to_owned();
        let writer = Writer::new(backend, Vocabulary::of(&tokenizer))?;
        Ok(Self { kind, name, writer, tokenizer, voice })
    }

    /// The model, its tokenizer and its chat template, for prompts of other kinds.
    pub fn parts(&mut self) -> (&mut Writer<B>, &Tokenizer, Option<&Template>) {
        let template = match &self.voice {
            Voice::Chat(template) => Some(template),
            Voice::Act => None,
        };
        (&mut self.writer, &self.tokenizer, template)
    }

    async fn drafts(&mut self, task: Task<'_>, tell: &mut dyn FnMut(Told)) -> Result<Vec<Draft>, Failure> {
        match &self.voice {
            Voice::Chat(template) => {
                let prompt = template.encode(&self.tokenizer, &messages(task.brief), true)?;
                let wanted = Wanted {
                    max_tokens: most(task.brief),
                    stop: if task.brief.channel.is_line() { vec!["\n".to_owned()] } else { Vec::new() },
                    rules: rules(task.brief)?,
                    samplings: Vec::new(),
                };
                let sampling = Sampling {
                    temperature: 0.7,
                    top_p: 0.9,
                    min_p: 0.05,
                    repetition_penalty: 1.1,
                    ..Sampling::default()
                };
                let told = |index, text| Told::Text { index, text };
                write(&mut self.writer, &prompt, wanted, sampling, task, &mut |index, text| {
                    tell(told(index, text))
                })
                .await
            }
            Voice::Act => {
                let acts = acts::of(task.brief, &|mark| self.tokenizer.control(mark).is_some())?;
                let n = task.n.max(acts::DRAFTS.div_ceil(acts.len()));
                let mut by_act = Vec::new();
                for act in &acts {
                    let prompt = self.tokenizer.encode(&acts::prompt(act), false);
                    let wanted =
                        Wanted { max_tokens: acts::MOST, stop: vec!["\n".to_owned()], ..Wanted::default() };
                    let asked = Task { n, ..task };
                    let drafts =
                        write(&mut self.writer, &prompt, wanted, acts::sampling(act), asked, &mut |_, _| {})
                            .await?;
                    by_act.push(acts::chosen(act, &drafts, task.n).into_iter());
                }
                // The best of each, then the second of each.
                let mut texts = Vec::new();
                for _ in 0..task.n {
                    texts.extend(by_act.iter_mut().filter_map(Iterator::next));
                }
                texts.truncate(task.n);
                for (index, draft) in texts.iter().enumerate() {
                    tell(Told::Text { index, text: draft.text.clone() });
                }
                if texts.is_empty() {
                    return Err(Failure::new("model_wrong", "no draft says every fact once"));
                }
                Ok(texts)
            }
        }
    }
}

/// Writes `task.n` texts, as many at a time as the model has lanes with room for them. Only texts that came to an end are kept.
async fn write<B: Backend>(
    writer: &mut Writer<B>,
    prompt: &[u32],
    mut wanted: Wanted,
    sampling: Sampling,
    task: Task<'_>,
    tell: &mut dyn FnMut(usize, String),
) -> Result<Vec<Draft>, Failure> {
    let lanes = writer.side_by_side(prompt.len(), wanted.max_tokens);
    let mut drafts = Vec::new();
    for round in 0..task.n.div_ceil(lanes) {
        let first = round * lanes;
        let seed = task.seed.wrapping_add(round as u64);
        wanted.samplings = vec![Sampling { seed, ..sampling }; lanes.min(task.n - first)];
        let mut texts = vec![Draft::default(); wanted.samplings.len()];
        let mut generation = writer.begin(prompt, &wanted).await?;
        loop {
            let pieces = generation.next().await?;
            if pieces.is_empty() {
                break;
            }
            for piece in pieces {
                let draft = &mut texts[piece.lane];
                draft.tokens += piece.tokens.len();
                draft.text.push_str(&piece.text);
                if !piece.text.is_empty() {
                    tell(first + piece.lane, piece.text);
                }
            }
        }
        drafts.extend(texts);
    }
    Ok(drafts)
}

/// Tokens that a text of the brief's length may have.
fn most(brief: &Brief) -> usize {
    let characters = brief.length().max;
    let tokens = if brief.language() == Language::Zh { characters * 3 / 2 } else { characters / 3 };
    tokens.clamp(16, 1_024)
}

/// Numbers are the facts', and no forbidden phrase comes.
fn rules(brief: &Brief) -> Result<Rules, Failure> {
    let forbidden = (!brief.forbidden.is_empty()).then(|| Phrases::new(&brief.forbidden)).transpose()?;
    Ok(Rules { forbidden, numbers: Some(Numbers::of([brief.fact_text()])), ..Rules::default() })
}

impl<B: Backend> Rung for Local<B> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn model(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Waits<'w, Result<Vec<Draft>, Failure>> {
        Box::pin(self.drafts(task, tell))
    }
}
