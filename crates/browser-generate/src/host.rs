//! The world: JavaScript's clock, its network, the model's bytes.

use std::cell::Cell;
use std::rc::Rc;

use attune_generate::ladder;
use attune_generate::remote::{Head, Remote, Transport};
use attune_generate::rung::{Draft, Failure, Kind, Local, Rung, Task, Told};
use js_sys::Promise;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

use crate::convert::{bytes, caught, member};

#[wasm_bindgen]
extern "C" {
    /// What `js/src/generate/local.ts` gives.
    pub type Host;
    #[wasm_bindgen(method)]
    fn now(this: &Host) -> f64;
    #[wasm_bindgen(method)]
    fn sleep(this: &Host, milliseconds: f64) -> Promise;
    #[wasm_bindgen(method)]
    fn turn(this: &Host) -> Promise;
    #[wasm_bindgen(method)]
    fn source(this: &Host, rung: &str) -> Promise;
    #[wasm_bindgen(method)]
    fn post(this: &Host, body: String) -> Promise;
    #[wasm_bindgen(method)]
    fn part(this: &Host) -> Promise;
    #[wasm_bindgen(method)]
    fn hear(this: &Host, event: String);

    type JsSource;
    #[wasm_bindgen(method, getter)]
    fn hashes(this: &JsSource) -> String;
    #[wasm_bindgen(method)]
    fn read(this: &JsSource) -> Promise;
    #[wasm_bindgen(method)]
    fn again(this: &JsSource) -> Promise;
}

/// The page's clock. It stands still while a model is loaded, which is nobody's fault.
#[derive(Clone)]
pub(crate) struct Clock {
    host: Rc<Host>,
    /// When it was stopped, and how long it has stood.
    stopped: Rc<Cell<Option<f64>>>,
    stood: Rc<Cell<f64>>,
}

impl Clock {
    pub(crate) fn new(host: Rc<Host>) -> Self {
        Self { host, stopped: Rc::default(), stood: Rc::default() }
    }

    /// Stops the clock until what this answers is dropped.
    pub(crate) fn stop(&self) -> Stopped {
        self.stopped.set(Some(self.host.now()));
        Stopped(self.clone())
    }

    /// A clock that never stands still.
    pub(crate) fn real(&self) -> f64 {
        self.host.now()
    }

    /// Lets the thread do what else it has to.
    pub(crate) async fn turn(&self) {
        // Nothing can come of a turn but its end.
        let _ = JsFuture::from(self.host.turn()).await;
    }
}

/// A clock that stands still.
pub(crate) struct Stopped(Clock);

impl Drop for Stopped {
    fn drop(&mut self) {
        let clock = &self.0;
        if let Some(at) = clock.stopped.take() {
            clock.stood.set(clock.stood.get() + clock.host.now() - at);
        }
    }
}

impl ladder::Clock for Clock {
    fn now(&self) -> f64 {
        self.stopped.get().unwrap_or_else(|| self.host.now()) - self.stood.get()
    }

    fn sleep(&self, milliseconds: f64) -> Local<'_, ()> {
        /// So long a clock may have been stopped unseen.
        const SLICE: f64 = 1000.0;
        Box::pin(async move {
            let until = self.now() + milliseconds;
            loop {
                let left = until - self.now();
                if left <= 0.0 {
                    return;
                }
                let _ = JsFuture::from(self.host.sleep(left.min(SLICE))).await;
            }
        })
    }
}

/// The server, by JavaScript's `fetch`.
pub(crate) struct Fetch(pub(crate) Rc<Host>);

impl Transport for Fetch {
    fn post<'t>(&'t mut self, body: String) -> Local<'t, Result<Head, Failure>> {
        Box::pin(async move {
            let head = JsFuture::from(self.0.post(body)).await.map_err(|e| caught(&e, "remote_failed"))?;
            Ok(Head {
                status: member(&head, "status").as_f64().unwrap_or_default() as u16,
                content_type: member(&head, "contentType").as_string().unwrap_or_default(),
            })
        })
    }

    fn part(&mut self) -> Local<'_, Result<Option<Vec<u8>>, Failure>> {
        Box::pin(async move {
            JsFuture::from(self.0.part()).await.map(bytes).map_err(|e| caught(&e, "remote_failed"))
        })
    }
}

/// A rung for one answer. Where it is asked a second time, its texts are further ones.
pub(crate) struct Rounds<R> {
    rung: R,
    texts: usize,
}

impl<R: Rung> Rounds<R> {
    pub(crate) fn new(rung: R) -> Box<Self> {
        Box::new(Self { rung, texts: 0 })
    }
}

impl<R: Rung> Rung for Rounds<R> {
    fn kind(&self) -> Kind {
        self.rung.kind()
    }

    fn model(&self) -> Option<&str> {
        self.rung.model()
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        let first = self.texts;
        self.texts += task.n;
        Box::pin(async move {
            let mut tell = |told: Told| match told {
                Told::Text { index, text } => tell(Told::Text { index: first + index, text }),
                other => tell(other),
            };
            self.rung.write(task, &mut tell).await
        })
    }
}

/// A server that is lent to one ladder.
pub(crate) struct Lent<'s>(pub(crate) &'s mut Remote<Fetch>);

impl Rung for Lent<'_> {
    fn kind(&self) -> Kind {
        self.0.kind()
    }

    fn model(&self) -> Option<&str> {
        self.0.model()
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        tell: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        self.0.write(task, tell)
    }
}

/// A model's bytes as they come.
pub(crate) struct Source(JsSource);

impl Source {
    /// Opens the model for a rung.
    pub(crate) async fn open(host: &Host, rung: Kind) -> Result<Self, Failure> {
        let source = JsFuture::from(host.source(rung.name())).await;
        source.map(|source| Self(source.unchecked_into())).map_err(|e| caught(&e, "model_unavailable"))
    }

    /// The manifest, as JSON.
    pub(crate) fn manifest(&self) -> String {
        self.0.hashes()
    }

    /// The next part. To ask for it is to say that the one before was right.
    pub(crate) async fn read(&self) -> Result<Option<Vec<u8>>, Failure> {
        JsFuture::from(self.0.read()).await.map(bytes).map_err(|e| caught(&e, "model_unavailable"))
    }

    /// The last part was wrong: whether it is worth beginning again.
    pub(crate) async fn again(&self) -> bool {
        JsFuture::from(self.0.again()).await.is_ok_and(|better| better.is_truthy())
    }
}

/// Tells the page what happens.
pub(crate) fn tell(host: &Host, event: &impl serde::Serialize) {
    if let Ok(event) = serde_json::to_string(event) {
        host.hear(event);
    }
}

/// The work's end, or `None` where the page wants no more of it: the work is dropped then.
pub(crate) async fn unless<T>(work: impl Future<Output = T>, stop: Promise) -> Option<T> {
    let (mut work, mut stop) = (std::pin::pin!(work), std::pin::pin!(JsFuture::from(stop)));
    std::future::poll_fn(move |context| {
        if stop.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(None);
        }
        work.as_mut().poll(context).map(Some)
    })
    .await
}
