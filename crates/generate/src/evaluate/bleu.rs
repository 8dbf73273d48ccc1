//! Corpus BLEU-4 as RNNLG's `BLEUScorer` counts it (Papineni et al. 2002, several answers against several references).

use std::collections::HashMap;

/// Added to precisions and to counts below the fraction, as in RNNLG.
const TINY: f64 = 1e-7;

/// n-gram statistics of a corpus, one segment added at a time.
#[derive(Debug, Clone, Default)]
pub struct Bleu {
    counts: [u64; 4],
    clipped: [u64; 4],
    answer: u64,
    reference: u64,
}

impl Bleu {
    /// Adds answers to one input; each is compared to all the references. Words are what spaces part.
    pub fn add(&mut self, answers: &[String], references: &[String]) {
        let words: Vec<Vec<&str>> = references.iter().map(|r| r.split_whitespace().collect()).collect();
        for answer in answers {
            self.add_words(&answer.split_whitespace().collect::<Vec<_>>(), &words);
        }
    }

    /// Adds one answer, in words.
    pub fn add_words(&mut self, answer: &[&str], references: &[Vec<&str>]) {
        for n in 1..=4 {
            let ours = ngrams(answer, n);
            let mut most: HashMap<&[&str], u64> = HashMap::new();
            for reference in references {
                for (gram, count) in ngrams(reference, n) {
                    let entry = most.entry(gram).or_default();
                    *entry = count.max(*entry);
                }
            }
            self.counts[n - 1] += ours.values().sum::<u64>();
            self.clipped[n - 1] += ours
                .iter()
                .map(|(gram, &count)| count.min(most.get(gram).copied().unwrap_or(0)))
                .sum::<u64>();
        }
        // The nearest length; the first of equally near ones.
        let nearest = references.iter().map(Vec::len).min_by_key(|length| length.abs_diff(answer.len()));
        self.reference += nearest.unwrap_or(1000) as u64;
        self.answer += answer.len() as u64;
    }

    /// The score, 0 to 1.
    pub fn score(&self) -> f64 {
        let penalty = if self.answer > self.reference {
            1.0
        } else if self.answer == 0 {
            return 0.0;
        } else {
            (1.0 - self.reference as f64 / self.answer as f64).exp()
        };
        let precision =
            (0..4).map(|n| 0.25 * (self.clipped[n] as f64 / (self.counts[n] as f64 + TINY) + TINY).ln());
        penalty * precision.sum::<f64>().exp()
    }
}

fn ngrams<'a, 'w>(words: &'a [&'w str], n: usize) -> HashMap<&'a [&'w str], u64> {
    let mut counts = HashMap::new();
    for gram in words.windows(n) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bleu(pairs: &[(&[&str], &[&str])]) -> f64 {
        let mut bleu = Bleu::default();
        for (answers, references) in pairs {
            let own = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>();
            bleu.add(&own(answers), &own(references));
        }
        bleu.score()
    }

    /// What nltk 3.10.4's `corpus_bleu` gives on the same sentences, to its smoothing's 1e-7.
    #[test]
    fn equals_nltk() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 2e-6, "{a} {b}");
        let one: (&[&str], &[&str]) = (
            &["the apollo 73 is a nice television with 2 hdmi port -s and an a+ eco rating"],
            &[
                "the apollo 73 is a great television with an a+ eco rating and 2 hdmi port -s",
                "apollo 73 is a nice television . it has 2 hdmi port -s",
            ],
        );
        let two: (&[&str], &[&str]) = (
            &["sorry there is no cheap television"],
            &["sorry , there are no cheap television -s", "there is no cheap television in stock"],
        );
        close(bleu(&[one]), ONE);
        close(bleu(&[one, two]), BOTH);
    }

    const ONE: f64 = 0.676_082_132_706_547;
    const BOTH: f64 = 0.670_567_059_411_407_6;

    #[test]
    fn nothing_is_worth_nothing() {
        assert_eq!(Bleu::default().score(), 0.0);
        assert_eq!(bleu(&[(&[""], &["a b"])]), 0.0);
        assert!(bleu(&[(&["a b c d e"], &["a b c d e"])]) > 0.999_999);
    }
}
