//! `attune rank`.

use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use attune::event::metarank::{Answer, RankRequest};
use attune::{Engine, Request, decide};
use clap::Args;
use serde_json::json;

/// The longest request line, in bytes.
const MAX_LINE: u64 = 16 << 20;

#[derive(Args)]
#[command(after_help = "Examples:
  attune rank --bundle shop.attune < requests.jsonl > answers.jsonl
  echo '{\"id\":\"r1\",\"timestamp\":\"1764000000000\",\"items\":[{\"id\":\"p1\"}]}' | attune rank --bundle shop.attune --explain
  attune rank --bundle shop.attune --wire < decisions-wanted.jsonl

A line that cannot be read is answered by {\"error\":{\"code\":…,\"message\":…,\"line\":…}} on its own line.")]
pub(crate) struct Arguments {
    /// The bundle.
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// Read and answer Attune's own form (a request a line, a decision a line) instead of Metarank's.
    #[arg(long)]
    wire: bool,
    /// Answer with effects and attributions.
    #[arg(long)]
    explain: bool,
    /// Milliseconds since 1970 for requests without a timestamp; the clock's time when absent.
    #[arg(long, value_name = "MILLISECONDS", allow_negative_numbers = true)]
    now: Option<i64>,
    /// The slot's name for requests in Metarank's form.
    #[arg(long, default_value = "ranking")]
    slot: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let engine = crate::bundle::engine(&arguments.bundle)?;
    let mut input = io::stdin().lock();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    let mut count = 0_u64;
    loop {
        line.clear();
        let n = (&mut input).take(MAX_LINE).read_until(b'\n', &mut line)?;
        if n == 0 {
            break;
        }
        count += 1;
        let answer = if n as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            input.skip_until(b'\n')?;
            fault("too_long", &format!("a line of more than {MAX_LINE} bytes"), count)
        } else if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        } else {
            match std::str::from_utf8(&line) {
                Ok(text) => answer(&engine, text, arguments, count)?,
                Err(_) => fault("malformed", "the line is not UTF-8", count),
            }
        };
        writeln!(out, "{answer}")?;
        // Whoever asks line by line waits for the answer.
        out.flush()?;
    }
    Ok(())
}

fn answer(engine: &Engine, text: &str, arguments: &Arguments, line: u64) -> Result<String> {
    if arguments.wire {
        return Ok(match Request::from_json(text) {
            Ok(mut request) => {
                request.explain |= arguments.explain;
                serde_json::to_string(&decide(Ok(engine), &request))?
            }
            Err(error) => fault(error.code(), &error.to_string(), line),
        });
    }
    Ok(match RankRequest::from_json(text) {
        Ok(request) => {
            let now = arguments.now.unwrap_or_else(clock);
            let (request, lost) = request.into_request(&arguments.slot, now, arguments.explain);
            let mut decision = decide(Ok(engine), &request);
            decision.fallback = decision.fallback.or(lost);
            serde_json::to_string(&Answer::new(decision, arguments.explain))?
        }
        Err(error) => fault(error.code(), &error.to_string(), line),
    })
}

fn fault(code: &str, message: &str, line: u64) -> String {
    json!({"error": {"code": code, "message": message, "line": line}}).to_string()
}

fn clock() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
