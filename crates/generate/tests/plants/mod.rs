//! True texts with their briefs, and wrong facts of four kinds to plant in them.

use attune_generate::{
    Brief,
    brief::{Language, Price},
    delexicalise::{Marks, delexicalise},
    evaluate::{advertisegen, rnnlg, slots::slot_errors},
    normalise,
};

use crate::Sample;

/// A text with one wrong fact in it.
pub(crate) struct Plant {
    pub(crate) text: String,
    pub(crate) what: String,
}

/// SplitMix64 (Steele et al. 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

/// References whose slots are right by the corpus's own count.
pub(crate) fn rnnlg(text: &str, half: impl Fn(usize) -> bool) -> Vec<Sample> {
    let rows = rnnlg::read(text).unwrap();
    let right = rows.into_iter().enumerate().filter(|(at, row)| {
        let text = delexicalise(&normalise::reference(&row.reference), &row.act, Marks::Plain);
        half(*at) && slot_errors(&row.act, &text).wrong == 0 && !row.act.kind.contains("request")
    });
    right.map(|(_, row)| Sample { brief: Brief::from_act(&row.act), text: row.reference }).collect()
}

/// Descriptions, with the catalogue's entry as facts.
pub(crate) fn catalogue(text: &str, half: impl Fn(usize) -> bool) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (at, entry) in text.split("\n- id:").enumerate().filter(|(at, _)| half(*at)) {
        let field = |name: &str| {
            let from = entry.find(&format!("\n  {name}: "))? + name.len() + 5;
            let lines = entry[from..].split('\n').enumerate();
            let lines: Vec<&str> = lines
                .take_while(|(at, l)| *at == 0 || l.starts_with("    "))
                .map(|(_, l)| l.trim())
                .collect();
            Some(lines.join(" ").trim_matches(['\'', '"']).replace("''", "'"))
        };
        let (Some(name), Some(description), Some(price)) =
            (field("name"), field("description"), field("price"))
        else {
            continue;
        };
        let amount: f64 = price.parse().unwrap();
        let mut brief = Brief::default();
        brief.facts.name = Some(name);
        brief.facts.category = field("style");
        brief.facts.description = Some(description.clone());
        brief.facts.price = Some(Price { amount, currency: "USD".into() });
        let text = if at % 3 == 0 { format!("{description} Yours for ${amount:.2}.") } else { description };
        samples.push(Sample { brief, text });
    }
    samples
}

/// References, with the row's attributes and the reference itself as the catalogue's text.
pub(crate) fn advertisegen(text: &str, half: impl Fn(usize) -> bool) -> Vec<Sample> {
    let rows = advertisegen::read(text).unwrap();
    let rows = rows.into_iter().enumerate().filter(|(at, _)| half(*at) && at % 3 != 0);
    rows.map(|(_, row)| {
        let mut brief = Brief::from_attributes(&row.attributes);
        let text = row.summary.replace("<UNK>", "");
        brief.facts.description = Some(text.clone());
        Sample { brief, text }
    })
    .collect()
}

