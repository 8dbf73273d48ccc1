//! Answers that stream as server-sent events.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Poll;

use attune_generate::ladder::{Copy, Left};
use attune_generate::remote::relay::Relay;
use attune_generate::remote::sse::event;
use attune_generate::rung::{Local, Told};
use futures_util::stream::{self, Stream, StreamExt as _};
use worker::{ByteStream, Response};

use crate::answer::Answer;

/// What tells of a copy that is being written.
pub(super) type Tell<'t> = &'t mut dyn FnMut(Told);

/// Starts the writing and streams what is told: `Told` events, then `{"type": "copy", …}` or `{"type": "refused", "left": […]}`.
pub(super) fn stream(write: impl FnOnce(Tell<'_>) -> Local<'_, Result<Copy, Vec<Left>>> + 'static) -> Answer {
    let told = Rc::new(RefCell::new(VecDeque::<String>::new()));
    let queue = Rc::clone(&told);
    let mut writing: Local<'static, ()> = Box::pin(async move {
        let last = Rc::clone(&queue);
        let mut tell = move |told: Told| {
            queue.borrow_mut().extend(serde_json::to_string(&told).ok());
        };
        let answer = match write(&mut tell).await {
            Ok(copy) => tagged("copy", serde_json::to_value(copy)),
            Err(left) => {
                tagged("refused", serde_json::to_value(left).map(|left| serde_json::json!({ "left": left })))
            }
        };
        last.borrow_mut().push_back(answer);
    });
    let mut done = false;
    let events = stream::poll_fn(move |context| {
        if !done && writing.as_mut().poll(context).is_ready() {
            done = true;
        }
        match told.borrow_mut().pop_front() {
            Some(data) => Poll::Ready(Some(event(&data))),
            None if done => Poll::Ready(None),
            None => Poll::Pending,
        }
    });
    respond(events)
}

fn tagged(kind: &str, value: serde_json::Result<serde_json::Value>) -> String {
    let mut value = value.unwrap_or_default();
    value["type"] = kind.into();
    value.to_string()
}

/// Passes a server's stream on.
pub(super) fn relay(mut relay: Relay, mut body: Option<ByteStream>) -> Answer {
    let mut ended = false;
    let events = stream::poll_fn(move |context| {
        loop {
            if ended {
                return Poll::Ready(None);
            }
            let next = body.as_mut().map_or(Poll::Ready(None), |body| body.poll_next_unpin(context));
            let out = match next {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(bytes))) => relay.push(&bytes).unwrap_or_else(|failure| {
                    ended = true;
                    Relay::failed(&failure)
                }),
                Poll::Ready(_) => {
                    ended = true;
                    relay.end()
                }
            };
            if !out.is_empty() {
                return Poll::Ready(Some(out));
            }
        }
    });
    respond(events)
}

fn respond(events: impl Stream<Item = String> + 'static) -> Answer {
    let bytes = events.map(|event| Ok::<_, worker::Error>(event.into_bytes()));
    let mut response = Response::from_stream(bytes)?;
    response.headers_mut().set("content-type", "text/event-stream; charset=utf-8")?;
    response.headers_mut().set("cache-control", "no-store")?;
    Ok(response.into())
}
