//! Texts and conversations as the model's tokens.

use attune_generate::rung::Failure;
use attune_llama::chat::Message;

use super::Engine;

impl Engine {
    /// A text as it is.
    pub(crate) fn plain(&mut self, text: &str) -> Vec<u32> {
        let (_, tokenizer, _) = self.rung.parts();
        let mut tokens = tokenizer.encode(text, false);
        if let (true, Some(bos)) = (tokenizer.bos_first(), tokenizer.bos()) {
            tokens.insert(0, bos);
        }
        tokens
    }

    /// A conversation, up to where the model's answer begins.
    ///
    /// # Errors
    /// `model_no_chat` for a model that is not asked by conversations; `model_malformed` where the model's template fails,
    /// `model_input` where it refuses the conversation.
    pub(crate) fn chat(&mut self, messages: &[Message]) -> Result<Vec<u32>, Failure> {
        let (_, tokenizer, template) = self.rung.parts();
        let none = || {
            let what =
                "this model writes from facts and holds no conversation: name a chat model with --model";
            Failure::new("model_no_chat", what)
        };
        Ok(template.ok_or_else(none)?.encode(tokenizer, messages, true)?)
    }
}
