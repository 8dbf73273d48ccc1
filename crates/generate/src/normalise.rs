//! Text in the form RNNLG compares: lower case, words apart from marks, plurals as `word -s`.
//!
//! The steps and their order are those of `utils/nlp.py` of RNNLG (Wen et al., Apache-2.0), its quirks included, because
//! BLEU and slot error depend on them; `normalise/words.txt` is that toolkit's word list.

/// The word list: what stands for what, both sides whole words.
const WORDS: &str = include_str!("normalise/words.txt");

/// A reference or an answer as RNNLG's loader keeps it: a final ` .`, ` ?` or ` !` cut off, then normalised.
pub fn reference(text: &str) -> String {
    let cut = [" .", " ?", " !"].iter().find_map(|mark| text.strip_suffix(mark));
    normalise(cut.unwrap_or(text))
}

/// An answer in the form of a [`reference`]: the final mark goes whether a space is before it or not.
pub fn answer(text: &str) -> String {
    normalise(text.trim_end().trim_end_matches(['.', '?', '!']).trim_end())
}

/// Splits marks from words, writes contractions out and plurals as two words.
pub fn normalise(text: &str) -> String {
    let is_space = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
    let text = text.to_lowercase();
    let mut text = joined_phone_numbers(text.trim_matches(is_space).to_owned());
    text = text.replace(';', ",").replace('/', " and ");
    text.retain(|c| !matches!(c, '"' | ':' | '<' | '>' | '@'));
    text = text.replace(" - ", "");
    for mark in ['?', '.', ',', '!'] {
        text = apart(&text, &[mark]);
    }
    text = without_quotes(&text);
    for line in WORDS.lines() {
        if let Some((from, to)) = line.split_once('\t') {
            let padded = format!(" {text} ").replace(&format!(" {from} "), &format!(" {to} "));
            text = padded[1..padded.len() - 1].to_owned();
        }
    }
    text = apart(&text, &['\'', 's']);
    joined_numbers(&text)
}

/// RNNLG's `insertSpace`: a space before and after `token`, except inside a number.
///
/// The position before the first character is the last one, and of a two-letter token the second letter is parted from
/// the first, as there.
fn apart(text: &str, token: &[char]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(found) = find(&text, token, at) {
        at = found;
        let before = text[if at == 0 { text.len() - 1 } else { at - 1 }];
        if at + 1 < text.len() && before.is_ascii_digit() && text[at + 1].is_ascii_digit() {
            at += 1;
            continue;
        }
        if before != ' ' {
            text.insert(at, ' ');
            at += 1;
        }
        if at + token.len() < text.len() && text[at + token.len()] != ' ' {
            text.insert(at + 1, ' ');
        }
        at += 1;
    }
    text.into_iter().collect()
}

fn find(text: &[char], token: &[char], from: usize) -> Option<usize> {
    let tail = text.get(from..)?;
    tail.windows(token.len()).position(|window| window == token).map(|at| at + from)
}

/// Ten digits written as a telephone number become one word.
fn joined_phone_numbers(text: String) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match phone_number(&chars[at..]) {
            Some((groups, length)) => {
                found.push(groups);
                at += length;
            }
            None => at += 1,
        }
    }
    let mut from = 0;
    for groups in found {
        let Some(mut start) = find(&chars, &groups[0], from) else { continue };
        if start > 0 && chars[start - 1] == '(' {
            start -= 1;
        }
        let Some(last) = find(&chars, &groups[2], start) else { continue };
        let old: String = chars[start..last + groups[2].len()].iter().collect();
        let new: String = groups.iter().flatten().collect();
        let text: String = chars.iter().collect();
        chars = text.replace(&old, &new).chars().collect();
        from = start;
    }
    chars.into_iter().collect()
}

