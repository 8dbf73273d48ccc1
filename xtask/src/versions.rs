//! Every pinned version in one place. The npm tools are pinned in `tests/package.json` and its lock.

/// Must equal the `wasm-bindgen` of Cargo.lock: its output is read by the same version of the tool.
pub(crate) const WASM_BINDGEN: &str = "0.2.130";
/// Takes its tools from `WASM_BINDGEN_BIN`, `WASM_OPT_BIN` and `ESBUILD_BIN` only.
pub(crate) const WORKER_BUILD: &str = "0.8.7";
/// Installed where no `cargo-nextest` is on PATH.
pub(crate) const NEXTEST: &str = "0.9.143";
/// The peer of `cargo xtask bench rank`, from PyPI.
pub(crate) const VOWPAL_WABBIT: &str = "9.11.9";
/// miniflare 4.20260426 is the last that runs on Node 20.
pub(crate) const NODE_MAJOR: u32 = 20;
/// Debian's Rust with its library sources, for machines where rustup has no wasm target.
pub(crate) const DEBIAN_RUST: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// Linker for that Rust where the rustup toolchain has no `rust-lld`.
pub(crate) const DEBIAN_LLD: &str = "lld-19";
/// Seconds given to `rustup target add` before the Debian way is taken.
pub(crate) const RUSTUP_SECONDS: u64 = 120;
