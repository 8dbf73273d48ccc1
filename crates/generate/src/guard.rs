//! What may not go out: facts that are not in the brief, banned words, foreign matter.
//!
//! The guard judges one finished text. It knows the facts of the brief and nothing else: a true statement that the
//! brief does not grant is a finding too.

mod claims;
mod form;
mod names;
mod numbers;
mod pairing;
mod required;

use attune_llama::order;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{brief::Brief, facts::Known, scan::Scan};

/// Findings of one kind stop here: more say nothing new, and a hostile text could have any number.
const MOST_FINDINGS: usize = 64;

/// What is wrong with a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// A number that no fact has.
    Number,
    /// A price that is not the product's.
    Price,
    /// A material that is not among the facts.
    Material,
    /// A value that is another attribute's.
    Attribute,
    /// A brand or another name that is not among the facts.
    Name,
    /// A claim without grounds.
    Claim,
    /// A word that law or practice bans, true or not.
    Regulated,
    /// A fact or phrase that had to be said.
    Missing,
    /// A phrase the brief forbids.
    Forbidden,
    /// Too long or too short.
    Length,
    /// Markup, an address, control characters.
    Markup,
    /// Another language or script than asked for.
    Language,
    /// Something of a prompt, or a model's own voice.
    Leak,
}

/// Whether a text with this finding may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It may; the finding is told.
    Note,
    /// It may not.
    Block,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// How bad.
    pub severity: Severity,
    /// Where, in bytes of the text; empty where something is missing.
    pub span: Range<usize>,
    /// What stands there, or what is missing.
    pub what: String,
    /// Why it is wrong, for people.
    pub reason: String,
}

/// What the guard says of one text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardReport {
    /// In the order of the text.
    pub findings: Vec<Finding>,
    /// Attribute values and claims of the brief that the text says.
    pub said: Vec<String>,
    /// Those that it leaves out.
    pub unsaid: Vec<String>,
}

impl GuardReport {
    /// Whether the text may go out.
    pub fn passes(&self) -> bool {
        self.blocking().next().is_none()
    }

    /// The findings that keep the text in.
    pub fn blocking(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Block)
    }

    /// Whether a finding of this kind keeps the text in.
    pub fn has(&self, kind: Kind) -> bool {
        self.blocking().any(|finding| finding.kind == kind)
    }
}

/// A brief's facts, read once, to check many texts.
#[derive(Debug)]
pub struct Guard<'a> {
    brief: &'a Brief,
    known: Known,
}

impl<'a> Guard<'a> {
    /// Reads the brief's facts.
    pub fn new(brief: &'a Brief) -> Self {
        Self { brief, known: Known::of(brief) }
    }

    /// Checks one text.
    pub fn check(&self, text: &str) -> GuardReport {
        let mut check = Check {
            scan: Scan::new(text),
            text,
            brief: self.brief,
            known: &self.known,
            findings: Vec::new(),
        };
        form::check(&mut check);
        numbers::check(&mut check);
        pairing::check(&mut check);
        names::check(&mut check);
        claims::check(&mut check);
        let (said, unsaid) = required::check(&mut check);
        let mut findings = check.findings;
        order::sort_by_key(&mut findings, |finding| (finding.span.start, finding.kind));
        GuardReport { findings, said, unsaid }
    }

    pub(crate) fn known(&self) -> &Known {
        &self.known
    }
}

/// One text under examination.
struct Check<'a> {
    scan: Scan,
    text: &'a str,
    brief: &'a Brief,
    known: &'a Known,
    findings: Vec<Finding>,
}

