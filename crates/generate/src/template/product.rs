//! Copy for a product, from the grammars of its language.

use attune_llama::order;
use std::sync::OnceLock;

use super::grammar::{Grammar, Slots, article, capital};
use super::noun::is_countable;
use crate::{
    Brief,
    brief::{Attribute, AttributeValue, Channel, Language, Tone},
    random::Random,
};

/// Predicates that one English sentence takes; clauses that one Chinese sentence takes.
const PREDICATES: usize = 3;

/// One text for the brief; empty where the grammar has nothing to say.
pub(super) fn compose(brief: &Brief, random: &mut Random) -> String {
    let writer =
        Writer { brief, grammar: grammar(brief.language()), chinese: brief.language() == Language::Zh };
    match brief.channel {
        Channel::Headline => writer.line("headline", random),
        Channel::EmailSubject => writer.line("subject_line", random),
        Channel::Banner => writer.line("banner", random),
        Channel::ProductDescription | Channel::Article => writer.description(random),
    }
}

/// The grammars that the crate carries; a test reads them.
fn grammar(language: Language) -> &'static Grammar {
    static EN: OnceLock<Grammar> = OnceLock::new();
    static ZH: OnceLock<Grammar> = OnceLock::new();
    match language {
        Language::En => EN.get_or_init(|| Grammar::parse(include_str!("en.txt")).unwrap_or_default()),
        Language::Zh => ZH.get_or_init(|| Grammar::parse(include_str!("zh.txt")).unwrap_or_default()),
    }
}

struct Writer<'a> {
    brief: &'a Brief,
    grammar: &'static Grammar,
    chinese: bool,
}

