//! Who may depend on whom: the first invariant of ARCHITECTURE.md, asked of cargo.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    context::{WASM, Workspace, output},
    steps::Counts,
};

/// Each package of the workspace and the packages of the workspace it may name. Surfaces stand in nobody's list.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("attune", &[]),
    ("attune-llama", &[]),
    ("attune-text", &[]),
    ("attune-generate", &["attune-llama", "attune-text"]),
    ("attune-copywriter", &["attune-generate", "attune-llama"]),
    ("attune-html", &["attune"]),
    ("attune-insight", &["attune"]),
    ("attune-simulate", &["attune"]),
    ("attune-train", &["attune", "attune-insight", "attune-simulate", "attune-text"]),
    (
        "attune-cli",
        &[
            "attune",
            "attune-copywriter",
            "attune-generate",
            "attune-insight",
            "attune-llama",
            "attune-simulate",
            "attune-text",
            "attune-train",
        ],
    ),
    ("attune-browser", &["attune"]),
    ("attune-browser-generate", &["attune-generate", "attune-llama", "attune-text"]),
    ("attune-worker", &["attune", "attune-generate", "attune-html", "attune-llama"]),
    ("inventory", &[]),
    ("xtask", &[]),
];

const HOST: &str = "x86_64-unknown-linux-gnu";

/// A package, the target it is built for, and what must not be anywhere below it, with every feature on.
const BARRED: [(&str, &str, &[&str]); 5] = [
    ("attune", WASM, &["js-sys", "web-sys", "wasm-bindgen", "worker", "wgpu", "tokio", "reqwest"]),
    ("attune", HOST, &["js-sys", "web-sys", "wasm-bindgen", "worker", "wgpu", "tokio", "reqwest"]),
    ("attune-browser-generate", WASM, &["wgpu-core", "wgpu-hal", "naga", "worker", "tokio", "clap"]),
    ("attune-browser", WASM, &["wgpu", "worker", "tokio", "clap", "attune-train", "attune-simulate"]),
    (
        "attune-worker",
        WASM,
        &["wgpu", "wgpu-core", "wgpu-hal", "naga", "clap", "attune-train", "attune-simulate"],
    ),
];

/// Checks every package's direct edges and every surface's tree.
///
/// # Errors
/// When cargo fails; what is wrong with the tree is counted and named on standard error.
pub(crate) fn check(ws: &Workspace) -> Result<Counts> {
    let metadata = output(ws.cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    let mut counts = Counts::default();
    let mut count = |name: String, wrong: Vec<String>| {
        if wrong.is_empty() {
            counts.passed += 1;
            return;
        }
        counts.failed += 1;
        for line in wrong {
            eprintln!("  {name}: {line}");
        }
    };
    for (package, uses) in edges(&serde_json::from_str(&metadata)?)? {
        let wrong = wrong_edges(&package, &uses);
        count(package, wrong);
    }
    for (package, target, barred) in BARRED {
        let args = ["--package", package, "--target", target, "--all-features", "--prefix", "none"];
        let tree = output(ws.cargo().arg("tree").args(args).args(["--edges", "normal,no-proc-macro"]))?;
        count(format!("{package} for {target}"), wrong_tree(&tree, barred)?);
    }
    Ok(counts)
}

/// Packages of the workspace with the packages of the workspace that they name, tests' needs left out.
fn edges(metadata: &Value) -> Result<Vec<(String, BTreeSet<String>)>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let name = |package: &Value| package["name"].as_str().unwrap_or_default().to_owned();
    let members: BTreeSet<String> = packages.iter().map(name).collect();
    let uses = |package: &Value| {
        let all = package["dependencies"].as_array().into_iter().flatten();
        all.filter(|d| d["kind"] != "dev").map(name).filter(|name| members.contains(name)).collect()
    };
    Ok(packages.iter().map(|package| (name(package), uses(package))).collect())
}

fn wrong_edges(package: &str, uses: &BTreeSet<String>) -> Vec<String> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package) else {
        return vec!["a new package: say in xtask/src/direction.rs what it may depend on".into()];
    };
    uses.iter().filter(|u| !allowed.contains(&u.as_str())).map(|u| format!("depends on {u}")).collect()
}

/// Barred names among the lines of `cargo tree --prefix none`.
fn wrong_tree(tree: &str, barred: &[&str]) -> Result<Vec<String>> {
    let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    if names.is_empty() {
        bail!("cargo tree said nothing");
    }
    Ok(barred.iter().filter(|name| names.contains(**name)).map(|name| format!("links {name}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&n| n.to_owned()).collect()
    }

    #[test]
    fn surfaces_do_not_import_each_other() {
        assert_eq!(wrong_edges("attune-worker", &uses(&["attune"])), [""; 0]);
        assert_eq!(
            wrong_edges("attune-worker", &uses(&["attune", "attune-browser"])),
            ["depends on attune-browser"]
        );
        assert_eq!(wrong_edges("attune", &uses(&["attune-train"])), ["depends on attune-train"]);
        assert_eq!(wrong_edges("attune-new", &uses(&[])).len(), 1);
    }

    #[test]
    fn a_barred_package_is_found_by_its_whole_name() {
        let tree = "attune-worker v0.1.0 (/x)\nwgpu-types v30.0.0\nserde v1.0.0 (*)\n";
        assert_eq!(wrong_tree(tree, &["wgpu"]).unwrap(), [""; 0]);
        assert_eq!(wrong_tree(tree, &["wgpu-types", "serde"]).unwrap(), ["links wgpu-types", "links serde"]);
        assert!(wrong_tree("", &["wgpu"]).is_err());
    }

    #[test]
    fn only_edges_inside_the_workspace_that_ship_are_kept() {
        let metadata = serde_json::json!({"packages": [
            {"name": "a", "dependencies": [{"name": "b", "kind": null}, {"name": "serde", "kind": null}]},
            {"name": "b", "dependencies": [{"name": "a", "kind": "dev"}]},
        ]});
        let found = edges(&metadata).unwrap();
        assert_eq!(found, [("a".to_owned(), uses(&["b"])), ("b".to_owned(), uses(&[]))]);
    }
}
