//! A server that speaks OpenAI's chat completions, as a rung. Bytes are carried by whoever has a network: see [`Transport`].

pub mod relay;
pub mod sse;

use std::future::Future;
use std::pin::pin;

use attune_llama::chat::Message;

use crate::protocol::{ChatRequest, Completion, FinishReason};
use crate::rung::{Draft, Failure, Kind, Local, Rung, Task, Told};

/// The most bytes of a text, and of an answer in all.
const LIMITS: (usize, usize) = (64 * 1024, 4 * 1024 * 1024);
/// Requests for what a server left out: many give one answer, whatever `n` says.
const REQUESTS: usize = 4;
const SSE: &str = "text/event-stream";

/// What a server answers, before its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// HTTP's status.
    pub status: u16,
    /// The media type.
    pub content_type: String,
}

/// A way to a server.
pub trait Transport {
    /// Posts JSON. The body comes by [`Self::part`].
    fn post<'t>(&'t mut self, body: String) -> Local<'t, Result<Head, Failure>>;

    /// The next bytes of the body; `None` at its end.
    fn part(&mut self) -> Local<'_, Result<Option<Vec<u8>>, Failure>>;
}

/// The rung.
#[derive(Debug)]
pub struct Remote<T> {
    transport: T,
    model: String,
    /// Makes a brief the conversation that asks for its copy.
    messages: fn(&crate::Brief) -> Vec<Message>,
}

impl Failure {
    pub(crate) fn malformed(what: &str) -> Self {
        Self::new("remote_malformed", format!("the server sends {what}"))
    }

    /// For an answer of this status.
    fn status(status: u16, body: &str) -> Self {
        let (code, what) = match status {
            401 | 403 => ("remote_refused", "does not let us in"),
            404 => ("remote_absent", "does not have this route or model"),
            408 | 504 => ("remote_slow", "took too long"),
            429 => ("remote_busy", "has no room for more requests"),
            _ => ("remote_failed", "failed"),
        };
        let body: String = body.chars().filter(|char| !char.is_control()).take(200).collect();
        Self::new(code, format!("the server {what} ({status}) {body}").trim_end().to_owned())
    }
}

impl<T: Transport> Remote<T> {
    /// A server's model by its name.
    pub fn new(transport: T, model: impl Into<String>, messages: fn(&crate::Brief) -> Vec<Message>) -> Self {
        Self { transport, model: model.into(), messages }
    }

    async fn drafts(&mut self, task: Task<'_>, tell: &mut dyn FnMut(Told)) -> Result<Vec<Draft>, Failure> {
        let messages = (self.messages)(task.brief);
        let max_tokens = task.brief.length().max.clamp(16, 2_048);
        let mut drafts = Vec::new();
        for request in 0..REQUESTS {
            if drafts.len() >= task.n {
                break;
            }
            let asked = ChatRequest {
                model: self.model.clone(),
                messages: messages.clone(),
                max_tokens,
                temperature: 0.8,
                top_p: 0.95,
                n: task.n - drafts.len(),
                seed: Some((task.seed.wrapping_add(request as u64)) & (i64::MAX as u64)),
                stop: Vec::new(),
                frequency_penalty: 0.0,
                stream: true,
            };
            match self.complete(&asked, drafts.len(), tell).await {
                Ok(texts) => drafts.extend(texts),
                // What has come whole is worth more than a rung below.
                Err(_) if !drafts.is_empty() => break,
                Err(failure) => return Err(failure),
            }
        }
        drafts.truncate(task.n);
        Ok(drafts)
    }

