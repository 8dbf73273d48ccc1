//! The simulated shop's products, with English and Chinese names.

use std::io::{self, Write};

use attune::rank::Random;
use attune::wire::{Candidate, Fields, Value};
use serde_json::json;

use crate::picture::picture;

/// A word in English and Chinese.
type Pair = (&'static str, &'static str);

/// Category, its nouns, usual price.
pub(crate) const CATEGORIES: [(&str, [Pair; 4], f64); 8] = [
    ("ceramics", [("cup", "杯"), ("bowl", "碗"), ("vase", "花瓶"), ("plate", "盘")], 24.0),
    (
        "lighting",
        [("table lamp", "台灯"), ("lantern", "灯笼"), ("pendant", "吊灯"), ("reading light", "阅读灯")],
        85.0,
    ),
    ("textiles", [("throw", "盖毯"), ("cushion", "靠垫"), ("tablecloth", "桌布"), ("towel", "毛巾")], 42.0),
    (
        "stationery",
        [("notebook", "笔记本"), ("pen tray", "笔盘"), ("planner", "手账"), ("letter set", "信笺")],
        16.0,
    ),
    ("tea", [("teapot", "茶壶"), ("tea tin", "茶罐"), ("tea set", "茶具"), ("gongfu tray", "茶盘")], 48.0),
    ("plants", [("planter", "花盆"), ("fern", "蕨"), ("olive tree", "橄榄树"), ("herb box", "香草盒")], 30.0),
    (
        "candles",
        [
            ("pillar candle", "柱烛"),
            ("scented candle", "香薰蜡烛"),
            ("candle holder", "烛台"),
            ("tealight set", "小蜡烛"),
        ],
        19.0,
    ),
    (
        "furniture",
        [("stool", "凳"), ("side table", "边几"), ("shelf", "置物架"), ("armchair", "扶手椅")],
        190.0,
    ),
];
/// Styles in both languages.
pub(crate) const STYLES: [(&str, &str); 5] =
    [("minimal", "简约"), ("rustic", "乡村"), ("vintage", "复古"), ("modern", "现代"), ("japanese", "日式")];
/// Colour, its Chinese name, as drawn.
pub(crate) const COLORS: [(&str, &str, &str); 8] = [
    ("sage", "鼠尾草绿", "#8fa58a"),
    ("cream", "奶油色", "#e6d8bb"),
    ("indigo", "靛蓝", "#46527f"),
    ("clay", "陶土色", "#b4694c"),
    ("charcoal", "炭灰", "#4b4a4d"),
    ("sand", "沙色", "#cdb38b"),
    ("rose", "玫瑰色", "#c58a90"),
    ("white", "白色", "#f3f1ea"),
];
const MATERIALS: [[(&str, &str); 2]; 8] = [
    [("stone", "石"), ("porcelain", "瓷")],
    [("brass", "黄铜"), ("glass", "玻璃")],
    [("linen", "亚麻"), ("wool", "羊毛")],
    [("paper", "纸"), ("leather", "皮革")],
    [("porcelain", "瓷"), ("bamboo", "竹")],
    [("ceramic", "陶瓷"), ("rattan", "藤")],
    [("glass", "玻璃"), ("ceramic", "陶瓷")],
    [("oak", "橡木"), ("walnut", "胡桃木")],
];
const BRANDS: [&str; 8] = ["Fjellro", "Ombra", "Kaze", "Linde", "Morrow", "Tessil", "Ardea", "Sumi"];
/// Words of a name that move clicks, in both languages, and by how much on the logit scale.
pub(crate) const WORDS: [(&str, &str, f64); 6] = [
    ("Handmade", "手作", 0.35),
    ("Everyday", "日常", 0.0),
    ("Quiet", "静", 0.15),
    ("Bargain", "特价", -0.3),
    ("Little", "小", 0.05),
    ("Heirloom", "传家", -0.1),
];
const DAY: i64 = 86_400_000;

/// One product: what the log knows of it, and what only the truth knows.
#[derive(Debug, Clone)]
pub struct Product {
    /// Id and fields, as a candidate.
    pub candidate: Candidate,
    /// Index among the categories.
    pub category: usize,
    /// Index among the styles.
    pub style: usize,
    /// Index among the colours.
    pub color: usize,
    /// Price.
    pub price: f64,
    /// Mean rating, 1 to 5.
    pub rating: f64,
    /// When it was published, milliseconds since 1970.
    pub published_at: i64,
    /// Appeal that no field tells, on the logit scale.
    pub appeal: f64,
    /// What its name's word is worth, on the logit scale.
    pub word: f64,
    description: [String; 2],
    svg: String,
}

/// The products.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// In order of their numbers.
    pub products: Vec<Product>,
}

