//! Time passes: pages are viewed, items shown, clicked, bought and sent back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::PathBuf;

use attune::decision::Arm;
use attune::rank::{Entry, Random, order};
use attune::wire::{Candidate, Exploration, Holdout, Request, Slot};
use attune::{Engine, EventKind, decide};
use serde::Serialize;

use crate::Format;
use crate::catalogue::{Catalogue, index};
use crate::log::{Came, LogWriter, Outcome, Page, Placed};
use crate::shopper::{Shopper, USER_AGENTS};
use crate::truth::{Sight, Truth};

/// Items that could be shown on a page.
const CANDIDATES: usize = 12;
/// Items shown on a page.
const SHOWN: usize = 8;
/// How long the shop is watched, in milliseconds.
const PERIOD: i64 = 60 * DAY;
const DAY: i64 = 86_400_000;
const MINUTE: f64 = 60_000.0;
/// Most shoppers at one time.
const MOST_SHOPPERS: u64 = 20_000;

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Options {
    /// Impressions; rounded up to whole pages of 8.
    pub rows: u64,
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// The folder, made if need be.
    pub out: PathBuf,
    /// The log's form.
    pub format: Format,
    /// Products of the shop.
    pub products: usize,
    /// Its first moment, milliseconds since 1970.
    pub start: i64,
    /// Temperature of the exploration, by the shop's own policy or the bundle's.
    pub temperature: f64,
    /// Share of the shoppers who keep the page's own order, best rated first; 0 for no hold-out.
    pub holdout: f64,
    /// The truth.
    pub truth: Truth,
}

impl Arms {
    fn of(&mut self, arm: Arm) -> &mut ArmTruth {
        match arm {
            Arm::Treatment => &mut self.treatment,
            Arm::Holdout => &mut self.holdout,
        }
    }
}

impl Options {
    /// The usual shop.
    #[must_use]
    pub fn new(rows: u64, seed: u64, out: PathBuf) -> Self {
        Self {
            rows,
            seed,
            out,
            format: Format::Attune,
            products: 240,
            start: 1_756_684_800_000,
            temperature: 0.35,
            holdout: 0.0,
            truth: Truth::default(),
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Always true.
    pub synthetic: bool,
    /// Items shown.
    pub rows: u64,
    /// Pages.
    pub decisions: u64,
    /// Shoppers that came.
    pub shoppers: u64,
    /// Clicks.
    pub clicks: u64,
    /// Purchases.
    pub conversions: u64,
    /// Purchases sent back.
    pub returns: u64,
    /// Who chose the order: `shop`, or the bundle's hash.
    pub policy: String,
    /// Mean true click probability of what was shown.
    pub click_probability: f64,
    /// Mean true purchase probability of what was shown.
    pub conversion_probability: f64,
    /// With a hold-out: what its pages would bring, and what those of the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arms: Option<Arms>,
    /// Mean log loss of the true click probability on the last tenth of the pages: no model can do better.
    pub click_log_loss: f64,
    /// The same for purchases (those sent back count as purchases here).
    pub conversion_log_loss: f64,
}

/// The truth about the hold-out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Arms {
    /// Pages that were ranked.
    pub treatment: ArmTruth,
    /// Pages that kept their own order.
    pub holdout: ArmTruth,
}

/// The truth about the pages of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ArmTruth {
    /// Pages.
    pub decisions: u64,
    /// Mean true number of clicks on a page.
    pub clicks: f64,
    /// Mean true number of purchases of a page.
    pub conversions: f64,
}

/// Why nothing was simulated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulateError {
    /// A file could not be written.
    #[error("{path}: {error}", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
    /// A wrong option.
    #[error("{0}")]
    Option(String),
}

/// What is still to come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pending {
    at: i64,
    number: u64,
    page: u64,
    came: Came,
    place: usize,
    shopper: String,
    product: usize,
}

struct Shop<'a> {
    options: &'a Options,
    engine: Option<&'a Engine>,
    catalogue: Catalogue,
    stock: Vec<usize>,
    random: Random,
    shoppers: Vec<Shopper>,
    came: u64,
    pending: BinaryHeap<Reverse<Pending>>,
    numbered: u64,
    summary: Summary,
    tail: (u64, f64, f64),
}

