//! In a page a model lets the thread hear an abort between tokens.

use attune_generate::local::polite::Pause;

use crate::host::Clock;

/// Milliseconds of work without a break.
const STRETCH: f64 = 12.0;

/// A break when it is time for one.
pub(crate) struct Stretch {
    clock: Clock,
    since: f64,
}

impl Stretch {
    pub(crate) fn new(clock: Clock) -> Self {
        let since = clock.real();
        Self { clock, since }
    }
}

impl Pause for Stretch {
    async fn pause(&mut self) {
        if self.clock.real() - self.since >= STRETCH {
            self.clock.turn().await;
            self.since = self.clock.real();
        }
    }
}