const MATERIALS: [&str; 22] = [
    "titanium",
    "cashmere",
    "bamboo",
    "stainless steel",
    "carbon fiber",
    "silk",
    "oak",
    "marble",
    "nylon",
    "linen",
    "aluminium",
    "suede",
    "porcelain",
    "merino wool",
    "brass",
    "polyester",
    "walnut",
    "velvet",
    "sterling silver",
    "memory foam",
    "solid wood",
    "ceramic",
];
const BRANDS: [&str; 24] = [
    "Sony",
    "Samsung",
    "Dell",
    "Lenovo",
    "Gucci",
    "Nike",
    "Adidas",
    "Panasonic",
    "Philips",
    "Huawei",
    "IKEA",
    "Bose",
    "Zentara",
    "Vexolin",
    "Kyrograph",
    "Brandovia",
    "Nordvik",
    "Aurelux",
    "Quillmark",
    "Tresanto",
    "Hewlett-Packard",
    "Levi's",
    "Prada",
    "Lumetrix",
];
const CLAIMS: [&str; 27] = [
    "waterproof",
    "organic",
    "clinically proven",
    "FDA approved",
    "hypoallergenic",
    "award-winning",
    "eco-friendly",
    "antibacterial",
    "dermatologist tested",
    "military-grade",
    "best-selling",
    "scratch-resistant",
    "made in Italy",
    "BPA-free",
    "the best on the market",
    "risk-free",
    "world-leading",
    "shockproof",
    "fire resistant",
    "biodegradable",
    "energy efficient",
    "doctor recommended",
    "number one",
    "vegan",
    "machine washable",
    "patented",
    "certified organic",
];
const OFFERS: [&str; 10] = [
    "free shipping",
    "a lifetime warranty",
    "a money-back guarantee",
    "free returns",
    "a free gift",
    "bluetooth",
    "wireless charging",
    "noise cancelling",
    "gps",
    "a fingerprint reader",
];
const ZH_MATERIALS: [&str; 13] = [
    "羊绒",
    "真皮",
    "亚麻",
    "不锈钢",
    "碳纤维",
    "实木",
    "羊毛",
    "天丝",
    "鹅绒",
    "麂皮",
    "莫代尔",
    "钛合金",
    "法兰绒",
];
const ZH_BRANDS: [&str; 16] = [
    "耐克",
    "优衣库",
    "香奈儿",
    "华为",
    "小米",
    "李宁",
    "阿迪达斯",
    "森羽品牌",
    "Zentara",
    "Vexolin",
    "云裳记旗舰店",
    "爱马仕",
    "GUCCI",
    "安踏",
    "古驰",
    "Nordvik",
];
const ZH_CLAIMS: [&str; 20] = [
    "防水",
    "抗菌",
    "手工",
    "包邮",
    "终身质保",
    "全国销量第一",
    "国家级品质",
    "顶级工艺",
    "最佳选择",
    "临床验证",
    "有机认证",
    "可机洗",
    "防紫外线",
    "减肥",
    "买一送一",
    "七天无理由退货",
    "明星同款",
    "永久不变形",
    "假一赔十",
    "意大利进口",
];

/// One plant of each kind that fits the text.
pub(crate) fn plant(sample: &Sample, random: &mut Random) -> Vec<Plant> {
    let text = &sample.text;
    let facts = sample.brief.fact_text().to_lowercase();
    let new = |list: &[&'static str], random: &mut Random| {
        let fresh: Vec<&str> = list.iter().copied().filter(|w| !related(&facts, w)).collect();
        random.pick(&fresh)
    };
    // Of numbers of its own, so that the other plants do not depend on it.
    let mut plants = swaps(sample, &mut Random::new(text.len() as u64));
    let mut add = |what: String, text: String| plants.push(Plant { text, what });
    if let Some((what, changed)) = number_changed(text, &sample.brief, random) {
        add(what, changed);
    }
    if sample.brief.language() == Language::Zh {
        let numbers =
            ["续航长达{}小时", "含棉量{}%", "{}年质保", "仅售{}元", "净重{}公斤", "加厚{}厘米", "打{}折"];
        let numerals = ["三", "七", "九", "37", "68", "7.4", "十二", "４５"];
        let number = random.pick(&numbers).replace("{}", random.pick(&numerals));
        add(format!("number {number}"), inserted(text, &format!("{number}，"), random));
        let material = new(&ZH_MATERIALS, random);
        let shape = random.pick(&["采用{}面料，", "精选{}材质，", "{}的质感，", "内里为{}，"]);
        add(format!("material {material}"), inserted(text, &shape.replace("{}", material), random));
        let brand = new(&ZH_BRANDS, random);
        let shape = random.pick(&["来自{}，", "{}出品，", "{}的经典之作，"]);
        add(format!("brand {brand}"), inserted(text, &shape.replace("{}", brand), random));
        let claim = new(&ZH_CLAIMS, random);
        add(format!("claim {claim}"), inserted(text, &format!("{claim}，"), random));
        return plants;
    }
    let rnnlg = sample.brief.act.is_some();
    let case = |word: &str, random: &mut Random| {
        if rnnlg && random.below(2) == 0 { word.to_lowercase() } else { word.to_owned() }
    };
    let numbers = [
        "It weighs {} kg.",
        "It lasts {} hours.",
        "It comes in a pack of {}.",
        "Now only ${}.",
        "It is {} cm wide.",
        "Save {}% today.",
        "It has {} speakers.",
        "It has a {} year warranty.",
        "With {} gb of storage.",
    ];
    let numerals = [
        ("three", "3"),
        ("7", "7"),
        ("41", "41"),
        ("twenty-nine", "29"),
        ("13.7", "13.7"),
        ("fifty six", "56"),
        ("1,873", "1873"),
        ("ninety", "90"),
    ];
    // A number that the facts have may count something of them.
    let known =
        |digits: &str| facts.split(|c: char| !c.is_ascii_digit() && c != '.').any(|number| number == digits);
    let strange: Vec<&str> =
        numerals.iter().filter(|(_, digits)| !known(digits)).map(|(said, _)| *said).collect();
    let number = random.pick(&numbers).replace("{}", random.pick(&strange));
    add(format!("number {number}"), appended(text, &number, rnnlg));
    let material = new(&MATERIALS, random);
    let shape =
        random.pick(&["It is made of {}.", "It has a {} finish.", "Crafted from {}.", "The body is {}."]);
    add(format!("material {material}"), appended(text, &shape.replace("{}", material), rnnlg));
    let brand = new(&BRANDS, random);
    let brand = case(brand, random);
    let shape = random.pick(&[
        "It is made by {}.",
        "It comes from {}.",
        "A product of the {} brand.",
        "Designed by {}.",
    ]);
    add(format!("brand {brand}"), appended(text, &shape.replace("{}", &brand), rnnlg));
    if let Some(name) = &sample.brief.facts.name
        && let Some(at) = text.to_lowercase().find(&name.to_lowercase())
    {
        let brand = case(new(&BRANDS, random), random);
        let rest = name.split_once(' ').map_or("", |(_, rest)| rest);
        let swapped = format!("{}{brand} {rest}{}", &text[..at], &text[at + name.len()..]);
        add(format!("brand {brand} for {name}"), swapped);
    }
    let claim = new(&CLAIMS, random);
    add(format!("claim {claim}"), appended(text, &format!("It is {claim}."), rnnlg));
    let offer = new(&OFFERS, random);
    add(format!("claim {offer}"), appended(text, &format!("It comes with {offer}."), rnnlg));
    plants
}

