//! Metarank's timestamps: milliseconds as a string or a number, or an ISO 8601 date and time with its zone.

use serde::de::{self, Deserialize, Deserializer};

/// A moment, in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Reads `1599391467000` or `2022-06-22T11:21:39.5+02:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().or_else(|| iso(text)).map(Self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl de::Visitor<'_> for Form {
            type Value = Timestamp;
            fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str("milliseconds since 1970 or an ISO 8601 date and time with its zone")
            }
            fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Timestamp, E> {
                Ok(Timestamp(millis))
            }
            fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Timestamp, E> {
                i64::try_from(millis).map(Timestamp).map_err(E::custom)
            }
            fn visit_f64<E: de::Error>(self, millis: f64) -> Result<Timestamp, E> {
                // Above 2^53 a JSON number has lost its last digits.
                if millis.is_finite() && millis.abs() <= 9_007_199_254_740_992.0 {
                    return Ok(Timestamp(millis as i64));
                }
                Err(E::invalid_value(de::Unexpected::Float(millis), &self))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).ok_or_else(|| {
                    let short: String = text.chars().take(40).collect();
                    E::invalid_value(de::Unexpected::Str(&short), &self)
                })
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// `YYYY-MM-DDThh:mm[:ss[.fraction]]` and `Z` or `±hh[:]mm`.
fn iso(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', ' '])?;
    let mut parts = date.split('-');
    let (year, month, day) =
        (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let zone = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| digits(second, 2))?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let millis = match fraction.len() {
        0 => 0,
        1..=9 if fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{fraction:0<3}")[..3].parse().ok()?
        }
        _ => return None,
    };
    let east = match zone.strip_prefix(['+', '-']) {
        None if zone == "Z" => 0,
        None => return None,
        Some(offset) => {
            let offset = offset.replace(':', "");
            let (hours, minutes) =
                (digits(offset.get(..2)?, 2)?, digits(offset.get(2..).unwrap_or("00"), 2)?);
            let east = hours * 60 + minutes;
            if zone.starts_with('-') { -east } else { east }
        }
    };
    let minutes = (days_before(year, month, day) * 24 + hour) * 60 + minute - east;
    Some((minutes * 60 + second) * 1000 + millis)
}

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, counted in years that begin in March (Hinnant,
/// "chrono-compatible low-level date algorithms", `days_from_civil`).
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_forms() {
        let read = |json: &str| serde_json::from_str::<Timestamp>(json).map(Timestamp::millis).ok();
        assert_eq!(read("\"1599391467000\""), Some(1_599_391_467_000));
        assert_eq!(read("1599391467000"), Some(1_599_391_467_000));
        assert_eq!(read("1.599391467e12"), Some(1_599_391_467_000));
        assert_eq!(read("\"2022-06-22T11:21:39Z\""), Some(1_655_896_899_000));
        assert_eq!(read("\"2022-06-22T13:21:39.25+02:00\""), Some(1_655_896_899_250));
        assert_eq!(read("\"2022-06-22T06:51:39-0430\""), Some(1_655_896_899_000));
        assert_eq!(read("\"1970-01-01T00:00Z\""), Some(0));
        assert_eq!(read("\"2024-02-29T00:00:00Z\""), Some(1_709_164_800_000));
        assert_eq!(read("\"1969-12-31T23:59:59Z\""), Some(-1000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for json in [
            "\"\"",
            "\"now\"",
            "\"2022-06-22\"",
            "\"2022-06-22T11:21:39\"",
            "\"2023-02-29T00:00:00Z\"",
            "\"2022-13-01T00:00:00Z\"",
            "\"2022-06-22T24:00:00Z\"",
            "\"2022-06-22T11:21:39.Zé\"",
            "1e300",
            "\"2022-06-22T11:21:39+é\"",
            "\"+2022-06-22T1:1:1Z\"",
            "null",
            "true",
            "18446744073709551615",
        ] {
            assert!(serde_json::from_str::<Timestamp>(json).is_err(), "{json}");
        }
    }
}
