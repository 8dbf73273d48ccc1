// A prediction's parts in plain words.

import type { Product } from "./catalogue";
import { text } from "./catalogue";
import type { Ranked } from "./module";
import { type Language, value } from "./words";

export interface Reason {
  words: string;
  /** Share of the logit: above 0 raises the estimate. */
  share: number;
}

type Phrase = readonly [string, string];

/** By feature name in the demo's feature list; `{}` is the product's value of the field named third. */
const PHRASES: Record<string, Phrase | readonly [string, string, string]> = {
  position: ["Where it stands on the page", "所在的位置"],
  item: ["How this very item does", "这件商品本身的表现"],
  category: ["It is in {}", "属于{}", "category"],
  brand: ["It is by {}", "品牌：{}", "brand"],
  style: ["Its style: {}", "风格：{}", "style"],
  color: ["Its colour: {}", "颜色：{}", "color"],
  material: ["Its material: {}", "材质：{}", "material"],
  name: ["The words of its name", "名称中的词语"],
  name_zh: ["The words of its Chinese name", "中文名称中的词语"],
  price: ["Its price", "它的价格"],
  rating: ["How it is rated", "它的评分"],
  age: ["How new it is", "上架时间"],
  item_rate: ["How often others choose it", "其他人选择它的频率"],
  likes_category: ["Your interest in {}", "您对“{}”的兴趣", "category"],
  likes_brand: ["Your interest in the brand {}", "您对品牌 {} 的兴趣", "brand"],
  likes_style: ["Your interest in the style {}", "您对“{}”风格的兴趣", "style"],
  likes_color: ["Your interest in {}", "您对{}的偏好", "color"],
  taste_known: ["How well your taste is known", "对您喜好的了解程度"],
  price_ratio: ["Its price beside what you usually choose", "与您常选价位相比"],
  touched: ["You looked at it before", "您看过这件商品"],
  touched_days: ["How long ago you looked at it", "距您上次看它的时间"],
  clicks: ["How much you have clicked", "您的点击次数"],
  carts: ["How much you have put in the cart", "您的加购次数"],
  orders: ["Your earlier orders", "您以往的订单"],
  language: ["The language of the page", "页面语言"],
  age_band: ["Your age group", "您的年龄段"],
  device: ["Your kind of device", "您的设备类型"],
  hour: ["The time of day", "当前时段"],
  weekday: ["The day of the week", "星期几"],
  category_age_band: ["What your age group likes", "同龄人的偏好"],
  interaction: ["How these go together", "以上因素的组合"],
  bias: ["How often anything is chosen", "整体的平均水平"],
};

export function phrase(language: Language, part: string, product: Product): string {
  const known = PHRASES[part];
  if (!known) return value(language, part);
  const name = known[2] ? text(product, known[2]) : "";
  if (known[2] && name === "") return value(language, known[2]);
  return known[language === "en" ? 0 : 1].replace("{}", known[2] === "brand" ? name : value(language, name));
}

/** One item's reasons, the strongest first. */
export function reasons(language: Language, item: Ranked, product: Product, head: string): Reason[] {
  return Object.entries(item.attributions?.[head] ?? {})
    .filter(([, share]) => Math.abs(share) >= 0.005)
    .map(([part, share]) => ({ words: phrase(language, part, product), share }))
    .sort((a, b) => Math.abs(b.share) - Math.abs(a.share));
}
