//! What holds for every text and every file.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::effect::logistic;
use crate::grams::symbol;

fn fold(text: &str) -> u32 {
    let symbol = symbol(text);
    (symbol ^ (symbol >> 32)) as u32
}

/// A model whose few weights were written down by hand.
fn small() -> TextModel {
    let mut grams: Vec<(u32, i8)> =
        [("oak", 40), ("lamp", -20), ("oak lamp", 10), ("^ oak", 5), ("the", 0), ("\u{1}<oa", 3)]
            .map(|(text, weight)| (fold(text), weight))
            .to_vec();
    grams.sort_unstable();
    let mut style = vec![StyleWeight::default(); STYLE.len()];
    style[0] = StyleWeight { weight: -0.1, mean: 0.5 };
    style[10] = StyleWeight { weight: 0.25, mean: 0.25 };
    TextModel::new(Fitted {
        card: TextCard { name: "small".to_owned(), ..TextCard::default() },
        grams,
        scale: 0.01,
        style,
        bias: -0.05,
        base: -4.0,
        known_spread: 0.2,
        unknown_spread: 0.3,
        quantiles: vec![-0.5, -0.1, -0.1, 0.0, 0.25, 1.0],
    })
    .unwrap()
}

#[test]
fn a_score_is_what_its_parts_say() {
    let effect = small().predict("The oak lamp?");
    // Three words count as four: 1 / √4 = ½ of 0.01 a weight.
    let phrases: Vec<(&str, f64)> =
        effect.phrases.iter().map(|phrase| (phrase.text.as_str(), phrase.contribution)).collect();
    let expected = [("oak", 0.215), ("lamp", -0.1), ("oak lamp", 0.05)];
    for ((text, share), (word, weight)) in phrases.iter().zip(expected) {
        assert!(*text == word && (share - weight).abs() < 1e-6, "{phrases:?}");
    }
    assert_eq!(phrases.len(), 3);
    let style: Vec<(&str, f64)> =
        effect.style.iter().map(|share| (share.name, (share.contribution * 1e4).round() / 1e4)).collect();
    assert_eq!(style, [("question mark", 0.1875), ("words", 0.02)]);
    assert!((effect.log_odds.value - (0.165 + 0.2075 - 0.05)).abs() < 1e-6);
    assert_eq!((effect.evidence, effect.familiar), (Evidence::Words, 1.0));
    let half = effect.log_odds.high - effect.log_odds.value;
    assert!((half - Z90 * 0.2).abs() < 1e-6);
    assert!((effect.rate.value - logistic(effect.log_odds.value - 4.0)).abs() < 1e-12);
    assert!((effect.rate_at(0.5).value - logistic(effect.log_odds.value)).abs() < 1e-12);
    // 0.3225 lies between the quantiles 0.25 (4 of 5) and 1.
    assert!((effect.percentile - (80.0 + 20.0 * 0.0725 / 0.75)).abs() < 1e-4);
}

#[test]
fn chinese_is_told_from_style_and_the_interval_says_so() {
    let model = small();
    let (english, chinese) = (model.predict("The oak lamp?"), model.predict("为什么选这盏橡木灯？"));
    assert_eq!((chinese.evidence, chinese.familiar), (Evidence::Style, 0.0));
    assert!(chinese.phrases.is_empty() && !chinese.style.is_empty());
    let width = |effect: &TextEffect| effect.log_odds.high - effect.log_odds.low;
    assert!(width(&chinese) > 1.5 * width(&english));
}

