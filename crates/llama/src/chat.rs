//! Chat templates: the Jinja text that a model's file has, rendered as `transformers` renders it.
//!
//! What people and catalogues wrote is told apart from what the template wrote all the way to the tokens: a control token's name in
//! a message is text.

mod language;

use minijinja::{Environment, Error as Jinja, ErrorKind, Value, context};
use serde::Serialize;

use crate::checkpoint::Metadata;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};

/// For models without a template of their own: ChatML.
const CHAT_ML: &str = "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// A character that no text has (a noncharacter, Unicode 23.7): it comes after every character of a message that a control token's
/// name could begin with, while the template is rendered.
const MARK: char = '\u{fdd0}';

/// Instructions that a rendering may take.
const FUEL: u64 = 1_000_000;

/// Bytes that a rendering may have.
const LONGEST: usize = 4 << 20;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Who set the task; OpenAI's newer models call it `developer`.
    #[serde(alias = "developer")]
    System,
    /// Who asks.
    User,
    /// The model.
    Assistant,
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Message {
    /// Who.
    pub role: Role,
    /// What.
    pub content: String,
}

/// A model's chat template.
#[derive(Debug, Clone)]
pub struct Template {
    source: String,
}

impl Template {
    /// The template of a GGUF file, or ChatML where it has none.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is no Jinja.
    pub fn of(metadata: &Metadata) -> Result<Self> {
        Self::new(metadata.text("tokenizer.chat_template")?.unwrap_or(CHAT_ML))
    }

    /// A template of this text.
    ///
    /// # Errors
    /// [`Error::Malformed`] where it is no Jinja.
    pub fn new(source: &str) -> Result<Self> {
        environment().template_from_str(source).map_err(|error| wrong(&error))?;
        Ok(Self { source: source.to_owned() })
    }

    /// The text of a conversation; with `generate` up to where the assistant's answer begins.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the template fails or takes too long; what it raises itself (`raise_exception`) is
    /// [`Error::Input`].
    pub fn render(&self, tokenizer: &Tokenizer, messages: &[Message], generate: bool) -> Result<String> {
        self.rendered(tokenizer, messages, generate, &|message| message.content.clone())
    }

    /// The tokens of a conversation. Names of control tokens are tokens where the template wrote them, and text where a message has
    /// them.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn encode(&self, tokenizer: &Tokenizer, messages: &[Message], generate: bool) -> Result<Vec<u32>> {
        // Templates look for names in what the model said (`</think>`), so that only what could be read wrongly is marked there.
        let marked = |message: &Message| {
            let everywhere = message.role != Role::Assistant;
            tokenizer.marked(&message.content.replace(MARK, ""), MARK, everywhere)
        };
        let text = self.rendered(tokenizer, messages, generate, &marked)?;
        Ok(tokenizer.encode_marked(&text, MARK))
    }

    fn rendered(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        generate: bool,
        content: &dyn Fn(&Message) -> String,
    ) -> Result<String> {
        let messages: Vec<Message> = messages
            .iter()
            .map(|message| Message { role: message.role, content: content(message) })
            .collect();
        let name = |token: Option<u32>| {
            let bytes = token.and_then(|token| tokenizer.token_bytes(token)).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let nothing = Value::from(());
        let context = context! {
            messages => Value::from_serialize(&messages),
            add_generation_prompt => generate,
            bos_token => name(tokenizer.bos()),
            eos_token => name(tokenizer.eos()),
            tools => nothing,
            documents => nothing,
        };
        let environment = environment();
        let template = environment.template_from_str(&self.source).map_err(|error| wrong(&error))?;
        let mut out = Bounded(Vec::new());
        match template.render_captured_to(context, &mut out) {
            Ok(_) => String::from_utf8(out.0).map_err(|_| Error::Malformed("its chat template".into())),
            Err(error) if raised(&error) => {
                Err(Error::Input(format!("the chat template: {}", error.detail().unwrap_or_default())))
            }
            Err(error) => Err(wrong(&error)),
        }
    }
}

/// As `transformers` sets Jinja up.
fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    language::add_to(&mut environment);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(64);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> std::result::Result<Value, Jinja> {
        Err(Jinja::new(ErrorKind::InvalidOperation, message).with_source(Raised))
    });
    environment
}

/// The template refuses the conversation.
#[derive(Debug, thiserror::Error)]
#[error("raised by the template")]
struct Raised;

fn raised(error: &Jinja) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<Raised>())
}

fn wrong(error: &Jinja) -> Error {
    Error::Malformed(format!("its chat template: {error}"))
}

/// A buffer of at most [`LONGEST`] bytes.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
