//! Threads that wait beside the caller's for the few hundred small parallel regions of a token.
//!
//! Waking a sleeping thread costs more than most regions take, so workers spin for a while before they sleep. Tasks are taken one by
//! one from a counter, and the caller waits only for workers that have come in: one that the system does not let run is not waited for.

#[cfg(not(target_family = "wasm"))]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A caller's thread and its workers.
pub(crate) struct Pool {
    #[cfg(not(target_family = "wasm"))]
    workers: Vec<worker::Worker>,
    #[cfg(not(target_family = "wasm"))]
    shared: std::sync::Arc<worker::Shared>,
}

/// Threads where none are asked for.
pub(crate) fn default_threads() -> usize {
    if cfg!(target_family = "wasm") {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4)
}

impl Pool {
    /// Into how many tasks work on `items` is cut: some for each thread, so that one that is held up leaves its share to others.
    pub(crate) fn tasks(&self, items: usize) -> usize {
        #[cfg(not(target_family = "wasm"))]
        let threads = self.workers.len() + 1;
        #[cfg(target_family = "wasm")]
        let threads = 1;
        if threads == 1 { 1 } else { items.min(4 * threads).max(1) }
    }

    /// Calls `task` once for each of `0..tasks`, on all threads; returns when all is done.
    pub(crate) fn run(&mut self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        #[cfg(not(target_family = "wasm"))]
        if tasks > 1 && !self.workers.is_empty() {
            return self.shared.run(&self.workers, tasks, task);
        }
        (0..tasks).for_each(task);
    }

    /// Calls `task` once for each part of `length` items (the last may be shorter), with its number.
    pub(crate) fn parts<T: Send>(
        &mut self,
        items: &mut [T],
        length: usize,
        task: &(impl Fn(usize, &mut [T]) + Sync),
    ) {
        let length = length.max(1);
        let parts = Parts { start: items.as_mut_ptr(), items: items.len(), length };
        self.run(items.len().div_ceil(length), &|number| task(number, parts.part(number)));
    }
}

/// A slice that every task takes its own part of.
struct Parts<T> {
    start: *mut T,
    items: usize,
    length: usize,
}

#[allow(
    unsafe_code,
    reason = "tasks have distinct numbers, and so distinct parts of what `Pool::parts` borrows mutably"
)]
mod parts {
    use super::Parts;

    // SAFETY: a part is used by one thread only, to which its items may go.
    unsafe impl<T: Send> Sync for Parts<T> {}

    impl<T> Parts<T> {
        #[expect(clippy::mut_from_ref, reason = "the numbers are distinct")]
        pub(super) fn part(&self, number: usize) -> &mut [T] {
            let from = (number * self.length).min(self.items);
            let length = self.length.min(self.items - from);
            // SAFETY: within the slice; `Pool::run` gives each number out once and returns before the borrow ends.
            unsafe { std::slice::from_raw_parts_mut(self.start.add(from), length) }
        }
    }
}

#[cfg(target_family = "wasm")]
impl Pool {
    /// One thread: there are no others.
    pub(crate) fn new(_threads: usize) -> Self {
        Self {}
    }
}

#[cfg(not(target_family = "wasm"))]
impl Pool {
    /// So many threads with the caller's; fewer where the system gives no more.
    pub(crate) fn new(threads: usize) -> Self {
        let shared = std::sync::Arc::new(worker::Shared::default());
        let workers = (1..threads).map_while(|_| worker::Worker::start(&shared)).collect();
        Self { workers, shared }
    }
}

#[cfg(not(target_family = "wasm"))]
impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for worker in self.workers.drain(..) {
            worker.join();
        }
    }
}

#[cfg(not(target_family = "wasm"))]
#[allow(
    unsafe_code,
    reason = "a region's task is borrowed for as long as workers are inside, which its lifetime cannot say"
)]
mod worker {
    use std::cell::UnsafeCell;
    use std::sync::Arc;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// Turns of waiting before a worker sleeps: some hundred microseconds.
    const PATIENCE: usize = 4_000;
    /// Set in the gate while a region is open; the rest counts the workers inside.
    const OPEN: usize = 1 << (usize::BITS - 1);

    type Task = *const (dyn Fn(usize) + Sync);

    pub(super) struct Shared {
        gate: AtomicUsize,
        next: AtomicUsize,
        tasks: AtomicUsize,
        task: UnsafeCell<Option<Task>>,
        failed: AtomicBool,
        pub(super) stop: AtomicBool,
    }

    // SAFETY: `task` is written by the caller's thread while the gate is shut and nobody inside, and read by workers inside.
    unsafe impl Sync for Shared {}
    // SAFETY: as above.
    unsafe impl Send for Shared {}

    impl Default for Shared {
        fn default() -> Self {
            Self {
                gate: AtomicUsize::new(0),
                next: AtomicUsize::new(0),
                tasks: AtomicUsize::new(0),
                task: UnsafeCell::new(None),
                failed: AtomicBool::new(false),
                stop: AtomicBool::new(false),
            }
        }
    }