/// Plays `options.rows` impressions and writes the log; with an engine, it chooses the order. `progress` is told the
/// impressions so far.
///
/// # Errors
/// [`SimulateError`], which says what to mend.
pub fn simulate(
    options: &Options,
    engine: Option<&Engine>,
    mut progress: impl FnMut(u64),
) -> Result<Summary, SimulateError> {
    if options.rows == 0 {
        return Err(SimulateError::Option("rows: at least 1".to_owned()));
    }
    if options.products < 2 * CANDIDATES {
        return Err(SimulateError::Option(format!("products: at least {}", 2 * CANDIDATES)));
    }
    if !(0.0..1.0).contains(&options.holdout) {
        return Err(SimulateError::Option("holdout: a share from 0 to less than 1".to_owned()));
    }
    if !(options.temperature > 0.0 && options.temperature.is_finite()) {
        return Err(SimulateError::Option("temperature: above 0".to_owned()));
    }
    let mut log = LogWriter::create(options)?;
    let pages = options.rows.div_ceil(SHOWN as u64);
    let mut shop = Shop::open(options, engine, pages);
    log.begin(&shop.catalogue, options.start)?;
    for page in 0..pages {
        let at = options.start + (page as f64 / pages as f64 * PERIOD as f64) as i64;
        shop.until(at, &mut log)?;
        shop.page(page, at, page * 10 >= pages * 9, &mut log)?;
        if page % 512 == 0 {
            progress(page * SHOWN as u64);
        }
    }
    shop.until(i64::MAX, &mut log)?;
    shop.close(pages);
    log.end(&shop.catalogue, &shop.summary)?;
    Ok(shop.summary)
}

impl<'a> Shop<'a> {
    fn open(options: &'a Options, engine: Option<&'a Engine>, pages: u64) -> Self {
        let catalogue = Catalogue::new(options.seed, options.products, options.start);
        let sold = |at: &usize| {
            catalogue.products[*at].candidate.fields.get("in_stock") != Some(&attune::Value::Flag(false))
        };
        let stock = (0..catalogue.products.len()).filter(sold).collect();
        let mut shop = Self {
            options,
            engine,
            stock,
            catalogue,
            random: Random::new(options.seed),
            shoppers: Vec::new(),
            came: 0,
            pending: BinaryHeap::new(),
            numbered: 0,
            summary: Summary {
                synthetic: true,
                arms: (options.holdout > 0.0).then(Arms::default),
                ..Summary::default()
            },
            tail: (0, 0.0, 0.0),
        };
        // Each of them comes about once a day.
        for _ in 0..(pages / 60).clamp(50, MOST_SHOPPERS) {
            let newcomer = shop.newcomer(options.start);
            shop.shoppers.push(newcomer);
        }
        shop
    }

    fn newcomer(&mut self, at: i64) -> Shopper {
        self.came += 1;
        Shopper::new(self.came, at, &mut self.random)
    }

    fn page(&mut self, number: u64, at: i64, tail: bool, log: &mut LogWriter) -> Result<(), SimulateError> {
        let visitor = index(&mut self.random, self.shoppers.len());
        let mut drawn: Vec<usize> = Vec::with_capacity(CANDIDATES);
        while drawn.len() < CANDIDATES.min(self.stock.len()) {
            let product = self.stock[index(&mut self.random, self.stock.len())];
            if !drawn.contains(&product) {
                drawn.push(product);
            }
        }
        let seed = self.random.bits();
        if self.options.holdout > 0.0 {
            let rating = |at: &usize| self.catalogue.products[*at].rating;
            drawn.sort_by(|a, b| rating(b).total_cmp(&rating(a)).then(a.cmp(b)));
        }
        let page = self.arrange(number, at, visitor, &drawn, seed);
        if let Some(arms) = &mut self.summary.arms {
            arms.of(page.decision.arm).decisions += 1;
        }
        let mut came = Vec::new();
        for (position, placed) in page.items.iter().take(SHOWN).enumerate() {
            let shopper = &self.shoppers[visitor];
            let product = &self.catalogue.products[placed.product];
            let click = self.options.truth.click_probability(shopper, product, Sight { position, at });
            let buy = click * self.options.truth.conversion_probability(shopper, product);
            self.summary.click_probability += click;
            self.summary.conversion_probability += buy;
            if let Some(arms) = &mut self.summary.arms {
                let arm = arms.of(page.decision.arm);
                arm.clicks += click;
                arm.conversions += buy;
            }
            let clicked = self.random.unit() < click;
            let bought = clicked && self.random.unit() < buy / click;
            if tail {
                let loss = |p: f64, hit| -libm::log(if hit { p } else { 1.0 - p });
                self.tail.0 += 1;
                self.tail.1 += loss(click, clicked);
                self.tail.2 += loss(buy, bought);
            }
            if clicked {
                came.extend(self.follow(at, position, bought));
            }
        }
        log.page(&page, &self.shoppers[visitor], &self.catalogue, SHOWN, &came)?;
        for (when, kind, place) in came {
            self.numbered += 1;
            self.pending.push(Reverse(Pending {
                at: when,
                number: self.numbered,
                page: number,
                came: kind,
                place: visitor,
                shopper: self.shoppers[visitor].id.clone(),
                product: page.items[place].product,
            }));
        }
        if self.random.unit() < 1.0 / 12.0 {
            // The shopper's pending purchases find another in their place, and teach nobody.
            self.shoppers[visitor] = self.newcomer(at);
        }
        Ok(())
    }

