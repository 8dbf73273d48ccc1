// The page's frame and its home view as data. Used by the build for the page as it comes, and by the browser.

import { type Catalogue, type HomeSlot, type Product, categories, homeSlots, inStock, number, text } from "./catalogue";
import { type Child, type Element_, h, toHtml } from "./tree";
import { type Language, money, say, value } from "./words";

export function nameOf(language: Language, product: Product): string {
  return (language === "zh" && text(product, "name_zh")) || text(product, "name") || product.id;
}

export function picture(language: Language, product: Product, eager = false): Element_ {
  const alt = say(language, "picture", { name: nameOf(language, product) });
  return h("img", { src: `img/${product.id}.svg`, alt, width: 400, height: 400, loading: eager ? "eager" : "lazy", decoding: "async" });
}

export function stars(language: Language, product: Product): Child {
  const rating = number(product, "rating");
  if (rating <= 0) return null;
  const shown = rating.toFixed(1);
  return h("span", { class: "rating", role: "img", "aria-label": say(language, "rating", { n: shown }) }, h("span", { "aria-hidden": "true" }, `★ ${shown}`));
}

export interface CardOptions {
  slot?: string;
  hidden?: boolean;
  eager?: boolean;
  badge?: boolean;
}

export function card(language: Language, catalogue: Catalogue, product: Product, options: CardOptions = {}): Element_ {
  const name = nameOf(language, product);
  const open = { class: "card-link", href: `#/item/${product.id}`, "data-click": product.id, "data-in": options.slot };
  return h(
    "li",
    { class: "card", "data-id": product.id, hidden: options.hidden },
    h(
      "a",
      open,
      h("span", { class: "card-picture" }, picture(language, product, options.eager), options.badge && h("span", { class: "badge" }, say(language, "new_badge"))),
      h("span", { class: "card-brand" }, text(product, "brand")),
      h("span", { class: "card-name" }, name),
      h("span", { class: "card-foot" }, h("span", { class: "price" }, inStock(product) ? money(language, number(product, "price"), catalogue.currency) : say(language, "sold_out")), stars(language, product)),
    ),
    options.slot && h("button", { type: "button", class: "why-one", "data-why": product.id, "data-in": options.slot, "aria-label": say(language, "why_one", { name }), title: say(language, "why") }, "?"),
  );
}

function slotView(language: Language, catalogue: Catalogue, slot: HomeSlot): Element_ {
  const byId = new Map(catalogue.products.map((product) => [product.id, product]));
  const options = (place: number) => ({ slot: slot.id, hidden: place >= slot.show, eager: slot.id === "for_you" && place < 4, badge: slot.id === "new_in" });
  const cards = slot.ids.flatMap((id, place) => {
    const product = byId.get(id);
    return product ? card(language, catalogue, product, options(place)) : [];
  });
  return h(
    "section",
    { class: "slot", "aria-labelledby": `${slot.id}-title` },
    h(
      "div",
      { class: "slot-head" },
      h("div", {}, h("h2", { id: `${slot.id}-title` }, say(language, slot.id)), h("p", { class: "quiet" }, say(language, slot.id === "for_you" ? "for_you_text" : "new_in_text"))),
      h("div", { class: "slot-side" }, h("button", { type: "button", class: "chip late", "data-update": slot.id, title: say(language, "kept"), hidden: true }, say(language, "update")), h("button", { type: "button", class: "text-button", "data-why-slot": slot.id }, say(language, "why"))),
    ),
    slot.id === "for_you" && h("p", { class: "status quiet", "data-status": "" }, say(language, "status_page")),
    h("ul", { class: "grid", "data-slot": slot.id, "data-show": slot.show }, cards),
  );
}

