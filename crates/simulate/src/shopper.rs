//! Simulated shoppers: tastes that only the truth knows, and the profile that the shop's pages learn.

use attune::event::Item;
use attune::rank::Random;
use attune::wire::{Fields, Value};
use attune::{Event, EventKind, Profile};

use crate::catalogue::{Product, index, normal};
use crate::truth::TASTES;

/// Declared ages.
pub const AGE_BANDS: [&str; 4] = ["18-24", "25-34", "35-49", "50+"];
/// A user agent of each class.
pub const USER_AGENTS: [&str; 3] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0",
    "Mozilla/5.0 (iPad; CPU OS 19_0 like Mac OS X)",
];
/// What a page tells the profile about an item.
const TOLD: [&str; 6] = ["category", "brand", "style", "color", "material", "price"];

/// One shopper.
#[derive(Debug, Clone)]
pub struct Shopper {
    /// Pseudonymous id.
    pub id: String,
    /// Taste for each category, −½ to 1.
    pub categories: Vec<f64>,
    /// Taste for each style.
    pub styles: Vec<f64>,
    /// Taste for each colour.
    pub colors: Vec<f64>,
    /// ln(price the shopper likes / the category's usual price).
    pub price_level: f64,
    /// Index of [`AGE_BANDS`].
    pub age_band: usize,
    /// Index of [`USER_AGENTS`].
    pub device: usize,
    /// Whether the page is in Chinese.
    pub chinese: bool,
    /// Minutes east of UTC.
    pub tz_offset: i32,
    /// What the shop's pages know.
    pub profile: Profile,
}

/// One or two things are liked, the others less.
fn taste(random: &mut Random, n: usize) -> Vec<f64> {
    let mut taste = vec![-0.5; n];
    for value in &mut taste {
        *value += 0.3 * random.unit();
    }
    taste[index(random, n)] = 1.0;
    taste[index(random, n)] = 0.7;
    taste
}

impl Shopper {
    /// Shopper `number`, first seen at `at`.
    #[must_use]
    pub fn new(number: u64, at: i64, random: &mut Random) -> Self {
        let [categories, styles, colors] = TASTES.map(|n| taste(random, n));
        let chinese = random.unit() < 0.4;
        let drawn = random.unit();
        let device = usize::from(drawn > 0.62) + usize::from(drawn > 0.94);
        let tz_offset = if chinese { 480 } else { [-480, -300, 0, 60][index(random, 4)] };
        let mut shopper = Self {
            id: format!("s{number}"),
            categories,
            styles,
            colors,
            price_level: 0.4 * normal(random),
            age_band: index(random, AGE_BANDS.len()),
            device,
            chinese,
            tz_offset,
            profile: Profile::new(),
        };
        if random.unit() < 0.5 {
            let mut identify = Event::new(EventKind::Identify, at);
            identify.fields.insert("age_band".to_owned(), AGE_BANDS[shopper.age_band].into());
            shopper.profile.apply(&identify, &[]);
        }
        shopper
    }

    /// The page's language.
    #[must_use]
    pub fn language(&self) -> &'static str {
        if self.chinese { "zh" } else { "en" }
    }

    /// Local hour, 0 to 23.
    #[must_use]
    pub fn hour(&self, at: i64) -> i64 {
        (at.div_euclid(60_000) + i64::from(self.tz_offset)).div_euclid(60).rem_euclid(24)
    }

    /// The profile learns that this was done with a product.
    pub fn learn(&mut self, kind: EventKind, product: &Product, at: i64) {
        let mut event = Event::new(kind, at);
        let told = |name: &&str| Some(((*name).to_owned(), product.candidate.fields.get(*name)?.clone()));
        let fields: Fields = TOLD.iter().filter_map(told).collect();
        event.items = vec![Item { id: product.candidate.id.clone(), fields, quantity: 1.0 }];
        event.value = matches!(kind, EventKind::Purchase | EventKind::Return).then_some(product.price);
        self.profile.apply(&event, &[]);
    }

    /// The page's context.
    #[must_use]
    pub fn context(&self) -> Fields {
        [("language".to_owned(), Value::Text(self.language().to_owned()))].into_iter().collect()
    }
}
