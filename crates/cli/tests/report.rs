//! `attune report`, as scripts call it and as browsers read it.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const BUNDLE: &str = "tests/golden/small.attune";
const DAY: i64 = 86_400_000;

/// A folder of the test's own, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("attune-report-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn log(&self, lines: &[Value]) -> String {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.0.join("log.jsonl"), text).unwrap();
        self.at("log.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn attune(arguments: &[&str]) -> Output {
    let root = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    Command::new(env!("CARGO_BIN_EXE_attune")).args(arguments).current_dir(root).output().unwrap()
}

fn report(log: &str, out: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["report", "--log", log, "--bundle", BUNDLE, "--out", out];
    arguments.extend(more);
    attune(&arguments)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn numbers(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn item(id: &str, name: &str) -> Value {
    json!({"type": "item", "id": id, "fields": {"name": name, "category": "<b>kitchen</b>", "price": 12}})
}

fn decision(n: i64, arm: &str, bundle: &str, items: &[&str]) -> Value {
    let items: Vec<_> = items.iter().map(|id| json!({"id": id, "propensity": 1.0})).collect();
    let device = if n % 2 == 0 { "mobile" } else { "desktop" };
    let language = if n % 3 == 0 { "\"><img src=x onerror=alert(1)>" } else { "en" };
    json!({"type": "decision", "v": 1, "id": format!("d{n}"), "at": n * DAY / 40, "shopper": format!("s{}", n % 50),
        "arm": arm, "source": "model", "bundle": bundle, "device": device,
        "context": {"language": language},
        "slots": [{"id": "home", "show": items.len(), "items": items}]})
}

fn click(n: i64, item: &str) -> Value {
    json!({"type": "outcome", "id": format!("o{n}"), "decision": format!("d{n}"), "slot": "home", "item": item,
        "kind": "click", "at": n * DAY / 40 + 1000})
}

/// 400 decisions over ten days, a click in every fourth.
fn lines(arm: impl Fn(i64) -> &'static str, bundle: &str) -> Vec<Value> {
    let mut lines = vec![item("a", "A mug"), item("b", "B mug")];
    for n in 0..400 {
        lines.push(decision(n, arm(n), bundle, &["a", "b"]));
        if n % 4 == 0 {
            lines.push(click(n, "a"));
        }
    }
    lines
}

fn hash() -> String {
    let output = attune(&["inspect", BUNDLE, "--json"]);
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["hash"].as_str().unwrap().to_owned()
}

#[test]
fn a_simulated_shop_is_reported_with_its_holdout() {
    let folder = Folder::new("shop");
    let (log, out) = (folder.at("shop"), folder.at("report.html"));
    let played = attune(&[
        "simulate",
        "--rows",
        "24000",
        "--seed",
        "5",
        "--products",
        "96",
        "--bundle",
        BUNDLE,
        "--holdout",
        "0.3",
        "--out",
        &log,
    ]);
    assert!(played.status.success(), "{}", said(&played));
    let output = report(&log, &out, &["--segment", "language", "--segment", "device", "--json"]);
    let all = numbers(&output);
    let found = &all["report"];
    let truth: Value =
        serde_json::from_slice(&fs::read(folder.0.join("shop/about/summary.json")).unwrap()).unwrap();
    assert_eq!((&found["rows"], &found["decisions"]), (&truth["rows"], &truth["decisions"]));
    assert_eq!(found["heads"][0]["total"]["hits"], truth["clicks"]);
    let it = &found["arms"]["comparisons"][0];
    for arm in ["treatment", "holdout"] {
        assert_eq!(it[arm]["decisions"], truth["arms"][arm]["decisions"]);
        let (low, high) = (&it[arm]["interval"]["low"], &it[arm]["interval"]["high"]);
        let of = truth["arms"][arm]["clicks"].as_f64().unwrap();
        assert!(
            low.as_f64().unwrap() < of && of < high.as_f64().unwrap(),
            "{arm}: {of} not in {low} … {high}"
        );
    }
    assert_eq!(all["bundle"]["decided"], found["decisions"]);
    assert_eq!(found["tables"].as_array().unwrap().len(), 4);
    assert_eq!(found["clusters"], "shopper");
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("Had everybody kept the page’s own order"));
    assert!(said(&output).contains("predict:"));

    // The same log gives the same bytes, and the Chinese page the same numbers.
    report(&log, &out, &["--segment", "language", "--segment", "device"]);
    assert_eq!(fs::read_to_string(&out).unwrap(), page);
    let chinese = numbers(&report(
        &log,
        &out,
        &["--segment", "language", "--segment", "device", "--language", "zh", "--json"],
    ));
    assert_eq!(chinese["report"]["arms"], found["arms"]);
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("<html lang=\"zh-CN\">") && page.contains("如果所有访客都看到页面原有顺序"));
}

#[test]
fn what_the_log_says_is_text_and_never_markup() {
    let folder = Folder::new("hostile");
    let hostile = "<script>alert(1)</script>\u{202e}\" onload='x' </style> &amp; {what}";
    let mut lines = lines(|_| "treatment", "<i>bundle</i>");
    lines[0] = item("a", hostile);
    lines.push(item("</title><script>", hostile));
    lines.push(decision(401, "treatment", "\"'><svg onload=x>", &["</title><script>", "b"]));
    let (log, out) = (folder.log(&lines), folder.at("report.html"));
    for more in [&["--segment", "language"][..], &["--by", "category", "--language", "zh"]] {
        let output = report(&log, &out, more);
        assert!(output.status.success(), "{}", said(&output));
        let page = fs::read_to_string(&out).unwrap();
        for markup in ["<script", "<img", "<i>", "<b>kitchen", "<svg onload", "</style> ", "onload='x' <"] {
            assert!(!page.contains(markup), "{markup} in {more:?}");
        }
        assert_eq!((page.matches("</title>").count(), page.matches("</style>").count()), (1, 1));
        assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'"));
        for asks in ["http://", "https://", "src=", "href=", "url(", "@import"] {
            assert!(
                !page.replace("onerror", "").replace("&lt;img src=x", "").contains(asks),
                "{asks} in {more:?}"
            );
        }
    }
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("&lt;b&gt;kitchen&lt;/b&gt;"));
}