impl Check<'_> {
    /// Adds a finding at characters of the scan.
    fn find(&mut self, kind: Kind, span: &Range<usize>, reason: impl Into<String>) {
        let bytes = self.scan.bytes(span);
        self.at(kind, Severity::Block, bytes, reason);
    }

    /// Adds a finding at bytes of the text.
    fn at(&mut self, kind: Kind, severity: Severity, span: Range<usize>, reason: impl Into<String>) {
        let what = self.text.get(span.clone()).unwrap_or_default().to_owned();
        self.push(Finding { kind, severity, span, what, reason: reason.into() });
    }

    fn push(&mut self, finding: Finding) {
        if self.findings.iter().filter(|f| f.kind == finding.kind).count() < MOST_FINDINGS {
            self.findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn brief(json: &str) -> Brief {
        Brief::parse(json).unwrap().0
    }

    fn kinds(json: &str, text: &str) -> Vec<Kind> {
        let brief = brief(json);
        let mut kinds: Vec<Kind> =
            Guard::new(&brief).check(text).blocking().map(|finding| finding.kind).collect();
        kinds.dedup();
        kinds
    }

    const KETTLE: &str = r#"{"facts":{"name":"Aria Kettle","brand":"Zentara","price":{"amount":1299.0,"currency":"USD"},
        "attributes":{"material":"stainless steel","runs":{"value":8,"unit":"hours"},"waterproof":false},"claims":["free shipping"]},
        "forbidden":["tea time"]}"#;

    #[test]
    fn the_facts_may_be_said_in_other_writing() {
        for text in [
            "The Aria Kettle by Zentara runs eight hours, costs $1,299.00 and ships with free shipping.",
            "A stainless steel kettle: 8h on one charge, 1299 dollars.",
            "The Aria Kettle is not waterproof.",
        ] {
            assert_eq!(kinds(KETTLE, text), [], "{text}");
        }
    }

    #[test]
    fn what_the_facts_do_not_say_is_found() {
        for (text, kind) in [
            ("The Aria Kettle runs nine hours.", Kind::Number),
            ("The Aria Kettle runs 8 days.", Kind::Number),
            ("The Aria Kettle costs $1,299.50.", Kind::Price),
            ("The Aria Kettle is made of copper.", Kind::Material),
            ("The Aria Kettle rivals the Bosch one.", Kind::Name),
            ("The Aria Kettle by Vornado.", Kind::Name),
            ("The Aria Kettle is waterproof.", Kind::Claim),
            ("The Aria Kettle comes with a lifetime warranty.", Kind::Claim),
            ("The best kettle in the world.", Kind::Regulated),
            ("Tea time with the Aria Kettle.", Kind::Forbidden),
            ("The <b>Aria Kettle</b>.", Kind::Markup),
            ("See the Aria Kettle at kettle.com.", Kind::Markup),
            ("The Aria\u{202e} Kettle.", Kind::Markup),
            ("As an AI, I like the Aria Kettle.", Kind::Leak),
            ("The Aria Kettle в продаже.", Kind::Language),
            ("这是一把水壶。", Kind::Language),
            ("", Kind::Length),
        ] {
            assert!(kinds(KETTLE, text).contains(&kind), "{text}: {:?}", kinds(KETTLE, text));
        }
    }

    #[test]
    fn chinese_facts_are_held_to() {
        let json = r#"{"facts":{"category":"上衣","price":{"amount":199,"currency":"¥"},"attributes":{"材质":"棉","续航":{"value":8,"unit":"小时"}}}}"#;
        assert_eq!(kinds(json, "这款上衣选用纯棉面料，续航八小时，售价199元，一年四季都好搭配。"), []);
        for (text, kind) in [
            ("续航十二小时的上衣。", Kind::Number),
            ("上衣仅售９９元。", Kind::Price),
            ("这款上衣采用真丝面料。", Kind::Material),
            ("耐克同款上衣。", Kind::Name),
            ("来自森羽品牌的上衣。", Kind::Name),
            ("上衣防水。", Kind::Claim),
            ("全网最好的上衣。", Kind::Regulated),
            ("国家级上衣。", Kind::Regulated),
        ] {
            assert!(kinds(json, text).contains(&kind), "{text}: {:?}", kinds(json, text));
        }
    }

    #[test]
    fn a_value_said_of_another_attribute_is_found() {
        let en = r#"{"facts":{"name":"Orion 5","attributes":{"memory":{"value":8,"unit":"GB"},"storage":{"value":1,"unit":"TB"},
            "battery life":{"value":10,"unit":"hours"},"charging time":{"value":2,"unit":"hours"},"strap":"nylon","case":"steel",
            "height":{"value":30,"unit":"cm"},"width":{"value":20,"unit":"cm"},"colour":"black","hdmi ports":3,"sleeps":2}}}"#;
        for text in [
            "The Orion 5 has 8 GB of RAM and 1 TB of storage.",
            "Memory: 8 GB, storage: 1 TB.",
            "A 1 TB drive, 8 GB memory and a nylon strap.",
            "The battery lasts 10 hours and charges in 2 hours.",
            "It is 20 cm wide and 30 cm high, with a black strap and a steel case.",
            "With 3 hdmi ports it sleeps 2.",
            "The width of 20 cm goes with a height of 30 cm.",
        ] {
            assert_eq!(kinds(en, text), [], "{text}");
        }
        for (text, kind) in [
            ("The Orion 5 has 1 TB of RAM.", Kind::Number),
            ("It comes with 1 TB of fast memory.", Kind::Number),
            ("Storage: 8 GB, memory: 1 TB.", Kind::Number),
            ("Its memory is 1 TB.", Kind::Number),
            ("The battery lasts 10 hours and charges in 10 hours.", Kind::Number),
            ("It is 30 cm wide.", Kind::Number),
            ("It has a width of 30 cm.", Kind::Number),
            ("It sleeps 3.", Kind::Number),
            ("It has a steel strap.", Kind::Attribute),
            ("The case is nylon.", Kind::Attribute),
        ] {
            assert!(kinds(en, text).contains(&kind), "{text}: {:?}", kinds(en, text));
        }
        let zh = r#"{"facts":{"name":"猎户座","attributes":{"内存":{"value":8,"unit":"GB"},"硬盘":{"value":512,"unit":"GB"},"面料":"棉",
            "里料":"涤纶","高度":{"value":30,"unit":"厘米"},"宽度":{"value":20,"unit":"厘米"}}}}"#;
        for text in
            ["内存8GB，硬盘512GB。", "8GB内存和512GB的存储，高30厘米，宽20厘米。", "面料为棉，里料是涤纶。"]
        {
            assert_eq!(kinds(zh, text), [], "{text}");
        }
        for (text, kind) in [
            ("猎户座内存高达512GB。", Kind::Number),
            ("猎户座配有512GB运行内存。", Kind::Number),
            ("硬盘：8GB，内存：512GB。", Kind::Number),
            ("宽30厘米，高20厘米。", Kind::Number),
            ("面料采用涤纶。", Kind::Attribute),
        ] {
            assert!(kinds(zh, text).contains(&kind), "{text}: {:?}", kinds(zh, text));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_and_spans_are_its_own(text in "\\PC{0,80}", odd in "[0-9a-z.,$%一二十百千万年元折 '\"<|>&-]{0,80}") {
            let brief = brief(KETTLE);
            let guard = Guard::new(&brief);
            for text in [text, odd] {
                for finding in guard.check(&text).findings {
                    prop_assert!(text.get(finding.span).is_some());
                }
            }
        }
    }
}
