//! Texts and conversations as the model's tokens.

use attune_generate::protocol::{Message, Speaker};
use attune_generate::rung::Failure;
use attune_llama::chat::{self, Role};

use super::Engine;

impl Engine {
    /// A text as it is.
    pub(crate) fn plain(&self, text: &str) -> Vec<u32> {
        let mut tokens = self.tokenizer.encode(text, false);
        if let (true, Some(bos)) = (self.tokenizer.bos_first(), self.tokenizer.bos()) {
            tokens.insert(0, bos);
        }
        tokens
    }

    /// A conversation, up to where the model's answer begins.
    ///
    /// # Errors
    /// `model_malformed` where the model's template fails, `model_input` where it refuses the conversation.
    pub(crate) fn chat(&self, messages: &[Message]) -> Result<Vec<u32>, Failure> {
        let messages: Vec<chat::Message> = messages
            .iter()
            .map(|message| chat::Message {
                role: match message.role {
                    Speaker::System => Role::System,
                    Speaker::User => Role::User,
                    Speaker::Assistant => Role::Assistant,
                },
                content: message.content.clone(),
            })
            .collect();
        Ok(self.template.encode(&self.tokenizer, &messages, true)?)
    }
}
