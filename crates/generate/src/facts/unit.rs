//! Units of measure in English and Chinese, and what they can be compared with.

/// What is measured. Units of one dimension are compared by their factor; units of different ones never agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dimension {
    Length,
    Inch,
    Foot,
    Mass,
    Pound,
    Ounce,
    Time,
    Day,
    Month,
    Data,
    Volume,
    Power,
    Energy,
    Charge,
    Voltage,
    Frequency,
    Pixel,
    Lines,
    Thousand,
    Percent,
    Discount,
    Times,
    Dollar,
    Yuan,
    Euro,
    Sterling,
    Yen,
    Degree,
    Star,
    Port,
    Piece,
    Layer,
}

/// A unit: its dimension, and how many of the dimension's base units it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    pub(crate) dimension: Dimension,
    pub(crate) factor: f64,
}

impl Dimension {
    pub(crate) fn is_money(self) -> bool {
        matches!(self, Self::Dollar | Self::Yuan | Self::Euro | Self::Sterling | Self::Yen)
    }
}

use Dimension::{
    Charge, Data, Day, Degree, Discount, Dollar, Energy, Euro, Foot, Frequency, Inch, Layer, Length, Lines,
    Mass, Month, Ounce, Percent, Piece, Pixel, Port, Pound, Power, Star, Sterling, Thousand, Time, Times,
    Voltage, Volume, Yen, Yuan,
};

/// Written after a number: singular, plural and sign, folded.
const AFTER: &[(Dimension, f64, &str)] = &[
    (Length, 1.0, "mm|millimeter|millimetre|毫米"),
    (Length, 10.0, "cm|centimeter|centimetre|厘米|公分"),
    (Length, 1e3, "m|meter|metre|米"),
    (Length, 1e6, "km|kilometer|kilometre|公里|千米"),
    (Inch, 1.0, "inch|inches|in|\"|″|''|英寸|寸"),
    (Foot, 1.0, "ft|foot|feet|英尺"),
    (Mass, 1e-3, "mg|milligram|毫克"),
    (Mass, 1.0, "g|gram|克"),
    (Mass, 1e3, "kg|kgs|kilo|kilogram|公斤|千克"),
    (Mass, 500.0, "斤"),
    (Pound, 1.0, "lb|lbs|磅"),
    (Ounce, 1.0, "oz|ounce|盎司"),
    (Time, 1.0, "s|sec|second|秒|秒钟"),
    (Time, 60.0, "min|mins|minute|分钟"),
    (Time, 3600.0, "h|hr|hrs|hour|小时|个小时"),
    (Day, 1.0, "day|天|日"),
    (Day, 7.0, "week|周|个星期|星期"),
    (Month, 1.0, "month|个月"),
    (Month, 12.0, "y|yr|yrs|year|年"),
    (Data, 1.0, "mb|megabyte|兆"),
    (Data, 1e3, "gb|gig|gigabyte"),
    (Data, 1e6, "tb|terabyte"),
    (Volume, 1.0, "ml|milliliter|millilitre|毫升"),
    (Volume, 1e3, "l|liter|litre|升"),
    (Power, 1.0, "w|watt|瓦"),
    (Power, 1e3, "kw|kilowatt|千瓦"),
    (Energy, 1.0, "wh|watt-hour|瓦时"),
    (Charge, 1.0, "mah|毫安|毫安时"),
    (Voltage, 1.0, "v|volt|伏"),
    (Frequency, 1.0, "hz|hertz|赫兹"),
    (Frequency, 1e3, "khz"),
    (Frequency, 1e6, "mhz"),
    (Frequency, 1e9, "ghz"),
    (Pixel, 1.0, "mp|megapixel|mega-pixel"),
    (Pixel, 1e-6, "像素"),
    (Lines, 1.0, "p"),
    (Thousand, 1.0, "k"),
    (Percent, 1.0, "%|percent|per cent|pct"),
    (Discount, 1.0, "折"),
    (Times, 1.0, "x|times|倍"),
    (Dollar, 1.0, "dollar|usd|buck|美元|美金|us dollar"),
    (Yuan, 1.0, "yuan|rmb|cny|元|块|块钱|人民币"),
    (Euro, 1.0, "euro|eur|€|欧元"),
    (Sterling, 1.0, "gbp|英镑"),
    (Yen, 1.0, "jpy|日元"),
    (Degree, 1.0, "°c|℃|°|度|degree|degrees celsius"),
    (Star, 1.0, "star|星"),
    (Port, 1.0, "port|接口"),
    (Piece, 1.0, "piece|pcs|pc|pack|件|件套|个装"),
    (Layer, 1.0, "layer|ply|层"),
];

/// Written before a number.
const BEFORE: &[(Dimension, &str)] = &[
    (Dollar, "us$|usd|$"),
    (Yuan, "cn¥|rmb|cny|¥|人民币"),
    (Euro, "€|eur"),
    (Sterling, "£|gbp"),
    (Yen, "jpy"),
];

/// The longest unit that `at` says begins at the cursor: its end and itself.
pub(crate) fn after(at: impl Fn(&str) -> Option<usize>) -> Option<(usize, Unit)> {
    let all = AFTER.iter().flat_map(|&(dimension, factor, names)| {
        names.split('|').map(move |name| (name, Unit { dimension, factor }))
    });
    all.filter_map(|(name, unit)| Some((at(name)?, unit))).max_by_key(|&(end, _)| end)
}

/// The longest sign that `ends` says ends at the cursor: its beginning and its unit.
pub(crate) fn before(ends: impl Fn(&str) -> Option<usize>) -> Option<(usize, Unit)> {
    let all = BEFORE.iter().flat_map(|&(dimension, names)| {
        names.split('|').map(move |name| (name, Unit { dimension, factor: 1.0 }))
    });
    all.filter_map(|(name, unit)| Some((ends(name)?, unit))).min_by_key(|&(start, _)| start)
}
