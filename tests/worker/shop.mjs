// A small shop for requests: the fields that `attune simulate` gives its catalogue.

const CATEGORIES = ["knitwear", "shoes", "bags", "lamps", "mugs", "books"];
const BRANDS = ["Weft", "Norr", "Kiln", "Ume", "Folio"];
const WORDS = ["Linen shirt", "Wool scarf", "Oak lamp", "Canvas bag", "Stoneware mug", "Trail shoe", "Field notes"];
const CHINESE = ["亚麻衬衫", "羊毛围巾", "橡木灯", "帆布包", "陶杯", "越野鞋", "笔记本"];
const NOW = Date.UTC(2026, 4, 1, 12);
/** Said in both forms: /rank would else take that of the call itself. */
const user_agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148";

export function products(count) {
  return Array.from({ length: count }, (_, i) => ({
    id: `p${i + 1}`,
    fields: {
      name: `${WORDS[i % 7]} ${i + 1}`,
      name_zh: `${CHINESE[i % 7]} ${i + 1}`,
      category: CATEGORIES[(i * 5) % 6],
      brand: BRANDS[(i * 3) % 5],
      price: Math.round(900 + ((i * 7919) % 9100)) / 100,
      margin: Math.round(200 + ((i * 104729) % 3000)) / 100,
      in_stock: true,
      published_at: NOW - ((i * 37) % 400) * 86_400_000,
    },
  }));
}

/** A product as a card of a slot. */
export function card({ id, fields }, text = "") {
  const escaped = JSON.stringify(fields).replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  return `<li data-attune-id="${id}" data-attune-fields="${escaped}"><a href="/${id}">${fields.name}</a>${text}</li>`;
}

/** Metarank's form: fields as a list of names and values. */
export function rankRequest(count, more = {}) {
  const items = products(count).map(({ id, fields }) => ({
    id,
    fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
  }));
  return { id: "r1", timestamp: String(NOW), user: "u1", session: "s1", fields: [{ name: "language", value: "en" }], items, user_agent, ...more };
}

/** Attune's own form. */
export function request(count, more = {}) {
  return { v: 1, id: "r1", at: NOW, context: { language: "en" }, user_agent, slots: [{ id: "home", candidates: products(count) }], ...more };
}

export { NOW };
