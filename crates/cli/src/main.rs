//! `attune`, the command line.
fn main() {}