    /// What follows a click: when, what, at which position.
    fn follow(&mut self, at: i64, position: usize, bought: bool) -> Vec<(i64, Came, usize)> {
        let clicked = at + (MINUTE * (0.05 + random_exp(&mut self.random))) as i64;
        let mut came = vec![(clicked, Came::Click, position)];
        if bought {
            let wait = (1.1 * random_exp(&mut self.random)).min(6.5);
            let paid = clicked + (wait * DAY as f64) as i64 + 1;
            came.push((paid, Came::Conversion, position));
            if self.random.unit() < self.options.truth.returns {
                let back = paid + ((1.0 + 4.0 * self.random.unit()) * DAY as f64) as i64;
                came.push((back, Came::Return, position));
            }
        }
        came
    }

    /// The page as the policy orders it.
    fn arrange(&mut self, number: u64, at: i64, visitor: usize, drawn: &[usize], seed: u64) -> Page {
        let shopper = &self.shoppers[visitor];
        let candidates: Vec<Candidate> =
            drawn.iter().map(|at| self.catalogue.products[*at].candidate.clone()).collect();
        let slot = Slot {
            id: "home".to_owned(),
            show: Some(SHOWN),
            candidates,
            pinned: BTreeMap::new(),
            excluded: Vec::new(),
        };
        let request = Request {
            v: attune::wire::VERSION,
            id: format!("r{number}"),
            at,
            seed,
            shopper: Some(shopper.id.clone()),
            tz_offset: shopper.tz_offset,
            user_agent: Some(USER_AGENTS[shopper.device].to_owned()),
            context: shopper.context(),
            profile: Some(shopper.profile.clone()),
            slots: vec![slot],
            explore: Some(Exploration { temperature: self.options.temperature }),
            holdout: (self.options.holdout > 0.0)
                .then(|| Holdout { share: self.options.holdout, seed: format!("h{}", self.options.seed) }),
            ..Request::default()
        };
        let mut decision =
            decide(self.engine.ok_or(&attune::Error::Bundle("the shop's own policy".to_owned())), &request);
        if self.engine.is_none() && decision.arm == Arm::Treatment {
            let mut random = Random::new(seed);
            let slot = &request.slots[0];
            let entries: Vec<Entry<'_>> = slot
                .candidates
                .iter()
                .enumerate()
                .map(|(index, candidate)| Entry {
                    index,
                    candidate,
                    score: self.catalogue.products[drawn[index]].rating,
                })
                .collect();
            let temperature = self.options.temperature;
            let items = &mut decision.slots[0].items;
            let named: BTreeMap<String, _> = items.drain(..).map(|item| (item.id.clone(), item)).collect();
            for placed in order(&entries, slot, None, temperature, &mut random) {
                if let Some(mut item) = named.get(&entries[placed.entry].candidate.id).cloned() {
                    item.propensity = placed.propensity;
                    items.push(item);
                }
            }
            decision.temperature = temperature;
            decision.seed = seed;
        }
        let find =
            |id: &str| drawn.iter().copied().find(|at| self.catalogue.products[*at].candidate.id == id);
        let items = decision.slots[0]
            .items
            .iter()
            .filter_map(|item| Some(Placed { product: find(&item.id)?, propensity: item.propensity }))
            .collect();
        decision.id = format!("d{number}");
        Page { number, at, items, decision, request }
    }

    /// Everything pending before `at` happens.
    fn until(&mut self, at: i64, log: &mut LogWriter) -> Result<(), SimulateError> {
        while self.pending.peek().is_some_and(|Reverse(next)| next.at < at) {
            let Some(Reverse(next)) = self.pending.pop() else { break };
            let product = &self.catalogue.products[next.product];
            let (kind, count) = match next.came {
                Came::Click => (EventKind::Click, &mut self.summary.clicks),
                Came::Conversion => (EventKind::Purchase, &mut self.summary.conversions),
                Came::Return => (EventKind::Return, &mut self.summary.returns),
            };
            *count += 1;
            if let Some(shopper) = self.shoppers.get_mut(next.place).filter(|own| own.id == next.shopper) {
                shopper.learn(kind, product, next.at);
            }
            let Pending { number, page, came, at, .. } = next;
            log.outcome(&Outcome { number, page, came, at, shopper: &next.shopper, product })?;
        }
        Ok(())
    }

    fn close(&mut self, pages: u64) {
        let shown = (pages * SHOWN as u64) as f64;
        let tail = self.tail.0.max(1) as f64;
        self.summary.rows = pages * SHOWN as u64;
        self.summary.decisions = pages;
        self.summary.shoppers = self.came;
        self.summary.click_probability /= shown;
        self.summary.conversion_probability /= shown;
        self.summary.click_log_loss = self.tail.1 / tail;
        self.summary.conversion_log_loss = self.tail.2 / tail;
        for arm in self.summary.arms.iter_mut().flat_map(|arms| [&mut arms.treatment, &mut arms.holdout]) {
            let pages = arm.decisions.max(1) as f64;
            arm.clicks /= pages;
            arm.conversions /= pages;
        }
        self.summary.policy =
            self.engine.map_or_else(|| "shop".to_owned(), |engine| engine.hash().to_owned());
    }
}

/// An exponential waiting time with mean 1.
fn random_exp(random: &mut Random) -> f64 {
    -libm::log(1.0 - random.unit())
}
