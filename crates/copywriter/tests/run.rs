//! A small run from texts to a file: it learns, it can be interrupted, and the file says what the network says.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test")]

use attune_copywriter::CopywriterError;
use attune_copywriter::gguf::{self, About};
use attune_copywriter::network::{Memory, Network};
use attune_copywriter::samples::{Pair, Sample};
use attune_copywriter::shape::Shape;
use attune_copywriter::trainer::{Advance, Recipe, Trainer};
use attune_copywriter::vocabulary::Vocabulary;
use attune_copywriter::writer::{Drawing, Writer};
use candle_core::{Device, Tensor};

const TEXTS: [(&str, &str); 6] = [
    ("inform SLOT_NAME SLOT_PRICE\n", "the SLOT_NAME costs SLOT_PRICE"),
    ("inform SLOT_NAME SLOT_WEIGHT\n", "the SLOT_NAME weighs SLOT_WEIGHT"),
    ("recommend SLOT_NAME SLOT_PRICE\n", "SLOT_NAME is a nice laptop for SLOT_PRICE"),
    ("recommend SLOT_NAME SLOT_WEIGHT\n", "SLOT_NAME is a nice laptop of SLOT_WEIGHT"),
    ("goodbye\n", "thank you , goodbye"),
    ("inform SLOT_NAME hasusbport=no\n", "the SLOT_NAME has no usb port -s"),
];

fn vocabulary() -> Vocabulary {
    let placeholders = ["SLOT_WEIGHT", "SLOT_PRICE", "SLOT_NAME"].map(str::to_owned);
    Vocabulary::learn(TEXTS.iter().flat_map(|(prompt, text)| [*prompt, *text]), &placeholders, 320).unwrap()
}

fn samples(vocabulary: &Vocabulary) -> Vec<Sample> {
    let pair =
        |(prompt, text): &(&str, &str)| Pair { prompt: (*prompt).to_owned(), text: (*text).to_owned() };
    TEXTS.iter().map(|text| Sample::new(&pair(text), vocabulary, 64).unwrap().unwrap()).collect()
}

fn shape(vocabulary: &Vocabulary) -> Shape {
    Shape {
        vocabulary: vocabulary.len(),
        context: 64,
        width: 32,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        hidden: 64,
        rope_base: 10_000.0,
        epsilon: 1e-5,
    }
}

fn trainer(passes: usize, dropout: f64) -> Trainer {
    let vocabulary = vocabulary();
    let recipe = Recipe { batch: 6, passes, peak: 1e-2, dropout, patience: 1_000, ..Recipe::default() };
    let samples = samples(&vocabulary);
    Trainer::new(shape(&vocabulary), recipe, samples.clone(), samples).unwrap()
}

fn run(trainer: &mut Trainer) {
    while trainer.advance().unwrap() != Advance::Done {}
}

fn greedy(writer: &Writer, prompt: &str) -> String {
    let by = Drawing { texts: 1, temperature: 0.0, seed: 1, most: 40 };
    writer.write(prompt, by).unwrap().remove(0).text
}

