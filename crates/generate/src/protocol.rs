//! OpenAI's chat completions, as far as servers agree on them: what is asked, what streams back.

use attune_llama::chat::{Message, Role};
use serde::{Deserialize, Serialize};

/// The most messages, bytes of them in all, variants and tokens that are asked for at once.
const LIMITS: (usize, usize, usize, usize) = (64, 256 * 1024, 16, 4_096);

/// The body of `POST /v1/chat/completions`. Members that are not known are left alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The model's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The most tokens of an answer.
    #[serde(default = "default_tokens", alias = "max_completion_tokens")]
    pub max_tokens: usize,
    /// 0 is greedy.
    #[serde(default = "one")]
    pub temperature: f32,
    /// Nucleus.
    #[serde(default = "one")]
    pub top_p: f32,
    /// Answers.
    #[serde(default = "one_answer")]
    pub n: usize,
    /// Repeats an answer, where the server can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What ends an answer.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Taken off for every time a token has come.
    #[serde(default)]
    pub frequency_penalty: f32,
    /// Answers as server-sent events.
    #[serde(default)]
    pub stream: bool,
}

fn one() -> f32 {
    1.0
}

fn one_answer() -> usize {
    1
}

fn default_tokens() -> usize {
    256
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stop {
        None,
        One(String),
        Many(Vec<String>),
    }
    Ok(match Stop::deserialize(deserializer)? {
        Stop::None => Vec::new(),
        Stop::One(stop) => vec![stop],
        Stop::Many(stops) => stops,
    })
}

impl ChatRequest {
    /// Reads a body and holds it to its limits.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn parse(json: &str) -> Result<Self, String> {
        let request: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let (messages, bytes, answers, tokens) = LIMITS;
        let size: usize = request.messages.iter().map(|message| message.content.len()).sum();
        if request.messages.is_empty() || request.messages.len() > messages || size > bytes {
            return Err(format!("1 to {messages} messages of at most {bytes} bytes in all"));
        }
        if !(1..=answers).contains(&request.n) || !(1..=tokens).contains(&request.max_tokens) {
            return Err(format!("n is 1 to {answers} and max_tokens 1 to {tokens}"));
        }
        let numbers = [
            (request.temperature, 0.0..=2.0, "temperature is 0 to 2"),
            (request.top_p, f32::MIN_POSITIVE..=1.0, "top_p is above 0 and at most 1"),
            (request.frequency_penalty, -2.0..=2.0, "frequency_penalty is -2 to 2"),
        ];
        match numbers.into_iter().find(|(number, range, _)| !range.contains(number)) {
            Some((_, _, wrong)) => Err(wrong.to_owned()),
            None => Ok(request),
        }
    }
}

/// Why an answer ended, in the protocol's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// By itself.
    Stop,
    /// By `max_tokens`.
    Length,
    /// The server would not say it.
    #[serde(other)]
    Other,
}

/// One answer, or the part of it that an event brings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Which answer, from 0.
    #[serde(default)]
    pub index: usize,
    /// The whole message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Said>,
    /// What follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Said>,
    /// Set in the last part.
    #[serde(default)]
    pub finish_reason: Option<FinishReason>,
}

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// `assistant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl Said {
    /// The model says this.
    pub fn text(content: impl Into<String>) -> Self {
        Self { role: Some(Role::Assistant), content: Some(content.into()) }
    }
}

/// Tokens that were read and written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read.
    #[serde(default)]
    pub prompt_tokens: usize,
    /// Written.
    #[serde(default)]
    pub completion_tokens: usize,
    /// Both.
    #[serde(default)]
    pub total_tokens: usize,
}

/// An answer, or one event of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// The answer's name.
    #[serde(default)]
    pub id: String,
    /// `chat.completion` or `chat.completion.chunk`.
    #[serde(default)]
    pub object: String,
    /// Seconds since 1970.
    #[serde(default)]
    pub created: u64,
    /// The model's name.
    #[serde(default)]
    pub model: String,
    /// The answers.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// In the last event, and in an answer that does not stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The Workers AI binding's own shape: what follows.
    #[serde(default, skip_serializing)]
    pub response: Option<String>,
    /// What went wrong half-way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_has_the_defaults_of_the_protocol() {
        let request =
            ChatRequest::parse(r#"{"messages":[{"role":"user","content":"Hi"}],"stop":"\n","tools":[]}"#)
                .unwrap();
        assert_eq!((request.temperature, request.n, request.stream), (1.0, 1, false));
        assert_eq!(request.stop, ["\n"]);
    }

    #[test]
    fn a_developer_is_the_system() {
        let request = ChatRequest::parse(
            r#"{"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":"Hi"}]}"#,
        )
        .unwrap();
        assert_eq!(request.messages[0].role, Role::System);
        assert!(serde_json::to_string(&request).unwrap().contains(r#""role":"system""#));
    }

    #[test]
    fn requests_beyond_the_limits_say_so() {
        for (more, why) in [
            (r#""n":0"#, "n is 1"),
            (r#""max_tokens":1000000"#, "max_tokens"),
            (r#""temperature":-1"#, "temperature"),
            (r#""top_p":0"#, "top_p"),
            (r#""stop":3"#, "did not match"),
        ] {
            let error =
                ChatRequest::parse(&format!(r#"{{"messages":[{{"role":"user","content":"Hi"}}],{more}}}"#))
                    .unwrap_err();
            assert!(error.contains(why), "{more}: {error}");
        }
        assert!(ChatRequest::parse(r#"{"messages":[]}"#).is_err());
    }
}
