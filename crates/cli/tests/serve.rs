//! `attune serve`, as clients meet it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failing test may panic")]

mod support;

use std::io::Read as _;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Folder, Serving, attune, json, raw, said, stories};

const BRIEF: &str = r#"{"facts":{"name":"Apollo backpack","category":"backpack","attributes":{"volume":{"value":20,"unit":"l"},"colour":"blue"}}}"#;

fn asked(more: &str) -> String {
    format!(r#"{{"brief":{BRIEF}{more}}}"#)
}

fn serving(more: &[&str], variables: &[(&str, &str)]) -> Option<Serving> {
    let model = stories()?;
    Some(Serving::start(&[&["--model", model, "--rung", "cpu"], more].concat(), variables))
}

#[test]
fn answers_whole_and_in_parts_are_the_same_text() {
    let Some(server) = serving(&[], &[]) else { return };
    let more = r#","max_tokens":24,"temperature":0.9,"seed":5,"n":2"#;
    let whole = server.chat(more);
    assert_eq!((whole.status, whole.kind.as_str()), (200, "application/json"));
    let whole = whole.json();
    assert_eq!((&whole["object"], &whole["model"]), (&"chat.completion".into(), &"stories260K".into()));
    let texts: Vec<&str> = whole["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| choice["message"]["content"].as_str().unwrap())
        .collect();
    assert!(texts.len() == 2 && texts[0] != texts[1] && !texts[0].is_empty());
    let usage = &whole["usage"];
    let sum = usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], sum);
    let streamed =
        server.chat(&format!("{more},\"stream\":true,\"stream_options\":{{\"include_usage\":true}}"));
    let mut events = streamed.events();
    assert_eq!(events.pop().unwrap(), "[DONE]");
    let chunks: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let mut parts = [String::new(), String::new()];
    for choice in chunks.iter().flat_map(|chunk| chunk["choices"].as_array().unwrap()) {
        let index = choice["index"].as_u64().unwrap() as usize;
        parts[index] += choice["delta"]["content"].as_str().unwrap_or_default();
    }
    assert_eq!(parts, *texts);
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let last = chunks.last().unwrap();
    assert!(last["choices"].as_array().unwrap().is_empty());
    assert_eq!(last["usage"], *usage);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["object"] == "chat.completion.chunk" && chunk["id"] == chunks[0]["id"])
    );
}

#[test]
fn a_developer_is_the_system() {
    let Some(server) = serving(&[], &[]) else { return };
    let json = [("content-type", "application/json")];
    let said = |role: &str| {
        let body = format!(
            r#"{{"messages":[{{"role":"{role}","content":"Be brief."}},{{"role":"user","content":"Hi"}}],"max_tokens":12,"temperature":0}}"#
        );
        let answer = server.ask("/v1/chat/completions", &json, Some(&body));
        assert_eq!(answer.status, 200, "{role}");
        let answer = answer.json();
        (answer["choices"][0]["message"]["content"].clone(), answer["usage"]["prompt_tokens"].clone())
    };
    assert_eq!(said("developer"), said("system"));
    assert_ne!(said("developer"), said("user"));
}

