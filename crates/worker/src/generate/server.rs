//! The server that a Worker asks for copy: the Workers AI binding, or one that speaks OpenAI's protocol.

use attune_generate::protocol::ChatRequest;
use attune_generate::remote::{Head, Transport};
use attune_generate::rung::{Failure, Local};
use futures_util::StreamExt as _;
use serde::Serialize;
use worker::{ByteStream, Env, Fetch, Headers, Method, Request, RequestInit};

use crate::settings::{Settings, Writes};

/// One request to it.
pub(crate) struct Server<'e> {
    env: &'e Env,
    settings: &'static Settings,
    body: Body,
}

/// What is left of an answer.
enum Body {
    Stream(ByteStream),
    Whole(Vec<u8>),
    Nothing,
}

/// What the Workers AI binding takes.
#[derive(Serialize)]
struct AiInput<'r> {
    messages: &'r [attune_generate::prompt::Message],
    max_tokens: usize,
    temperature: f32,
    top_p: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    frequency_penalty: f32,
    stream: bool,
}

fn unreachable(error: impl std::fmt::Display) -> Failure {
    Failure::new("remote_unreachable", format!("the server cannot be asked: {error}"))
}

impl<'e> Server<'e> {
    /// The server of these settings, where there is one.
    ///
    /// # Errors
    /// When none is set up.
    pub(crate) fn new(env: &'e Env, settings: &'static Settings) -> Result<Self, Failure> {
        match settings.writes {
            Writes::Nothing => {
                Err(Failure::new("remote_absent", "no server is set up: see ATTUNE_LLM in wrangler.toml"))
            }
            _ => Ok(Self { env, settings, body: Body::Nothing }),
        }
    }

    /// What is left of an answer that streams.
    pub(crate) fn body(self) -> Option<ByteStream> {
        match self.body {
            Body::Stream(stream) => Some(stream),
            _ => None,
        }
    }

    async fn ask(&mut self, body: String) -> Result<Head, Failure> {
        match &self.settings.writes {
            Writes::Nothing => Err(Failure::new("remote_absent", "no server is set up")),
            Writes::Binding(model) => {
                let request = ChatRequest::parse(&body).map_err(unreachable)?;
                let input = AiInput {
                    messages: &request.messages,
                    max_tokens: request.max_tokens,
                    temperature: request.temperature,
                    top_p: request.top_p,
                    // It takes whole numbers from 1 to ten digits.
                    seed: request.seed.map(|seed| seed % 9_999_999_999 + 1),
                    frequency_penalty: request.frequency_penalty,
                    stream: request.stream,
                };
                let ai = self.env.ai("AI").map_err(unreachable)?;
                if request.stream {
                    self.body = Body::Stream(ai.run_bytes(model, input).await.map_err(unreachable)?);
                    return Ok(Head { status: 200, content_type: "text/event-stream".to_owned() });
                }
                let answer: serde_json::Value = ai.run(model, input).await.map_err(unreachable)?;
                self.body = Body::Whole(answer.to_string().into_bytes());
                Ok(Head { status: 200, content_type: "application/json".to_owned() })
            }
            Writes::At { address, model } => {
                let mut asked: serde_json::Value = serde_json::from_str(&body).map_err(unreachable)?;
                asked["model"] = model.as_str().into();
                let headers = Headers::new();
                let set = |name: &str, value: &str| headers.set(name, value).map_err(unreachable);
                set("content-type", "application/json")?;
                if !self.settings.llm_key.is_empty() {
                    set("authorization", &format!("Bearer {}", self.settings.llm_key))?;
                }
                let mut init = RequestInit::new();
                init.with_method(Method::Post)
                    .with_headers(headers)
                    .with_body(Some(asked.to_string().into()));
                let request = Request::new_with_init(address, &init).map_err(unreachable)?;
                let mut response = Fetch::Request(request).send().await.map_err(unreachable)?;
                let content_type = response.headers().get("content-type").ok().flatten().unwrap_or_default();
                let head = Head { status: response.status_code(), content_type };
                self.body = response.stream().map_or(Body::Nothing, Body::Stream);
                Ok(head)
            }
        }
    }
}

impl Transport for Server<'_> {
    fn post<'t>(&'t mut self, body: String) -> Local<'t, Result<Head, Failure>> {
        Box::pin(self.ask(body))
    }

    fn part(&mut self) -> Local<'_, Result<Option<Vec<u8>>, Failure>> {
        Box::pin(async move {
            match &mut self.body {
                Body::Stream(stream) => stream.next().await.transpose().map_err(|error| {
                    Failure::new("remote_cut", format!("the server's answer broke off: {error}"))
                }),
                Body::Whole(bytes) => {
                    let bytes = std::mem::take(bytes);
                    self.body = Body::Nothing;
                    Ok(Some(bytes))
                }
                Body::Nothing => Ok(None),
            }
        })
    }
}
