use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::backend::Mask;
use crate::config::{Config, RopePairs};
use crate::constrain::Phrases;

/// A model that says one sentence, or, under a mask, the first token that is allowed; it counts what it reads.
struct Parrot {
    config: Config,
    says: Vec<u32>,
    length: usize,
    shared: usize,
    read: usize,
}

const TOKENS: [&[u8]; 8] = [b"", b"Good", b" sho", b"es", b"\xF0\x9F", b"\x91\x9F", b"#", b"##"];

fn parrot(says: &[u32]) -> Writer<Parrot> {
    let config = Config {
        architecture: "llama".to_owned(),
        hidden: 8,
        layers: 1,
        heads: 1,
        kv_heads: 1,
        head_dim: 8,
        feed_forward: 8,
        vocab: TOKENS.len(),
        context: 64,
        rope_theta: 1e4,
        rope_pairs: RopePairs::Halves,
        rope_scaling: None,
        norm_epsilon: 1e-5,
        qkv_bias: false,
        qk_norm: false,
        tied: true,
    };
    let vocabulary = Vocabulary::new(TOKENS, &[0]);
    Writer::new(Parrot { config, says: says.to_vec(), length: 0, shared: 0, read: 0 }, vocabulary).unwrap()
}

impl Backend for Parrot {
    fn config(&self) -> &Config {
        &self.config
    }
    fn capacity(&self) -> usize {
        24
    }
    fn lanes(&self) -> usize {
        2
    }
    fn room(&self, shared: usize, lanes: usize) -> usize {
        (24 - shared).min((40 - shared) / lanes)
    }
    fn len(&self) -> usize {
        self.length
    }
    fn truncate(&mut self, tokens: usize) {
        self.shared = self.shared.min(tokens);
        self.length = self.shared;
    }
    async fn prefill(&mut self, tokens: &[u32]) -> Result<()> {
        self.read += tokens.len();
        self.shared += tokens.len();
        self.length = self.shared;
        Ok(())
    }
    async fn logits(&mut self, _: usize) -> Result<Vec<f32>> {
        Err(Error::Device("it only speaks".to_owned()))
    }
    async fn decode(
        &mut self,
        steps: usize,
        lanes: &[Sampling],
        masks: &[Option<Mask>],
    ) -> Result<Vec<Vec<u32>>> {
        assert!(self.length + steps <= self.capacity(), "{steps} after {}", self.length);
        let begun = self.length - self.shared;
        self.length += steps;
        let at = |step: usize| self.says.get(begun + step).copied().unwrap_or(0);
        Ok((0..lanes.len())
            .map(|lane| {
                (0..steps)
                    .map(|step| match masks.get(lane).and_then(Option::as_ref) {
                        Some(mask) if mask.0[0] & (1 << at(step)) == 0 => mask.0[0].trailing_zeros(),
                        _ => at(step),
                    })
                    .collect()
            })
            .collect())
    }
}

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the parrot never waits"),
    }
}

fn wanted(lanes: usize, stop: &[&str]) -> Wanted {
    Wanted {
        max_tokens: 16,
        samplings: vec![Sampling::default(); lanes],
        stop: stop.iter().map(|stop| (*stop).to_owned()).collect(),
        rules: Rules::default(),
    }
}

fn text(says: &[u32], wanted: &Wanted) -> Vec<(String, Finish)> {
    let mut writer = parrot(says);
    now(async { writer.begin(&[1, 2], wanted).await?.all().await }).unwrap()
}

#[test]
fn variants_stand_side_by_side_where_they_have_room() {
    let writer = parrot(&[]);
    assert_eq!([18, 19, 1000].map(|tokens| writer.side_by_side(4, tokens)), [2, 1, 1]);
    let long = Wanted { max_tokens: 1000, ..wanted(2, &[]) };
    let good = |tokens| ("Good".repeat(tokens), Finish::Length);
    assert_eq!(text(&[1; 64], &long), vec![good(19); 2]);
    assert_eq!(text(&[1; 64], &Wanted { samplings: long.samplings[1..].to_vec(), ..long }), [good(22)]);
}

#[test]
fn variants_end_at_the_end_token() {
    let texts = text(&[1, 2, 3], &wanted(2, &[]));
    assert_eq!(texts, vec![("Good shoes".to_owned(), Finish::Stop); 2]);
}

#[test]
fn characters_come_whole() {
    let (mut writer, wanted) = (parrot(&[1, 4, 5, 4]), wanted(1, &[]));
    let mut generation = now(writer.begin(&[1], &wanted)).unwrap();
    let mut told = Vec::new();
    generation.steps = 1;
    loop {
        generation.steps = 1;
        let pieces = now(generation.next()).unwrap();
        let Some(piece) = pieces.into_iter().next() else { break };
        told.push(piece.text);
    }
    assert_eq!(told, ["Good", "", "👟", "", "\u{FFFD}"]);
}

#[test]
fn stop_sequence_across_tokens_is_not_told() {
    assert_eq!(text(&[1, 6, 7, 3], &wanted(1, &["###"])), [("Good".to_owned(), Finish::Stop)]);
    assert_eq!(text(&[1, 6, 3, 7], &wanted(1, &["###"])), [("Good#es##".to_owned(), Finish::Stop)]);
}

#[test]
fn memory_is_the_limit() {
    let many = vec![1; 40];
    let wanted = Wanted { max_tokens: 100, ..wanted(1, &[]) };
    assert_eq!(text(&many, &wanted), [("Good".repeat(22), Finish::Length)]);
    let mut writer = parrot(&many);
    let full = now(writer.begin(&[1; 24], &wanted)).map(|_| ()).unwrap_err();
    assert_eq!(full.code(), "sequence_full");
}

#[test]
fn shared_beginning_is_read_once() {
    let (mut writer, wanted) = (parrot(&[1]), wanted(1, &[]));
    for prompt in [[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 5]] {
        now(async { writer.begin(&prompt, &wanted).await?.all().await }).unwrap();
    }
    assert_eq!(writer.backend().read, 4 + 1 + 1);
}

#[test]
fn rules_bind_every_variant() {
    let wanted = Wanted {
        rules: Rules { forbidden: Some(Phrases::new(["shoes"]).unwrap()), ..Rules::default() },
        ..wanted(2, &[])
    };
    for (text, _) in text(&[1, 2, 3], &wanted) {
        assert!(text.starts_with("Good sho") && !text.contains("shoes"), "{text}");
    }
}
