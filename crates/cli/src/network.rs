//! The way to a server of the ladder, over HTTP or HTTPS.

use std::io::{ErrorKind, Read as _};
use std::time::Duration;

use attune_generate::remote::{Head, Transport};
use attune_generate::rung::{Failure, Local};
use tokio::sync::mpsc;
use ureq::http::Uri;
use ureq::{Agent, Error, Timeout};

/// The longest wait for a connection, for the next bytes, and for a whole answer.
const WAITS: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];
/// Bytes of an answer that are read at a time, and the most of one that tells a failure.
const PART: usize = 16 * 1024;
const FAILURE: u64 = 4_096;
/// The route of the protocol, below a server's base.
const ROUTE: &str = "/chat/completions";

/// A server and the key to it, which is told to nobody else.
#[derive(Clone)]
pub(crate) struct Server {
    agent: Agent,
    address: String,
    key: Option<String>,
}

impl Server {
    /// A server by its address: `https://host`, with `/v1`, or with the whole route.
    ///
    /// # Errors
    /// `remote_address` where that is no address, or has a name or a key in it.
    pub(crate) fn new(address: &str, key: Option<String>) -> Result<Self, Failure> {
        Self::waiting(address, key, WAITS)
    }

    fn waiting(address: &str, key: Option<String>, waits: [Duration; 3]) -> Result<Self, Failure> {
        let wrong = |what: &str| Failure::new("remote_address", format!("the server's address {what}"));
        let uri: Uri = address.trim().parse().map_err(|_| wrong("cannot be read"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
            return Err(wrong("begins with http:// or https:// and a host"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) || uri.query().is_some()
        {
            return Err(wrong("has no name, key or query in it: a key comes by ATTUNE_SERVER_KEY"));
        }
        if key.as_ref().is_some_and(|key| key.chars().any(|char| !char.is_ascii_graphic())) {
            return Err(Failure::new(
                "remote_key",
                "the server's key has characters that no header can carry",
            ));
        }
        let base = address.trim().trim_end_matches('/');
        let address = match uri.path().trim_end_matches('/') {
            "" => format!("{base}/v1{ROUTE}"),
            path if path.ends_with(ROUTE) => base.to_owned(),
            _ => format!("{base}{ROUTE}"),
        };
        let [connect, read, whole] = waits;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(connect))
            .timeout_recv_response(Some(read))
            .timeout_per_read(Some(read))
            .timeout_global(Some(whole))
            .user_agent(concat!("attune/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, address, key: key.filter(|key| !key.is_empty()) })
    }

    /// A way for one request after another.
    pub(crate) fn connection(&self) -> Connection {
        Connection { server: self.clone(), parts: None }
    }

    /// Posts, and tells what comes until there is no one to tell it to.
    fn exchange(&self, body: &str, to: &mpsc::Sender<Result<Part, Failure>>) -> Result<(), Failure> {
        let mut request = self
            .agent
            .post(&self.address)
            .header("content-type", "application/json")
            .header("accept", "text/event-stream, application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let answer = request.send(body).map_err(failure)?;
        let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
        let status = answer.status().as_u16();
        let head = Head { status, content_type: content_type.unwrap_or_default().to_owned() };
        if to.blocking_send(Ok(Part::Head(head))).is_err() {
            return Ok(());
        }
        let mut reader = answer.into_body().into_reader();
        if !(200..300).contains(&status) {
            // Some servers quote the key that they refuse.
            let mut said = Vec::new();
            let _ = reader.take(FAILURE).read_to_end(&mut said);
            let _ = to.blocking_send(Ok(Part::Body(self.without_key(&said))));
            return Ok(());
        }
        let mut buffer = vec![0; PART];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    if to.blocking_send(Ok(Part::Body(buffer[..count].to_vec()))).is_err() {
                        return Ok(());
                    }
                }
                Err(error) => return Err(failure(Error::from(error))),
            }
        }
    }

    fn without_key(&self, said: &[u8]) -> Vec<u8> {
        let said = String::from_utf8_lossy(said);
        match &self.key {
            Some(key) => said.replace(key.as_str(), "[key]").into_bytes(),
            None => said.into_owned().into_bytes(),
        }
    }
}

/// How the way to a server ends before it begins.
const UNREACHABLE: [ErrorKind; 4] = [
    ErrorKind::ConnectionRefused,
    ErrorKind::HostUnreachable,
    ErrorKind::NetworkUnreachable,
    ErrorKind::AddrNotAvailable,
];

/// One request at a time. A thread of its own waits for the network; it ends when nobody listens any more.
pub(crate) struct Connection {
    server: Server,
    parts: Option<mpsc::Receiver<Result<Part, Failure>>>,
}

enum Part {
    Head(Head),
    Body(Vec<u8>),
}

impl Connection {
    async fn next(&mut self) -> Result<Option<Part>, Failure> {
        match &mut self.parts {
            Some(parts) => parts.recv().await.transpose(),
            None => Ok(None),
        }
    }
}

impl Transport for Connection {
    fn post<'t>(&'t mut self, body: String) -> Local<'t, Result<Head, Failure>> {
        Box::pin(async move {
            let (to, parts) = mpsc::channel(8);
            self.parts = Some(parts);
            let server = self.server.clone();
            let spawned = std::thread::Builder::new().name("server".to_owned()).spawn(move || {
                if let Err(failure) = server.exchange(&body, &to) {
                    let _ = to.blocking_send(Err(failure));
                }
            });
            spawned.map_err(|error| Failure::new("remote_unreachable", error.to_string()))?;
            match self.next().await? {
                Some(Part::Head(head)) => Ok(head),
                _ => Err(Failure::new("remote_unreachable", "the server did not answer")),
            }
        })
    }

    fn part(&mut self) -> Local<'_, Result<Option<Vec<u8>>, Failure>> {
        Box::pin(async move {
            Ok(self.next().await?.and_then(|part| match part {
                Part::Body(bytes) => Some(bytes),
                Part::Head(_) => None,
            }))
        })
    }
}

fn failure(error: Error) -> Failure {
    let (code, what) = match &error {
        Error::Timeout(Timeout::Connect | Timeout::Resolve) => ("remote_unreachable", "cannot be reached"),
        Error::Timeout(_) => ("remote_slow", "took too long"),
        Error::HostNotFound | Error::ConnectionFailed | Error::ConnectProxyFailed(_) => {
            ("remote_unreachable", "cannot be reached")
        }
        Error::Io(io) if UNREACHABLE.contains(&io.kind()) => ("remote_unreachable", "cannot be reached"),
        Error::Tls(_) | Error::Rustls(_) => ("remote_untrusted", "does not show who it is"),
        Error::Protocol(_) | Error::LargeResponseHeader(..) => ("remote_malformed", "does not speak HTTP"),
        _ => ("remote_cut", "broke off"),
    };
    Failure::new(code, format!("the server {what}: {error}"))
}

#[cfg(test)]
mod tests;
