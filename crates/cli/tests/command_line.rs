//! The binary, as scripts call it.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use attune::Decision;
use serde_json::Value;

fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap().join("../..")
}

fn attune(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_attune"))
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let text = input.to_owned();
    let writer = std::thread::spawn(move || to.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    output
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const BUNDLE: &str = "tests/golden/small.attune";

#[test]
fn the_wire_form_gives_the_golden_decisions_bit_for_bit() {
    let mut requests = String::new();
    let mut expected = Vec::new();
    for entry in std::fs::read_dir(root().join("tests/golden")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "json") {
            continue;
        }
        let case: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let request = case["request"].as_str().map_or_else(|| case["request"].to_string(), str::to_owned);
        let read = attune::Request::from_json(&request).is_ok();
        if read && !request.contains('\n') {
            requests += &request;
            requests.push('\n');
            expected.push(serde_json::from_value::<Decision>(case["decision"].clone()).unwrap());
        }
    }
    assert!(expected.len() >= 5);
    let output = attune(&["rank", "--bundle", BUNDLE, "--wire"], &requests);
    assert!(output.status.success(), "{}", said(&output));
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Decision> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers, expected);
}

#[test]
fn bad_lines_are_answered_and_stop_nothing() {
    let good = r#"{"id":"r1","timestamp":"1764000000000","items":[{"id":"a"},{"id":"b"}]}"#;
    let input = format!("{good}\n{{\"id\":\n\n[1]\n{}\n{good}", good.replace("\"items\"", "\"things\""));
    let output = attune(&["rank", "--bundle", BUNDLE], &input);
    assert!(output.status.success(), "{}", said(&output));
    let answers = lines(&output);
    assert_eq!(answers.len(), 5);
    assert_eq!(answers[0], answers[4]);
    assert_eq!(answers[0]["items"].as_array().unwrap().len(), 2);
    for (answer, line) in answers[1..4].iter().zip([2, 4, 5]) {
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["line"]),
            (&Value::from("malformed"), &line.into())
        );
    }
    let explained = lines(&attune(&["rank", "--bundle", BUNDLE, "--explain"], good));
    let parts = explained[0]["items"][0]["features"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["name"] == "click.brand"));
}

#[test]
fn inspect_says_what_a_bundle_is_and_refuses_a_changed_one() {
    let output = attune(&["inspect", BUNDLE, "--json"], "");
    let said_json = lines(&output).pop().unwrap();
    let bytes = std::fs::read(root().join(BUNDLE)).unwrap();
    assert_eq!(said_json["bytes"], bytes.len());
    assert_eq!(said_json["integrity"], attune::bundle::integrity(&bytes));
    assert_eq!(said_json["golden"]["equal"], true);
    assert!(attune(&["inspect", BUNDLE], "").stdout.len() > 500);

    let changed = std::env::temp_dir().join(format!("attune-changed-{}.attune", std::process::id()));
    let mut bytes = bytes;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&changed, bytes).unwrap();
    let output = attune(&["inspect", changed.to_str().unwrap(), "--json"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output).pop().unwrap()["error"]["code"], "bundle_unusable");
    assert!(said(&output).contains("checksum"), "{}", said(&output));
    let _ = std::fs::remove_file(changed);
}

#[test]
fn data_are_checked_before_training() {
    let table = std::env::temp_dir().join(format!("attune-table-{}.csv", std::process::id()));
    let mapping = table.with_extension("toml");
    std::fs::write(&table, "x,y\n1,0\n2,0\n3,1\nfour,1\n").unwrap();
    std::fs::write(&mapping, "targets = { click = \"y\" }\nnumbers = [\"x\"]\n").unwrap();
    let call = |table: &Path| {
        attune(
            &[
                "data",
                "check",
                "--data",
                table.to_str().unwrap(),
                "--mapping",
                mapping.to_str().unwrap(),
                "--json",
            ],
            "",
        )
    };
    let survey = lines(&call(&table)).pop().unwrap();
    assert_eq!((&survey["cleaning"]["kept"], &survey["targets"][0]["positive"]), (&3.into(), &1.into()));
    assert_eq!(survey["cleaning"]["dropped"]["a cell that should be a number is none"], 1);

    std::fs::write(&table, "x,y\n1,0\n2,0\n").unwrap();
    let output = call(&table);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output).pop().unwrap()["error"]["code"], "unlearnable");
    assert!(said(&output).contains("`click` is 0 in all 2"), "{}", said(&output));
    std::fs::write(&table, "x,clicked\n1,0\n").unwrap();
    assert!(said(&call(&table)).contains("x, clicked"));
    let _ = std::fs::remove_file(table);
    let _ = std::fs::remove_file(mapping);
}

#[test]
fn wrong_calls_are_told_apart_from_failures() {
    assert_eq!(attune(&["rank"], "").status.code(), Some(2));
    assert_eq!(attune(&["dance"], "").status.code(), Some(2));
    let output = attune(&["data", "fetch", "nothing-of-the-kind"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("obd"));
    let output = attune(&["data", "check", "--data", "/no/such/place"], "");
    assert!(said(&output).contains("/no/such/place"));
    let output = attune(&["data", "check", "--data", ".", "--window", "0"], "");
    assert!(said(&output).contains("window"));
    for call in [&["--help"][..], &["rank", "--help"], &["data", "fetch", "--help"], &["inspect", "--help"]] {
        let output = attune(call, "");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Example"), "{call:?}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(attune(&["completions", shell], "").stdout.len() > 500);
    }
}
