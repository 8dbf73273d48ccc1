//! Files of weights and their formats, held against what others compute.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failing test may panic, and one that is skipped says so"
)]

mod chats;
mod formats;
mod hostile;
mod reading;
mod support;
mod tokens;
mod writing;
