//! A small language model in this isolate: loaded from the static files when it is first asked, and kept.
//!
//! A text is written in slices, a token of every draft in each, and between two of them the isolate does what else it has to: rankings
//! do not wait for copy. Only there does a deployed Worker's clock move, so only there a text can be found to take too long. What writes
//! belongs to no request: a request that is gone half-way leaves it behind, and the next one takes its place.

mod attempt;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use attune_generate::local::polite::{Pause, Polite};
use attune_generate::local::{Local as Copywriter, trial};
use attune_generate::rung::{Draft, Failure, Kind, Local, Rung, Task, Told};
use attune_llama::checkpoint::gguf::Reader;
use attune_llama::checkpoint::{Limits, Loaded, Manifest};
use attune_llama::cpu::{Loader, Mode, Model, Options};
use futures_util::StreamExt as _;
use worker::{Env, Response};

use self::attempt::{Attempt, EXCEEDED};
use super::sleep;
use crate::rank;
use crate::settings::Settings;

/// What a file may ask for: an isolate has 128 MB, with the bundle and the pages that stream by in it.
const LIMITS: Limits =
    Limits { header: 8 << 20, text: 1 << 20, pairs: 512, tensors: 1024, weights: 24 << 20, context: 512 };
/// Fast, and as many drafts at once as the copywriter wants of an act.
const OPTIONS: Options = Options { mode: Mode::Fast, capacity: 512, lanes: 16, threads: 1 };
/// Tokens a second below which it does not serve.
const LEAST: f64 = 20.0;
/// Milliseconds after which nobody is believed to go on with a text, or with loading.
const ABANDONED: f64 = 5_000.0;
/// Milliseconds between two looks at whether the model is free.
const LOOK: f64 = 5.0;

type Written = Result<Vec<Draft>, Failure>;
type Writer = Box<Copywriter<Polite<Model, Slice>>>;

