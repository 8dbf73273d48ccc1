//! What heads, fields, features and reasons are called on the page.

use attune::feature::{Feature, Kind, Recency, Source};

use super::words::{Words, close_up, fill};

impl Words {
    /// A head's outcomes, counted.
    pub(crate) fn what(&self, head: &str) -> String {
        match head {
            "click" => self.click.to_owned(),
            "conversion" => self.conversion.to_owned(),
            other => other.to_owned(),
        }
    }

    /// A head's rate, as a title.
    pub(crate) fn rate(&self, head: &str) -> String {
        match head {
            "click" => self.click_rate.to_owned(),
            "conversion" => self.conversion_rate.to_owned(),
            other => fill(self.other_rate, &[("name", other)]),
        }
    }

    /// A segment field.
    pub(crate) fn segment(&self, field: &str) -> String {
        match field {
            "device" => self.device.to_owned(),
            "tag" => self.tag.to_owned(),
            other => self.known(other).map_or_else(|| fill(self.field, &[("name", other)]), str::to_owned),
        }
    }

    /// A field that shops usually have.
    fn known(&self, field: &str) -> Option<&'static str> {
        Some(match field.strip_prefix("shopper.").unwrap_or(field) {
            "category" => self.category,
            "brand" => self.brand,
            "style" => self.style,
            "color" => self.color,
            "material" => self.material,
            "price" => self.price,
            "rating" => self.rating,
            "name" => self.name,
            "name_zh" => self.name_zh,
            "language" => self.language,
            "age_band" => self.age_band,
            _ => return None,
        })
    }

    /// A value of a segment field.
    pub(crate) fn value(&self, field: &str, value: &str) -> String {
        match (field, value) {
            ("device", "mobile") => self.mobile,
            ("device", "tablet") => self.tablet,
            ("device", "desktop") => self.desktop,
            ("device", "bot") => self.bot,
            _ => value,
        }
        .to_owned()
    }

    /// A feature, as part of a sentence.
    pub(crate) fn feature(&self, feature: Option<&Feature>) -> String {
        let Some(feature) = feature else { return self.together.to_owned() };
        let named = |text: &str, name: &str| match self.known(name) {
            Some(known) => close_up(&fill(text, &[("name", known)])),
            None => fill(text, &[("name", name)]),
        };
        let from = |source: &Source| match source {
            Source::Candidate(name) if name == "id" => self.f_item.to_owned(),
            Source::Candidate(name) => named(self.f_field, name),
            Source::Shopper(name) => named(self.f_shopper, name),
            Source::Context(name) => named(self.f_context, name),
        };
        match &feature.kind {
            Kind::Position => self.f_position.to_owned(),
            Kind::Number { from: source, .. }
            | Kind::Category { from: source, .. }
            | Kind::Text { from: source, .. } => from(source),
            Kind::Cross { a, b } => close_up(&fill(self.f_cross, &[("a", &from(a)), ("b", &from(b))])),
            Kind::Count { event } => {
                let event = serde_json::to_value(event).ok();
                named(self.f_count, event.as_ref().and_then(|event| event.as_str()).unwrap_or(&feature.name))
            }
            Kind::Preference { field } => named(self.f_preference, field),
            Kind::Evidence { field } => named(self.f_evidence, field),
            Kind::Match { shopper, candidate } => {
                let (a, b) = (named(self.f_shopper, shopper), named(self.f_field, candidate));
                fill(self.f_cross, &[("a", &a), ("b", &b)])
            }
            Kind::PriceRatio => self.f_price.to_owned(),
            Kind::Rate { head, .. } => {
                let head = if head == "click" && self.lang != "en" { self.click } else { head };
                fill(self.f_rate, &[("head", head)])
            }
            Kind::Recency { of } => match of {
                Recency::Visit => self.f_visit.to_owned(),
                Recency::Order => self.f_order.to_owned(),
                Recency::Item => self.f_touched_days.to_owned(),
                Recency::Field(field) if field == "published_at" => self.f_age.to_owned(),
                Recency::Field(field) => named(self.f_since, field),
            },
            Kind::ItemTouches => self.f_touched.to_owned(),
            Kind::Hour => self.f_hour.to_owned(),
            Kind::Weekday => self.f_weekday.to_owned(),
            Kind::Device => self.f_device.to_owned(),
            Kind::Tag { tag } => named(self.f_tag, tag),
            Kind::Sessions => self.f_sessions.to_owned(),
            Kind::Orders => self.f_orders.to_owned(),
            Kind::Spent => self.f_spent.to_owned(),
            _ => feature.name.clone(),
        }
    }

    /// Why something was left out, or what is remarked on, in plain words; `None` for what a report does not use.
    pub(crate) fn reason(&self, reason: &str) -> Option<String> {
        let said = match reason {
            "line is not JSON, or not in the log's form" => self.r_not_json,
            "line of an unknown type" => self.r_unknown_type,
            "decision line that cannot be read"
            | "outcome line that cannot be read"
            | "event that cannot be read"
            | "item event that cannot be read" => self.r_unreadable,
            "item line without an id" => self.r_item_line,
            "decision without an id" => self.r_no_id,
            "decision out of time order: sort the log by `at`" => self.r_order,
            "decision logged twice" => self.r_twice,
            "item twice in one slot" => self.r_item_twice,
            "outcome logged twice" => self.r_outcome_twice,
            "outcome of an item that was not shown" => self.r_not_shown,
            "outcome outside the attribution window" => self.r_window,
            "outcome without a decision within the window before it" => self.r_orphan,
            "the propensity is not above 0 and at most 1" => self.r_propensity,
            "the price is negative" | "a number is not finite" => self.r_values,
            "conversion window still open at the log's end: not used for conversion" => self.n_open,
            "item described more than once; the last description counts" => self.n_described,
            "shown item without an item line or fields" => self.n_bare,
            "propensity weight clipped to 1/5 … 5" => return None,
            other => other,
        };
        Some(said.to_owned())
    }
}
