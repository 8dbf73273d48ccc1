// The two drawers: why this order, and the shopper's profile with the shop's aims.

import type { Catalogue, Product } from "./catalogue";
import type { Decayed, Effect, Profile, Ranked } from "./module";
import { nameOf, picture } from "./page";
import { type Reason, phrase, reasons } from "./reasons";
import { readTuning } from "./storage";
import { type Child, type Element_, h } from "./tree";
import { type Language, isWord, money, percent, say, value } from "./words";

const HALF_LIFE = 14 * 24 * 3600 * 1000;

function drawer(language: Language, title: string, body: Child): Child {
  return [
    h("header", { class: "drawer-head" }, h("h2", { id: "drawer-title" }, title), h("button", { type: "button", class: "tool icon", "data-close": "", "aria-label": say(language, "close") }, "×")),
    h("div", { class: "drawer-body" }, body),
  ];
}

/** A bar from 0 to `scale`, its 90 % interval and the estimate. */
function interval(language: Language, head: "click" | "conversion", effect: Effect, scale: number): Element_ {
  const at = (share: number) => `${Math.min(100, (100 * share) / scale).toFixed(2)}%`;
  const [shown, low, high] = [effect.value, effect.low, effect.high].map((share) => percent(language, share));
  const spoken = say(language, "interval", { value: shown ?? "", low: low ?? "", high: high ?? "" });
  return h(
    "div",
    { class: `estimate ${head}` },
    h("span", { class: "estimate-name" }, say(language, head)),
    h("span", { class: "bar", role: "img", "aria-label": `${say(language, head)}: ${spoken}`, title: spoken, "--at": at(effect.value), "--low": at(effect.low), "--high": at(effect.high) }, h("i", { class: "fill" }), h("i", { class: "range" })),
    h("span", { class: "estimate-value" }, shown, h("small", {}, ` ${low}–${high}`)),
  );
}

function reason(language: Language, { words, share }: Reason, scale: number): Element_ {
  const width = `${Math.min(50, (50 * Math.abs(share)) / scale).toFixed(2)}%`;
  const way = share > 0 ? "raises" : "lowers";
  const odds = say(language, "odds", { n: Math.exp(share).toFixed(2) });
  return h("li", { class: `reason ${way}` }, h("span", { class: "reason-words" }, words), h("span", { class: "reason-bar", "--width": width, "aria-hidden": "true" }, h("i")), h("span", { class: "reason-way", title: odds }, h("span", { class: "hidden" }, `${say(language, way)}: `), `×${Math.exp(share).toFixed(2)}`));
}

export interface Shown {
  product: Product;
  ranked: Ranked;
}

/** `shared`: parts of the estimate that are the same for every item, which therefore explain no difference between them. */
export function whyPanel(language: Language, shown: Shown[], shared: string[], applied: boolean, focus: string | null): Child {
  if (shown.length === 0) return drawer(language, say(language, "why"), h("p", {}, say(language, "why_none")));
  const items = shown.map(({ ranked }) => ranked);
  const top = (head: string) => Math.max(1e-6, ...items.map((item) => item.effects[head]?.high ?? 0));
  const scales = { click: top("click"), conversion: top("conversion") };
  const told = shown.map(({ product, ranked }) => reasons(language, ranked, product, "click"));
  const strongest = Math.max(0.05, ...told.flat().map(({ share }) => Math.abs(share)));
  const [first] = shown;
  const entry = ({ product, ranked }: Shown, place: number) => {
    const all = told[place] ?? [];
    const bars = (["click", "conversion"] as const).map((head) => ranked.effects[head] && interval(language, head, ranked.effects[head], scales[head]));
    return h(
      "li",
      { class: "why", "data-entry": product.id, tabindex: "-1", "aria-current": focus === product.id ? "true" : null },
      h("div", { class: "why-head" }, h("span", { class: "place", "aria-hidden": "true" }, place + 1), h("span", { class: "why-picture" }, picture(language, product, true)), h("h3", {}, nameOf(language, product))),
      bars,
      h("ul", { class: "reasons" }, all.slice(0, 4).map((one) => reason(language, one, strongest))),
      all.length > 4 && h("details", {}, h("summary", {}, say(language, "smaller")), h("ul", { class: "reasons" }, all.slice(4).map((one) => reason(language, one, strongest)))),
      ranked.propensity < 1 && h("p", { class: "quiet" }, say(language, "chosen_at_random", { n: percent(language, ranked.propensity) })),
    );
  };
  const sameFor = first ? shared.map((part) => phrase(language, part, first.product)) : [];
  return drawer(language, say(language, "why"), [
    h("p", { class: "quiet" }, say(language, applied ? "why_text" : "why_page")),
    h("ol", { class: "whys" }, shown.map(entry)),
    sameFor.length > 0 && h("p", { class: "quiet small-print" }, say(language, "same"), sameFor.join(language === "en" ? ", " : "、")),
  ]);
}