#[test]
fn texts_are_learned_and_the_file_holds_them() {
    let mut trainer = trainer(150, 0.0);
    run(&mut trainer);
    let losses = &trainer.progress().losses;
    // Before it has learned, every token is as likely as any other.
    assert!((losses[0] - (vocabulary().len() as f32).ln()).abs() < 1.0, "{losses:?}");
    assert!(losses[losses.len() - 1] < 0.1, "{losses:?}");
    let writer = Writer::new(trainer.best().unwrap(), vocabulary()).unwrap();
    let bytes = gguf::write(&writer, &About::default()).unwrap();
    let read = gguf::read(&bytes).unwrap();
    assert_eq!(read.vocabulary().tokens(), writer.vocabulary().tokens());
    assert_eq!(read.network().shape(), writer.network().shape());
    for (prompt, text) in TEXTS {
        assert_eq!(greedy(&writer, prompt), text);
        assert_eq!(greedy(&read, prompt), text);
    }
    let by = Drawing { texts: 5, temperature: 1.0, seed: 7, most: 40 };
    let drafts = read.write(TEXTS[0].0, by).unwrap();
    assert_eq!(drafts.len(), 5);
    assert_eq!(drafts, read.write(TEXTS[0].0, by).unwrap());
    assert!(matches!(read.write("", by), Err(CopywriterError::Vocabulary(_))));
    assert!(read.write(&"long ".repeat(64), by).is_err());

    // A file cut short anywhere, or with a bit turned in its head, is refused or read; never a panic.
    for end in (0..bytes.len()).step_by(1_999).chain((0..400).step_by(7)) {
        assert!(gguf::read(&bytes[..end]).is_err(), "cut at {end}");
    }
    for at in (0..600).step_by(5) {
        let mut broken = bytes.clone();
        broken[at] ^= 0x81;
        let _ = gguf::read(&broken);
    }
}

#[test]
fn a_run_that_was_interrupted_ends_like_one_that_was_not() {
    let folder = std::env::temp_dir().join(format!("attune-copywriter-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("test.run");
    let mut whole = trainer(9, 0.2);
    run(&mut whole);

    let mut first = trainer(9, 0.2);
    first.save(&path, &vocabulary()).unwrap();
    for _ in 0..4 {
        let (mut part, vocabulary) =
            Trainer::resume(&path, |vocabulary, _| Ok((samples(vocabulary), samples(vocabulary)))).unwrap();
        part.advance().unwrap();
        part.advance().unwrap();
        part.save(&path, &vocabulary).unwrap();
        first = part;
    }
    run(&mut first);
    assert_eq!(first.progress(), whole.progress());
    assert_eq!(weights(&first.best().unwrap()), weights(&whole.best().unwrap()));

    std::fs::write(&path, b"no run").unwrap();
    let refused = Trainer::resume(&path, |_, _| Ok((Vec::new(), Vec::new())));
    assert!(matches!(refused, Err(CopywriterError::File { .. })));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn any_number_of_threads_gives_the_same_weights() {
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer = trainer(3, 0.1);
            run(&mut trainer);
            weights(&trainer.best().unwrap())
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn what_is_read_piece_by_piece_is_what_is_read_at_once() {
    let vocabulary = vocabulary();
    let network = Network::random(shape(&vocabulary), 5).unwrap();
    let ids = samples(&vocabulary)[2].ids.clone();
    let at_once = Tensor::new(ids.as_slice(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
    let at_once = network.read_on(&at_once, &mut Memory::default()).unwrap().squeeze(0).unwrap();
    let at_once = at_once.to_vec2::<f32>().unwrap();
    let mut memory = Memory::default();
    for (at, id) in ids.iter().enumerate() {
        assert_eq!(memory.read(), at);
        let piece = Tensor::new(&[[*id]], &Device::Cpu).unwrap();
        let piece = network.read_on(&piece, &mut memory).unwrap().flatten_all().unwrap();
        for (one, other) in piece.to_vec1::<f32>().unwrap().iter().zip(&at_once[at]) {
            assert!((one - other).abs() < 1e-4, "token {at}: {one} {other}");
        }
    }
}

#[test]
fn a_run_needs_texts_and_sizes_that_fit() {
    let vocabulary = vocabulary();
    let recipe = Recipe::default();
    let nothing = Trainer::new(shape(&vocabulary), recipe, Vec::new(), samples(&vocabulary));
    assert!(matches!(nothing, Err(CopywriterError::Texts(_))));
    let wrong = Shape { heads: 3, ..shape(&vocabulary) };
    let wrong = Trainer::new(wrong, recipe, samples(&vocabulary), samples(&vocabulary));
    assert!(matches!(wrong, Err(CopywriterError::Shape(_))));
}

fn weights(network: &Network) -> Vec<Vec<f32>> {
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    network.parameters().map(|(_, parameter)| flat(parameter)).collect()
}
