//! `tests/fixtures/formats.bin`: blocks and numbers of `gguf.quants` (PyPI gguf 0.19.0); made by `fixtures/formats.py`.

use attune_llama::checkpoint::{Format, dequantise, quantise};

const FIXTURE: &[u8] = include_bytes!("../fixtures/formats.bin");

struct Section {
    name: String,
    from: &'static [u8],
    to: &'static [u8],
}

fn sections() -> Vec<Section> {
    let mut sections = Vec::new();
    let mut rest = FIXTURE;
    while !rest.is_empty() {
        let (head, after) = rest.split_at(16);
        let length = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap()) as usize;
        let (from, after) = after.split_at(length(8));
        let (to, after) = after.split_at(length(12));
        let name = String::from_utf8_lossy(&head[..8]).trim_end_matches('\0').to_owned();
        sections.push(Section { name, from, to });
        rest = after;
    }
    sections
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn format(name: &str) -> Format {
    use Format::{BF16, F16, F32, Q4_0, Q4_1, Q4_K, Q5_0, Q6_K, Q8_0};
    let all = [F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q4_K, Q6_K];
    all.into_iter().find(|format| format!("{format:?}") == name).unwrap()
}

#[test]
fn every_format_is_read_bit_for_bit() {
    let sections: Vec<_> = sections().into_iter().filter(|section| section.name.starts_with('d')).collect();
    assert_eq!(sections.len(), 9);
    for section in sections {
        let wanted = floats(section.to);
        let mut got = vec![f32::NAN; wanted.len()];
        dequantise(format(&section.name[1..]), section.from, &mut got);
        let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&got), bits(&wanted), "{}", section.name);
    }
}

#[test]
fn formats_are_written_bit_for_bit() {
    let sections: Vec<_> = sections().into_iter().filter(|section| section.name.starts_with('q')).collect();
    assert_eq!(sections.len(), 7);
    for section in sections {
        let mut got = Vec::new();
        quantise(format(&section.name[1..]), &floats(section.from), &mut got).unwrap();
        assert_eq!(got, section.to, "{}", section.name);
    }
}
