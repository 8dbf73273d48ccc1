//! A server's answer on its way to someone else: read, held to the protocol, and written anew.

use super::sse::{DONE, Events, event};
use crate::protocol::{Choice, Completion, FinishReason, Said};
use crate::rung::Failure;

/// Passes an answer on under a name of our own. Nothing that is no chat completion goes through.
#[derive(Debug)]
pub struct Relay {
    id: String,
    model: String,
    created: u64,
    events: Events,
    done: bool,
}

impl Relay {
    /// For one answer: its name, the model's name, seconds since 1970.
    pub fn new(id: impl Into<String>, model: impl Into<String>, created: u64) -> Self {
        Self { id: id.into(), model: model.into(), created, events: Events::default(), done: false }
    }

    /// Takes bytes of the server's stream; answers the events to send on, which may be none.
    ///
    /// # Errors
    /// When the server says something else than chat completions, or that it failed.
    pub fn push(&mut self, bytes: &[u8]) -> Result<String, Failure> {
        let mut out = String::new();
        for data in self.events.push(bytes)? {
            if self.done {
                break;
            }
            if data.trim() == DONE {
                self.done = true;
                out.push_str(&event(DONE));
            } else {
                out.push_str(&event(&self.written(&self.read(&data, true)?)?));
            }
        }
        Ok(out)
    }

    /// What is left to send when the server's stream has ended: nothing, or that it broke off.
    pub fn end(&mut self) -> String {
        if std::mem::replace(&mut self.done, true) {
            return String::new();
        }
        Self::failed(&Failure::new("remote_cut", "the server's answer broke off"))
    }

    /// The event that tells a failure half-way.
    pub fn failed(failure: &Failure) -> String {
        let error = serde_json::json!({ "error": { "message": failure.message, "type": "server_error", "code": failure.code } });
        event(&error.to_string())
    }

    /// An answer that does not stream.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn whole(&self, json: &str) -> Result<String, Failure> {
        self.written(&self.read(json, false)?)
    }

    fn written(&self, completion: &Completion) -> Result<String, Failure> {
        serde_json::to_string(completion).map_err(|error| Failure::new("remote_failed", error.to_string()))
    }

    fn read(&self, json: &str, streams: bool) -> Result<Completion, Failure> {
        let read: Completion = serde_json::from_str(json)
            .map_err(|_| Failure::malformed("something that is no chat completion"))?;
        if let Some(error) = read.error {
            return Err(Failure::status(500, &error.to_string()));
        }
        let mut choices = read.choices;
        if let Some(text) = read.response {
            let finish_reason = (!streams).then_some(FinishReason::Stop);
            choices.push(Choice { message: Some(Said::text(text)), finish_reason, ..Choice::default() });
        }
        for choice in &mut choices {
            let said = choice.delta.take().or(choice.message.take());
            *(if streams { &mut choice.delta } else { &mut choice.message }) = Some(said.unwrap_or_default());
        }
        if choices.is_empty() && read.usage.is_none() {
            return Err(Failure::malformed("an answer without a choice"));
        }
        let object = if streams { "chat.completion.chunk" } else { "chat.completion" };
        Ok(Completion {
            id: self.id.clone(),
            object: object.to_owned(),
            created: self.created,
            model: self.model.clone(),
            choices,
            usage: read.usage,
            ..Completion::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_come_out_as_chunks_of_our_own() {
        let mut relay = Relay::new("c1", "m", 7);
        let open = r#"{"id":"secret","model":"x","choices":[{"index":1,"delta":{"content":"Hi"}}]}"#;
        let out = relay
            .push(format!("data: {open}\n\ndata: {{\"response\":\" you\"}}\n\ndata: [DONE]\n\n").as_bytes())
            .unwrap();
        let chunks: Vec<Completion> = out
            .split("\n\n")
            .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
            .collect();
        assert!(out.ends_with("data: [DONE]\n\n") && !out.contains("secret"));
        assert_eq!((chunks.len(), chunks[0].choices[0].index), (2, 1));
        assert_eq!(chunks[1].choices[0].delta, Some(Said::text(" you")));
        assert_eq!(chunks[1].object, "chat.completion.chunk");
        assert_eq!(relay.end(), "");
    }

    #[test]
    fn answer_of_workers_ai_becomes_a_message() {
        let json = Relay::new("c1", "m", 7)
            .whole(r#"{"response":"Hello","usage":{"completion_tokens":2}}"#)
            .unwrap();
        let read: Completion = serde_json::from_str(&json).unwrap();
        assert_eq!(read.choices[0].message, Some(Said::text("Hello")));
        assert_eq!(
            (read.choices[0].finish_reason, read.usage.unwrap().completion_tokens),
            (Some(FinishReason::Stop), 2)
        );
    }

    #[test]
    fn garbage_and_breaks_are_told() {
        assert_eq!(Relay::new("c", "m", 0).push(b"data: <html>\n\n").unwrap_err().code, "remote_malformed");
        assert_eq!(
            Relay::new("c", "m", 0).push(b"data: {\"error\":\"no\"}\n\n").unwrap_err().code,
            "remote_failed"
        );
        assert!(Relay::new("c", "m", 0).end().contains("remote_cut"));
        assert!(Relay::new("c", "m", 0).whole("{}").is_err());
    }
}
