//! Set-up, demo, test, bench and size.
fn main() {}
