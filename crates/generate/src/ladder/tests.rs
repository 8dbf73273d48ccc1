use std::cell::Cell;

use super::*;
use crate::testing::now;

/// A clock that a test moves: a sleep ends when time has come.
#[derive(Default)]
struct Watch(Cell<f64>);

impl Clock for Watch {
    fn now(&self) -> f64 {
        self.0.get()
    }

    fn sleep(&self, milliseconds: f64) -> Local<'_, ()> {
        let until = self.0.get() + milliseconds;
        Box::pin(std::future::poll_fn(move |_| {
            if self.0.get() >= until { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        }))
    }
}

/// A rung that writes what it was given.
struct Scripted<'s>(Kind, Result<Vec<&'s str>, Failure>);

impl Rung for Scripted<'_> {
    fn kind(&self) -> Kind {
        self.0
    }

    fn write<'w>(
        &'w mut self,
        task: Task<'w>,
        _: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        let texts = self.1.clone();
        Box::pin(async move {
            Ok(texts?
                .into_iter()
                .take(task.n)
                .map(|text| Draft { text: text.to_owned(), tokens: 4 })
                .collect())
        })
    }
}

/// A rung that hangs while the clock goes on.
struct Hanging<'w>(&'w Watch);

impl Rung for Hanging<'_> {
    fn kind(&self) -> Kind {
        Kind::Gpu
    }

    fn write<'w>(
        &'w mut self,
        _: Task<'w>,
        _: &'w mut dyn FnMut(Told),
    ) -> Local<'w, Result<Vec<Draft>, Failure>> {
        Box::pin(std::future::poll_fn(|_| {
            self.0.0.set(self.0.0.get() + 1e6);
            std::task::Poll::Pending
        }))
    }
}

fn brief() -> Brief {
    let json = r#"{"facts":{"name":"Apollo backpack","attributes":{"volume":{"value":20,"unit":"l"}}}}"#;
    Brief::parse(json).unwrap().0
}

fn scripted<'s>(kind: Kind, texts: &[&'s str]) -> Result<Box<dyn Rung + 's>, Failure> {
    Ok(Box::new(Scripted(kind, Ok(texts.to_vec()))))
}

const TRUE: &str = "The Apollo backpack holds 20 l.";
const FALSE: &str = "The Apollo backpack holds 35 l.";

#[test]
fn first_rung_that_can_serves_and_the_answer_says_why() {
    let mut ladder = Ladder::new()
        .with(Kind::Template, scripted(Kind::Template, &["template"]))
        .with(Kind::Gpu, Err(Failure::new("no_webgpu", "the browser has no WebGPU")))
        .with(Kind::Cpu, scripted(Kind::Cpu, &[FALSE, TRUE, TRUE]));
    let mut told = Vec::new();
    let wanted = Wanted { n: 2, ..Wanted::default() };
    let copy = now(ladder.compose(&brief(), wanted, None, &Watch::default(), &mut |event| told.push(event)))
        .unwrap();
    assert_eq!(copy.rung, Kind::Cpu);
    assert_eq!(copy.why, "gpu: the browser has no WebGPU");
    assert_eq!(copy.candidates.iter().map(|candidate| candidate.text.as_str()).collect::<Vec<_>>(), [TRUE]);
    assert_eq!(copy.refused, 1);
    assert!(matches!(told[0], Told::Left { rung: Kind::Gpu, .. }));
}

#[test]
fn guard_refuses_a_rung_whose_texts_are_all_wrong() {
    let mut ladder = Ladder::new()
        .with(Kind::Cpu, scripted(Kind::Cpu, &[FALSE]))
        .with(Kind::Template, scripted(Kind::Template, &[TRUE]));
    let copy =
        now(ladder.compose(&brief(), Wanted::default(), None, &Watch::default(), &mut |_| {})).unwrap();
    let codes: Vec<_> = copy.left.iter().map(|left| (left.rung, left.failure.code)).collect();
    assert_eq!(
        codes,
        [(Kind::Gpu, "rung_absent"), (Kind::Cpu, "rung_refused"), (Kind::Remote, "rung_absent")]
    );
}

#[test]
fn text_that_says_nothing_of_the_product_is_no_copy() {
    let mut ladder = Ladder::new()
        .with(Kind::Cpu, scripted(Kind::Cpu, &["It is good to walk in the morning."]))
        .with(Kind::Template, scripted(Kind::Template, &[TRUE]));
    let copy =
        now(ladder.compose(&brief(), Wanted::default(), None, &Watch::default(), &mut |_| {})).unwrap();
    assert_eq!((copy.rung, copy.left[1].failure.code), (Kind::Template, "rung_refused"));
}

#[test]
fn hanging_rung_costs_its_patience() {
    let watch = Watch::default();
    let mut ladder = Ladder::new()
        .with(Kind::Gpu, Ok(Box::new(Hanging(&watch))))
        .with(Kind::Template, scripted(Kind::Template, &[TRUE]));
    let copy = now(ladder.compose(&brief(), Wanted::default(), None, &watch, &mut |_| {})).unwrap();
    assert_eq!((copy.rung, copy.left[0].failure.code), (Kind::Template, "rung_slow"));
}

#[test]
fn without_descent_there_is_one_rung() {
    let mut ladder = Ladder::new()
        .with(Kind::Remote, Ok(Box::new(Scripted(Kind::Remote, Err(Failure::new("remote_busy", "busy"))))))
        .with(Kind::Template, scripted(Kind::Template, &[TRUE]));
    let wanted = Wanted { from: Kind::Remote, descend: false, ..Wanted::default() };
    let left = now(ladder.compose(&brief(), wanted, None, &Watch::default(), &mut |_| {})).unwrap_err();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].failure.code, "remote_busy");
}
