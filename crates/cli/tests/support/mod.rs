//! What tests of the binary share: a small model, the command, a server.

#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use attune_llama::checkpoint::{Format, Limits, llama2c, write};
use serde_json::Value;

/// A folder that is gone with its test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("attune-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// stories260K as GGUF. `None`, with a word, where it is not here.
pub(crate) fn stories() -> Option<&'static str> {
    static PATH: OnceLock<Option<String>> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let data =
            std::env::var_os("ATTUNE_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
        let folder = data.join("../models/stories260K");
        let (Ok(file), Ok(tokens)) =
            (fs::read(folder.join("checkpoint_v1.bin")), fs::read(folder.join("tokenizer.bin")))
        else {
            assert!(std::env::var_os("CI").is_none(), "no stories260K at {}", folder.display());
            eprintln!("skipped: no stories260K at {}", folder.display());
            return None;
        };
        let metadata = llama2c::tokenizer(&tokens).unwrap();
        let writer = write::Writer::new(Vec::new(), metadata, write::matrices(Format::F32));
        let mut reader = llama2c::Reader::new(Limits::default(), writer);
        reader.push(&file).unwrap();
        let written = reader.finish().unwrap().model;
        // One file for all test processes: written beside, and put in place whole.
        let place = std::env::temp_dir().join("attune-tests");
        fs::create_dir_all(&place).unwrap();
        let beside = place.join(format!("{}.gguf", std::process::id()));
        fs::write(&beside, written).unwrap();
        let path = place.join("stories260K.gguf");
        fs::rename(&beside, &path).unwrap();
        Some(path.to_str().unwrap().to_owned())
    });
    path.as_deref()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_attune"));
    command.args(arguments).current_dir(root());
    for name in ["ATTUNE_SERVER", "ATTUNE_SERVER_KEY", "ATTUNE_SERVE_KEY"] {
        command.env_remove(name);
    }
    command
}

/// Calls the binary.
pub(crate) fn attune(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(arguments).envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

/// Begins a call whose end is not waited for.
pub(crate) fn begin(arguments: &[&str]) -> Child {
    command(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// The one JSON object that a call prints.
pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `attune serve`, until it is dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: String,
}

impl Serving {
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let all = [&["serve", "--port", "0"], arguments].concat();
        let mut child = command(&all)
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut before = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server stopped: {before}")).unwrap();
            if let Some(address) = line.strip_prefix("serve: listening at ") {
                break address.to_owned();
            }
            before += &line;
        };
        // Read on, so that it never waits to be heard.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Asks: status, headers, body. `GET` where there is no body.
    pub(crate) fn ask(&self, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Answer {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let address = format!("{}{path}", self.address);
        let answer = match body {
            Some(body) => headers
                .iter()
                .fold(agent.post(&address), |request, (name, value)| request.header(*name, *value))
                .send(body),
            None => headers
                .iter()
                .fold(agent.get(&address), |request, (name, value)| request.header(*name, *value))
                .call(),
        };
        let mut answer = answer.unwrap();
        let header = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (kind, retry_after) = (header("content-type"), header("retry-after"));
        let origin = header("access-control-allow-origin");
        let (status, body) = (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap());
        Answer { status, kind, retry_after, origin, body }
    }

    /// Asks for a chat completion.
    pub(crate) fn chat(&self, more: &str) -> Answer {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"Once upon a time"}}]{more}}}"#);
        self.ask("/v1/chat/completions", &[("content-type", "application/json")], Some(&body))
    }

    /// Asks it to stop, and waits for its end.
    #[cfg(unix)]
    pub(crate) fn stop(mut self) -> std::process::ExitStatus {
        signal(self.child.id(), "TERM");
        self.child.wait().unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process of ours.
#[cfg(unix)]
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// A connection of bytes, for what no client would do.
pub(crate) fn raw(address: &str, request: &str) -> std::net::TcpStream {
    let mut stream = std::net::TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// What a server answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) retry_after: String,
    pub(crate) origin: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The data of its events.
    pub(crate) fn events(&self) -> Vec<String> {
        assert!(self.kind.starts_with("text/event-stream"), "{} {}", self.kind, self.body);
        let events = self.body.split("\n\n").filter(|event| !event.is_empty());
        events.map(|event| event.strip_prefix("data: ").unwrap().to_owned()).collect()
    }
}
