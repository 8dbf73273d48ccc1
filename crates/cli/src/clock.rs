//! Time for the ladder.

use std::time::{Duration, Instant};

use attune_generate::ladder;
use attune_generate::rung::Local;

/// The machine's own clock.
pub(crate) struct Clock(Instant);

impl Clock {
    /// Begins now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

impl ladder::Clock for Clock {
    fn now(&self) -> f64 {
        self.0.elapsed().as_secs_f64() * 1000.0
    }

    fn sleep(&self, milliseconds: f64) -> Local<'_, ()> {
        // A limit beyond a day is none.
        let limit = Duration::from_secs_f64((milliseconds / 1000.0).clamp(0.0, 86_400.0));
        Box::pin(tokio::time::sleep(limit))
    }
}
