use super::*;
use crate::testing::now;
use attune_llama::chat::Role;

type Parts = Vec<Result<Vec<u8>, Failure>>;

/// A server's answers, in the order of the requests.
#[derive(Default)]
struct Script {
    answers: Vec<(u16, &'static str, Parts)>,
    parts: Parts,
    asked: Vec<ChatRequest>,
}

impl Script {
    fn then(mut self, status: u16, kind: &'static str, parts: &[&str]) -> Self {
        self.answers.push((status, kind, parts.iter().map(|part| Ok(part.as_bytes().to_vec())).collect()));
        self
    }
}

impl Transport for Script {
    fn post<'t>(&'t mut self, body: String) -> Local<'t, Result<Head, Failure>> {
        Box::pin(async move {
            self.asked.push(ChatRequest::parse(&body).map_err(|error| Failure::new("test", error))?);
            if self.answers.is_empty() {
                return Err(Failure::new("remote_unreachable", "no more answers"));
            }
            let (status, content_type, parts) = self.answers.remove(0);
            self.parts = parts;
            Ok(Head { status, content_type: content_type.to_owned() })
        })
    }

    fn part(&mut self) -> Local<'_, Result<Option<Vec<u8>>, Failure>> {
        let part = if self.parts.is_empty() { Ok(None) } else { self.parts.remove(0).map(Some) };
        Box::pin(async move { part })
    }
}

fn messages(brief: &crate::Brief) -> Vec<Message> {
    vec![Message { role: Role::User, content: brief.fact_text() }]
}

fn ask(script: Script, n: usize) -> (Result<Vec<String>, &'static str>, Vec<Told>, Vec<ChatRequest>) {
    let mut remote = Remote::new(script, "m", messages);
    let (brief, _) = crate::Brief::parse(r#"{"facts":{"name":"Apollo"}}"#).unwrap();
    let mut told = Vec::new();
    let task = Task { brief: &brief, n, seed: 7 };
    let drafts = now(remote.write(task, &mut |event| told.push(event)));
    let texts = drafts
        .map(|drafts| drafts.into_iter().map(|draft| draft.text).collect())
        .map_err(|failure| failure.code);
    (texts, told, remote.transport.asked)
}

fn chunk(index: usize, text: &str, finish: bool) -> String {
    let finish = if finish { "\"stop\"" } else { "null" };
    sse::event(&format!(
        r#"{{"choices":[{{"index":{index},"delta":{{"content":"{text}"}},"finish_reason":{finish}}}]}}"#
    ))
}

const STREAM: &str = "text/event-stream; charset=utf-8";

#[test]
fn stream_of_two_answers_is_told_as_it_comes() {
    let parts =
        [chunk(0, "Good ", false), chunk(1, "Fine", true), chunk(0, "shoes", true), sse::event(sse::DONE)]
            .concat();
    let (texts, told, asked) = ask(Script::default().then(200, STREAM, &[&parts[..37], &parts[37..]]), 2);
    assert_eq!(texts.unwrap(), ["Good shoes", "Fine"]);
    assert_eq!(told.len(), 3);
    assert_eq!((asked.len(), asked[0].n, asked[0].stream), (1, 2, true));
}

#[test]
fn one_answer_a_request_is_asked_for_again() {
    let whole = r#"{"choices":[{"message":{"role":"assistant","content":"One"},"finish_reason":"stop"}],"usage":{"completion_tokens":3}}"#;
    let script =
        Script::default().then(200, "application/json", &[whole]).then(200, "application/json", &[whole]);
    let (texts, _, asked) = ask(script, 2);
    assert_eq!(texts.unwrap(), ["One", "One"]);
    assert_ne!(asked[0].seed, asked[1].seed);
}

#[test]
fn workers_ai_shape_is_read() {
    let parts =
        "data: {\"response\":\"Go\"}\n\ndata: {\"response\":\"od\",\"p\":\"abc\"}\n\ndata: [DONE]\n\n";
    assert_eq!(ask(Script::default().then(200, STREAM, &[parts]), 1).0.unwrap(), ["Good"]);
}

#[test]
fn what_came_whole_is_kept_when_the_next_request_fails() {
    let whole = [chunk(0, "One", true), sse::event(sse::DONE)].concat();
    let script = Script::default().then(200, STREAM, &[&whole]).then(500, "text/plain", &["no"]);
    assert_eq!(ask(script, 3).0.unwrap(), ["One"]);
}

#[test]
fn servers_that_fail_say_how() {
    let endless = "x".repeat(300 * 1024);
    let half = chunk(0, "Half a sen", false);
    let error = [half.clone(), sse::event(r#"{"error":{"message":"overloaded"}}"#)].concat();
    let extra = chunk(5, "x", true);
    for (status, kind, body, code) in [
        (429, "application/json", "{}", "remote_busy"),
        (401, "text/html", "<html>", "remote_refused"),
        (404, "text/html", "", "remote_absent"),
        (500, "text/html", "oops", "remote_failed"),
        (503, "text/html", endless.as_str(), "remote_failed"),
        (200, STREAM, "data: <html>\n\n", "remote_malformed"),
        (200, STREAM, endless.as_str(), "remote_malformed"),
        (200, STREAM, half.as_str(), "remote_cut"),
        (200, STREAM, error.as_str(), "remote_failed"),
        (200, STREAM, extra.as_str(), "remote_malformed"),
        (200, STREAM, "", "remote_cut"),
        (200, "text/html", "<html>", "remote_malformed"),
        (200, "application/json", "{\"choices\":[]}", "remote_cut"),
    ] {
        let (texts, ..) = ask(Script::default().then(status, kind, &[body]), 1);
        assert_eq!(texts, Err(code), "{status} {kind} {:.40}", body);
    }
    assert_eq!(ask(Script::default(), 1).0, Err("remote_unreachable"));
}

#[test]
fn a_limit_ends_the_waiting() {
    let never = std::future::pending::<()>();
    assert_eq!(now(within(never, std::future::ready(()))), None);
    assert_eq!(now(within(std::future::ready(1), std::future::pending())), Some(1));
}
