//! The CPU rung as a bare WebAssembly module, for `tests/bench/generate/cpu.mjs`: nothing between the page and the kernels. Calls must come in the order
//! `begin`, `push`…, `finish`, then `prefill` and `decode`; anything else traps.
#![allow(unsafe_code, reason = "exports take pointers into the module's own memory")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a bench ends where something is wrong")]

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use attune_llama::backend::Backend as _;
use attune_llama::checkpoint::{Limits, gguf};
use attune_llama::cpu::{Loader, Model, Options};
use attune_llama::sample::Sampling;

thread_local! {
    static READER: RefCell<Option<gguf::Reader<Loader>>> = const { RefCell::new(None) };
    static MODEL: RefCell<Option<Model>> = const { RefCell::new(None) };
}

/// The CPU's futures never wait.
fn now<T>(future: impl Future<Output = attune_llama::Result<T>>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.unwrap(),
        Poll::Pending => unreachable!("the processor waits for nothing"),
    }
}

/// A model for at most `capacity` tokens, in fast mode.
#[unsafe(no_mangle)]
pub extern "C" fn begin(capacity: usize) {
    let options = Options { capacity, threads: 1, ..Options::default() };
    READER.set(Some(gguf::Reader::new(Limits::default(), Loader::new(options))));
}

/// Memory for `bytes` bytes, aligned to 4, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn alloc(bytes: usize) -> *mut u32 {
    vec![0_u32; bytes.div_ceil(4)].leak().as_mut_ptr()
}

/// The next bytes of the file.
///
/// # Safety
/// `bytes` is from [`alloc`] and has `count` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn push(bytes: *const u8, count: usize) {
    // SAFETY: the caller's.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, count) };
    READER.with_borrow_mut(|reader| reader.as_mut().expect("begin comes first").push(bytes).unwrap());
}

/// The file has ended.
#[unsafe(no_mangle)]
pub extern "C" fn finish() {
    MODEL.set(Some(READER.take().expect("begin comes first").finish().unwrap().model));
}

/// Forgets what was read and reads `count` tokens, as far as their logits.
///
/// # Safety
/// `ids` is from [`alloc`] and has `count` ids.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prefill(ids: *const u32, count: usize) {
    // SAFETY: the caller's.
    let ids = unsafe { std::slice::from_raw_parts(ids, count) };
    MODEL.with_borrow_mut(|model| {
        let model = model.as_mut().expect("finish comes first");
        model.truncate(0);
        now(model.prefill(ids));
        now(model.logits(0));
    });
}

/// Writes `count` tokens greedily; gives the last one.
#[unsafe(no_mangle)]
pub extern "C" fn decode(count: usize) -> u32 {
    MODEL.with_borrow_mut(|model| {
        let model = model.as_mut().expect("finish comes first");
        let ids = now(model.decode(count, &[Sampling::default()], &[])).remove(0);
        ids.last().copied().unwrap_or_default()
    })
}
