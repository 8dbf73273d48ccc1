//! The rungs that need no device, and how a model is asked.

use attune_generate::Brief;
use attune_generate::brief::Language;
use attune_generate::protocol::{Message, Speaker};
use attune_generate::remote::{Remote, Transport};
use attune_generate::rung::{Draft, Failure, Kind, Local, Rung, Task, Told};
use attune_generate::template;
use attune_llama::backend::Backend;
use attune_llama::checkpoint::{Header, Value};
use attune_llama::generation::{Wanted, Writer};
use attune_llama::sample::Sampling;
use attune_llama::tokenizer::Tokenizer;
use attune_llama::vocabulary::Vocabulary;

/// Grammars with variation: always there.
pub(crate) struct Template;

impl Rung for Template {
    fn kind(&self) -> Kind {
        Kind::Template
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        Box::pin(async move {
            let texts = template::write(task.brief, task.n, task.seed, None);
            if texts.is_empty() {
                return Err(Failure::new("rung_empty", "has nothing to say of this brief"));
            }
            for (index, text) in texts.iter().enumerate() {
                tell(Told::Text { index, text: text.clone() });
            }
            Ok(texts.into_iter().map(|text| Draft { text, tokens: 0 }).collect())
        })
    }
}

/// A server that is lent to one ladder.
pub(crate) struct Lent<'s, T>(pub(crate) &'s mut Remote<T>);

impl<T: Transport> Rung for Lent<'_, T> {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn model(&self) -> Option<&str> {
        self.0.model()
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        self.0.write(task, tell)
    }
}

/// The conversation that asks for a brief's copy.
pub(crate) fn messages(brief: &Brief) -> Vec<Message> {
    let rule = match brief.language() {
        Language::En => "You write shop copy. Say only what the facts say. Answer with the copy alone.",
        Language::Zh => "你为商店撰写文案。只陈述给出的事实。只回答文案本身。",
    };
    let message = |role, content: String| Message { role, content };
    vec![message(Speaker::System, rule.to_owned()), message(Speaker::User, brief.fact_text())]
}

/// A model's rung.
///
/// # Errors
/// Where its file has no tokenizer that is known here.
pub(crate) fn rung<B: Backend + 'static>(
    kind: Kind,
    model: B,
    header: &Header,
) -> Result<Box<dyn Rung>, Failure> {
    let tokenizer = Tokenizer::new(&header.metadata)?;
    let text = |token| if tokenizer.is_control(token) { None } else { tokenizer.token_bytes(token) };
    let words = (0..tokenizer.vocab() as u32).map(|token| text(token).unwrap_or_default());
    let vocabulary = Vocabulary::new(words, tokenizer.ends());
    let name = match header.metadata.get("general.name") {
        Some(Value::Text(name)) => name.clone(),
        _ => header.config.architecture.clone(),
    };
    Ok(Box::new(Model { kind, name, writer: Writer::new(model, vocabulary)?, tokenizer }))
}

struct Model<B> {
    kind: Kind,
    name: String,
    writer: Writer<B>,
    tokenizer: Tokenizer,
}

impl<B: Backend> Model<B> {
    async fn drafts(&mut self, task: Task<'_>, tell: &mut dyn FnMut(Told)) -> Result<Vec<Draft>, Failure> {
        let mut prompt: Vec<u32> =
            if self.tokenizer.bos_first() { self.tokenizer.bos().into_iter().collect() } else { Vec::new() };
        prompt.extend(self.tokenizer.encode(&task.brief.fact_text(), false));
        let (_, capacity, lanes) = self.writer.limits();
        prompt.truncate(capacity / 2);
        let sampling = Sampling { temperature: 0.7, top_p: 0.95, seed: task.seed, ..Sampling::default() };
        let wanted = Wanted {
            max_tokens: task.brief.length().max.clamp(16, 512),
            samplings: vec![sampling; task.n.min(lanes)],
            ..Wanted::default()
        };
        let mut drafts = vec![Draft::default(); wanted.samplings.len()];
        let mut generation = self.writer.begin(&prompt, &wanted).await?;
        loop {
            let pieces = generation.next().await?;
            if pieces.is_empty() {
                return Ok(drafts);
            }
            for piece in pieces {
                drafts[piece.lane].tokens += piece.tokens.len();
                drafts[piece.lane].text.push_str(&piece.text);
                if !piece.text.is_empty() {
                    tell(Told::Text { index: piece.lane, text: piece.text });
                }
            }
        }
    }
}

impl<B: Backend> Rung for Model<B> {
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
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        Box::pin(self.drafts(task, tell))
    }
}
