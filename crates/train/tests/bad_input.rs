//! What is tried on the loaders that they must refuse, or drop and count.

#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use std::path::{Path, PathBuf};

use attune_train::clean::Cleaning;
use attune_train::join::Rules;
use attune_train::source::{LoadError, Mapping, NAMED, Observation, Source};

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("attune-bad-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn read(path: &Path, mapping: Option<&str>) -> Result<(Vec<Observation>, Cleaning), LoadError> {
    let mapping = mapping.map(|text| Mapping::parse(text, "test.toml")).transpose()?;
    let source = Source::open(path, mapping.as_ref(), Rules::default())?;
    let mut rows = source.rows()?;
    let mut all = Vec::new();
    while let Some(row) = rows.next_row()? {
        all.push(row);
    }
    let cleaning = rows.cleaning().clone();
    Ok((all, cleaning))
}

fn refused(path: &Path, mapping: Option<&str>, code: &str, says: &[&str]) {
    let error = read(path, mapping).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    for part in says {
        assert!(error.to_string().contains(part), "{error} lacks {part:?}");
    }
}

const SIMPLE: &str = "targets = { click = \"y\" }\nnumbers = [\"x\"]";

#[test]
fn files_that_are_not_there_empty_or_cut() {
    refused(Path::new("/no/such/file.csv"), Some(SIMPLE), "unreadable", &["/no/such/file.csv"]);
    refused(&file("empty.csv", b""), Some(SIMPLE), "no_data", &["empty"]);
    refused(&file("empty.jsonl", b""), None, "no_data", &["empty"]);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut state = 1_u64;
    let text: String = (0..20_000)
        .map(|_| {
            state = attune_train::split::mix(state);
            format!("{},{}\n", state, state % 2)
        })
        .collect();
    std::io::Write::write_all(&mut gz, format!("x,y\n{text}").as_bytes()).unwrap();
    let bytes = gz.finish().unwrap();
    refused(
        &file("cut.csv.gz", &bytes[..bytes.len() / 2]),
        Some(SIMPLE),
        "unreadable",
        &["ends early", "again"],
    );
    assert_eq!(read(&file("whole.csv.gz", &bytes), Some(SIMPLE)).unwrap().0.len(), 20_000);
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 0x55;
    refused(&file("flipped.csv.gz", &flipped), Some(SIMPLE), "unreadable", &["damaged"]);
    let folder = file("alone.csv", b"x").parent().map(|p| p.join("only_md"));
    let folder = folder.unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("notes.md"), "x").unwrap();
    refused(&folder, Some(SIMPLE), "no_data", &["notes.md", ".csv"]);
}

#[test]
fn columns_named_wrongly_are_told_what_there_is() {
    let path = file("two.csv", b"x,clicked\n1,0\n");
    refused(&path, Some(SIMPLE), "mapping", &["\"y\"", "x, clicked", "targets"]);
    refused(
        &path,
        Some("targets = { click = \"clicked\" }\nnumbers = [\"z*\"]"),
        "mapping",
        &["z*", "numbers"],
    );
    refused(&path, Some("targets = { click = \"clicked\" }\ntext = [\"title\"]"), "mapping", &["title"]);
    refused(&path, Some("numbers = [\"x\"]"), "mapping", &["names no target"]);
    refused(&path, Some("target = { click = \"y\" }"), "mapping", &["unknown field", "target"]);
    refused(&path, Some("targets = {"), "mapping", &["test.toml"]);
    assert!(Mapping::read("no-such-mapping").unwrap_err().to_string().contains("online-shoppers"));
}

#[test]
fn logs_without_decisions() {
    refused(&file("table.jsonl", b"a,b\n1,2\n"), None, "no_data", &["--mapping"]);
    refused(&file("item.jsonl", br#"{"type":"item","id":"a"}"#), None, "no_data", &["1 × \"item\""]);
    refused(&file("other.jsonl", br#"{"type":"dance"}"#), None, "no_data", &["dance"]);
}

#[test]
fn bad_rows_are_dropped_and_counted() {
    let text = "id,x,y,price,t,w,p\n\
        1,1,0,5,2024-01-01,1,0.5\n\
        1,1,0,5,2024-01-01,1,0.5\n\
        2,inf,1,5,2024-01-01,1,0.5\n\
        3,abc,1,5,2024-01-01,1,0.5\n\
        4,1,maybe,5,2024-01-01,1,0.5\n\
        5,1,,5,2024-01-01,1,0.5\n\
        6,1,1,-5,2024-01-01,1,0.5\n\
        7,1,1,5,yesterday,1,0.5\n\
        8,1,1,5,2024-01-01,-1,0.5\n\
        9,1,1,5,2024-01-01,1,0\n\
        10,1,1\n\
        11,,TRUE,,2024-01-02 10:00:00,1,0.25\n\
        12,1,nan,5,2024-01-01,1,0.5\n\
        13,1,inf,5,2024-01-01,1,0.5\n";
    let mapping = "id = \"id\"\ntargets = { click = \"y\" }\nnumbers = [\"x\", \"price\"]\ntime = \"t\"\n\
        weight = \"w\"\npropensity = \"p\"\neligible = 4";
    let (rows, cleaning) = read(&file("bad.csv", text.as_bytes()), Some(mapping)).unwrap();
    assert_eq!((rows.len(), cleaning.read, cleaning.kept), (2, 14, 2), "{cleaning}");
    assert_eq!(cleaning.dropped_total(), 12, "{cleaning}");
    for (reason, n) in [
        ("row logged twice", 1),
        ("a number is not finite", 1),
        ("a cell that should be a number is none", 1),
        ("a target is neither a finite number nor true or false", 2),
        ("no target is known", 2),
        ("the price is negative", 1),
        ("the time is missing or cannot be read", 1),
        ("the weight is negative or not finite", 1),
        ("the propensity is not above 0 and at most 1", 1),
        ("row with another number of columns than the header", 1),
    ] {
        assert_eq!(cleaning.dropped.get(reason), Some(&n), "{reason}: {cleaning}");
    }
    // Missing cells are no fault: they read as missing.
    assert_eq!(rows[1].candidate.fields.len(), 0);
    assert_eq!((rows[1].labels[0].value, rows[1].weight), (1.0, 1.0));
    assert_eq!(rows[0].weight, 0.5);
}

#[test]
fn clicks_of_impressions_are_two_weighted_rows() {
    let mapping =
        "group = \"g\"\ntext = [\"h\"]\n[clicks_of_impressions]\nclicks = \"c\"\nimpressions = \"n\"";
    let text = "g\th\tc\tn\nt1\tA, b\t3\t10\nt1\tB\t0\t5\nt2\tC\t6\t5\n";
    let (rows, cleaning) = read(&file("counts.tsv", text.as_bytes()), Some(mapping)).unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.labels[0].value, row.weight)).collect();
    assert_eq!(seen, [(1.0, 3.0), (0.0, 7.0), (0.0, 5.0)]);
    assert_eq!(rows[0].view.group, rows[2].view.group);
    assert_eq!(cleaning.dropped_total(), 1);
}

#[test]
fn shipped_mappings_are_valid() {
    for (name, text) in NAMED {
        Mapping::parse(text, name).unwrap();
    }
}