function now({ count, at }: Decayed): number {
  return count * 2 ** (-Math.max(0, Date.now() - at) / HALF_LIFE);
}

function liking(language: Language, field: string, values: Record<string, Decayed>): Child {
  const known = Object.entries(values).map(([name, decayed]) => [name, Math.max(0, now(decayed))] as const);
  const sum = known.reduce((all, [, count]) => all + count, 0);
  if (sum <= 0) return null;
  const best = known.sort((a, b) => b[1] - a[1]).slice(0, 4);
  const row = ([name, count]: readonly [string, number]) => {
    const share = percent(language, count / sum);
    return h("li", { class: "liking" }, h("span", {}, field === "brand" ? name : value(language, name)), h("span", { class: "bar", "aria-hidden": "true", "--at": `${((100 * count) / sum).toFixed(1)}%` }, h("i", { class: "fill" })), h("span", { class: "estimate-value" }, share));
  };
  return [h("h4", {}, isWord(field) ? say(language, field) : value(language, field)), h("ul", { class: "likings" }, best.map(row))];
}

export function youPanel(language: Language, catalogue: Catalogue, profile: Profile | null, failed: boolean): Child {
  const tuning = readTuning();
  const counters = Object.entries(profile?.counters ?? {});
  const word = (kind: string) => (kind === "click" ? say(language, "clicked") : isWord(kind) ? say(language, kind) : value(language, kind));
  const count = (decayed: Decayed) => new Intl.NumberFormat(language === "en" ? "en" : "zh-CN", { maximumFractionDigits: 1 }).format(now(decayed));
  const prices = profile?.price_count && now(profile.price_count) > 1e-6 && profile.price_sum ? now(profile.price_sum) / now(profile.price_count) : null;
  const fact = (name: string, shown: string | number) => h("div", {}, h("dt", {}, name), h("dd", {}, shown));
  const likes = Object.entries(profile?.preferences ?? {}).map(([field, values]) => liking(language, field, values));
  const names = new Map(catalogue.products.map((product) => [product.id, product]));
  const recent = (profile?.items ?? []).slice(-5).reverse().flatMap(({ id }) => names.get(id) ?? []);
  const known = counters.length > 0;
  return drawer(language, say(language, "you_title"), [
    h("p", { class: "quiet" }, say(language, failed ? "status_failed" : "you_text")),
    h(
      "section",
      { class: "tune" },
      h("h3", { id: "objective-title" }, say(language, "tune")),
      h("input", { type: "range", min: 0, max: 100, step: 5, value: tuning.objective, "data-objective": "", "aria-labelledby": "objective-title", "aria-describedby": "objective-ends" }),
      h("p", { class: "ends", id: "objective-ends" }, h("span", {}, say(language, "clicks_end")), h("span", {}, say(language, "middle_end")), h("span", {}, say(language, "margin_end"))),
      h("label", { class: "switch" }, h("input", { type: "checkbox", role: "switch", checked: tuning.explore, "data-explore": "" }), h("span", {}, h("strong", {}, say(language, "explore")), h("small", { class: "quiet" }, say(language, "explore_text")))),
    ),
    known ? null : h("p", { class: "empty" }, say(language, "you_empty")),
    known && h("h3", {}, say(language, "did")),
    known && h("dl", { class: "counters" }, counters.map(([kind, decayed]) => fact(word(kind), count(decayed))), fact(say(language, "visits"), profile?.sessions ?? 0), fact(say(language, "orders"), profile?.orders ?? 0), prices !== null && fact(say(language, "usual_price"), money(language, Math.round(prices), catalogue.currency))),
    recent.length > 0 && h("ul", { class: "recent" }, recent.map((product) => h("li", { title: nameOf(language, product) }, picture(language, product, true)))),
    likes.some(Boolean) && [h("h3", {}, say(language, "likes")), likes],
    h("h3", {}, say(language, "tags")),
    h("p", { class: "tags" }, (profile?.tags ?? []).length === 0 ? h("span", { class: "quiet" }, say(language, "no_tags")) : profile?.tags?.map((tag) => h("span", { class: "tag" }, value(language, tag)))),
    profile && h("details", {}, h("summary", {}, say(language, "raw")), h("pre", { tabindex: "0" }, JSON.stringify(profile, null, 2))),
    h("p", { class: "actions" }, h("button", { type: "button", class: "button plain", "data-export": "", disabled: failed }, say(language, "export")), h("button", { type: "button", class: "button danger", "data-forget": "", disabled: failed }, say(language, "forget"))),
  ]);
}