#[test]
fn answers_end_where_they_are_told_to() {
    let Some(server) = serving(&[], &[]) else { return };
    let long = server.chat(r#","max_tokens":40,"temperature":0"#).json();
    let text = long["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert_eq!(long["choices"][0]["finish_reason"], "length");
    let stop: String = text.chars().skip(10).take(4).collect();
    let cut = server
        .chat(&format!(r#","max_tokens":40,"temperature":0,"stop":{}"#, Value::from(stop.clone())))
        .json();
    assert_eq!(cut["choices"][0]["finish_reason"], "stop");
    assert_eq!(cut["choices"][0]["message"]["content"], text.split(&stop).next().unwrap());
}

#[test]
fn errors_have_the_shape_of_their_route() {
    let Some(server) = serving(&["--context", "128"], &[]) else { return };
    let json = [("content-type", "application/json")];
    let long = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "word ".repeat(400));
    for (path, headers, body, status, code) in [
        ("/v1/chat/completions", &json[..], Some("{"), 400, "malformed"),
        ("/v1/chat/completions", &json, Some(r#"{"messages":[]}"#), 400, "malformed"),
        ("/v1/chat/completions", &json, Some(long.as_str()), 400, "context_length_exceeded"),
        ("/v1/chat/completions", &[("content-type", "image/png")], Some("x"), 415, "media_type"),
        ("/v1/chat/completions", &[], None, 405, "method_not_allowed"),
        ("/v1/models/other", &[], None, 404, "model_not_found"),
        ("/v1/embeddings", &json, Some("{}"), 404, "not_found"),
        ("/generate", &json, Some(r#"{"brief":{}}"#), 422, "brief_unusable"),
        ("/generate", &json, Some("["), 400, "malformed"),
        ("/generate", &json, Some(asked(r#","n":900"#).as_str()), 422, "too_many"),
        ("/nowhere", &[], None, 404, "not_found"),
    ] {
        let answer = server.ask(path, headers, body);
        let said = answer.json();
        assert_eq!(answer.status, status, "{path} {said}");
        if path.starts_with("/v1/") {
            assert_eq!(said["error"]["code"], code, "{path}");
            assert!(said["error"]["message"].is_string() && said["error"]["type"].is_string());
        } else {
            assert_eq!(
                (&said["code"], said["status"].as_u64()),
                (&code.into(), Some(status.into())),
                "{path}"
            );
            assert_eq!(answer.kind, "application/problem+json");
        }
    }
    let large = "POST /generate HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5000000\r\n\r\n{";
    let mut said = String::new();
    raw(&server.address, large).read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("body_too_large"), "{said}");
    let other = server.chat(r#","model":"gpt-4o""#);
    assert_eq!((other.status, &other.json()["error"]["code"]), (404, &"model_not_found".into()));
    assert_eq!(server.ask("/v1/models", &[], None).json()["data"][0]["id"], "stories260K");
    assert_eq!(server.ask("/health", &[], None).json()["rung"], "cpu");
}

#[test]
fn key_and_origin_are_asked_for() {
    let Some(server) =
        serving(&["--key-env", "SHOP_KEY", "--origin", "https://shop.example"], &[("SHOP_KEY", "s3cret")])
    else {
        return;
    };
    let ask = |headers: &[(&str, &str)]| server.ask("/v1/models", headers, None);
    assert_eq!((ask(&[]).status, &ask(&[]).json()["error"]["code"]), (401, &"invalid_api_key".into()));
    assert_eq!(ask(&[("authorization", "Bearer wrong")]).status, 401);
    let right = ("authorization", "Bearer s3cret");
    assert_eq!(ask(&[right]).status, 200);
    let listed = ask(&[right, ("origin", "https://shop.example")]);
    assert_eq!((listed.status, listed.origin.as_str()), (200, "https://shop.example"));
    let other = ask(&[right, ("origin", "https://other.example")]);
    assert_eq!((other.status, other.origin.as_str()), (403, ""));
    assert_eq!(server.ask("/health", &[], None).status, 200);
    let unset = attune(&["serve", "--key-env", "NOT_SET"], &[]);
    assert!(said(&unset).contains("NOT_SET"));
}

#[test]
fn full_queue_says_so_and_who_leaves_makes_room() {
    let Some(server) = serving(&["--queue", "1", "--lanes", "1"], &[]) else { return };
    let body = r#"{"messages":[{"role":"user","content":"Once"}],"max_tokens":1900,"temperature":2,"n":16,"stream":true}"#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // All at once: one in work, one that waits, and the rest are sent away.
    let all: Vec<TcpStream> = (0..12).map(|_| raw(&server.address, &request)).collect();
    let heard = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut some = [0; 2048];
        let count = stream.read(&mut some).unwrap_or(0);
        String::from_utf8_lossy(&some[..count]).into_owned()
    };
    let told: Vec<String> = all.iter().map(heard).collect();
    let away: Vec<&String> = told.iter().filter(|told| told.starts_with("HTTP/1.1 429")).collect();
    assert!(away.len() >= 8, "{told:?}");
    for told in away {
        let after = told.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
        assert!((1..=60).contains(&after.parse::<u64>().unwrap()) && told.contains("queue_full"), "{told}");
    }
    let open = || server.ask("/health", &[], None).json()["open"].as_u64().unwrap();
    let began = Instant::now();
    for stream in all {
        let _ = stream.shutdown(Shutdown::Both);
    }
    wait(|| open() == 0);
    assert!(began.elapsed() < Duration::from_secs(5), "the work went on for {:?}", began.elapsed());
    assert_eq!(server.chat(r#","max_tokens":2"#).status, 200);
}

fn wait(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never came to be");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_takes_too_long_is_ended() {
    let Some(server) = serving(&["--timeout", "0.05", "--lanes", "1"], &[]) else { return };
    let answer = server.chat(r#","max_tokens":1900,"temperature":2,"n":16"#);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (504, &"too_slow".into()));
    let events = server.chat(r#","max_tokens":1900,"temperature":2,"n":16,"stream":true"#).events();
    assert!(events.last().unwrap().contains("too_slow"), "{:?}", events.last());
}

#[cfg(unix)]
#[test]
fn stops_when_it_is_told_to_after_what_it_is_at() {
    let Some(server) = serving(&["--lanes", "1"], &[]) else { return };
    let body =
        r#"{"messages":[{"role":"user","content":"Once"}],"max_tokens":200,"temperature":0,"stream":true}"#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = raw(&server.address, &request);
    let mut some = [0; 64];
    stream.read_exact(&mut some).unwrap();
    let reading = std::thread::spawn(move || {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).map(|_| rest)
    });
    assert!(server.stop().success());
    assert!(reading.join().unwrap().unwrap().contains("[DONE]"));
}

#[test]
fn briefs_are_answered_by_the_ladder() {
    let server = Serving::start(&["--rung", "template"], &[]);
    let json = ("content-type", "application/json");
    let body = asked(r#","n":2,"seed":4"#);
    let answer = server.ask("/generate", &[json], Some(&body));
    let whole = answer.json();
    assert_eq!((answer.status, &whole["rung"]), (200, &"template".into()));
    assert_eq!(whole["candidates"].as_array().unwrap().len(), 2);
    let events = server.ask("/generate", &[json, ("accept", "text/event-stream")], Some(&body)).events();
    let events: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert_eq!((&events[0]["type"], &events[0]["rung"]), (&"rung".into(), &"template".into()));
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["candidates"]), (&"copy".into(), &whole["candidates"]));
    assert_eq!(server.chat("").status, 503);
}

#[test]
fn one_server_is_another_ones_remote_rung() {
    let Some(server) = serving(&[], &[("ATTUNE_SERVE_KEY", "s3cret")]) else { return };
    let folder = Folder::new("remote");
    // A line: a text of eighty tokens.
    let brief = folder.write("brief.json", &BRIEF.replacen('{', r#"{"channel":"headline","#, 1));
    let ask = |key: &str| {
        let call = [
            "generate",
            "--brief",
            &brief,
            "--rung",
            "remote",
            "--n",
            "1",
            "--server",
            &server.address,
            "--json",
        ];
        json(&attune(&call, &[("ATTUNE_SERVER_KEY", key)]))
    };
    // Whether a model of stories says anything that is true of a backpack is the guard's to tell: the server was heard.
    let heard = ask("s3cret");
    assert!(heard["rung"] == "remote" || heard["left"][0]["code"] == "rung_refused", "{heard}");
    let refused = ask("wr0ng");
    assert_eq!(
        (&refused["rung"], &refused["left"][0]["code"]),
        (&"template".into(), &"remote_refused".into())
    );
    assert!(!refused.to_string().contains("wr0ng"));
}
