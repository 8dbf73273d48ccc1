//! `cargo xtask demo`: the storefront and the Worker on this machine.

use anyhow::{Context as _, Result, bail};

use crate::{
    build,
    context::{Surfaces, Workspace},
    setup::{self, Need},
};

/// Builds what the page needs and hands over to `tests/demo.mjs`; true when it ended well.
pub(crate) fn demo(ws: &Workspace, once: bool, ship: bool, more: &[String]) -> Result<bool> {
    let script = "tests/demo.mjs";
    if !ws.root.join(script).is_file() {
        bail!("{script} is not there yet: nothing serves the demo");
    }
    let mut needs = vec![Need::Browser, Need::Worker];
    if once {
        needs.push(Need::Chromium);
    }
    setup::ensure(ws, &needs, false)?;
    eprintln!("▸ native");
    build::native(ws, true)?;
    eprintln!("▸ browser");
    build::browser(ws, ship)?;
    eprintln!("▸ storefront");
    build::www(ws, ship, None)?;
    eprintln!("▸ worker");
    build::worker(ws, ship)?;
    let mut node = ws.node(&Surfaces { ship, native: "release" });
    node.arg(script);
    if once {
        node.arg("--once");
    }
    Ok(node.args(more).status().context("node could not be started")?.success())
}