/// Attributes whose values could be taken for each other's, and what they are called.
const ALIKE: [&[(&str, &[&str])]; 4] = [
    &[("memory", &["memory", "ram"]), ("drive", &["drive", "storage", "hard drive"])],
    &[
        ("driverange", &["drive range"]),
        ("pricerange", &["price range"]),
        ("weightrange", &["weight range"]),
        ("batteryrating", &["battery rating"]),
    ],
    &[
        ("screensizerange", &["screen size range"]),
        ("pricerange", &["price range"]),
        ("ecorating", &["eco rating"]),
        ("audio", &["audio"]),
    ],
    &[("screensize", &["screen size"]), ("powerconsumption", &["power consumption"])],
];

/// Values of the product said of another of its attributes: in a sentence of their own, and exchanged where they stand.
fn swaps(sample: &Sample, random: &mut Random) -> Vec<Plant> {
    let mut plants = Vec::new();
    let attributes: Vec<(&str, Vec<String>)> = sample
        .brief
        .facts
        .attributes
        .iter()
        .map(|attribute| {
            (attribute.name.as_str(), attribute.values.iter().map(ToString::to_string).collect())
        })
        .collect();
    if sample.brief.language() == Language::Zh {
        let (mut ours, mut theirs) =
            (random.below(attributes.len().max(1)), random.below(attributes.len().max(1)));
        if ours == theirs {
            (ours, theirs) = (0, attributes.len().saturating_sub(1));
        }
        if let (Some((name, own)), Some((_, others))) = (attributes.get(ours), attributes.get(theirs)) {
            let value = &others[random.below(others.len())];
            if !own.contains(value) && value.len() > 1 {
                let shape = random.pick(&["{n}为{v}，", "{n}是{v}，", "{n}：{v}，", "{n}采用{v}，"]);
                let clause = shape.replace("{n}", name).replace("{v}", value);
                plants.push(Plant {
                    text: inserted(&sample.text, &clause, random),
                    what: format!("swap {clause}"),
                });
            }
        }
        return plants;
    }
    for group in ALIKE {
        let there: Vec<(&[&str], &str)> = group
            .iter()
            .filter_map(|(name, called)| {
                let (_, values) = attributes.iter().find(|(own, _)| own == name)?;
                let [value] = values.as_slice() else { return None };
                Some((*called, value.as_str()))
            })
            .collect();
        let [(ours, own), (theirs, other), ..] = there.as_slice() else { continue };
        // A class of one letter cannot be told from an article.
        if own == other || other.len() == 1 {
            continue;
        }
        let called = random.pick(ours);
        let shapes = ["It has {v} of {n}.", "The {n} is {v}.", "Its {n} : {v}.", "It comes with a {v} {n}."];
        let sentence = random.pick(&shapes).replace("{n}", called).replace("{v}", other);
        plants
            .push(Plant { text: appended(&sample.text, &sentence, true), what: format!("swap {sentence}") });
        let text = sample.text.to_lowercase();
        if own.len() > 1 && text.matches(own).count() == 1 && text.matches(other).count() == 1 {
            let text = text.replace(own, "\0").replace(other, own).replace('\0', other);
            let beside = |name: &str, value: &str| {
                [format!("{value} {name}"), format!("{value} of {name}"), format!("{name} of {value}")]
                    .iter()
                    .any(|pair| text.contains(pair))
            };
            if ours.iter().any(|name| beside(name, other)) && theirs.iter().any(|name| beside(name, own)) {
                plants.push(Plant { text, what: format!("swap {own} and {other}") });
            }
        }
    }
    plants
}