function hero(language: Language): Element_ {
  return h(
    "section",
    { class: "hero", "aria-labelledby": "hero-title" },
    h("div", { class: "hero-text" }, h("p", { class: "over" }, say(language, "hero_over")), h("h1", { id: "hero-title" }, say(language, "hero_title")), h("p", {}, say(language, "hero_text")), h("a", { class: "button", href: "#/browse" }, say(language, "hero_link"))),
    h(
      "svg",
      { class: "hero-picture", viewBox: "0 0 640 460", role: "img", "aria-label": say(language, "hero_picture"), preserveAspectRatio: "xMidYMax slice" },
      h("rect", { class: "wall", width: 640, height: 460 }),
      h("path", { class: "arch", d: "M150 460V230a170 170 0 0 1 340 0v230z" }),
      h("circle", { class: "sun", cx: 320, cy: 246, r: 92 }),
      h("path", { class: "hill", d: "M150 330c70-50 130-40 190-6s110 26 150-4v140H150z" }),
      h("rect", { class: "table", y: 392, width: 640, height: 68 }),
      h("path", { class: "stem", d: "M204 232c-8-52-4-96 14-140M208 210c-26-20-40-46-44-76M212 190c20-22 34-46 40-78" }),
      h("path", { class: "leaf", d: "M218 92c-16-22-12-44 8-60 14 22 12 44-8 60zM164 134c-24-8-34-26-30-50 24 6 34 26 30 50zM252 112c-2-26 10-44 34-52 2 26-10 44-34 52zM206 150c-20 0-34-10-40-30 22-2 36 10 40 30zM214 150c2-20 14-32 34-36 0 22-12 34-34 36z" }),
      h("path", { class: "vase", d: "M186 228h40l-4 34c34 20 48 48 44 82-3 32-22 50-34 52h-52c-12-2-31-20-34-52-4-34 10-62 44-82z" }),
      h("path", { class: "bowl", d: "M352 336h150c0 36-26 58-50 60h-50c-24-2-50-24-50-60z" }),
      h("circle", { class: "fruit", cx: 400, cy: 322, r: 24 }),
      h("circle", { class: "fruit two", cx: 446, cy: 318, r: 27 }),
      h("path", { class: "bowl", d: "M352 336h150c0 36-26 58-50 60h-50c-24-2-50-24-50-60z" }),
    ),
  );
}

export function shelves(language: Language, products: Product[], current: string | null): Element_ {
  const chip = (name: string, href: string, on: boolean) => h("a", { class: "chip", href, "aria-current": on ? "page" : null }, name);
  return h(
    "nav",
    { class: "shelves", "aria-label": say(language, "categories") },
    current !== null && chip(say(language, "all"), "#/browse", current === ""),
    categories(products).map((name) => chip(value(language, name), `#/browse/${encodeURIComponent(name)}`, current === name)),
  );
}

export function homeView(language: Language, catalogue: Catalogue): Child {
  const [first, second] = homeSlots(catalogue.products).map((slot) => slotView(language, catalogue, slot));
  return [hero(language), shelves(language, catalogue.products, null), first, second];
}

/** Header, main and footer around a view. */
export function frame(language: Language, view: Child): Child {
  const link = (href: string, words: string, name: string) => h("a", { href, "data-nav": name }, words);
  return [
    h("a", { class: "skip", href: "#main", "data-skip": "" }, say(language, "skip")),
    h("p", { class: "notice" }, say(language, "synthetic")),
    h(
      "header",
      { class: "top" },
      h("a", { class: "logo", href: "#/" }, say(language, "shop")),
      h("nav", { class: "main-nav", "aria-label": say(language, "shop") }, link("#/", say(language, "home"), "home"), link("#/browse", say(language, "browse"), "browse")),
      h("form", { class: "search", role: "search", "data-search": "" }, h("input", { type: "search", name: "query", maxlength: 80, "aria-label": say(language, "search"), placeholder: say(language, "search_hint"), autocomplete: "off" })),
      h(
        "div",
        { class: "tools" },
        h("button", { type: "button", class: "tool you", "data-you": "" }, h("span", { class: "dot", "aria-hidden": "true" }), h("span", { class: "long" }, say(language, "you")), h("span", { class: "short" }, say(language, "you_short"))),
        h("button", { type: "button", class: "tool", "data-language": language === "en" ? "zh" : "en", "aria-label": say(language, "language_label") }, h("span", { lang: language === "en" ? "zh-Hans" : "en" }, say(language, "language"))),
        h("button", { type: "button", class: "tool icon", "data-theme-switch": "", "aria-label": say(language, "theme") }, h("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, h("circle", { cx: 12, cy: 12, r: 8, class: "ring" }), h("path", { d: "M12 4a8 8 0 0 1 0 16z", class: "half" }))),
        h("a", { class: "tool cart", href: "#/cart" }, say(language, "cart"), " ", h("span", { class: "count", "data-count": "" }, "0")),
      ),
    ),
    h("main", { id: "main", tabindex: "-1" }, view),
    h("footer", {}, h("p", {}, say(language, "footer"))),
    h("p", { class: "toast", role: "status", "aria-live": "polite", "data-toast": "" }),
  ];
}

/** The home page as it comes, in both languages. */
export function pages(catalogue: Catalogue): Record<Language, string> {
  const page = (language: Language) => toHtml(frame(language, homeView(language, catalogue)));
  return { en: page("en"), zh: page("zh") };
}
