//! The thread that has the model. One job at a time; a job whose client has gone, or whose time is over, is left.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

use attune_generate::Brief;
use attune_generate::ladder::Wanted;
use attune_generate::protocol::{ChatRequest, FinishReason};
use attune_generate::rung::{Failure, Kind};
use attune_llama::generation::{self, Finish};
use attune_llama::sample::Sampling;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::queue::{Event, Jobs, Work};
use crate::engine::Engine;
use crate::generate::Rungs;

/// What was loaded: nothing where no model is wanted.
pub(super) type Loaded = Option<(String, Kind, String)>;

/// Loads the model, says so, and works until no more can come.
pub(super) fn run(
    build: impl FnOnce() -> Result<Rungs, Failure>,
    from: Kind,
    mut jobs: Jobs,
    loaded: oneshot::Sender<Result<Loaded, Failure>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = loaded.send(Err(Failure::new("runtime", error.to_string())));
            return;
        }
    };
    // Here, since a model stays on its thread.
    let mut rungs = match build() {
        Ok(rungs) => rungs,
        Err(failure) => {
            let _ = loaded.send(Err(failure));
            return;
        }
    };
    runtime.block_on(async {
        let first = load(&mut rungs, from).await;
        let failed = first.is_err();
        if loaded.send(first).is_err() || failed {
            return;
        }
        while let Some(job) = jobs.next().await {
            let began = Instant::now();
            let work = async {
                match job.work {
                    Work::Chat(asked) => chat(&mut rungs, from, &asked, &job.events).await,
                    Work::Copy(brief, wanted) => copy(&mut rungs, &brief, wanted, &job.events).await,
                }
            };
            tokio::select! {
                biased;
                () = job.events.closed() => {}
                () = tokio::time::sleep_until(job.until) => {
                    let _ = job.events.send(Event::Failed(Failure::new("too_slow", "this took too long")));
                }
                () = work => {}
            }
            jobs.done(began.elapsed());
        }
    });
}

/// The first model that can be loaded.
async fn load(rungs: &mut Rungs, from: Kind) -> Result<Loaded, Failure> {
    if from > Kind::Cpu {
        return Ok(None);
    }
    let mut why = Failure::new("model_absent", "no model could be loaded");
    for model in rungs.models()?.iter_mut().filter(|model| model.kind() >= from) {
        let (name, kind) = (model.name().to_owned(), model.kind());
        match model.engine().await {
            Ok(engine) => return Ok(Some((name, kind, engine.device.clone()))),
            Err(failure) => {
                eprintln!("serve: not on the {}: {failure}", kind.name());
                why = failure;
            }
        }
    }
    Err(why)
}

async fn copy(rungs: &mut Rungs, brief: &Brief, wanted: Wanted, events: &UnboundedSender<Event>) {
    let mut tell = |told| drop(events.send(Event::Told(told)));
    let composed = rungs.compose(brief, wanted, &mut tell).await;
    let _ = events.send(match composed {
        Ok(copy) => Event::Copy(Box::new(copy)),
        Err(left) => Event::Refused(left),
    });
}

async fn chat(rungs: &mut Rungs, from: Kind, asked: &ChatRequest, events: &UnboundedSender<Event>) {
    let failure = match rungs.models() {
        Ok(models) => on_first(models.iter_mut().filter(|model| model.kind() >= from), asked, events).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = failure {
        let _ = events.send(Event::Failed(failure));
    }
}

/// Answers on the first model that can. One whose device fails before it has said anything is replaced by the next.
async fn on_first<'m>(
    models: impl Iterator<Item = &'m mut crate::generate::Model>,
    asked: &ChatRequest,
    events: &UnboundedSender<Event>,
) -> Result<(), Failure> {
    let mut why = Failure::new("model_absent", "no model is loaded");
    for model in models {
        let mut began = false;
        let answered = match model.engine().await {
            Ok(engine) => answer(engine, asked, events, &mut began).await,
            Err(failure) => {
                why = failure;
                continue;
            }
        };
        let Err(failure) = answered else { return Ok(()) };
        model.failed(&failure);
        if began || failure.code != "device_failed" {
            return Err(failure);
        }
        why = failure;
    }
    Err(why)
}

async fn answer(
    engine: &mut Engine,
    asked: &ChatRequest,
    events: &UnboundedSender<Event>,
    began: &mut bool,
) -> Result<(), Failure> {
    let prompt = engine.chat(&asked.messages)?;
    let (writer, ..) = engine.rung.parts();
    let lanes = writer.side_by_side(prompt.len(), asked.max_tokens);
    // Nobody asks for the same twice who does not say so.
    let seed = asked.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    let mut first = 0;
    while first < asked.n {
        let sampling = Sampling {
            temperature: asked.temperature,
            top_p: asked.top_p,
            frequency_penalty: asked.frequency_penalty,
            seed: seed.wrapping_add(first as u64),
            ..Sampling::default()
        };
        let wanted = generation::Wanted {
            max_tokens: asked.max_tokens,
            samplings: vec![sampling; lanes.min(asked.n - first)],
            stop: asked.stop.iter().filter(|stop| !stop.is_empty()).cloned().collect(),
            ..generation::Wanted::default()
        };
        let mut generation = writer.begin(&prompt, &wanted).await?;
        if !std::mem::replace(began, true) {
            let _ = events.send(Event::Began { tokens: prompt.len() });
        }
        loop {
            let pieces = generation.next().await?;
            if pieces.is_empty() {
                break;
            }
            for piece in pieces {
                let finish = piece.finish.map(|finish| match finish {
                    Finish::Stop => FinishReason::Stop,
                    Finish::Length => FinishReason::Length,
                });
                let _ = events.send(Event::Piece {
                    index: first + piece.lane,
                    text: piece.text,
                    tokens: piece.tokens.len(),
                    finish,
                });
            }
        }
        first += wanted.samplings.len();
    }
    Ok(())
}
