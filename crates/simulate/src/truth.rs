//! What really makes simulated shoppers click and buy.

use serde::{Deserialize, Serialize};

use crate::catalogue::{CATEGORIES, COLORS, Product, STYLES};
use crate::shopper::Shopper;

/// Click logits are sums of these; conversion logits, given a click, too. Prices count as ln(price / the category's
/// usual price).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Always true: nothing here was observed.
    pub synthetic: bool,
    /// Click logit of an average item at the first position.
    pub click: f64,
    /// Conversion logit of an average item, given a click.
    pub conversion: f64,
    /// Times ln(1 + position).
    pub position: f64,
    /// Category → click logit.
    pub category: Vec<(String, f64)>,
    /// Style → click logit.
    pub style: Vec<(String, f64)>,
    /// Times (rating − 4), on clicks.
    pub rating: f64,
    /// Times (rating − 4), on conversions.
    pub rating_conversion: f64,
    /// Times the price's logarithm, on clicks.
    pub price: f64,
    /// Times the price's logarithm, on conversions.
    pub price_conversion: f64,
    /// Times the squared distance of the price from what the shopper likes to pay, on clicks.
    pub price_fit: f64,
    /// Times exp(−age / 30 days).
    pub fresh: f64,
    /// Times the shopper's taste for the category, −½ to 1.
    pub taste_category: f64,
    /// Times the shopper's taste for the style.
    pub taste_style: f64,
    /// Times the shopper's taste for the colour.
    pub taste_color: f64,
    /// Times the mean taste, on conversions.
    pub taste_conversion: f64,
    /// On conversions of shoppers who bought before.
    pub bought_before: f64,
    /// On clicks from a phone.
    pub mobile: f64,
    /// On clicks between 19 and 23 o'clock, local time.
    pub evening: f64,
    /// On clicks on furniture and lighting by shoppers of 35 and over.
    pub home_makers: f64,
    /// Share of purchases that are sent back.
    pub returns: f64,
}

impl Default for Truth {
    fn default() -> Self {
        let category = [0.25, 0.1, 0.0, -0.2, 0.15, 0.05, 0.1, -0.45];
        let style = [0.15, -0.1, 0.0, 0.05, 0.1];
        Self {
            synthetic: true,
            click: -2.15,
            conversion: -1.8,
            position: -0.45,
            category: CATEGORIES.iter().map(|(name, ..)| (*name).to_owned()).zip(category).collect(),
            style: STYLES.iter().map(|(name, _)| (*name).to_owned()).zip(style).collect(),
            rating: 0.5,
            rating_conversion: 0.6,
            price: -0.3,
            price_conversion: -0.5,
            price_fit: -0.8,
            fresh: 0.4,
            taste_category: 1.5,
            taste_style: 0.9,
            taste_color: 0.5,
            taste_conversion: 1.0,
            bought_before: 0.4,
            mobile: -0.15,
            evening: 0.2,
            home_makers: 0.5,
            returns: 0.1,
        }
    }
}

/// Where and when an item is seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// 0 is first.
    pub position: usize,
    /// Milliseconds since 1970.
    pub at: i64,
}

pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

impl Truth {
    /// Probability of a click.
    #[must_use]
    pub fn click_probability(&self, shopper: &Shopper, product: &Product, sight: Sight) -> f64 {
        let usual = libm::log(CATEGORIES[product.category].2);
        let price = libm::log(product.price) - usual;
        let days = (sight.at - product.published_at).max(0) as f64 / 86_400_000.0;
        let grown = shopper.age_band >= 2;
        let home = matches!(CATEGORIES[product.category].0, "furniture" | "lighting");
        let flag = f64::from;
        logistic(
            self.click
                + product.appeal
                + product.word
                + self.position * libm::log1p(sight.position as f64)
                + self.category[product.category].1
                + self.style[product.style].1
                + self.rating * (product.rating - 4.0)
                + self.price * price
                + self.price_fit * (price - shopper.price_level) * (price - shopper.price_level)
                + self.fresh * libm::exp(-days / 30.0)
                + self.taste_category * shopper.categories[product.category]
                + self.taste_style * shopper.styles[product.style]
                + self.taste_color * shopper.colors[product.color]
                + self.mobile * flag(u8::from(shopper.device == 0))
                + self.evening * flag(u8::from((19..23).contains(&shopper.hour(sight.at))))
                + self.home_makers * flag(u8::from(grown && home)),
        )
    }

    /// Probability of a purchase, given a click.
    #[must_use]
    pub fn conversion_probability(&self, shopper: &Shopper, product: &Product) -> f64 {
        let price = libm::log(product.price) - libm::log(CATEGORIES[product.category].2);
        let taste = (shopper.categories[product.category]
            + shopper.styles[product.style]
            + shopper.colors[product.color])
            / 3.0;
        logistic(
            self.conversion
                + self.rating_conversion * (product.rating - 4.0)
                + self.price_conversion * price
                + self.taste_conversion * taste
                + self.bought_before * f64::from(u8::from(shopper.profile.orders > 0)),
        )
    }
}

/// How many colours a taste is over.
pub(crate) const TASTES: [usize; 3] = [CATEGORIES.len(), STYLES.len(), COLORS.len()];
