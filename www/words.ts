// The page's words in both languages.

export type Language = "en" | "zh";

const WORDS = {
  shop: ["Quiet Hours", "静时"],
  skip: ["Skip to content", "跳到正文"],
  synthetic: ["Synthetic demo data, nothing is sold", "合成演示数据，不作销售"],
  home: ["Home", "首页"],
  browse: ["Browse", "全部商品"],
  search: ["Search", "搜索"],
  search_hint: ["Lamp, linen, tea…", "台灯、亚麻、茶…"],
  cart: ["Cart", "购物车"],
  you: ["Your profile", "您的画像"],
  you_short: ["You", "您"],
  language: ["中文", "English"],
  language_label: ["Switch to Chinese", "切换为英文"],
  theme: ["Light or dark", "浅色或深色"],
  hero_over: ["The autumn edit", "秋日选物"],
  hero_title: ["Things for a calm home", "静享日常，安住此间"],
  hero_text: [
    "A small shop that rearranges itself around you. Everything it learns stays on this device.",
    "一间会随您而变的小店。它了解到的一切，都只留在您的设备上。",
  ],
  hero_link: ["Browse everything", "浏览全部"],
  hero_picture: ["A still life: vase, bowl and a low sun", "静物：花瓶、碗与落日"],
  for_you: ["For you", "为您推荐"],
  for_you_text: ["Look at a few things and come back: the order follows.", "看看几件商品再回来，顺序会随之改变。"],
  new_in: ["New in", "新品"],
  new_in_text: ["The latest, with what suits you first.", "最新上架，合您心意的排在前面。"],
  why: ["Why this order?", "为什么这样排？"],
  why_one: ["Why is this here: {name}", "为什么显示：{name}"],
  update: ["A newer order is ready. Update", "新的排序已就绪，点击更新"],
  kept: ["What you have seen stays in place.", "您已看到的内容不会移动。"],
  moved: ["{n} places changed after what you did.", "根据您的浏览，{n} 个位置有变化。"],
  unmoved: ["Nothing had to move.", "顺序无需改变。"],
  status_page: ["The shop’s own order", "商店默认顺序"],
  status_model: ["Ordered on your device", "由您的设备排序"],
  status_failed: ["Personal ranking is not available; this is the shop’s own order.", "个性化排序暂不可用，显示商店默认顺序。"],
  categories: ["Categories", "分类"],
  all: ["All", "全部"],
  more: ["Show more", "显示更多"],
  found: ["{n} items", "共 {n} 件"],
  results: ["Results for “{query}”", "“{query}”的搜索结果"],
  nothing: ["Nothing found. Try another word.", "没有找到，请换个词试试。"],
  missing: ["This page is not there.", "页面不存在。"],
  new_badge: ["New", "新"],
  rating: ["{n} out of 5", "{n} 分（满分 5 分）"],
  picture: ["Drawing of {name}", "{name}的插图"],
  back: ["Back", "返回"],
  add: ["Add to cart", "加入购物车"],
  added: ["{name} is in your cart.", "{name} 已加入购物车。"],
  sold_out: ["Sold out", "已售罄"],
  details: ["Details", "详情"],
  also: ["More like this", "相似商品"],
  category: ["Category", "分类"],
  brand: ["Brand", "品牌"],
  style: ["Style", "风格"],
  color: ["Colour", "颜色"],
  material: ["Material", "材质"],
  price: ["Price", "价格"],
  cart_empty: ["Your cart is empty.", "购物车是空的。"],
  fewer: ["One fewer: {name}", "减少一件：{name}"],
  one_more: ["One more: {name}", "增加一件：{name}"],
  remove: ["Remove", "移除"],
  total: ["Total", "合计"],
  checkout: ["Check out", "去结算"],
  checkout_title: ["Check out", "结算"],
  checkout_text: ["Nothing is charged and no address is asked: this is a demonstration.", "这是演示：不收费，也不需要填写地址。"],
  pay: ["Place the order", "提交订单"],
  thanks: ["Thank you", "谢谢"],
  thanks_text: ["Your (pretend) order is placed. Attune learned from it, on this device only.", "您的（模拟）订单已提交。Attune 已从中学习，且仅限本设备。"],
  close: ["Close", "关闭"],
  why_text: [
    "For each item: how likely you are to click and to buy, with the range Attune is 90 % sure of, and what moves the estimate.",
    "每件商品：您点击和购买的可能性（条形为 90% 置信区间），以及影响估计的因素。",
  ],
  why_none: ["There is no prediction yet: the shop’s own order is shown.", "暂无预测，显示商店默认顺序。"],
  why_page: ["Not yet arranged for you: this is the shop’s own order, with what Attune would expect.", "尚未为您调整：这是商店默认顺序，附上 Attune 的预估。"],
  click: ["Click", "点击"],
  conversion: ["Purchase", "购买"],
  interval: ["{value}, between {low} and {high}", "{value}，区间 {low} 至 {high}"],
  raises: ["raises clicks", "提高点击"],
  lowers: ["lowers clicks", "降低点击"],
  odds: ["click odds × {n}", "点击几率 × {n}"],
  same: ["The same for every item here: ", "对此处所有商品相同："],
  smaller: ["Smaller reasons", "次要因素"],
  chosen_at_random: ["Shown partly by chance ({n}), so that the shop keeps learning.", "部分随机展示（{n}），以便商店持续学习。"],
  you_title: ["You, as Attune sees you", "Attune 眼中的您"],
  you_text: ["This profile is kept in this browser and sent nowhere. It fades: every two weeks, half of it is forgotten.", "此画像只保存在本浏览器中，不会发送到任何地方。它会淡去：每两周遗忘一半。"],
  you_empty: ["Attune knows nothing about you yet.", "Attune 对您还一无所知。"],
  did: ["What you did", "您的行为"],
  likes: ["What you seem to like", "您似乎喜欢"],
  tags: ["Tags", "标签"],
  no_tags: ["none yet", "暂无"],
  visits: ["Visits", "访问次数"],
  orders: ["Orders", "订单数"],
  spent: ["Spent", "消费金额"],
  usual_price: ["Usual price", "常看价位"],
  raw: ["The whole profile", "完整画像"],
  forget: ["Forget me", "忘记我"],
  forgotten: ["Forgotten. The shop’s own order is back.", "已遗忘，恢复商店默认顺序。"],
  export: ["Export", "导出"],
  tune: ["What the shop is after", "商店的目标"],
  objective: ["From clicks, over purchases, to margin", "从点击，到购买，再到利润"],
  clicks_end: ["Clicks", "点击"],
  middle_end: ["Purchases", "购买"],
  margin_end: ["Margin", "利润"],
  explore: ["Explore", "探索"],
  explore_text: ["Leave a little to chance, so that the shop keeps learning.", "留一点随机，让商店持续学习。"],
  footer: ["Synthetic demo data: no product, brand or price here is real. Ranking by Attune, in your browser.", "合成演示数据：商品、品牌与价格均为虚构。由 Attune 在您的浏览器中排序。"],
  write: ["Write for this shopper", "为这位顾客改写"],
  write_again: ["Write again", "再写一次"],
  write_stop: ["Stop", "停止"],
  write_text: ["Written on this device, from this item’s facts. A small model is loaded when you ask for it.", "在本设备上、仅凭商品事实写成。点击后才会加载一个小模型。"],
  writing_starting: ["Getting ready…", "正在准备…"],
  writing_failed: ["Nothing could be written; the shop’s own text stays.", "未能写成，保留商店原文。"],
  writing_stopped: ["Stopped. The shop’s own text is back.", "已停止，恢复商店原文。"],
  model: ["The model", "模型"],
  model_comes: ["Loading the model: {loaded} of {total} MB", "正在加载模型：{loaded} / {total} MB"],
  model_kept: ["Reading the model from this device: {loaded} of {total} MB", "正在从本设备读取模型：{loaded} / {total} MB"],
  drafting: ["{n} drafts", "{n} 份草稿"],
  speed: ["{n} tokens/s", "每秒 {n} 词元"],
  rung_gpu: ["On your graphics card", "由您的显卡写成"],
  rung_cpu: ["On your processor", "由您的处理器写成"],
  rung_remote: ["By a server", "由服务器写成"],
  rung_template: ["From templates", "由模板写成"],
  versions: ["Versions of the text", "文案版本"],
  version: ["Version {n}", "版本 {n}"],
  shops_own: ["Shop’s own", "商店原文"],
  facts_check: ["Facts check", "事实核对"],
  facts_true: ["Nothing is claimed that the facts do not say.", "没有超出商品事实的说法。"],
  facts_noted: ["May go out, with these notes.", "可以展示，另有说明。"],
  fact_said: ["said", "已提及"],
  fact_unsaid: ["left out", "未提及"],
  predicted: ["Predicted clicks: better than", "预计点击率：优于"],
  better_than: ["{n} of comparable texts", "{n} 的同类文案"],
  predicted_effect: ["click odds × {odds}, between {low} and {high}", "点击几率 × {odds}，区间 {low} 至 {high}"],
  repair_corrected: ["corrected", "已更正"],
  repair_removed: ["taken out", "已删去"],
  repair_added: ["added", "已补上"],
  repair_shortened: ["shortened", "已缩短"],
  repair_cleaned: ["cleaned", "已清理"],
  repair_again: ["written again", "已重写"],
  repair_template: ["taken from the templates", "已改用模板"],
  why_rung: ["Why written this way?", "为什么这样写成？"],
  refused: ["{n} drafts were not true and are not shown.", "{n} 份草稿与事实不符，未予展示。"],
  impression: ["Items seen", "看到的商品"],
  clicked: ["Items clicked", "点击的商品"],
  view: ["Pages viewed", "浏览详情"],
  add_to_cart: ["Put in cart", "加入购物车"],
  purchase: ["Bought", "购买"],
  identify: ["Told us", "主动告知"],
  return: ["Sent back", "退货"],
} as const;

