//! `attune generate`, as scripts call it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test may panic")]

mod support;

use std::fs;

use serde_json::Value;
use support::{Folder, attune, json, said, stories};

const BRIEF: &str = r#"{"facts":{"name":"Apollo backpack","category":"backpack","attributes":{"volume":{"value":20,"unit":"l"},"colour":"blue"}}}"#;

fn complete(more: &[&str]) -> Option<Value> {
    let model = stories()?;
    let base = ["generate", "complete", "--model", model, "--prompt", "Once upon a time", "--json"];
    let output = attune(&[&base, more].concat(), &[]);
    assert!(output.status.success(), "{}", said(&output));
    Some(json(&output))
}

#[test]
fn completion_has_the_shape_that_scripts_read() {
    let arguments = ["--max-tokens", "12", "--temperature", "0", "--rung", "cpu", "--exact"];
    let Some(answer) = complete(&arguments) else { return };
    assert_eq!(answer["rung"], "cpu");
    assert_eq!(answer["ids"].as_array().unwrap().len(), 12);
    let top = answer["top"].as_array().unwrap();
    assert_eq!((top.len(), &top[0][0]), (5, &answer["ids"][0]));
    assert!(top.windows(2).all(|pair| pair[0][1].as_f64() >= pair[1][1].as_f64()));
    // What llama2.c writes with this model at temperature 0 (its README and its tests).
    assert!(answer["text"].as_str().unwrap().starts_with(", there was a little girl named"), "{answer}");
    for speed in ["prompt_tokens_per_second", "first_token_ms", "decode_tokens_per_second"] {
        assert!(answer[speed].as_f64().unwrap() > 0.0, "{speed}");
    }
    assert_eq!(complete(&arguments).unwrap()["ids"], answer["ids"]);
}

#[test]
fn completion_ends_where_it_is_told_to() {
    let Some(answer) = complete(&["--rung", "cpu", "--stop", "girl", "--max-tokens", "200"]) else { return };
    let text = answer["text"].as_str().unwrap();
    assert!(text.ends_with("little ") && answer["finish"] == "stop", "{text:?}");
}

#[test]
fn models_that_are_none_are_told() {
    let folder = Folder::new("models");
    let ask = |model: &str| {
        let output = attune(
            &["generate", "complete", "--model", model, "--prompt", "x", "--rung", "cpu", "--json"],
            &[],
        );
        assert_eq!(output.status.code(), Some(1));
        (json(&output)["error"]["code"].as_str().unwrap().to_owned(), said(&output))
    };
    let (code, said) = ask("nowhere.gguf");
    assert!(code == "model_absent" && said.contains("attune data fetch smollm2"), "{code} {said}");
    let (code, _) = ask(&folder.write("text.gguf", "no model"));
    assert_eq!(code, "model_malformed");
    let Some(model) = stories() else { return };
    let bytes = fs::read(model).unwrap();
    let cut = folder.path("cut.gguf");
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let (code, said) = ask(&cut);
    assert!(code == "model_malformed" && said.contains("cut off"), "{code} {said}");
}

