//! One page on its way: the reorderer between two streams.

use std::cell::RefCell;
use std::rc::Rc;

use attune::LogOptions;
use attune::decision::Deciding;
use attune::wire::{Request as WireRequest, Slot};
use attune_html::{Charset, Outcome, Reorderer};
use wasm_bindgen::prelude::*;
use worker::web_sys::ReadableStream;
use worker::{Context, Env};

use crate::settings::Settings;
use crate::{log, metrics};

#[wasm_bindgen(module = "/src/html/page.js")]
extern "C" {
    /// The body with its slots in order.
    pub(super) fn reordered(body: &ReadableStream, page: Page, patience: u32) -> ReadableStream;

    /// Minutes east of UTC in a time zone.
    #[wasm_bindgen(js_name = minutesEast)]
    pub(super) fn minutes_east(zone: &str, at: f64) -> f64;
}

type Shared = Rc<RefCell<Deciding<'static>>>;

/// What page.js passes a page's bytes through.
#[wasm_bindgen]
pub struct Page {
    reorderer: Reorderer<'static>,
    deciding: Shared,
    request: WireRequest,
    settings: &'static Settings,
    env: Env,
    context: Context,
}

impl Page {
    pub(super) fn new(
        charset: Charset,
        settings: &'static Settings,
        deciding: Deciding<'static>,
        request: WireRequest,
        env: Env,
        context: Context,
    ) -> Self {
        let deciding = Rc::new(RefCell::new(deciding));
        let chooses = Rc::clone(&deciding);
        let choose = move |slot: &Slot| {
            let mut deciding = chooses.borrow_mut();
            let order = deciding.slot(slot).items.iter().map(|item| item.id.clone()).collect();
            deciding.ranks().then_some(order)
        };
        let reorderer = Reorderer::new(settings.slot_bytes, charset, choose);
        Self { reorderer, deciding, request, settings, env, context }
    }

    fn log(&self) {
        let Ok(deciding) = self.deciding.try_borrow() else { return };
        let decision = deciding.so_far();
        metrics::decided(&self.env, decision);
        if !self.settings.log || decision.slots.is_empty() {
            return;
        }
        let line = decision.log_line(&self.request, LogOptions { fields: true, profile: false });
        let (env, settings) = (self.env.clone(), self.settings);
        self.context.wait_until(async move { log::decided(&env, settings, line).await });
    }
}

#[wasm_bindgen]
impl Page {
    /// Takes the page's next bytes; answers what can go out.
    pub fn write(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(chunk.len());
        self.reorderer.write(chunk, &mut out);
        out
    }

    /// Lets the slot that is held back go as it came.
    #[wasm_bindgen(js_name = letGo)]
    pub fn let_go(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.reorderer.let_go(&mut out);
        out
    }

    /// The page has ended.
    pub fn end(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.reorderer.end(&mut out);
        for (_, outcome) in self.reorderer.outcomes() {
            metrics::count(
                "slots",
                match outcome {
                    Outcome::Ordered => "ordered",
                    Outcome::Kept => "kept",
                    Outcome::TooLarge => "too_large",
                    Outcome::Unclosed => "unclosed",
                    Outcome::Late => "late",
                    _ => "other",
                },
            );
        }
        self.log();
        out
    }
}