/// `(123) 456-7890` and its likes at the start of `text`: the three groups and the length.
fn phone_number(text: &[char]) -> Option<([Vec<char>; 3], usize)> {
    let mut at = usize::from(text.first() == Some(&'('));
    let mut group = |digits: usize, close: bool, gap: bool| {
        let taken = text.get(at..at + digits).filter(|t| t.iter().all(char::is_ascii_digit))?.to_vec();
        at += digits;
        at += usize::from(close && text.get(at) == Some(&')'));
        at += usize::from(
            gap && text.get(at).is_some_and(|c| matches!(c, '-' | '.') || c.is_ascii_whitespace()),
        );
        Some(taken)
    };
    let groups = [group(3, true, true)?, group(3, false, true)?, group(4, false, false)?];
    Some((groups, at))
}

/// Quotation marks at the text's ends and beside spaces go.
fn without_quotes(text: &str) -> String {
    let text = text.strip_prefix('\'').unwrap_or(text);
    let text = text.strip_suffix('\'').unwrap_or(text);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' && chars.peek().is_some_and(char::is_ascii_whitespace) {
            chars.next();
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    let mut text = String::with_capacity(out.len());
    let mut chars = out.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_whitespace() && chars.peek() == Some(&'\'') {
            chars.next();
            text.push(' ');
        } else {
            text.push(c);
        }
    }
    text
}

/// Words with single spaces; a number that follows a number is joined to it.
fn joined_numbers(text: &str) -> String {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let mut words: Vec<String> = Vec::new();
    for word in text.split_ascii_whitespace() {
        match words.last_mut() {
            Some(last) if is_number(word) && is_number(last) => last.push_str(word),
            _ => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}

/// A normalised text as people write it: plurals joined, marks at their words, sentences with a capital and an end.
pub fn presentable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut capital = true;
    for word in text.split_ascii_whitespace() {
        match word {
            "-s" => plural(&mut out),
            "-er" | "-ly" => {
                if word == "-er" && out.ends_with('e') {
                    out.pop();
                }
                out.push_str(&word[1..]);
            }
            "." | "," | "?" | "!" | "'s" => {
                out.push_str(word);
                capital |= matches!(word, "." | "?" | "!");
            }
            _ => {
                if !out.is_empty() {
                    out.push(' ');
                }
                if capital || word == "i" {
                    let mut chars = word.chars();
                    out.extend(chars.next().into_iter().flat_map(char::to_uppercase));
                    out.push_str(chars.as_str());
                } else {
                    out.push_str(word);
                }
                capital = false;
            }
        }
    }
    if !out.is_empty() && !out.ends_with(['.', '?', '!']) {
        out.push('.');
    }
    out
}

/// The last word of `text` in the plural, for the words of the list.
fn plural(text: &mut String) {
    if text.ends_with("child") {
        return text.push_str("ren");
    }
    let before = text.chars().rev().nth(1);
    if text.ends_with('y') && !before.is_some_and(|c| "aeiou".contains(c)) {
        text.pop();
        return text.push_str("ies");
    }
    text.push_str(if ["s", "x", "ch", "sh"].iter().any(|end| text.ends_with(end)) { "es" } else { "s" });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What RNNLG's own `normalize` gives, run under Python 3 on the same lines.
    #[test]
    fn equals_the_toolkit() {
        for (text, expected) in [
            (
                "It's the Pontus 66. It has 2 HDMI ports, costs $1,300 .",
                "it is the pontus 66 . it has 2 hdmi port -s , costs $1,300 .",
            ),
            (
                "'the 15.6 inches / 40 watt laptops; moderately priced'",
                "the 15.6 inch -s and 40 watt laptop -s , moderate -ly priced",
            ),
            ("call (415) 555-1234 for the laptop's price.", "call 4155551234 for the laptop 's price ."),
            (".5 of 3 4 \"x\" - y", ". 5 of 34 xy"),
        ] {
            assert_eq!(normalise(text), expected, "{text}");
        }
    }

    #[test]
    fn presentable_text_reads_back_as_it_was() {
        let text = "the apollo 73 has 2 hdmi port -s , and is moderate -ly priced . do you care about product family -s";
        let shown = presentable(text);
        assert_eq!(
            shown,
            "The apollo 73 has 2 hdmi ports, and is moderately priced. Do you care about product families."
        );
        assert_eq!(answer(&shown), text);
    }
}
