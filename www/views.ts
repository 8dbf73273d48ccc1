// The views beside the home page.

import { type Catalogue, type Product, inStock, matches, number, text } from "./catalogue";
import { card, nameOf, picture, shelves, stars } from "./page";
import { type Child, h } from "./tree";
import { type Language, money, say, value } from "./words";

const STEP = 24;

function listing(language: Language, catalogue: Catalogue, products: Product[], pages: number): Child {
  const shown = products.slice(0, pages * STEP);
  return [
    h("p", { class: "quiet", role: "status" }, products.length === 0 ? say(language, "nothing") : say(language, "found", { n: products.length })),
    h("ul", { class: "grid" }, shown.map((product) => card(language, catalogue, product))),
    shown.length < products.length && h("p", { class: "center" }, h("button", { type: "button", class: "button plain", "data-more": "" }, say(language, "more"))),
  ];
}

export function browseView(language: Language, catalogue: Catalogue, category: string, pages: number): Child {
  const products = catalogue.products.filter((product) => category === "" || text(product, "category") === category);
  const title = category === "" ? say(language, "browse") : value(language, category);
  return h("div", { class: "view" }, h("h1", {}, title), shelves(language, catalogue.products, category), listing(language, catalogue, products, pages));
}

export function searchView(language: Language, catalogue: Catalogue, query: string, pages: number): Child {
  const products = catalogue.products.filter((product) => matches(product, query));
  return h("div", { class: "view" }, h("h1", {}, say(language, "results", { query })), listing(language, catalogue, products, pages));
}

export function itemView(language: Language, catalogue: Catalogue, product: Product): Child {
  const name = nameOf(language, product);
  const described = language === "zh" ? (product.description_zh ?? product.description) : product.description;
  const facts = (["category", "brand", "style", "color", "material"] as const).filter((field) => text(product, field) !== "");
  const same = (other: Product) => other.id !== product.id && text(other, "category") === text(product, "category");
  const alike = (other: Product) => ["style", "color", "brand"].filter((field) => text(other, field) === text(product, field)).length;
  const more = catalogue.products.filter(same).sort((a, b) => alike(b) - alike(a)).slice(0, 4);
  return h(
    "div",
    { class: "view" },
    h("p", {}, h("button", { type: "button", class: "text-button", "data-back": "" }, `← ${say(language, "back")}`)),
    h(
      "article",
      { class: "item" },
      h("div", { class: "item-picture" }, picture(language, product, true)),
      h(
        "div",
        { class: "item-text" },
        h("p", { class: "card-brand" }, text(product, "brand")),
        h("h1", {}, name),
        h("p", { class: "item-foot" }, h("span", { class: "price" }, money(language, number(product, "price"), catalogue.currency)), stars(language, product)),
        h("div", { class: "copy", "data-copy": product.id }, described && h("p", { class: "described", "data-described": "" }, described), h("div", { class: "copy-ask", "data-copy-ask": "" }, asking(language, product.id, "write")), h("div", { class: "writing", "data-writing": "" })),
        inStock(product) ? h("button", { type: "button", class: "button wide", "data-add": product.id }, say(language, "add")) : h("p", { class: "quiet" }, say(language, "sold_out")),
        h("h2", { class: "small" }, say(language, "details")),
        h("dl", { class: "facts" }, facts.map((field) => [h("dt", {}, say(language, field)), h("dd", {}, field === "brand" ? text(product, field) : value(language, text(product, field)))])),
      ),
    ),
    more.length > 0 && h("section", { class: "slot", "aria-labelledby": "also" }, h("h2", { id: "also" }, say(language, "also")), h("ul", { class: "grid" }, more.map((other) => card(language, catalogue, other)))),
  );
}

/** The button that has a product's text written, or stops it. */
export function asking(language: Language, id: string, word: "write" | "write_again" | "write_stop"): Child {
  const stop = word === "write_stop";
  const button = h("button", { type: "button", class: stop ? "chip" : "chip write", [stop ? "data-write-stop" : "data-write"]: id }, !stop && h("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: "M4 20l1.2-4.6L16.4 4.2a1.8 1.8 0 0 1 2.6 0l.8.8a1.8 1.8 0 0 1 0 2.6L8.6 18.8z" })), say(language, word));
  return [button, word === "write" && h("small", { class: "quiet" }, say(language, "write_text"))];
}

export interface Line {
  product: Product;
  quantity: number;
}

export function total(lines: Line[]): number {
  return lines.reduce((sum, { product, quantity }) => sum + number(product, "price") * quantity, 0);
}

function sum(language: Language, catalogue: Catalogue, lines: Line[]): Child {
  return h("p", { class: "total" }, h("span", {}, say(language, "total")), h("strong", {}, money(language, total(lines), catalogue.currency)));
}

export function cartView(language: Language, catalogue: Catalogue, lines: Line[]): Child {
  const row = ({ product, quantity }: Line) => {
    const name = nameOf(language, product);
    const step = (by: number, sign: string, word: "fewer" | "one_more") => h("button", { type: "button", class: "step", "data-step": by, "data-of": product.id, "aria-label": say(language, word, { name }) }, sign);
    return h(
      "li",
      { class: "line" },
      h("a", { class: "line-picture", href: `#/item/${product.id}`, tabindex: "-1", "aria-hidden": "true" }, picture(language, product)),
      h("div", { class: "line-text" }, h("a", { href: `#/item/${product.id}` }, name), h("span", { class: "quiet" }, text(product, "brand")), h("span", { class: "steps" }, step(-1, "−", "fewer"), h("span", { class: "quantity" }, quantity), step(1, "+", "one_more"), h("button", { type: "button", class: "text-button", "data-remove": product.id, "aria-label": `${say(language, "remove")}: ${name}` }, say(language, "remove")))),
      h("span", { class: "price" }, money(language, number(product, "price") * quantity, catalogue.currency)),
    );
  };
  const body =
    lines.length === 0
      ? [h("p", {}, say(language, "cart_empty")), h("p", {}, h("a", { class: "button", href: "#/browse" }, say(language, "hero_link")))]
      : [h("ul", { class: "lines" }, lines.map(row)), sum(language, catalogue, lines), h("p", { class: "end" }, h("a", { class: "button", href: "#/checkout" }, say(language, "checkout")))];
  return h("div", { class: "view narrow" }, h("h1", {}, say(language, "cart")), body);
}

export function checkoutView(language: Language, catalogue: Catalogue, lines: Line[]): Child {
  const row = ({ product, quantity }: Line) => h("li", {}, h("span", {}, `${quantity} × ${nameOf(language, product)}`), h("span", {}, money(language, number(product, "price") * quantity, catalogue.currency)));
  return h("div", { class: "view narrow" }, h("h1", {}, say(language, "checkout_title")), h("p", { class: "quiet" }, say(language, "checkout_text")), h("ul", { class: "receipt" }, lines.map(row)), sum(language, catalogue, lines), h("p", { class: "end" }, h("button", { type: "button", class: "button", "data-pay": "" }, say(language, "pay"))));
}

export function thanksView(language: Language): Child {
  return h("div", { class: "view narrow center" }, h("h1", {}, say(language, "thanks")), h("p", {}, say(language, "thanks_text")), h("p", {}, h("a", { class: "button", href: "#/" }, say(language, "home"))));
}

export function missingView(language: Language): Child {
  return h("div", { class: "view narrow center" }, h("h1", {}, say(language, "missing")), h("p", {}, h("a", { class: "button", href: "#/" }, say(language, "home"))));
}