#[test]
fn files_read_as_written_and_damage_is_named() {
    let model = small();
    let bytes = model.to_bytes().unwrap();
    let again = TextModel::from_bytes(&bytes).unwrap();
    assert_eq!(again.fitted(), model.fitted());
    assert_eq!(again.to_bytes().unwrap(), bytes);
    for cut in 0..bytes.len() {
        assert!(TextModel::from_bytes(&bytes[..cut]).is_err());
        let mut changed = bytes.clone();
        changed[cut] ^= 1;
        assert!(TextModel::from_bytes(&changed).is_err());
    }
    let mut newer = bytes;
    newer[7] = 9;
    assert_eq!(TextModel::from_bytes(&newer).unwrap_err().code(), "newer_version");
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let change = |change: fn(&mut Fitted)| {
        let mut fitted = small().fitted().clone();
        change(&mut fitted);
        TextModel::new(fitted)
    };
    assert!(change(|_| {}).is_ok());
    for wrong in [
        change(|fitted| fitted.scale = f32::NAN),
        change(|fitted| fitted.bias = f32::INFINITY),
        change(|fitted| fitted.style[3].weight = 1e30),
        change(|fitted| fitted.style.truncate(3)),
        change(|fitted| fitted.grams.reverse()),
        change(|fitted| fitted.grams.push(fitted.grams[5])),
        change(|fitted| fitted.quantiles.reverse()),
        change(|fitted| fitted.quantiles.truncate(1)),
        change(|fitted| fitted.known_spread = 0.4),
    ] {
        assert_eq!(wrong.unwrap_err().code(), "text_model_unusable");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        any::<String>(),
        "([Oo]ak|lamp|the|[Tt]his|you|灯|这|。|\\.|\\?|’|'|\"| |-|\u{301}|\u{130}){0,40}",
    ]
}

proptest! {
    #[test]
    fn every_text_has_an_effect_and_its_parts_sum(text in text()) {
        let model = small();
        let effect = model.predict(&text);
        let phrases: f64 = effect.phrases.iter().map(|phrase| phrase.contribution).sum();
        let style: f64 = effect.style.iter().map(|share| share.contribution).sum();
        prop_assert!((effect.baseline + phrases + style - effect.log_odds.value).abs() < 1e-9);
        prop_assert_eq!(effect.log_odds.value, model.score(&text));
        prop_assert!(effect.log_odds.low <= effect.log_odds.value && effect.log_odds.value <= effect.log_odds.high);
        prop_assert!(effect.rate.low > 0.0 && effect.rate.high < 1.0);
        prop_assert!((0.0..=100.0).contains(&effect.percentile));
        for phrase in &effect.phrases {
            prop_assert_eq!(&text[phrase.span.clone()], &phrase.text);
        }
        prop_assert_eq!(&effect, &model.predict(&text));
    }

    #[test]
    fn a_greater_score_is_no_lower_percentile(a in -2.0..2.0_f64, b in -2.0..2.0_f64) {
        let model = small();
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(model.percentile(low) <= model.percentile(high));
    }

    #[test]
    fn hostile_files_are_refused_or_answer(at in 0..400_usize, byte: u8, cut in 0..40_usize) {
        let mut bytes = small().to_bytes().unwrap();
        let body = bytes.len() - 32;
        bytes.truncate(body - cut);
        let at = 8 + at % (bytes.len() - 8);
        bytes[at] = byte;
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        if let Ok(model) = TextModel::from_bytes(&bytes) {
            prop_assert!(model.predict("The oak lamp?").log_odds.value.is_finite());
        }
    }

    #[test]
    fn a_choice_is_a_part_of_the_candidates(
        texts in proptest::collection::vec((text(), any::<f64>()), 0..12),
        count in 0..14_usize, score: f64, duplicate: f64,
    ) {
        let choice = choose(&texts, &Preference { count, score, duplicate });
        let mut seen: Vec<usize> = choice.chosen.iter().map(|chosen| chosen.index).collect();
        seen.extend(choice.duplicates.iter().map(|(left, _)| *left));
        seen.sort_unstable();
        prop_assert!(seen.windows(2).all(|pair| pair[0] < pair[1]) && seen.iter().all(|at| *at < texts.len()));
        prop_assert_eq!(choice.chosen.len(), count.min(texts.len() - choice.duplicates.len()));
        // The better of two likes stays, and the best of all comes first.
        let rank = |at: usize| if texts[at].1.is_nan() { f64::NEG_INFINITY } else { texts[at].1 };
        prop_assert!(choice.duplicates.iter().all(|(left, of)| rank(*left) <= rank(*of)));
        if let Some(first) = choice.chosen.first().filter(|_| score > 0.0) {
            prop_assert!((0..texts.len()).all(|at| rank(at) <= rank(first.index)));
        }
    }
}
