//! Numbers, dates and shares as text.

use attune_insight::Interval;

/// A whole number with separators.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things that is no whole number, such as an estimate.
pub(crate) fn about(n: f64) -> String {
    count(n.max(0.0).round() as u64)
}

/// Decimals that keep about three figures of a percentage.
fn decimals(percent: f64) -> usize {
    match percent.abs() {
        10.0.. => 1,
        0.095.. => 2,
        _ => 3,
    }
}

/// A share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 {
        return "0%".to_owned();
    }
    format!("{percent:.*}%", decimals(percent))
}

/// Both ends of an interval of shares.
pub(crate) fn percents(interval: Interval) -> String {
    let digits = decimals(100.0 * interval.high);
    format!("{:.digits$}–{:.digits$}%", 100.0 * interval.low, 100.0 * interval.high)
}

/// A change of a share relative to another, with its sign.
pub(crate) fn signed_percent(share: f64) -> String {
    minus(format!("{:+.1}%", 100.0 * share))
}

/// A difference of shares in percentage points, with its sign, without the unit.
pub(crate) fn signed_points(share: f64) -> String {
    let points = 100.0 * share;
    let digits = if points.abs() < 0.000_5 { 2 } else { decimals(points).max(2) };
    minus(format!("{points:+.digits$}"))
}

/// A mean, such as clicks of a decision.
pub(crate) fn mean(value: f64) -> String {
    let digits = if value.abs() < 0.1 { 4 } else { 3 };
    format!("{value:.digits$}")
}

/// A difference of means, with its sign.
pub(crate) fn signed_mean(value: f64) -> String {
    let digits = if value.abs() < 0.1 { 4 } else { 3 };
    minus(format!("{value:+.digits$}"))
}

fn minus(text: String) -> String {
    text.replace('-', "−")
}

/// The day of a moment in milliseconds since 1970, UTC.
pub(crate) fn day(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map_or_else(|_| "–".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

/// The beginning of a hash.
pub(crate) fn short(hash: &str) -> String {
    hash.chars().take(12).collect()
}

/// The beginning of a text.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        assert_eq!((count(0), count(999), count(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!(
            (percent(0.0901), percent(0.123), percent(0.0)),
            ("9.01%".into(), "12.3%".into(), "0%".into())
        );
        assert_eq!(percent(0.000_123), "0.012%");
        assert_eq!(percents(Interval { low: 0.081, high: 0.0999 }), "8.10–9.99%");
        assert_eq!((signed_percent(-0.1234), signed_points(0.0123)), ("−12.3%".into(), "+1.23".into()));
        assert_eq!((day(1_756_684_800_000), day(i64::MAX)), ("2025-09-01".into(), "–".into()));
        assert_eq!((cut("abcdef", 4), cut("设备", 2)), ("abc…".into(), "设备".into()));
    }
}