#[test]
fn without_a_holdout_the_page_says_so_and_how_to_have_one() {
    let folder = Folder::new("alone");
    let (log, out) = (folder.log(&lines(|_| "treatment", &hash())), folder.at("report.html"));
    let output = report(&log, &out, &["--json"]);
    let found = &numbers(&output)["report"];
    assert_eq!((&found["arms"]["held_out"], &found["arms"]["comparisons"]), (&json!(false), &json!([])));
    assert_eq!((&found["decisions"], &found["heads"][0]["total"]["hits"]), (&json!(400), &json!(100)));
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("holdout") && page.contains("share") && page.contains("Without a hold-out"));
    assert!(page.contains("Every decision in this log was made with this very bundle"));

    let held = folder.log(&lines(|n| if n % 50 < 20 { "holdout" } else { "treatment" }, &hash()));
    let found = &numbers(&report(&held, &out, &["--json"]))["report"]["arms"]["comparisons"][0];
    assert_eq!(
        (&found["treatment"]["decisions"], &found["holdout"]["decisions"]),
        (&json!(240), &json!(160))
    );
    assert_eq!(found["was"], 100);
}

#[test]
fn a_log_of_other_bundles_is_reported_and_told_apart() {
    let folder = Folder::new("others");
    let other = "0".repeat(64);
    let (log, out) = (folder.log(&lines(|_| "treatment", &other)), folder.at("report.html"));
    let all = numbers(&report(&log, &out, &["--json"]));
    assert_eq!((&all["bundle"]["decided"], &all["bundle"]["in_log"]), (&json!(0), &json!([[other, 400]])));
    let page = fs::read_to_string(&out).unwrap();
    assert!(
        page.contains("No decision in this log was made with this bundle (400 with bundle 000000000000)")
    );
}

#[test]
fn one_decision_is_too_few_and_no_failure() {
    let folder = Folder::new("one");
    let log = folder.log(&[item("a", "A mug"), decision(1, "holdout", "", &["a"]), click(1, "a")]);
    let out = folder.at("deep/er/report.html");
    let found = numbers(&report(&log, &out, &["--json"]));
    let total = &found["report"]["heads"][0]["total"];
    assert_eq!((&total["verdict"], &total["interval"]), (&json!("too_few"), &json!(null)));
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("too few to tell") && page.contains("The hold-out is still too small"));
    assert!(
        ["NaN", "inf%", ">inf", "Minf", "Hinf", "d=\"M\"", "d=\"\""].iter().all(|none| !page.contains(none))
    );
}

#[test]
fn wrong_calls_and_bad_logs_say_what_to_do() {
    let folder = Folder::new("bad");
    let out = folder.at("report.html");
    let fails = |output: &Output, words: &[&str]| {
        assert_eq!(output.status.code(), Some(1), "{}", said(output));
        words.iter().for_each(|word| assert!(said(output).contains(word), "{word}: {}", said(output)));
        assert!(!Path::new(&out).exists());
    };
    fails(&report("/no/such/log", &out, &[]), &["/no/such/log"]);
    fs::write(folder.0.join("empty.jsonl"), "").unwrap();
    let empty = report(&folder.at("empty.jsonl"), &out, &["--json"]);
    fails(&empty, &["empty"]);
    assert_eq!(serde_json::from_slice::<Value>(&empty.stdout).unwrap()["error"]["code"], "no_data");
    fails(&report(&folder.log(&[item("a", "A mug")]), &out, &[]), &["no decisions", "1 × \"item\""]);
    fails(
        &report(&folder.log(&[decision(1, "treatment", "", &[])]), &out, &[]),
        &["nothing in", "can be reported"],
    );
    let log = folder.log(&lines(|_| "treatment", ""));
    fails(&report(&log, &out, &["--segment", "campaign"]), &["campaign", "language"]);
    fails(&report(&log, &out, &["--segment", "category"]), &["--by category"]);
    fails(&report(&log, &out, &["--segment", "tag"]), &["profile with tags", "consent"]);
    fails(&report(&log, &out, &["--by", "colour"]), &["colour", "category, name, price"]);
    fails(&report(&log, &out, &["--window", "0"]), &["window"]);
    fails(&report(&log, &out, &["--items", "0"]), &["--items"]);
    fails(&report(&log, folder.0.to_str().unwrap(), &[]), &["is a folder", "report.html"]);
    let bundle = ["report", "--log", &log, "--bundle", &log, "--out", &out];
    fails(&attune(&bundle), &["log.jsonl"]);
    assert_eq!(attune(&["report", "--log", &log]).status.code(), Some(2));
    assert_eq!(report(&log, &out, &["--language", "fr"]).status.code(), Some(2));
    let help = String::from_utf8(attune(&["report", "--help"]).stdout).unwrap();
    assert!(help.contains("Examples") && help.contains("attune report --log"));
}