impl Writer<'_> {
    fn tone(&self) -> &'static str {
        match self.brief.tone {
            Tone::Plain => "plain",
            Tone::Friendly => "friendly",
            Tone::Elegant => "elegant",
            Tone::Energetic => "energetic",
        }
    }

    /// Name, brand, category (or range), price, reader.
    fn slots(&self) -> Slots<'static> {
        let facts = &self.brief.facts;
        let mut slots = Slots::new();
        let name = facts.name.clone().or_else(|| self.chinese.then(|| facts.category.clone()).flatten());
        let full = match (&name, &facts.brand) {
            (Some(name), Some(brand)) if name.to_lowercase().contains(&brand.to_lowercase()) => name.clone(),
            (Some(name), Some(brand)) if self.chinese => format!("{brand}{name}"),
            (Some(name), Some(brand)) => format!("{name} by {brand}"),
            (Some(name), None) => name.clone(),
            (None, Some(brand)) if self.chinese => brand.clone(),
            (None, brand) => {
                let one = facts.category.clone().filter(|category| is_countable(category));
                let category = one.unwrap_or_else(|| "product".into());
                brand.as_ref().map_or_else(String::new, |brand| format!("this {category} by {brand}"))
            }
        };
        slots.insert("full", full.clone());
        // `the Kettle is a kettle` says nothing.
        let category = facts.category.clone().filter(|c| !full.to_lowercase().contains(&c.to_lowercase()));
        let counted = self.chinese || category.as_deref().is_none_or(is_countable);
        slots.insert(if counted { "category" } else { "range" }, category.unwrap_or_default());
        slots.insert("price", facts.price.as_ref().map(|price| self.price(price)).unwrap_or_default());
        slots.insert("segment", self.brief.audience.segment.clone().unwrap_or_default());
        slots.insert("interests", self.joined(&self.brief.audience.interests));
        slots
    }

    fn price(&self, price: &crate::brief::Price) -> String {
        let crate::brief::Price { amount, currency } = price;
        let amount = if amount.fract() == 0.0 { format!("{amount}") } else { format!("{amount:.2}") };
        let sign = match currency.to_uppercase().as_str() {
            "USD" | "$" => "$",
            "EUR" | "€" => "€",
            "GBP" | "£" => "£",
            "CNY" | "RMB" | "¥" | "￥" => "¥",
            _ if self.chinese => return format!("{amount}{currency}"),
            _ => return format!("{amount} {currency}"),
        };
        if self.chinese && sign == "¥" { format!("{amount}元") } else { format!("{sign}{amount}") }
    }

    fn joined(&self, items: &[String]) -> String {
        match items {
            [] => String::new(),
            [one] => one.clone(),
            [most @ .., last] if self.chinese => format!("{}和{last}", most.join("、")),
            [most @ .., last] => format!("{} and {last}", most.join(", ")),
        }
    }

    /// One line: the name, and a feature where it fits.
    fn line(&self, rule: &str, random: &mut Random) -> String {
        let most = self.brief.length().max;
        let mut slots = self.slots();
        let facts = &self.brief.facts;
        if slots["full"].is_empty() {
            let category = facts.category.clone().unwrap_or_default();
            slots.insert("full", if self.chinese { category } else { capital(&category) });
        }
        let mut features: Vec<String> = facts.claims.clone();
        features.extend(facts.attributes.iter().filter_map(|attribute| self.feature(attribute)));
        // What the segment likes comes first.
        let likes = &self.brief.audience.interests;
        order::sort_by_key(&mut features, |feature| {
            !likes.iter().any(|like| feature.to_lowercase().contains(&like.to_lowercase()))
        });
        let rule = format!("{rule}.{}", self.tone());
        for attempt in 0..8 {
            let few = features.len().min(4);
            if few > 0 && attempt < 6 {
                slots.insert("feature", features[random.below(few)].clone());
            } else {
                slots.remove("feature");
            }
            if slots["full"].is_empty() {
                slots.insert("full", features.first().map(|f| capital(f)).unwrap_or_default());
            }
            if let Some(text) = self.grammar.say(&rule, &slots, random)
                && text.chars().count() <= most
            {
                return text;
            }
        }
        self.grammar.say("headline.short", &slots, random).unwrap_or_default()
    }

    /// `15.6 inch screen`, `无袖设计`.
    fn feature(&self, attribute: &Attribute) -> Option<String> {
        let values: Vec<String> = attribute.values.iter().map(ToString::to_string).collect();
        match attribute.values.first()? {
            AttributeValue::Flag(true) => Some(attribute.name.clone()),
            AttributeValue::Flag(false) => None,
            _ if self.chinese => Some(self.joined(&values)),
            AttributeValue::Quantity { .. } | AttributeValue::Number(_) => {
                Some(format!("{} {}", self.joined(&values), words(&attribute.name)))
            }
            AttributeValue::Text(text)
                if self.grammar.class(&attribute.name).is_none() && text.split(' ').count() < 4 =>
            {
                Some(format!("{} {}", self.joined(&values), words(&attribute.name)))
            }
            AttributeValue::Text(_) => Some(self.joined(&values)),
        }
    }

    /// All facts in sentences.
    fn description(&self, random: &mut Random) -> String {
        let slots = self.slots();
        let mut sentences = Vec::new();
        let opening = if slots["full"].is_empty() {
            "opening.nameless".into()
        } else {
            format!("opening.{}", self.tone())
        };
        sentences.extend(self.grammar.say(&opening, &slots, random));
        let predicates: Vec<String> = self
            .brief
            .facts
            .attributes
            .iter()
            .filter_map(|attribute| self.predicate(attribute, random))
            .collect();
        for (at, few) in predicates.chunks(PREDICATES).enumerate() {
            sentences.push(if self.chinese {
                format!("{}。", few.join("，"))
            } else {
                let subject = if at == 0 { "subject.first" } else { "subject.next" };
                let subject = self.grammar.say(subject, &slots, random).unwrap_or_else(|| "It".into());
                // `It also is`: the adverb goes after the verb, or away.
                let subject = if few[0].starts_with("is ") || few[0].starts_with("does ") {
                    "It".into()
                } else {
                    subject
                };
                format!("{subject} {}.", self.joined(few))
            });
        }
        if self.chinese && predicates.is_empty() && sentences.len() == 1 {
            sentences[0] = format!("{}。", sentences[0].trim_end_matches('，'));
        }
        let mut tail = Vec::new();
        if !slots["price"].is_empty() {
            tail.extend(self.grammar.say("price", &slots, random));
        }
        tail.extend(self.claims(random));
        for (slot, rule) in [("segment", "reader"), ("interests", "likes")] {
            if !slots[slot].is_empty() {
                tail.extend(self.grammar.say(rule, &slots, random));
            }
        }
        tail.extend(self.brief.required.iter().map(|phrase| self.sentence(phrase)));
        tail.extend(self.grammar.say(&format!("end.{}", self.tone()), &slots, random));
        let gap = if self.chinese { "" } else { " " };
        let breaks = if self.brief.channel == Channel::Article { "\n\n" } else { gap };
        let (head, tail) = (sentences.join(gap), tail.join(gap));
        format!("{head}{}{tail}", if head.is_empty() || tail.is_empty() { "" } else { breaks })
    }

    fn claims(&self, random: &mut Random) -> Option<String> {
        let claims = &self.brief.facts.claims;
        let mut slots = Slots::new();
        slots.insert("claims", self.joined(claims));
        // `It is waterproof` of adjectives; `Good to know: free shipping` of the rest.
        let adjective = |claim: &String| {
            [
                "proof",
                "resistant",
                "able",
                "ic",
                "made",
                "crafted",
                "free",
                "friendly",
                "tested",
                "proven",
                "approved",
                "ed",
                "less",
            ]
            .iter()
            .any(|end| claim.to_lowercase().ends_with(end))
        };
        let rule = if claims.iter().all(adjective) { "claims" } else { "notes" };
        (!claims.is_empty()).then(|| self.grammar.say(rule, &slots, random)).flatten()
    }

    fn sentence(&self, phrase: &str) -> String {
        let end = if phrase.ends_with(['.', '!', '?', '。', '！', '？']) {
            ""
        } else if self.chinese {
            "。"
        } else {
            "."
        };
        format!("{}{end}", capital(phrase))
    }

    /// What is said of an attribute, without its subject.
    fn predicate(&self, attribute: &Attribute, random: &mut Random) -> Option<String> {
        let mut slots = Slots::new();
        let name = if self.chinese { attribute.name.clone() } else { words(&attribute.name) };
        let values: Vec<String> = attribute.values.iter().map(ToString::to_string).collect();
        let class =
            self.grammar.class(&attribute.name).filter(|class| self.grammar.has(&format!("is.{class}")));
        let rule = match attribute.values.as_slice() {
            [AttributeValue::Flag(true)] => "is.flag".to_owned(),
            [AttributeValue::Flag(false)] => "is.lacks".to_owned(),
            _ if class.is_some() => format!("is.{}", class.unwrap_or_default()),
            [AttributeValue::Number(_)] => "is.count".to_owned(),
            [AttributeValue::Quantity { .. }] => "is.measure".to_owned(),
            [_] => "is.other".to_owned(),
            _ => "is.many".to_owned(),
        };
        let many = matches!(attribute.values.as_slice(), [AttributeValue::Number(n)] if *n != 1.0)
            || values.len() > 1;
        slots.insert("plural", if many && !name.ends_with('s') { format!("{name}s") } else { name.clone() });
        let value = self.joined(&values);
        // `a black and white design`, `black and white stripes`.
        let article = if is_countable(&name) { format!("{} ", article(&value)) } else { String::new() };
        slots.insert("valued", format!("{article}{value} {name}"));
        slots.insert("name", name);
        slots.insert("value", value);
        self.grammar.say(&rule, &slots, random)
    }
}