#[test]
fn brief_gives_copy_that_is_checked_and_says_its_rung() {
    let folder = Folder::new("brief");
    let brief = folder.write("brief.json", BRIEF);
    let output = attune(
        &["generate", "--brief", &brief, "--rung", "template", "--n", "2", "--seed", "3", "--json"],
        &[],
    );
    assert!(output.status.success(), "{}", said(&output));
    let answer = json(&output);
    assert_eq!(answer["rung"], "template");
    assert!(answer["why"].as_str().is_some_and(|why| !why.is_empty()));
    assert!(answer.get("tokens_per_second").is_some());
    let candidates = answer["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 2);
    for candidate in candidates {
        assert!(candidate["text"].as_str().unwrap().contains("Apollo"), "{candidate}");
        for member in ["predicted", "facts"] {
            assert!(candidate.get(member).is_some(), "{member}");
        }
    }
    let again = attune(
        &["generate", "--brief", &brief, "--rung", "template", "--n", "2", "--seed", "3", "--json"],
        &[],
    );
    assert_eq!(json(&again)["candidates"], answer["candidates"]);
    let spoken = attune(&["generate", "--brief", &brief, "--rung", "template"], &[]);
    let spoken = String::from_utf8(spoken.stdout).unwrap();
    assert!(spoken.contains("rung   template (") && spoken.contains("facts      true"), "{spoken}");
}

#[test]
fn server_that_is_not_there_costs_a_rung() {
    let folder = Folder::new("rungs");
    let brief = folder.write("brief.json", BRIEF);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = format!("http://{free}");
    let ask = |more: &[&str]| {
        attune(
            &[&["generate", "--brief", &brief, "--rung", "remote", "--json"], more].concat(),
            &[("ATTUNE_SERVER", &server)],
        )
    };
    let answer = json(&ask(&[]));
    assert_eq!(answer["rung"], "template");
    assert_eq!(answer["left"][0]["code"], "remote_unreachable");
    let output = ask(&["--only"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["error"]["code"], "remote_unreachable");
}

#[test]
fn briefs_and_calls_that_are_wrong_are_told() {
    let folder = Folder::new("wrong");
    for (text, code) in
        [("{}", "brief_empty"), ("{", "brief_malformed"), (r#"{"fact":{}}"#, "brief_malformed")]
    {
        let brief = folder.write("brief.json", text);
        let output = attune(&["generate", "--brief", &brief, "--json"], &[]);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert_eq!(json(&output)["error"]["code"], code, "{text}");
    }
    for call in [
        &["generate"][..],
        &["generate", "--brief", "x", "--rung", "cloud"],
        &["generate", "--catalogue", "x"],
    ] {
        assert_eq!(attune(call, &[]).status.code(), Some(2), "{call:?}");
    }
}

const SEGMENTS: &str = r#"[{"name":"commuters","channel":"headline"},{"name":"gifts","tone":"friendly"}]"#;

fn rows(path: &str) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn catalogue_becomes_rows_and_goes_on_where_it_was_stopped() {
    let folder = Folder::new("catalogue");
    let product = |id: &str| {
        format!("{{\"id\":\"{id}\",\"name\":\"Apollo {id}\",\"category\":\"mug\",\"material\":\"glass\"}}\n")
    };
    let catalogue = folder.write("products.jsonl", &(product("a") + "{\"id\":\n" + &product("b")));
    let (segments, out) = (folder.write("segments.json", SEGMENTS), folder.path("copy.jsonl"));
    let call = || {
        let output = attune(
            &[
                "generate",
                "--catalogue",
                &catalogue,
                "--segments",
                &segments,
                "--out",
                &out,
                "--rung",
                "template",
                "--json",
            ],
            &[],
        );
        assert!(output.status.success(), "{}", said(&output));
        json(&output)
    };
    let first = call();
    assert_eq!((&first["rows"], &first["written"], &first["failed"]), (&6.into(), &4.into(), &2.into()));
    let whole = fs::read_to_string(&out).unwrap();
    let written = rows(&out);
    assert_eq!(
        (written.len(), &written[0]["rung"], &written[1]["segment"]),
        (6, &"template".into(), &"gifts".into())
    );
    assert_eq!((&written[2]["product"], &written[2]["error"]["code"]), (&"line 2".into(), &"product".into()));
    // As a kill in the middle of a row leaves it.
    fs::write(&out, &whole[..whole.len() - 40]).unwrap();
    let second = call();
    assert_eq!((&second["kept"], &second["written"], &second["failed"]), (&3.into(), &1.into(), &2.into()));
    let mut again = rows(&out);
    let mut before = written.clone();
    for rows in [&mut again, &mut before] {
        rows.retain(|row| row.get("error").is_none());
        rows.iter_mut().for_each(|row| drop(row.as_object_mut().unwrap().remove("took")));
    }
    assert_eq!(again, before);
    // A product that changed is written anew, and only that.
    fs::write(&catalogue, product("a") + &product("b").replace("glass", "steel")).unwrap();
    let third = call();
    assert_eq!((&third["kept"], &third["written"], &third["failed"]), (&2.into(), &2.into(), &0.into()));
    assert_eq!(rows(&out).iter().filter(|row| row["product"] == "b").count(), 2);
}

#[test]
fn yaml_and_lists_are_catalogues_too() {
    let folder = Folder::new("forms");
    let segments = folder.write("segments.json", r#"{"segments":[{"name":"all"}]}"#);
    for (name, text) in [
        ("p.yaml", "- id: 1\n  name: Lacy Summer Backpack\n  style: backpack\n  price: 49.99\n"),
        ("p.json", r#"{"products":[{"id":"1","fields":{"name":"Lacy Summer Backpack"}}]}"#),
    ] {
        let (catalogue, out) = (folder.write(name, text), folder.path(&format!("{name}.copy")));
        let output = attune(
            &[
                "generate",
                "--catalogue",
                &catalogue,
                "--segments",
                &segments,
                "--out",
                &out,
                "--rung",
                "template",
            ],
            &[],
        );
        assert!(output.status.success(), "{}", said(&output));
        let rows = rows(&out);
        assert_eq!((rows.len(), &rows[0]["product"]), (1, &"1".into()));
        assert!(rows[0]["candidates"][0]["text"].as_str().unwrap().contains("Backpack"), "{}", rows[0]);
    }
}

#[cfg(unix)]
#[test]
fn killed_and_interrupted_runs_leave_files_that_are_gone_on_with() {
    let folder = Folder::new("killed");
    let products: String = (0..400)
        .map(|id| {
            format!("{{\"id\":{id},\"name\":\"Apollo {id}\",\"category\":\"mug\",\"material\":\"glass\"}}\n")
        })
        .collect();
    let catalogue = folder.write("products.jsonl", &products);
    let (segments, out) = (folder.write("segments.json", SEGMENTS), folder.path("copy.jsonl"));
    let call = [
        "generate",
        "--catalogue",
        &catalogue,
        "--segments",
        &segments,
        "--out",
        &out,
        "--rung",
        "template",
        "--json",
    ];
    let lines = || fs::read(&out).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
    for name in ["KILL", "INT"] {
        let before = lines();
        let mut child = support::begin(&call);
        while lines() < before + 5 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        support::signal(child.id(), name);
        let output = child.wait_with_output().unwrap();
        if name == "INT" {
            let told = json(&output);
            assert!(output.status.success() && told["kept"].as_u64().unwrap() >= 5, "{told}");
        }
    }
    let output = attune(&call, &[]);
    let told = json(&output);
    assert_eq!(told["kept"].as_u64().unwrap() + told["written"].as_u64().unwrap(), 800, "{told}");
    let keys: std::collections::BTreeSet<_> =
        rows(&out).iter().map(|row| (row["product"].to_string(), row["segment"].to_string())).collect();
    assert_eq!((keys.len(), rows(&out).len()), (800, 800));
}
