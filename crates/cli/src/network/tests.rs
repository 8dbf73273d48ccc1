use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use attune_generate::Brief;
use attune_generate::prompt::messages;
use attune_generate::protocol::ChatRequest;
use attune_generate::remote::Remote;
use attune_generate::rung::{Rung as _, Task};

use super::*;

/// What a server does with a connection, once it has read the request.
type Deed = fn(&mut TcpStream);

/// A server on this machine; what it was asked comes by the channel.
fn server(deed: Deed) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (told, asked) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, told) = (stream.unwrap(), told.clone());
            std::thread::spawn(move || {
                let _ = told.send(request(&mut stream));
                deed(&mut stream);
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    });
    (address, asked)
}

/// One request, head and body.
fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part).unwrap_or(0);
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if count == 0 || body.len() >= length.unwrap_or(0) {
            return text;
        }
    }
}

fn send(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const HALF: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Half a sen\"},\"finish_reason\":null}]}\n\n";
const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"tence.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

/// What the rung makes of a server: its texts, or the failure's code and message.
async fn ask(address: &str, key: Option<&str>) -> Result<Vec<String>, (&'static str, String)> {
    let waits = [Duration::from_secs(2), Duration::from_millis(400), Duration::from_secs(3)];
    let server = Server::waiting(address, key.map(str::to_owned), waits)
        .map_err(|failure| (failure.code, failure.message))?;
    let mut remote = Remote::new(server.connection(), "m", messages);
    let (brief, _) = Brief::parse(r#"{"facts":{"name":"Apollo"}}"#).unwrap();
    let task = Task { brief: &brief, n: 1, seed: 7 };
    match remote.write(task, &mut |_| {}).await {
        Ok(drafts) => Ok(drafts.into_iter().map(|draft| draft.text).collect()),
        Err(failure) => Err((failure.code, failure.message)),
    }
}

#[tokio::test]
async fn a_good_server_is_asked_as_the_protocol_has_it() {
    let (address, asked) = server(|stream| {
        send(stream, STREAM);
        for part in [&HALF[..21], &HALF[21..], END] {
            send(stream, part);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(ask(&address, Some("sk-secret")).await.unwrap(), ["Half a sentence."]);
    let request = asked.recv().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("authorization: bearer sk-secret"), "{head}");
    assert!(ChatRequest::parse(body).unwrap().stream);
}

#[tokio::test]
async fn servers_that_fail_are_told_apart() {
    let cases: [(Deed, &str); 9] = [
        (|stream| send(stream, "\u{1}\u{2}garbage\r\n\r\n"), "remote_malformed"),
        (|stream| send(stream, &format!("{STREAM}data: <html>\n\n")), "remote_malformed"),
        (|_| std::thread::sleep(Duration::from_secs(2)), "remote_slow"),
        (
            |stream| {
                send(stream, &format!("{STREAM}{HALF}"));
                std::thread::sleep(Duration::from_secs(2));
            },
            "remote_slow",
        ),
        (|stream| send(stream, &format!("{STREAM}{HALF}")), "remote_cut"),
        (
            |stream| {
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n";
                send(stream, &format!("{head}{HALF}"));
            },
            "remote_cut",
        ),
        (|stream| send(stream, "HTTP/1.1 429 Too Many\r\ncontent-length: 2\r\n\r\n{}"), "remote_busy"),
        (|stream| send(stream, "HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops"), "remote_failed"),
        (
            |stream| {
                send(
                    stream,
                    "HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
                )
            },
            "remote_failed",
        ),
    ];
    for (index, (deed, code)) in cases.into_iter().enumerate() {
        let (address, _asked) = server(deed);
        let began = std::time::Instant::now();
        let failed = ask(&address, None).await.unwrap_err();
        assert_eq!(failed.0, code, "case {index}: {failed:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "case {index} took {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_server_that_quotes_the_key_tells_nobody() {
    let (address, _asked) = server(|stream| {
        let said = "wrong key: sk-secret";
        send(stream, &format!("HTTP/1.1 401 No\r\ncontent-length: {}\r\n\r\n{said}", said.len()));
    });
    let (code, message) = ask(&address, Some("sk-secret")).await.unwrap_err();
    assert_eq!(code, "remote_refused");
    assert!(message.contains("wrong key: [key]"), "{message}");
}

#[tokio::test]
async fn nobody_there_and_addresses_that_are_none() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(ask(&format!("http://{free}"), None).await.unwrap_err().0, "remote_unreachable");
    for address in
        ["", "llm.example", "ftp://llm.example", "http://", "http://me:key@llm.example", "http://a/?key=1"]
    {
        assert_eq!(ask(address, None).await.unwrap_err().0, "remote_address", "{address}");
    }
    assert_eq!(ask("http://llm.example", Some("a\nb")).await.unwrap_err().0, "remote_key");
}

#[test]
fn routes_are_completed() {
    let address = |given: &str| Server::new(given, None).unwrap().address;
    assert_eq!(address("https://llm.example/"), "https://llm.example/v1/chat/completions");
    assert_eq!(address("https://llm.example/api/v1"), "https://llm.example/api/v1/chat/completions");
    assert_eq!(address("http://h:1/v1/chat/completions"), "http://h:1/v1/chat/completions");
}

#[tokio::test]
async fn whoever_stops_listening_lets_the_server_go() {
    let (address, gone) = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (told, gone) = channel();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            request(&mut stream);
            send(&mut stream, STREAM);
            // Until nobody reads it any more.
            while stream.write_all(HALF.as_bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(5));
            }
            told.send(()).unwrap();
        });
        (address, gone)
    };
    let waits = [Duration::from_secs(2); 3].map(|wait| wait * 10);
    let mut connection = Server::waiting(&address, None, waits).unwrap().connection();
    assert_eq!(connection.post("{}".to_owned()).await.unwrap().status, 200);
    assert!(connection.part().await.unwrap().is_some());
    drop(connection);
    gone.recv_timeout(Duration::from_secs(5)).unwrap();
}
