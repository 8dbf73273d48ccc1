//! Progress on standard error: bars on a terminal, a line a step elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::size;

/// One step.
pub(crate) struct Step {
    name: String,
    bar: Option<ProgressBar>,
    total: u64,
    bytes: bool,
    start: Instant,
    told: Instant,
}

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

impl Step {
    /// Begins a step over `total` bytes.
    pub(crate) fn begin(name: &str, total: u64) -> Self {
        Self::over(name, total, true)
    }

    /// Begins a step over `total` rows.
    pub(crate) fn rows(name: &str, total: u64) -> Self {
        Self::over(name, total, false)
    }

    fn over(name: &str, total: u64, bytes: bool) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            let style = if bytes {
                "{msg:<24} {bar:32} {bytes:>9}/{total_bytes} {eta}"
            } else {
                "{msg:<24} {bar:32} {human_pos:>9}/{human_len} {eta}"
            };
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar.set_message(name.to_owned());
            bar
        });
        let now = Instant::now();
        Self { name: name.to_owned(), bar, total, bytes, start: now, told: now }
    }

    /// Begins a step whose size is not known.
    pub(crate) fn open(name: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        let now = Instant::now();
        Self { name: name.to_owned(), bar, total: 0, bytes: false, start: now, told: now }
    }

    /// Says how far a step of unknown size is.
    pub(crate) fn say(&mut self, said: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(said.to_owned());
        } else if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            eprintln!("{}: {said}", self.name);
        }
    }

    /// Says how much is done.
    pub(crate) fn at(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            let said = |n: u64| if self.bytes { size(n) } else { n.to_string() };
            eprintln!("{}: {} of {}", self.name, said(done), said(self.total));
        }
    }

    /// Ends the step.
    pub(crate) fn end(self, said: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}: {said} ({:.1} s)", self.name, self.start.elapsed().as_secs_f64());
    }
}