export type Word = keyof typeof WORDS;

export function say(language: Language, word: Word, values: Record<string, string | number> = {}): string {
  const template: string = WORDS[word][language === "en" ? 0 : 1];
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function isWord(name: string): name is Word {
  return Object.hasOwn(WORDS, name);
}

export function money(language: Language, amount: number, currency = "USD"): string {
  const format = { style: "currency", currency, currencyDisplay: "narrowSymbol", maximumFractionDigits: amount % 1 === 0 ? 0 : 2 } as const;
  return new Intl.NumberFormat(language === "en" ? "en" : "zh-CN", format).format(amount);
}

export function percent(language: Language, share: number): string {
  const digits = share < 0.1 ? 1 : 0;
  const format = { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: share < 0.001 ? 2 : digits } as const;
  return new Intl.NumberFormat(language === "en" ? "en" : "zh-CN", format).format(share);
}

/** Field values that the catalogue has in English only. What is not listed is shown as it is. */
const VALUES: Record<string, string> = {
  kitchen: "厨房", living: "客厅", bedroom: "卧室", bath: "浴室", bathroom: "浴室", lighting: "灯具", lamps: "灯具", textiles: "织物",
  decor: "装饰", ceramics: "陶瓷", furniture: "家具", garden: "园艺", plants: "植物", stationery: "文具", office: "办公", outdoor: "户外",
  tea: "茶", coffee: "咖啡", tableware: "餐具", storage: "收纳", candles: "蜡烛", fragrance: "香氛", clothing: "服饰", shoes: "鞋履",
  bags: "包袋", accessories: "配饰", jewelry: "首饰", jewellery: "首饰", beauty: "美妆", skincare: "护肤", sports: "运动", toys: "玩具", books: "图书",
  tops: "上衣", dresses: "连衣裙", outerwear: "外套", watches: "腕表", travel: "旅行", electronics: "数码", home: "家居", audio: "音响",
  minimal: "简约", minimalist: "极简", modern: "现代", classic: "经典", rustic: "乡村", vintage: "复古", bohemian: "波西米亚", boho: "波西米亚",
  scandinavian: "北欧", nordic: "北欧", industrial: "工业", japanese: "日式", playful: "活泼", bold: "大胆", natural: "自然", elegant: "优雅",
  street: "街头", casual: "休闲", sporty: "运动风", romantic: "浪漫", urban: "都市", retro: "复古", cozy: "温馨", luxe: "轻奢",
  black: "黑色", white: "白色", grey: "灰色", gray: "灰色", red: "红色", green: "绿色", blue: "蓝色", yellow: "黄色", orange: "橙色",
  pink: "粉色", purple: "紫色", brown: "棕色", beige: "米色", cream: "奶油色", navy: "藏青", olive: "橄榄绿", sage: "鼠尾草绿", sand: "沙色",
  terracotta: "陶土色", gold: "金色", silver: "银色", teal: "青色", ivory: "象牙白", charcoal: "炭灰", rose: "玫瑰色", clay: "陶土色", indigo: "靛蓝",
  wood: "木", oak: "橡木", walnut: "胡桃木", bamboo: "竹", linen: "亚麻", cotton: "棉", wool: "羊毛", glass: "玻璃", ceramic: "陶瓷", metal: "金属",
  steel: "钢", brass: "黄铜", leather: "皮革", stone: "石", silk: "丝绸", paper: "纸", rattan: "藤", marble: "大理石", porcelain: "瓷",
};

export function value(language: Language, name: string): string {
  const words = name.replace(/[_-]/g, " ");
  if (language === "zh") return VALUES[name.toLowerCase()] ?? words;
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}
