//! Every text of the page, in English and in Chinese, side by side.

use clap::ValueEnum;

/// The page's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

macro_rules! words {
    ($($name:ident: $en:expr, $zh:expr;)*) => {
        /// Texts of one language. `{name}` stands for a value, see [`fill`].
        pub(crate) struct Words { $(pub(crate) $name: &'static str,)* }
        const ENGLISH: Words = Words { $($name: $en,)* };
        const CHINESE: Words = Words { $($name: $zh,)* };
        #[cfg(test)]
        const PAIRS: &[(&str, &str, &str)] = &[$((stringify!($name), $en, $zh),)*];
    };
}

words! {
    lang: "en", "zh-CN";
    comma: ", ", "、";
    to: "{low} to {high}", "{low} 至 {high}";
    category: "category", "类别";
    brand: "brand", "品牌";
    style: "style", "风格";
    color: "colour", "颜色";
    material: "material", "材质";
    price: "price", "价格";
    rating: "rating", "评分";
    name: "name", "名称";
    name_zh: "Chinese name", "中文名称";
    language: "language", "语言";
    age_band: "age band", "年龄段";
    title: "Attune report", "Attune 效果报告";
    period: "{from} to {to} (UTC)", "{from} 至 {to}（UTC）";
    no_time: "the log has no times", "日志中没有时间";
    bundle: "Model {name}, bundle {hash}", "模型 {name}，模型包 {hash}";
    click: "clicks", "点击";
    conversion: "conversions", "转化";
    click_rate: "Click-through rate", "点击率";
    conversion_rate: "Conversion rate", "转化率";
    other_rate: "Rate of {name}", "{name} 的比率";

    gain: "Ranking brought {lift} {what} per decision than the page’s own order (90% interval {low} to {high}).",
        "与页面原有顺序相比，排序使每次决策的{what}{lift}（90% 区间：{low} 至 {high}）。";
    more: "{n} more", "增加 {n}";
    fewer: "{n} fewer", "减少 {n}";
    no_gain: "No difference in {what} beyond chance: ranking against the page’s own order {lift} (90% interval {low} to {high}).",
        "{what}方面没有超出偶然的差异：排序相对页面原有顺序为 {lift}（90% 区间：{low} 至 {high}）。";
    small_holdout: "The hold-out is still too small to tell what ranking brought.",
        "对照组的数据还太少，无法判断排序带来了什么。";
    no_holdout: "Without a hold-out this log cannot say what ranking brought.",
        "日志中没有对照组，因此无法判断排序带来了什么。";

    decisions: "Decisions", "决策次数";
    decisions_note: "page views that were decided", "每次为页面决定展示内容计一次";
    impressions: "Impressions", "曝光次数";
    impressions_note: "items that were shown", "展示的内容条数";
    clicks: "Clicks", "点击次数";
    clicks_note: "{rate} of impressions", "占曝光的 {rate}";
    conversions: "Conversions", "转化次数";
    conversions_note: "{rate} of {n} impressions whose window is over", "在归因期已结束的 {n} 次曝光中占 {rate}";
    shoppers: "Shoppers", "访客数";
    shoppers_note: "with a pseudonymous id", "带有匿名标识";
    more_than: "more than {n}", "超过 {n}";

    match_all: "Every decision in this log was made with this very bundle.", "日志中的所有决策都由此模型包做出。";
    match_some: "Only {n} of {all} decisions were made with this bundle; the others: {others}. The predictions here are this bundle’s for all of them.",
        "{all} 次决策中只有 {n} 次由此模型包做出；其余来自：{others}。本页的预测一律是此模型包对这些展示的预测。";
    match_none: "No decision in this log was made with this bundle ({others}). The predictions here say what this bundle would have expected of what was shown.",
        "日志中没有任何决策由此模型包做出（{others}）。本页的预测表示此模型包对实际展示内容的预期。";
    bundle_other: "{n} with bundle {hash}", "模型包 {hash}：{n} 次";
    bundle_without: "{n} without a bundle", "未使用模型包：{n} 次";
    trained_on: "The bundle was trained on this very log. It agrees with it better than it will with new days: use a later log to judge it.",
        "此模型包正是用这份日志训练的，因此在这里的吻合程度会好于今后的日子。请用更晚的日志来评判它。";
    fell_back: "In {n} decisions the page’s own order was kept although they were not held out (no bundle, or a fault). They count as ranked: the comparison is of what was meant to be done.",
        "有 {n} 次决策虽不属于对照组，却保留了页面原有顺序（没有模型包或发生故障）。它们仍计入排序组，因为比较的是原本的分组。";

    holdout_title: "What ranking brought", "排序带来了什么";
    holdout_lead: "Some shoppers were held out: they kept the page’s own order. Everything else was the same, so the difference is what ranking did.",
        "一部分访客被留作对照组，看到的是页面原有顺序，其余条件相同，因此两组之差就是排序的作用。";
    holdout_missing: "No decision in this log was held out, so nothing here shows what would have happened without ranking. The log does not record the page’s own order either, so it cannot be estimated afterwards without guessing.",
        "日志中没有任何决策被留作对照，因此无从得知不排序会怎样。日志也没有记录页面原有顺序，事后估计只能靠猜测，所以这里不做估计。";
    holdout_how: "To have one, put a hold-out into every request. 5 to 10 percent of the shoppers are enough for most shops; keep share and seed the same for the whole test:",
        "如需对照组，请在每个请求中加入 holdout。多数商店留出 5% 至 10% 的访客即可；测试期间请保持 share 与 seed 不变：";
    holdout_shopper: "The shopper’s pseudonymous id must be in the request too: it decides who is held out.",
        "请求中还须带有访客的匿名标识（shopper）：由它决定谁进入对照组。";
    treatment: "Ranked by Attune", "Attune 排序";
    holdout: "Hold-out: page’s own order", "对照组：页面原有顺序";
    arm: "Group", "分组";
    lift: "Relative difference in {what}, with its 90% interval", "{what}的相对差异（含 90% 区间）";
    marked: "{n} marked", "已标记 {n} 个";
    none_marked: "none marked", "无标记";
    per_decision: "{what} per decision", "每次决策的{what}";
    interval: "90% interval", "90% 区间";
    difference: "Difference", "差异";
    relative: "Relative", "相对差异";
    count: "Number", "数量";
    too_few: "too few to tell", "数据太少，无法判断";
    would: "Had everybody kept the page’s own order: about {would} {what} instead of {was} (90% interval {low} to {high}).",
        "如果所有访客都看到页面原有顺序：{what}约为 {would} 次，而不是 {was} 次（90% 区间：{low} 至 {high}）。";
    would_unsure: "Had everybody kept the page’s own order: too few held out to say.",
        "如果所有访客都看到页面原有顺序：对照组数据太少，无法判断。";
    without_shopper: "{n} decisions without a shopper id are left out of this comparison: no hold-out could have taken them.",
        "{n} 次没有访客标识的决策未计入比较：它们不可能进入对照组。";
    daily: "{what} per decision over time, with 90% intervals", "每次决策的{what}随时间的变化（含 90% 区间）";
    daily_days: "one point for {n} days", "每 {n} 天一个点";
    bars: "{what} per decision in both groups, with 90% intervals", "两组每次决策的{what}（含 90% 区间）";

    effects_title: "Predicted and observed", "预测与实际";
    effects_lead: "How often what was shown was chosen and bought, beside what the bundle predicted for exactly these impressions, at the places where they stood.",
        "实际展示内容的点击与购买比率，以及模型包对这些曝光（按其实际位置）所作的预测。";
    curve: "{what}: predicted and observed", "{what}：预测与实际";
    curve_note: "Each point is about a tenth of the impressions. On the line, prediction and observation are equal.",
        "每个点约代表十分之一的曝光。点落在对角线上，表示预测与实际相等。";
    predicted: "predicted", "预测";
    observed: "observed", "实际";
    by_item: "Item", "内容";
    by_segment: "{what} by item and {segment}", "{what}：按内容与{segment}";
    by_field_segment: "{what} by {field} and {segment}", "{what}：按 {field} 与{segment}";
    device: "device", "设备";
    tag: "tag", "标签";
    field: "“{name}”", "“{name}”";
    all: "all", "全部";
    others: "others", "其他";
    missing: "not stated", "未注明";
    mobile: "mobile", "手机";
    tablet: "tablet", "平板";
    desktop: "desktop", "桌面";
    bot: "crawler", "爬虫";
    of_rows: "{hits} of {rows}", "{hits} / {rows}";
    above: "more than predicted", "高于预测";
    below: "less than predicted", "低于预测";
    legend_observed: "observed, with its 90% interval", "实际比率及其 90% 区间";
    legend_predicted: "predicted", "预测值";
    marks_none: "{compared} figures were compared. In {outside} the prediction lies outside the interval; about {chance} would do so by chance alone. None stands out once that is allowed for.",
        "共比较 {compared} 个数值。其中 {outside} 个的预测落在区间之外；仅凭偶然就会有约 {chance} 个。考虑到这一点后，没有一个显著。";
    marks_some: "{compared} figures were compared. In {outside} the prediction lies outside the interval; about {chance} would do so by chance alone. {marked} are marked: of the marks on this page at most about one in ten should be chance.",
        "共比较 {compared} 个数值。其中 {outside} 个的预测落在区间之外；仅凭偶然就会有约 {chance} 个。已标记 {marked} 个：本页的标记中，预计最多约十分之一出于偶然。";
    marks_empty: "There are too few rows to compare any prediction with what happened.", "数据太少，尚无法将预测与实际进行比较。";
    tags_overlap: "A shopper may have several tags, so these columns overlap.", "一位访客可能有多个标签，因此各列会有重叠。";

    movers_title: "What moved, and why", "哪些变化最大，原因何在";
    movers_lead: "The first half of the period (until {middle}) beside the second; changes compared: {compared}.",
        "将前半段（截至 {middle}）与后半段进行比较，共比较 {compared} 个变化。";
    movers_some: "{n} are more than chance; the largest of them:", "其中 {n} 个超出偶然，变化最大的如下：";
    movers_none: "Nothing moved beyond chance. These came nearest to it:", "没有超出偶然的变化。最接近的是：";
    movers_nothing: "There are too few rows in each half to tell whether anything moved.", "两段中的数据都太少，无法判断是否有变化。";
    mover_change: "{what}: {first} → {second}, a change of {change} (90% interval {low} to {high})",
        "{what}：{first} → {second}，变化 {change}（90% 区间：{low} 至 {high}）";
    points: "{n} points", "{n} 个百分点";
    stands_out: "beyond chance", "超出偶然";
    within_chance: "within chance", "在偶然范围内";
    first_half: "first half", "前半段";
    second_half: "second half", "后半段";
    why: "What the model saw change", "模型看到的变化";
    why_other: "all other features", "其余特征合计";
    why_sum: "The model expected a change of {expected}.", "模型预期的变化为 {expected}。";
    why_rest: "It does not explain {rest} (90% interval {low} to {high}).", "其余 {rest} 未能解释（90% 区间：{low} 至 {high}）。";
    why_rest_plain: "The rest is {rest} (90% interval {low} to {high}, this change taken alone).",
        "余下 {rest}（单看此变化的 90% 区间：{low} 至 {high}）。";
    why_rest_chance: "The rest, {rest}, is no more than chance (90% interval {low} to {high}).",
        "余下的 {rest} 不超出偶然（90% 区间：{low} 至 {high}）。";
    together: "how its features work together", "各特征的共同作用";

    data_title: "What was left out", "未计入的数据";
    data_lead: "{read} lines were read; {kept} impressions are in this report.", "共读取 {read} 行；本报告包含 {kept} 次曝光。";
    data_clean: "Nothing had to be left out.", "没有需要剔除的数据。";
    data_reason: "Left out", "未计入的内容";
    data_note: "Kept, with a remark", "保留但需说明";

    method_title: "How to read this page", "如何阅读本页";
    method_interval: "An interval of 90% is made so that it holds the true value nine times out of ten. Intervals of rates are Wilson’s, at the number of impressions that would be as informative if they were independent.",
        "90% 区间的含义是：十次中有九次包含真实值。比率的区间采用 Wilson 区间，并按“相当于多少次独立曝光”计算。";
    method_shopper: "Impressions of one shopper are alike, so a shopper counts as one piece of evidence: figures are kept for 64 random groups of shoppers, and uncertainty is read off the differences between the groups.",
        "同一访客的曝光彼此相似，因此一位访客只算一份证据：数据按 64 个随机访客组累计，由组间差异得出不确定性。";
    method_decision: "The log names no shoppers, so a decision counts as one piece of evidence. If shoppers come often, intervals are really wider than shown. Figures are kept for 64 random groups of decisions, and uncertainty is read off the differences between the groups.",
        "日志中没有访客标识，因此一次决策算一份证据。如果访客经常回访，真实区间会比所示更宽。数据按 64 个随机决策组累计，由组间差异得出不确定性。";
    method_mixed: "Impressions of one shopper are alike, so a shopper counts as one piece of evidence; where a decision names none, the decision does. Figures are kept for 64 random groups, and uncertainty is read off the differences between them.",
        "同一访客的曝光彼此相似，因此一位访客只算一份证据；没有访客标识时，以一次决策为一份证据。数据按 64 个随机组累计，由组间差异得出不确定性。";
    method_marks: "Many comparisons find something by chance. ▲ and ▼ stand only where the difference remains after the Benjamini–Hochberg correction over all tables of this page; changes between the halves are corrected in the same way.",
        "比较次数一多，总会碰巧发现“差异”。只有经 Benjamini–Hochberg 校正（覆盖本页所有表格）后仍成立的差异才标 ▲ 或 ▼；前后半段的变化同样经过校正。";
    method_few: "“Too few to tell”: fewer than 30 impressions, fewer than 10 hits both expected and observed, or fewer than 8 groups of shoppers.",
        "“数据太少，无法判断”指：曝光少于 30 次，预期与实际的次数均少于 10 次，或访客组少于 8 个。";
    method_conversion: "A conversion counts {window} days from its decision; impressions whose days are not over yet are in no conversion figure. What was sent back is no conversion.",
        "转化在决策后 {window} 天内有效；尚未满期的曝光不计入任何转化数据。已退货的不算转化。";
    method_weights: "Impressions are counted as they were shown, without propensity weights.", "曝光按实际展示计数，不作倾向加权。";

    f_position: "its place on the page", "在页面上的位置";
    f_item: "the item itself", "内容本身";
    f_field: "its {name}", "其 {name}";
    f_context: "the page’s {name}", "页面的 {name}";
    f_shopper: "the shoppers’ {name}", "访客的 {name}";
    f_cross: "{a} together with {b}", "{a} 与 {b} 的组合";
    f_count: "how often its shoppers did: {name}", "访客的行为次数：{name}";
    f_preference: "how much its shoppers like its {name}", "访客对其 {name} 的偏好";
    f_evidence: "how much is known of its shoppers’ taste in {name}", "对访客 {name} 偏好的了解程度";
    f_price: "its price beside what its shoppers usually pay", "价格与访客惯常消费的对比";
    f_rate: "its {head} rate so far", "其历史{head}率";
    f_visit: "how long ago its shoppers came last", "访客距上次来访的时间";
    f_order: "how long ago its shoppers last ordered", "访客距上次下单的时间";
    f_touched_days: "how long ago its shoppers last looked at it", "访客距上次查看它的时间";
    f_since: "the time since its {name}", "距其 {name} 的时间";
    f_age: "how long it has been on sale", "上架时长";
    f_touched: "how often its shoppers looked at it before", "访客此前查看它的次数";
    f_hour: "the hour at which it was shown", "展示的时段";
    f_weekday: "the weekday on which it was shown", "展示的星期";
    f_device: "the devices it was shown on", "展示所用的设备";
    f_tag: "shoppers tagged {name}", "带有标签 {name} 的访客";
    f_sessions: "how often its shoppers came", "访客的来访次数";
    f_orders: "how often its shoppers ordered", "访客的下单次数";
    f_spent: "how much its shoppers spent", "访客的消费金额";

    r_not_json: "lines that are not in the log’s form", "不符合日志格式的行";
    r_unknown_type: "lines of an unknown kind", "类型未知的行";
    r_unreadable: "lines or events that cannot be read", "无法读取的行或事件";
    r_item_line: "item lines without an id", "没有标识的内容行";
    r_no_id: "decisions without an id", "没有标识的决策";
    r_order: "decisions out of time order (sort the log by time)", "时间顺序错乱的决策（请按时间排序日志）";
    r_twice: "decisions logged twice", "重复记录的决策";
    r_item_twice: "items twice in one slot", "同一栏位中重复的内容";
    r_outcome_twice: "clicks or purchases logged twice", "重复记录的点击或购买";
    r_not_shown: "clicks or purchases of items that were not shown there", "并未在该处展示的内容的点击或购买";
    r_window: "clicks or purchases that came too late to count", "超出归因期的点击或购买";
    r_orphan: "clicks or purchases without a decision to belong to", "找不到对应决策的点击或购买";
    r_propensity: "impressions with an impossible probability", "概率不合理的曝光";
    r_values: "impressions with values that cannot be (a negative price, a number that is none)", "取值不合理的曝光（如负价格、非数字）";
    n_open: "impressions whose days for a purchase are not over yet; left out of conversions only", "购买期尚未结束的曝光；仅不计入转化";
    n_described: "items described more than once; the last description counts", "多次描述的内容；以最后一次为准";
    n_bare: "shown items that the log does not describe", "日志中没有描述的展示内容";

    made: "Made by attune {version} from {log}. This page is one file and asks nothing of the network.",
        "由 attune {version} 根据 {log} 生成。本页是单个文件，不会访问网络。";
}

impl Language {
    /// Its texts.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::En => &ENGLISH,
            Self::Zh => &CHINESE,
        }
    }

    /// Item fields that may hold what the shop calls an item, the best first.
    pub(crate) fn names(self) -> &'static [&'static str] {
        match self {
            Self::En => &["name_en", "name", "title"],
            Self::Zh => &["name_zh", "title_zh", "name", "title"],
        }
    }
}

/// Puts values in the places of their names. What a value contains is not looked at again.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        if let Some((_, value)) = values.iter().find(|(own, _)| *own == name) {
            out.push_str(value);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Without spaces between two Chinese characters.
pub(crate) fn close_up(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let chinese = |at: Option<&char>| at.is_some_and(|letter| *letter >= '\u{2e80}');
    let parts = letters.iter().enumerate().filter(|(at, letter)| {
        **letter != ' '
            || !chinese(at.checked_sub(1).and_then(|at| letters.get(at)))
            || !chinese(letters.get(at + 1))
    });
    parts.map(|(_, letter)| *letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let mut found: Vec<_> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn both_languages_say_the_same_things() {
        for (name, en, zh) in PAIRS {
            assert_eq!(places(en), places(zh), "{name}");
            assert!(!en.is_empty() && !zh.is_empty(), "{name}");
        }
    }

    #[test]
    fn values_are_not_looked_at_again() {
        assert_eq!(close_up("其 类别 brand 的 a b"), "其类别 brand 的 a b");
        assert_eq!(fill("{a} and {b}{c}", &[("a", "{b}"), ("b", "2")]), "{b} and 2");
    }
}
