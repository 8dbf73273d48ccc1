//! A profile as it stands at one moment, made ready to be asked about many candidates.

use super::{Profile, Touched};

/// The shares of interest and the items touched of one profile, decayed to one moment and sorted.
#[derive(Debug, Clone)]
pub struct Taste<'a> {
    /// Per field, in the fields' order: its values in their order, each with its share of the interest.
    fields: Vec<(&'a str, Vec<(&'a str, f64)>)>,
    /// By id; of two with one id, the later comes later.
    touched: Vec<&'a Touched>,
}

impl<'a> Taste<'a> {
    /// The taste of `profile` at `now`, milliseconds since 1970.
    #[must_use]
    pub fn of(profile: &'a Profile, now: i64) -> Self {
        let shares = profile.preferences.iter().map(|(field, values)| {
            let interest: Vec<f64> = values.values().map(|decayed| decayed.value(now).max(0.0)).collect();
            let total: f64 = interest.iter().sum();
            let share = |own: f64| if total > 0.0 { own / total } else { 0.0 };
            let values = values.keys().map(String::as_str).zip(interest.iter().map(|own| share(*own)));
            (field.as_str(), values.collect())
        });
        let mut touched: Vec<&Touched> = profile.items.iter().collect();
        touched.sort_by(|a, b| a.id.cmp(&b.id));
        Self { fields: shares.collect(), touched }
    }

    /// The shares of interest within `field`; `None` when the shopper has shown none in it.
    #[must_use]
    pub fn within(&self, field: &str) -> Option<&[(&'a str, f64)]> {
        let at = self.fields.binary_search_by(|(own, _)| (*own).cmp(field)).ok()?;
        Some(&self.fields[at].1)
    }

    /// What happened last with an item, if anything did.
    #[must_use]
    pub fn touched(&self, id: &str) -> Option<&'a Touched> {
        let after = self.touched.partition_point(|touched| touched.id.as_str() <= id);
        let last = *self.touched.get(after.checked_sub(1)?)?;
        (last.id == id).then_some(last)
    }
}

/// The share of one value among those of [`Taste::within`]: 0 to 1, 0 when it is not among them.
#[must_use]
pub fn share_of(values: &[(&str, f64)], value: &str) -> f64 {
    values.binary_search_by(|(own, _)| (*own).cmp(value)).map_or(0.0, |at| values[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, EventKind, Item};

    #[test]
    fn says_what_the_profile_says() {
        let mut profile = Profile::new();
        for (n, (id, color)) in [("b", "red"), ("a", "ink"), ("b", "red"), ("c", "sand")].iter().enumerate() {
            let mut event = Event::new(EventKind::Click, n as i64 * 1_000_000_000);
            event.items = vec![Item { id: (*id).to_owned(), ..Item::default() }];
            event.items[0].fields.insert("color".to_owned(), (*color).into());
            profile.apply(&event, &[]);
        }
        let (now, again) = (5_000_000_000, profile.items[0].clone());
        profile.items.push(Touched { times: 9, ..again });
        let taste = Taste::of(&profile, now);
        let colors = taste.within("color").unwrap();
        for color in ["red", "ink", "sand", "none"] {
            assert_eq!(share_of(colors, color), profile.preference("color", color, now), "{color}");
        }
        for id in ["a", "b", "c", "", "d"] {
            assert_eq!(taste.touched(id), profile.touched(id), "{id}");
        }
        assert_eq!(taste.within("style"), None);
    }
}