thread_local! {
    static MODEL: RefCell<State> = const { RefCell::new(State::Absent) };
    /// As the model's file says, once it was loaded.
    static NAME: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Texts begun.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// What there is of the model in this isolate.
enum State {
    Absent,
    /// Since when.
    Loading(f64),
    Idle(Writer),
    Writing(Job),
    /// For good: another try would end alike.
    Failed(Failure),
}

/// A text that is being written, with the model in it.
struct Job {
    id: u64,
    work: Local<'static, (Writer, Written)>,
    /// When it last went on.
    at: f64,
}

/// What a request that wants a text is to do.
enum Next {
    /// Go on with this job.
    Write(Hold),
    Load,
    Wait,
}

/// A request's hold on its job, which goes with it.
struct Hold(u64);

impl State {
    /// Begins a text where the model is free.
    fn next(&mut self, task: Task<'_>) -> Result<Next, Failure> {
        match std::mem::replace(self, Self::Absent) {
            Self::Idle(writer) => {
                let id = COUNT.get();
                COUNT.set(id + 1);
                *self = Self::Writing(Job { id, work: written(writer, task), at: now() });
                Ok(Next::Write(Hold(id)))
            }
            Self::Failed(failure) => {
                *self = Self::Failed(failure.clone());
                Err(failure)
            }
            busy @ (Self::Loading(at) | Self::Writing(Job { at, .. })) if now() - at <= ABANDONED => {
                *self = busy;
                Ok(Next::Wait)
            }
            _ => {
                *self = Self::Loading(now());
                Ok(Next::Load)
            }
        }
    }

    /// Does a job's next slice.
    fn advance(&mut self, hold: &Hold) -> Poll<Written> {
        match self {
            Self::Writing(job) if job.id == hold.0 => {
                job.at = now();
                slice(job.work.as_mut()).map(|(writer, written)| {
                    *self = Self::Idle(writer);
                    written
                })
            }
            _ => Poll::Ready(Err(Failure::new("rung_slow", "stood still for too long, and was left"))),
        }
    }

    /// Takes what loading came to, unless somebody else was faster.
    fn loaded(&mut self, loaded: Result<Writer, Failure>) -> Result<(), Failure> {
        let failure = loaded.as_ref().err().cloned();
        if let Ok(writer) = &loaded {
            NAME.set(writer.model().map(str::to_owned));
        }
        if matches!(self, Self::Absent | Self::Loading(_)) {
            *self = match loaded {
                Ok(writer) => Self::Idle(writer),
                // What was not there may come.
                Err(failure) if ["model_unavailable", EXCEEDED].contains(&failure.code) => Self::Absent,
                Err(failure) => Self::Failed(failure),
            };
        }
        failure.map_or(Ok(()), Err)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        MODEL.with_borrow_mut(|state| {
            if matches!(state, State::Writing(job) if job.id == self.0) {
                *state = State::Absent;
            }
        });
    }
}

/// Writes by itself, for whoever has the job.
fn written(mut writer: Writer, task: Task<'_>) -> Local<'static, (Writer, Written)> {
    let (brief, n, seed) = (task.brief.clone(), task.n, task.seed);
    Box::pin(async move {
        let written = writer.write(Task { brief: &brief, n, seed }, &mut |_| {}).await;
        (writer, written)
    })
}

/// The end of a slice.
#[derive(Debug)]
struct Slice;

impl Pause for Slice {
    async fn pause(&mut self) {
        let mut paused = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut paused, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

/// Does work up to the end of its slice; it waits for nothing else.
fn slice<T>(work: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    work.poll(&mut Context::from_waker(Waker::noop()))
}

/// What the model is called, where one was loaded.
pub(super) fn name() -> Option<String> {
    NAME.with_borrow(Clone::clone)
}

fn now() -> f64 {
    rank::now() as f64
}

/// The model as a rung, for one request.
pub(super) struct Small<'e> {
    env: &'e Env,
    settings: &'static Settings,
    /// When it was first asked.
    began: Option<f64>,
    /// Where the model's first text is this request's.
    attempt: Option<Attempt>,
}

impl<'e> Small<'e> {
    /// The model of these settings, where there is one.
    ///
    /// # Errors
    /// When none is set up.
    pub(super) fn new(env: &'e Env, settings: &'static Settings) -> Result<Self, Failure> {
        if settings.copywriter.is_empty() {
            let why = "no model is set up here: see ATTUNE_COPYWRITER in wrangler.toml";
            return Err(Failure::new("rung_absent", why));
        }
        Ok(Self { env, settings, began: None, attempt: None })
    }

    async fn drafts(&mut self, task: Task<'_>) -> Written {
        let most = self.settings.copywriter_ms;
        let until = *self.began.get_or_insert_with(now) + most;
        let hold = loop {
            match MODEL.with_borrow_mut(|state| state.next(task))? {
                Next::Write(hold) => break hold,
                Next::Load => {
                    let loaded = match Attempt::begin().await {
                        Ok(attempt) => {
                            self.attempt = Some(attempt);
                            self.load().await
                        }
                        Err(failure) => Err(failure),
                    };
                    MODEL.with_borrow_mut(|state| state.loaded(loaded))?;
                }
                Next::Wait if now() >= until => {
                    return Err(Failure::new("rung_busy", format!("wrote for others for {most} ms")));
                }
                Next::Wait => sleep(LOOK).await,
            }
        };
        loop {
            if let Poll::Ready(written) = MODEL.with_borrow_mut(|state| state.advance(&hold)) {
                return written;
            }
            if now() >= until {
                return Err(Failure::new("rung_slow", format!("took more than {most} ms")));
            }
            sleep(0.0).await;
        }
    }

    async fn load(&self) -> Result<Writer, Failure> {
        let name = &self.settings.copywriter;
        let list = format!("{name}.manifest.json");
        let unverified = |why: &dyn std::fmt::Display| {
            Failure::new("model_unverified", format!("{list} is no manifest: {why}"))
        };
        let mut listed = self.file(&list, "model_unverified").await?;
        let listed = listed.bytes().await.map_err(|error| unverified(&error))?;
        let manifest: Manifest = serde_json::from_slice(&listed).map_err(|error| unverified(&error))?;
        let broken =
            |error: worker::Error| Failure::new("model_unavailable", format!("{name} broke off: {error}"));
        let mut parts = self.file(name, "model_unavailable").await?.stream().map_err(broken)?;
        let mut reader = Reader::new(LIMITS, Loader::new(OPTIONS)).verified(manifest);
        while let Some(part) = parts.next().await {
            reader.push(&part.map_err(broken)?)?;
        }
        let Loaded { model, header } = reader.finish()?;
        let mut model = Polite::new(model, Slice);
        {
            let mut pass = pin!(trial::pass(&mut model, LEAST, now));
            loop {
                match slice(pass.as_mut()) {
                    Poll::Ready(passed) => break passed?,
                    Poll::Pending => sleep(0.0).await,
                }
            }
        }
        Ok(Box::new(Copywriter::new(Kind::Cpu, model, &header.metadata)?))
    }

    /// One of the static files.
    async fn file(&self, name: &str, code: &'static str) -> Result<Response, Failure> {
        let absent = |why: String| Failure::new(code, format!("{name} is not among the static files: {why}"));
        let files = self.env.assets("ASSETS").map_err(|error| absent(error.to_string()))?;
        let address = format!("http://assets/{}", name.trim_start_matches('/'));
        let file = files.fetch(address, None).await.map_err(|error| absent(error.to_string()))?;
        match file.status_code() {
            200 => Ok(file),
            status => Err(absent(status.to_string())),
        }
    }
}

impl Rung for Small<'_> {
    fn kind(&self) -> Kind {
        Kind::Cpu
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        Box::pin(async move {
            let drafts = self.drafts(task).await;
            if let Some(attempt) = self.attempt.take() {
                attempt.end().await;
            }
            let drafts = drafts?;
            for (index, draft) in drafts.iter().enumerate() {
                tell(Told::Text { index, text: draft.text.clone() });
            }
            Ok(drafts)
        })
    }
}