/// `screen_size` and `screenSize` as words.
fn words(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && out.ends_with(|last: char| last.is_lowercase()) {
            out.push(' ');
            out.extend(c.to_lowercase());
        } else {
            out.push(if c == '_' { ' ' } else { c });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Guard;

    #[test]
    fn the_grammars_read() {
        for text in [include_str!("en.txt"), include_str!("zh.txt")] {
            let grammar = Grammar::parse(text).unwrap();
            for tone in ["plain", "friendly", "elegant", "energetic"] {
                for rule in ["opening", "headline", "subject_line", "banner", "end"] {
                    assert!(grammar.has(&format!("{rule}.{tone}")), "{rule}.{tone}");
                }
            }
        }
    }

    #[test]
    fn every_channel_and_tone_passes_the_guard_and_a_description_says_all() {
        let en = r#""facts":{"name":"Apollo 73","brand":"Zentara","category":"television","price":{"amount":1299,"currency":"USD"},
            "attributes":{"screen size":{"value":55,"unit":"inch"},"usb":true,"colour":["black","silver"],"hdmi ports":3,
            "ecoRating":"a+","material":"aluminium"},"claims":["energy efficient","free shipping"]},
            "audience":{"segment":"film lovers","interests":["quiet evenings"]}"#;
        let zh = r#""facts":{"name":"云朵连衣裙","brand":"森羽","category":"裙","price":{"amount":199,"currency":"CNY"},
            "attributes":{"材质":["棉","亚麻"],"颜色":"白色","裙长":"中长款","口袋":true,"重量":{"value":300,"unit":"克"}},
            "claims":["可机洗"]},"audience":{"segment":"通勤人群"}"#;
        for facts in [en, zh] {
            for channel in ["headline", "product_description", "email_subject", "banner", "article"] {
                for tone in ["plain", "friendly", "elegant", "energetic"] {
                    let json = format!("{{{facts},\"channel\":\"{channel}\",\"tone\":\"{tone}\"}}");
                    let (brief, _) = Brief::parse(&json).unwrap();
                    let guard = Guard::new(&brief);
                    for candidate in 0..5 {
                        let text = compose(&brief, &mut Random::new(9, candidate));
                        let report = guard.check(&text);
                        assert!(report.passes(), "{text}\n{:?}", report.findings);
                        assert!(
                            brief.channel.is_line() || report.unsaid.is_empty(),
                            "{text}\n{:?}",
                            report.unsaid
                        );
                    }
                }
            }
        }
    }
}