/// A number from the standard normal distribution (Box and Muller, 1958).
pub(crate) fn normal(random: &mut Random) -> f64 {
    let (a, b) = (random.unit().max(1e-300), random.unit());
    libm::sqrt(-2.0 * libm::log(a)) * libm::cos(std::f64::consts::TAU * b)
}

/// An index below `n`.
pub(crate) fn index(random: &mut Random, n: usize) -> usize {
    ((random.unit() * n as f64) as usize).min(n - 1)
}

impl Catalogue {
    /// `count` products of the shop with this seed, as of `now`.
    #[must_use]
    pub fn new(seed: u64, count: usize, now: i64) -> Self {
        let mut random = Random::new(seed ^ 0xca7a_1095);
        Self { products: (0..count).map(|number| product(number, now, &mut random)).collect() }
    }

    /// Writes the page's catalogue: one JSON object with all products, their descriptions and pictures.
    ///
    /// # Errors
    /// What writing fails with.
    pub fn write_web(&self, mut out: impl Write) -> io::Result<()> {
        let products: Vec<_> = self
            .products
            .iter()
            .map(|product| {
                let [description, description_zh] = &product.description;
                json!({
                    "id": product.candidate.id, "fields": product.candidate.fields,
                    "description": description, "description_zh": description_zh, "svg": product.svg,
                })
            })
            .collect();
        serde_json::to_writer(&mut out, &json!({"synthetic": true, "products": products}))?;
        out.write_all(b"\n")
    }
}

fn product(number: usize, now: i64, random: &mut Random) -> Product {
    let category = number % CATEGORIES.len();
    let (name, nouns, usual) = &CATEGORIES[category];
    let kind = index(random, nouns.len());
    let noun = nouns[kind];
    let style = index(random, STYLES.len());
    let color = index(random, COLORS.len());
    let material = MATERIALS[category][index(random, 2)];
    let brand = BRANDS[index(random, BRANDS.len())];
    let (word, word_zh, worth) = WORDS[index(random, WORDS.len())];
    let price = libm::round(usual * libm::exp(0.45 * normal(random))).max(3.0);
    let margin = libm::round(price * (0.2 + 0.35 * random.unit()) * 100.0) / 100.0;
    let rating = libm::round((4.1 + 0.5 * normal(random)).clamp(1.5, 5.0) * 10.0) / 10.0;
    let published_at = now - (random.unit() * 300.0) as i64 * DAY;
    let in_stock = random.unit() > 0.03;
    let english = format!("{word} {} {} {}", STYLES[style].0, material.0, noun.0);
    let chinese = format!("{word_zh}{}{}{}", STYLES[style].1, material.1, noun.1);
    let text = |text: &str| Value::Text(text.to_owned());
    let fields: Fields = [
        ("name", text(&english)),
        ("name_zh", text(&chinese)),
        ("category", text(name)),
        ("brand", text(brand)),
        ("style", text(STYLES[style].0)),
        ("color", text(COLORS[color].0)),
        ("material", text(material.0)),
        ("price", Value::Number(price)),
        ("margin", Value::Number(margin)),
        ("rating", Value::Number(rating)),
        ("in_stock", Value::Flag(in_stock)),
        ("published_at", Value::Number(published_at as f64)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    Product {
        candidate: Candidate { id: format!("p{}", number + 1), fields },
        category,
        style,
        color,
        price,
        rating,
        published_at,
        appeal: 0.25 * normal(random),
        word: worth,
        description: describe(noun, material, STYLES[style], COLORS[color], brand, random),
        svg: picture(category, kind, style, COLORS[color].2),
    }
}

fn describe(
    noun: (&str, &str),
    material: (&str, &str),
    style: (&str, &str),
    color: (&str, &str, &str),
    brand: &str,
    random: &mut Random,
) -> [String; 2] {
    let opening = [
        (
            format!("A {} {} in {} {}.", style.0, noun.0, color.0, material.0),
            format!("一件{}{}的{}风格{}。", color.1, material.1, style.1, noun.1),
        ),
        (
            format!("{brand} makes this {} from {}, in {}.", noun.0, material.0, color.0),
            format!("{brand} 以{}制成的{}，{}。", material.1, noun.1, color.1),
        ),
    ];
    let closing = [
        ("It keeps its place quietly, year after year.", "年复一年，静守其位。"),
        ("Made in small numbers; no two are quite alike.", "小批量制作，件件略有不同。"),
        ("For mornings that take their time.", "献给从容的清晨。"),
        ("It looks better with use.", "越用越好看。"),
        ("A good present, and a better habit.", "是好礼物，更是好习惯。"),
    ];
    let (english, chinese) = &opening[index(random, opening.len())];
    let (end, end_zh) = closing[index(random, closing.len())];
    [format!("{english} {end}"), format!("{chinese}{end_zh}")]
}
