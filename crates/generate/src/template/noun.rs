//! Whether an English noun takes `a` or `an`: one thing that can be counted does; `ceramics`, `furniture` and `decorative` do not.

/// After these a noun's own description goes on: the noun stands before them.
const PREPOSITIONS: [&str; 9] = ["of", "with", "for", "in", "from", "on", "to", "by", "without"];

/// Nouns of what is not counted, and other words that take no article; one by one, as English has no rule for them.
const UNCOUNTED: &str = "accommodation advice air alcohol aluminium aluminum apparel art artwork athletics audio babycare bacon baggage bamboo \
    bathing bedding beauty beef beer bread broccoli butter camping care cash cheese chess chocolate christmas clothing coffee content cooking \
    copper corn cotton craft cream cuisine cutlery cycling dairy dairy-free data decor decorative denim dirt dust dj dining easter education \
    electronics elegance entertainment equipment exercise fabric fashion film finance fish fishing fitness flooring floral flour food \
    footwear formal fruit fun furniture gaming gardening garlic gasoline gear glassware glue gold grass grooming gum hair halloween hardware \
    health heating help hiking homedecor homeware honey hosiery housekeeping housing hygiene ice information ink insulation insurance jam jewellery \
    jewelry juice kayaking ketchup knitwear lace laundry leather leisure lettuce lighting linen lingerie literature litter luggage lumber \
    machinery mail makeup make-up maternity meat media medicine merchandise metal milk money music mustard nature news nutrition nylon oil \
    outdoors outerwear packaging padding paint paper parenting parking party pasta pepper percussion perfumery petrol photography plastic \
    plumbing polyester pork porcelain pottery poultry power produce protection pvc rainwear research rice rope rubber running salt sand \
    satin sauce scenery seafood seasonal security sewing shampoo shelving silicone silk silver skiing skincare sleepwear snow soap soccer \
    software spice spinach sport stationery steel storage suede sugar sunscreen swimming swimwear tableware tea tennis textile timber \
    toothpaste tourism traffic training travel underwear upholstery velvet videography vinegar vinyl walking wallpaper water wax wear weather wheat \
    wildlife wind wine wiring wood wool work workwear yoga yarn yogurt";

/// Words that end like a plural and are none.
const SINGULAR: &str = "alias asparagus atlas bus canvas cactus campus chassis chaos citrus compass cosmos gas glass gymnas iris lens mass octopus \
    pancreas plus prius radius status stylus surplus tennis terminus virus walrus abacus apparatus bonus corpus focus genius hummus \
    lotus minus nexus papyrus rhombus sinus basis oasis thermos albatross";

/// Plurals that do not end in `s`.
const PLURAL: &str = "men women children people feet teeth geese mice cattle police media criteria bacteria menswear womenswear";

/// Words that make a list or another kind of thing of what follows.
const OPENING: [&str; 6] = ["other", "various", "assorted", "all", "more", "some"];

/// Whether the noun of a phrase is one thing that can be counted: the last word before a preposition.
pub(crate) fn is_countable(phrase: &str) -> bool {
    let lower = phrase.trim().to_lowercase();
    if lower.contains(['/', '&', ',', '+', ';']) {
        return false;
    }
    let words: Vec<&str> = lower.split_whitespace().collect();
    if words.contains(&"and")
        || words.contains(&"or")
        || words.first().is_some_and(|first| OPENING.contains(first))
    {
        return false;
    }
    let end =
        words.iter().skip(1).position(|word| PREPOSITIONS.contains(word)).map_or(words.len(), |at| at + 1);
    let Some(head) = words[..end].last() else { return false };
    let last = head.rsplit('-').next().unwrap_or(head);
    let listed = |list: &str| list.split_whitespace().any(|word| word == *head || word == last);
    if listed(UNCOUNTED)
        || listed(PLURAL)
        || last.len() > 4 && (last.ends_with("ware") || last.ends_with("wear"))
    {
        return false;
    }
    listed(SINGULAR) || !(is_plural(last) || is_participle(last))
}

fn is_plural(word: &str) -> bool {
    word.len() > 3 && word.ends_with('s') && !word.ends_with("ss")
}

/// `dispensed`, `carbonated`: no noun at all.
fn is_participle(word: &str) -> bool {
    word.len() > 5 && word.ends_with("ed") && !word.ends_with("eed") && !word.ends_with("bed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_takes_an_article() {
        for phrase in [
            "backpack",
            "glass",
            "camera lens",
            "set of knives",
            "pair of shoes",
            "compass",
            "flower bed",
            "wine glass",
            "bookcase for children",
            "55 inch screen",
            "USB port",
            "bus",
        ] {
            assert!(is_countable(phrase), "{phrase}");
        }
        for phrase in [
            "ceramics",
            "home furniture",
            "glasses",
            "men's jeans",
            "cookware",
            "menswear",
            "outdoor lighting",
            "soup and salad",
            "nuts/seeds",
            "Kitchen & Dining",
            "decorative",
            "cold dispensed",
            "clothing for children",
            "",
        ] {
            assert!(!is_countable(phrase), "{phrase}");
        }
    }
}