    /// Shuts the gate and waits until nobody is inside, also where the caller's own task panics.
    struct Region<'a>(&'a Shared);

    impl Drop for Region<'_> {
        fn drop(&mut self) {
            self.0.gate.fetch_and(!OPEN, Ordering::AcqRel);
            let mut turns = 0usize;
            while self.0.gate.load(Ordering::Acquire) != 0 {
                wait(&mut turns);
            }
        }
    }

    /// One worker's stay in a region.
    struct Stay<'a>(&'a Shared);

    impl Drop for Stay<'_> {
        fn drop(&mut self) {
            if thread::panicking() {
                self.0.failed.store(true, Ordering::Relaxed);
            }
            self.0.gate.fetch_sub(1, Ordering::Release);
        }
    }

    impl Shared {
        pub(super) fn run(&self, workers: &[Worker], tasks: usize, task: &(dyn Fn(usize) + Sync)) {
            // SAFETY: only the lifetime changes; `region` outlives every use of it.
            let task: Task = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), Task>(task) };
            // SAFETY: the gate is shut and nobody inside: the last region saw to it, and `Pool::run` borrows the pool mutably.
            unsafe { *self.task.get() = Some(task) };
            self.tasks.store(tasks, Ordering::Relaxed);
            self.next.store(0, Ordering::Relaxed);
            // In one order with a worker's last look before it sleeps.
            self.gate.store(OPEN, Ordering::SeqCst);
            let region = Region(self);
            for worker in workers {
                worker.wake();
            }
            self.work(task);
            drop(region);
            assert!(!self.failed.load(Ordering::Relaxed), "a worker thread panicked");
        }

        fn work(&self, task: Task) {
            let tasks = self.tasks.load(Ordering::Relaxed);
            loop {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                if number >= tasks {
                    return;
                }
                // SAFETY: the region is open or waits for us.
                unsafe { (*task)(number) };
            }
        }

        fn is_open(&self) -> bool {
            self.gate.load(Ordering::SeqCst) & OPEN != 0
                && self.next.load(Ordering::Relaxed) < self.tasks.load(Ordering::Relaxed)
        }

        /// Takes tasks of the open region, if there is one.
        fn join_in(&self) -> bool {
            let enter = |gate: usize| (gate & OPEN != 0).then_some(gate + 1);
            if !self.is_open() || self.gate.fetch_update(Ordering::Acquire, Ordering::Relaxed, enter).is_err()
            {
                return false;
            }
            let _stay = Stay(self);
            // SAFETY: we are inside, so it is not written.
            if let Some(task) = unsafe { *self.task.get() } {
                self.work(task);
            }
            true
        }

        fn wait_for_regions(&self, asleep: &AtomicBool) {
            let mut turns = 0;
            while !self.stop.load(Ordering::Acquire) {
                if self.join_in() {
                    turns = 0;
                } else if turns < PATIENCE {
                    wait(&mut turns);
                } else {
                    asleep.store(true, Ordering::SeqCst);
                    if !self.is_open() && !self.stop.load(Ordering::Acquire) {
                        thread::park();
                    }
                    asleep.store(false, Ordering::SeqCst);
                    turns = 0;
                }
            }
        }
    }

    fn wait(turns: &mut usize) {
        *turns += 1;
        if (*turns).is_multiple_of(256) { thread::yield_now() } else { std::hint::spin_loop() }
    }

    pub(super) struct Worker {
        thread: JoinHandle<()>,
        asleep: Arc<AtomicBool>,
    }

    impl Worker {
        pub(super) fn start(shared: &Arc<Shared>) -> Option<Self> {
            let asleep = Arc::new(AtomicBool::new(false));
            let (shared, sleeps) = (Arc::clone(shared), Arc::clone(&asleep));
            let body = move || shared.wait_for_regions(&sleeps);
            let thread = thread::Builder::new().name("attune-llama".into()).spawn(body).ok()?;
            Some(Self { thread, asleep })
        }

        fn wake(&self) {
            if self.asleep.load(Ordering::SeqCst) {
                self.thread.thread().unpark();
            }
        }

        pub(super) fn join(self) {
            self.thread.thread().unpark();
            // A worker that panicked has been told of.
            let _ = self.thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_visited_once() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads);
            for items in (0..400).chain([100_000]) {
                let mut counts = vec![0usize; items];
                pool.parts(&mut counts, 7, &|number, part| {
                    for count in part {
                        *count += number + 1;
                    }
                });
                assert!(counts.iter().enumerate().all(|(at, count)| *count == at / 7 + 1));
            }
        }
    }

    #[test]
    fn a_sleeping_worker_does_not_hold_up_a_region() {
        let mut pool = Pool::new(3);
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(30));
            let sum = AtomicUsize::new(0);
            pool.run(1000, &|number| {
                sum.fetch_add(number, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 499_500);
        }
    }

    #[test]
    fn a_panic_in_a_task_is_the_callers() {
        let mut pool = Pool::new(2);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.run(64, &|number| assert!(number < 32, "as planned"));
        }));
        assert!(outcome.is_err());
    }
}