/// Whether the facts could be read as granting a word.
fn related(facts: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    let stems = word.split([' ', '-']).filter(|part| part.len() > 3);
    facts.contains(&word)
        || stems.into_iter().any(|part| {
            facts.contains(&part[..part.len().min(part.char_indices().nth(5).map_or(part.len(), |c| c.0))])
        })
}

/// A number of the text that is no part of the name made another one.
fn number_changed(text: &str, brief: &Brief, random: &mut Random) -> Option<(String, String)> {
    let name = brief.facts.name.clone().unwrap_or_default().to_lowercase();
    let bytes = text.as_bytes();
    let mut runs = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while at < bytes.len()
            && (bytes[at].is_ascii_digit()
                || (bytes[at] == b'.' && at > start && bytes.get(at + 1).is_some_and(u8::is_ascii_digit)))
        {
            at += 1;
        }
        if at > start {
            runs.push(start..at);
        }
        at += usize::from(at == start);
    }
    runs.retain(|run| {
        let before = text[..run.start].chars().next_back().unwrap_or(' ');
        !before.is_ascii_alphabetic() && !name.contains(&text[run.clone()])
    });
    let run = runs.get(random.below(runs.len().max(1)))?.clone();
    let old = &text[run.clone()];
    let value: f64 = old.parse().ok()?;
    let new = match random.below(5) {
        0 => format!("{}", value + 1.0),
        1 => format!("{}", value * 2.0 + 3.0),
        2 => format!("{old}7"),
        3 if old.contains('.') => old.replace('.', ""),
        3 => format!("{value}.5"),
        _ => old
            .chars()
            .map(|c| c.to_digit(10).map_or(c, |d| char::from_digit((d + 3) % 9 + 1, 10).unwrap()))
            .collect(),
    };
    let facts = brief.fact_text();
    let known = facts.split(|c: char| !c.is_ascii_digit() && c != '.').any(|n| n == new);
    (!known && new != old).then(|| {
        (format!("number {old} to {new}"), format!("{}{new}{}", &text[..run.start], &text[run.end..]))
    })
}

fn appended(text: &str, sentence: &str, lower: bool) -> String {
    let sentence = if lower {
        format!("{}{}", sentence[..1].to_lowercase(), &sentence[1..])
    } else {
        sentence.to_owned()
    };
    let text = text.trim_end();
    format!(
        "{}{sentence}",
        if text.ends_with(['.', '?', '!']) { format!("{text} ") } else { format!("{text} . ") }
    )
}

/// After one of the text's marks, or at its beginning.
fn inserted(text: &str, words: &str, random: &mut Random) -> String {
    let marks: Vec<usize> = text
        .match_indices(['，', '。'])
        .map(|(at, mark)| at + mark.len())
        .filter(|&at| at < text.len())
        .collect();
    let at = if marks.is_empty() { 0 } else { marks[random.below(marks.len())] };
    format!("{}{words}{}", &text[..at], &text[at..])
}
