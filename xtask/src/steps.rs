//! A run as named steps: each is announced, timed and counted, and a failed one does not stop the others.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// What a step counted.
#[derive(Default, Clone)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// What was not run, and why.
    pub(crate) skipped: Vec<String>,
}

impl Counts {
    pub(crate) fn passed(passed: u64) -> Self {
        Self { passed, ..Self::default() }
    }

    pub(crate) fn skip(why: impl Into<String>) -> Self {
        Self { skipped: vec![why.into()], ..Self::default() }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
    }
}

struct Done {
    name: String,
    took: Duration,
    counts: Counts,
    error: Option<String>,
}

/// The steps taken so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Done>,
}

impl Steps {
    /// Runs one step and keeps its counts; an error counts as one failure. True when nothing failed.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<Counts>) -> bool {
        eprintln!("\n▸ {name}");
        let start = Instant::now();
        let (counts, error) = match work() {
            Ok(counts) => (counts, None),
            Err(error) => (Counts { failed: 1, ..Counts::default() }, Some(format!("{error:#}"))),
        };
        let took = start.elapsed();
        let good = counts.failed == 0;
        let mark = match (good, counts.passed == 0 && !counts.skipped.is_empty()) {
            (false, _) => "✗",
            (true, true) => "– skipped:",
            (true, false) => "✓",
        };
        eprintln!("{mark} {name}, {}", minutes(took));
        if let Some(error) = &error {
            eprintln!("  {error}");
        }
        self.done.push(Done { name: name.to_owned(), took, counts, error });
        good
    }

    /// The table of minutes, what was skipped and what failed, on standard error; the sum of all counts.
    pub(crate) fn report(&self) -> Counts {
        let mut sum = Counts::default();
        eprintln!("\n{:<28}{:>9}{:>8}{:>8}{:>9}", "step", "minutes", "passed", "failed", "skipped");
        for Done { name, took, counts, .. } in &self.done {
            let (passed, failed, skipped) = (counts.passed, counts.failed, counts.skipped.len());
            eprintln!("{name:<28}{:>9.2}{passed:>8}{failed:>8}{skipped:>9}", took.as_secs_f64() / 60.0);
            sum.add(counts.clone());
        }
        let all: Duration = self.done.iter().map(|d| d.took).sum();
        eprintln!("{:<28}{:>9.2}", "together", all.as_secs_f64() / 60.0);
        for Done { name, counts, error, .. } in &self.done {
            for why in &counts.skipped {
                eprintln!("skipped: {name}: {why}");
            }
            if counts.failed > 0 {
                eprintln!("FAILED: {name}: {}", error.as_deref().unwrap_or("see above"));
            }
        }
        sum
    }
}

/// `0.4 s` or `2.3 min`.
pub(crate) fn minutes(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    if seconds < 60.0 { format!("{seconds:.1} s") } else { format!("{:.1} min", seconds / 60.0) }
}

/// Runs a program, passing on what it says line by line to standard error, and returns whether it succeeded
/// with all it said (standard output, then standard error).
pub(crate) fn listen(command: &mut Command) -> Result<(bool, String)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{name} could not be started"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let err = std::thread::spawn(move || err.map_or_else(String::new, pass_on));
    let mut said = out.map_or_else(String::new, pass_on);
    said.push_str(&err.join().unwrap_or_default());
    Ok((child.wait()?.success(), said))
}

fn pass_on(stream: impl Read) -> String {
    let mut said = String::new();
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        let _ = std::io::stderr().write_all(text.as_bytes());
        said.push_str(&text);
        line.clear();
    }
    said
}