    /// One request: whole answers only.
    async fn complete(
        &mut self,
        asked: &ChatRequest,
        first: usize,
        tell: &mut dyn FnMut(Told),
    ) -> Result<Vec<Draft>, Failure> {
        let body =
            serde_json::to_string(asked).map_err(|error| Failure::new("remote_failed", error.to_string()))?;
        let head = self.transport.post(body).await?;
        if !(200..300).contains(&head.status) {
            let body = self.rest(4_096).await.unwrap_or_default();
            return Err(Failure::status(head.status, &String::from_utf8_lossy(&body)));
        }
        let mut answers = Answers { first, texts: Vec::new(), most: asked.n };
        if !head.content_type.to_ascii_lowercase().starts_with(SSE) {
            let body = self.rest(LIMITS.1).await?;
            let text =
                std::str::from_utf8(&body).map_err(|_| Failure::malformed("bytes that are no text"))?;
            answers.take(text, tell)?;
            return answers.whole(true);
        }
        let (mut events, mut size) = (sse::Events::default(), 0);
        while let Some(bytes) = self.transport.part().await? {
            size += bytes.len();
            if size > LIMITS.1 {
                return Err(Failure::malformed("more than any text"));
            }
            for data in events.push(&bytes)? {
                if data.trim() == sse::DONE {
                    return answers.whole(true);
                }
                answers.take(&data, tell)?;
            }
        }
        answers.whole(false)
    }

    async fn rest(&mut self, most: usize) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(bytes) = self.transport.part().await? {
            body.extend(bytes);
            if body.len() > most {
                return Err(Failure::malformed("more than any text"));
            }
        }
        Ok(body)
    }
}

/// The answers to one request as they come.
struct Answers {
    first: usize,
    /// Text, whether it has ended, and tokens as the server counts them.
    texts: Vec<(Draft, bool)>,
    most: usize,
}

impl Answers {
    fn take(&mut self, json: &str, tell: &mut dyn FnMut(Told)) -> Result<(), Failure> {
        let completion: Completion = serde_json::from_str(json)
            .map_err(|_| Failure::malformed("something that is no chat completion"))?;
        if let Some(error) = completion.error {
            return Err(Failure::status(500, &error.to_string()));
        }
        if let Some(text) = completion.response {
            self.add(0, &text, None, tell)?;
        }
        for choice in completion.choices {
            let said = choice.delta.or(choice.message).unwrap_or_default();
            self.add(choice.index, said.content.as_deref().unwrap_or_default(), choice.finish_reason, tell)?;
        }
        if let (Some(usage), [only]) = (completion.usage, self.texts.as_mut_slice()) {
            only.0.tokens = usage.completion_tokens;
        }
        Ok(())
    }

    fn add(
        &mut self,
        index: usize,
        text: &str,
        finish: Option<FinishReason>,
        tell: &mut dyn FnMut(Told),
    ) -> Result<(), Failure> {
        if index >= self.most {
            return Err(Failure::malformed("more answers than were asked for"));
        }
        if self.texts.len() <= index {
            self.texts.resize_with(index + 1, Default::default);
        }
        let (draft, ended) = &mut self.texts[index];
        draft.text.push_str(text);
        *ended |= finish.is_some();
        if draft.text.len() > LIMITS.0 {
            return Err(Failure::malformed("more than any text"));
        }
        if !text.is_empty() {
            tell(Told::Text { index: self.first + index, text: text.to_owned() });
        }
        Ok(())
    }

    /// The answers that ended; all of them where the stream did.
    fn whole(self, ended: bool) -> Result<Vec<Draft>, Failure> {
        let texts: Vec<Draft> = self
            .texts
            .into_iter()
            .filter(|(draft, done)| (ended || *done) && !draft.text.trim().is_empty())
            .map(|(draft, _)| draft)
            .collect();
        if texts.is_empty() {
            return Err(Failure::new("remote_cut", "the server's answer broke off"));
        }
        Ok(texts)
    }
}

impl<T: Transport> Rung for Remote<T> {
    fn kind(&self) -> Kind {
        Kind::Remote
    }

    fn model(&self) -> Option<&str> {
        Some(&self.model)
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        Box::pin(self.drafts(task, tell))
    }
}

/// Waits for the work, and no longer than for the limit.
pub(crate) async fn within<T>(work: impl Future<Output = T>, limit: impl Future<Output = ()>) -> Option<T> {
    let (mut work, mut limit) = (pin!(work), pin!(limit));
    std::future::poll_fn(move |context| {
        if let std::task::Poll::Ready(done) = work.as_mut().poll(context) {
            return std::task::Poll::Ready(Some(done));
        }
        limit.as_mut().poll(context).map(|()| None)
    })
    .await
}

#[cfg(test)]
mod tests;
