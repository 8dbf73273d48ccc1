//! `attune text`, as scripts call it.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const MODEL: &str = "models/text.en.attune-text";

fn attune(arguments: &[&str], input: &str) -> Output {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap().join("../..");
    let mut child = Command::new(env!("CARGO_BIN_EXE_attune"))
        .arg("text")
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_shipped_model_scores_and_its_parts_sum() {
    let output = attune(
        &[
            "score",
            "--model",
            MODEL,
            "--json",
            "--base",
            "0.1",
            "This Is What She Said. It Changed Everything.",
            "纯棉T恤，舒适透气",
        ],
        "",
    );
    let said = said(&output);
    let effect = &said["texts"][0]["effect"];
    let sum = |name: &str| -> f64 {
        effect[name].as_array().unwrap().iter().map(|part| part["contribution"].as_f64().unwrap()).sum()
    };
    let total = sum("phrases") + sum("style") + effect["baseline"].as_f64().unwrap();
    assert!((total - effect["log_odds"]["value"].as_f64().unwrap()).abs() < 1e-9);
    assert_eq!(effect["evidence"], "words");
    let rate = &said["texts"][0]["rate"];
    assert!(rate["low"].as_f64().unwrap() < 0.1 && rate["high"].as_f64().unwrap() > 0.1);
    // Chinese is told from style alone, and so less surely.
    let chinese = &said["texts"][1]["effect"];
    let width = |effect: &Value| {
        effect["log_odds"]["high"].as_f64().unwrap() - effect["log_odds"]["low"].as_f64().unwrap()
    };
    assert_eq!(chinese["evidence"], "style");
    assert!(width(chinese) > width(effect));
}

#[test]
fn the_best_few_differ() {
    let lines = "You Won't Believe This Lamp\nyou won't believe this lamp!\n\nAn oak lamp\nSee What One Lamp Did To Her Desk\n";
    let output = attune(&["score", "--model", MODEL, "--best", "2", "--json"], lines);
    let said = said(&output);
    assert_eq!(said["texts"].as_array().unwrap().len(), 4);
    assert_eq!(said["choice"]["chosen"].as_array().unwrap().len(), 2);
    let duplicates = said["choice"]["duplicates"].as_array().unwrap();
    assert!(
        duplicates
            .iter()
            .any(|pair| *pair == serde_json::json!([0, 1]) || *pair == serde_json::json!([1, 0]))
    );
    let table = attune(&["score", "--model", MODEL, "--best", "2"], lines);
    assert!(String::from_utf8_lossy(&table.stdout).contains("of comparable copy"));
}

#[test]
fn what_cannot_be_is_said() {
    let code = |output: &Output| (output.status.code(), said(output)["error"]["code"].clone());
    let output = attune(&["score", "--model", "models/demo.attune", "--json", "x"], "");
    assert_eq!(code(&output), (Some(1), "text_model_unusable".into()));
    let output = attune(&["score", "--model", MODEL, "--json", "--base", "2", "x"], "");
    assert_eq!(code(&output), (Some(1), "failed".into()));
    let output = attune(&["score", "--model", MODEL, "--json"], "\n \n");
    assert_eq!(code(&output), (Some(1), "failed".into()));
    let table = std::env::temp_dir().join(format!("attune-text-{}.csv", std::process::id()));
    std::fs::write(&table, "headline,clicks\nx,1\n").unwrap();
    let out = table.with_extension("attune-text");
    let output =
        attune(&["train", "--data", table.to_str().unwrap(), "--out", out.to_str().unwrap(), "--json"], "");
    assert_eq!(code(&output), (Some(1), "mapping".into()));
    assert!(!out.exists());
    let _ = std::fs::remove_file(table);
    for call in ["train", "score"] {
        assert!(String::from_utf8_lossy(&attune(&[call, "--help"], "").stdout).contains("Example"));
    }
}
