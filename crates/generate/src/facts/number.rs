//! Numbers in digits, English words and Chinese numerals.

use crate::scan::{Scan, Word, is_word};

/// A number in digits at `at`: `1,299.00`, `15.6`, `3万`. Its value and end.
pub(crate) fn digits(scan: &Scan, at: usize) -> Option<(f64, usize)> {
    if !scan.get(at).is_ascii_digit() {
        return None;
    }
    let run = |from: usize| (from..).take_while(|&i| scan.get(i).is_ascii_digit()).count();
    let mut end = at + run(at);
    let mut text = scan.text(at..end);
    while matches!(scan.get(end), ',' | '\'') && run(end + 1) == 3 {
        text += &scan.text(end + 1..end + 4);
        end += 4;
    }
    if scan.get(end) == '.' && run(end + 1) > 0 {
        let fraction = end + 1 + run(end + 1);
        text += &scan.text(end..fraction);
        end = fraction;
    }
    let mut value: f64 = text.parse().ok()?;
    for (sign, factor) in [('万', 1e4), ('亿', 1e8), ('千', 1e3), ('百', 1e2)] {
        if scan.get(end) == sign {
            value *= factor;
            end += 1;
        }
    }
    Some((value, end))
}

/// A number in English words that begins at word `first`: value and how many words it takes.
pub(crate) fn spelled(words: &[Word], first: usize) -> Option<(f64, usize)> {
    let (mut total, mut part, mut taken, mut last) = (0.0, 0.0, 0, f64::INFINITY);
    for (at, word) in words[first..].iter().enumerate() {
        if at > 0 && word.span.start > words[first + at - 1].span.end + 1 {
            break;
        }
        match (value(&word.text), word.text.as_str()) {
            // `twenty five` is one number, `two four` and `one two` are not.
            (Some(value), _)
                if value < last && (taken == 0 || (last >= 20.0 && (last >= 100.0 || value < 10.0))) =>
            {
                part += value;
                last = value;
            }
            (None, "hundred") if taken > 0 && part > 0.0 && part < 100.0 => {
                part *= 100.0;
                last = 100.0;
            }
            (None, "thousand") if taken > 0 && part > 0.0 => {
                total += part * 1000.0;
                part = 0.0;
                last = 1000.0;
            }
            (None, "million") if taken > 0 && part > 0.0 => {
                total += part * 1e6;
                part = 0.0;
                last = 1e6;
            }
            (None, "dozen") if taken == 0 => return Some((12.0, 1)),
            (None, "dozen") if part > 0.0 => return Some(((total + part) * 12.0, taken + 1)),
            _ => break,
        }
        taken += 1;
    }
    (taken > 0).then_some((total + part, taken))
}

fn value(word: &str) -> Option<f64> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let small = SMALL.iter().position(|&w| w == word).map(|n| n as f64);
    small.or_else(|| TENS.iter().position(|&w| w == word).map(|n| (n as f64 + 2.0) * 10.0))
}

/// A number in Chinese numerals at `at`: `三`, `二十四`, `一百零五`, `两`, `半`. Its value and end.
pub(crate) fn chinese(scan: &Scan, at: usize) -> Option<(f64, usize)> {
    if is_word(scan.before(at)) && scan.before(at).is_ascii_digit() {
        return None;
    }
    let (mut total, mut digit, mut end) = (0.0, None, at);
    loop {
        let c = scan.get(end);
        if let Some(value) = "零一二三四五六七八九".chars().position(|d| d == c) {
            // Digits read one by one, `二零二四`, make one number.
            digit = Some(digit.map_or(0.0, |d: f64| d * 10.0) + value as f64);
        } else if c == '两' {
            digit = Some(2.0);
        } else if let Some(&(_, factor)) =
            [('十', 10.0), ('百', 100.0), ('千', 1000.0)].iter().find(|(d, _)| *d == c)
        {
            total += digit.take().unwrap_or(1.0) * factor;
        } else if c == '万' && (total > 0.0 || digit.is_some()) {
            total = (total + digit.take().unwrap_or(0.0)) * 1e4;
        } else if c == '半' && end == at {
            return Some((0.5, end + 1));
        } else {
            break;
        }
        end += 1;
    }
    (end > at).then(|| (total + digit.unwrap_or(0.0), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_in_every_writing() {
        for (text, expected) in
            [("1,299.00", 1299.0), ("15.6", 15.6), ("3万", 30_000.0), ("１２", 12.0), ("12,5", 12.0)]
        {
            assert_eq!(digits(&Scan::new(text), 0).unwrap().0, expected, "{text}");
        }
        for (text, expected) in [
            ("eight", 8.0),
            ("twenty-five", 25.0),
            ("one hundred twenty", 120.0),
            ("two thousand", 2000.0),
            ("two dozen", 24.0),
            ("two four", 2.0),
            ("nineteen", 19.0),
        ] {
            assert_eq!(spelled(&Scan::new(text).words(), 0).unwrap().0, expected, "{text}");
        }
        for (text, expected) in [
            ("八", 8.0),
            ("十二", 12.0),
            ("二十四", 24.0),
            ("一百零五", 105.0),
            ("两", 2.0),
            ("半", 0.5),
            ("三万", 3e4),
            ("二零二四", 2024.0),
        ] {
            assert_eq!(chinese(&Scan::new(text), 0).unwrap().0, expected, "{text}");
        }
        assert_eq!(spelled(&Scan::new("a").words(), 0), None);
    }
}
