// The Shopify example: rendered as Shopify renders it, opened in Chromium, with a stand-in for the Customer Privacy API.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Liquid } from "liquidjs";
import { ROOT } from "../golden/corpus.mjs";
import { PACKAGE, candidates } from "../node/package.mjs";
import { integrity, launch, serve } from "./server.mjs";

const FOLDER = join(ROOT, "examples/shopify");
const SHOW = 4;
const products = candidates(12).map(({ fields }, n) => ({
  id: 7000 + n,
  title: fields.name,
  type: fields.category,
  vendor: fields.brand,
  price: fields.price * 100,
  available: n !== 2,
  url: `/products/thing-${n}`,
  featured_image: { src: "/thing.png", alt: `"${fields.name}"` },
  selected_or_first_available_variant: { id: 9000 + n },
}));
const OWN = products.map(({ id }) => String(id));

/** Shopify's own tags and filters, as far as the example uses them. */
function shopify() {
  const liquid = new Liquid({ root: join(FOLDER, "snippets"), extname: ".liquid", strictFilters: true });
  liquid.registerFilter("money", (cents) => `€${(cents / 100).toFixed(2)}`);
  liquid.registerFilter("image_url", ({ src }, [, width]) => `${src}?width=${width}`);
  liquid.registerFilter("within", (url) => url);
  liquid.registerFilter("t", (key) => key.split(".").pop());
  liquid.registerFilter("inline_asset_content", (name) => readFileSync(join(PACKAGE, name), "utf8"));
  for (const [name, around] of [["schema", () => ""], ["style", (text) => `<style>${text}</style>`]]) {
    liquid.registerTag(name, {
      parse(_, rest) {
        this.text = "";
        for (let token = rest.shift(); token && token.name !== `end${name}`; token = rest.shift()) this.text += token.getText();
      },
      render() {
        return around(this.text);
      },
    });
  }
  return liquid;
}

let server;
let browser;
let logged = [];
before(async () => {
  const liquid = shopify();
  const section = readFileSync(join(FOLDER, "sections/attune-grid.liquid"), "utf8");
  const [, schema] = section.match(/\{% schema %\}([^]*)\{% endschema %\}/);
  const defaults = Object.fromEntries(JSON.parse(schema).settings.flatMap(({ id, default: value }) => (value === undefined ? [] : [[id, value]])));
  const scope = {
    section: { id: "template--1__grid", settings: { ...defaults, show: SHOW, collection: { products } } },
    settings: { attune_base: "/attune", attune_integrity: integrity, attune_log: "/v1/log" },
    routes: { cart_add_url: "/cart/add" },
  };
  const grid = await liquid.parseAndRender(section, scope);
  const snippet = await liquid.parseAndRender("{% render 'attune', settings: settings %}", scope);
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>shop</title><div style="height:2000px"></div>${grid}${snippet}`;
  server = await serve({
    "/shop": ["text/html", html],
    "/attune/shop.attune": ["application/octet-stream", readFileSync(join(ROOT, "tests/golden/small.attune"))],
    "/thing.png": ["image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'],
    "/v1/log": (request, response) => {
      request.on("data", (data) => logged.push(...String(data).trim().split("\n").map((line) => JSON.parse(line))));
      request.on("end", () => response.writeHead(204).end());
    },
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The API comes when a theme asks for it, and remembers what the shopper said. */
const api = () => {
  const said = () => JSON.parse(sessionStorage.getItem("consent") ?? "{}");
  window.Shopify = {
    loadFeatures: (features, done) =>
      setTimeout(() => {
        if (features[0].name !== "consent-tracking-api") return done(new Error("unknown"));
        window.Shopify.customerPrivacy = { preferencesProcessingAllowed: () => said().preferences === true, analyticsProcessingAllowed: () => said().analytics === true };
        done();
      }, 50),
  };
  window.answer = (preferences, analytics) => {
    sessionStorage.setItem("consent", JSON.stringify({ preferences, analytics }));
    document.dispatchEvent(new CustomEvent("visitorConsentCollected", { detail: { preferencesAllowed: preferences, analyticsAllowed: analytics } }));
  };
};

test("a theme's grid: the collection's order until Shopify's consent says yes, then the shopper's, also on the next page", async () => {
  const page = await (await browser.newContext({ viewport: { width: 900, height: 700 } })).newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  await page.addInitScript(api);
  const order = (visible = false) => page.evaluate((visible) => [...document.querySelectorAll("[data-attune-id]")].filter(({ hidden }) => !visible || !hidden).map(({ dataset }) => dataset.attuneId), visible);
  const attached = () => page.waitForFunction(() => window.attune);
  await page.goto(`${server.base}/shop`);
  await attached();
  await page.waitForTimeout(150);
  assert.deepEqual([await order(), await order(true)], [OWN, OWN.slice(0, SHOW)]);
  assert.deepEqual(await page.evaluate(() => [attune.agreement, localStorage.length]), [{ profile: false, send: false, source: "shopify" }, 0]);

  await page.evaluate(async () => {
    answer(true, true);
    await attune.ready;
  });
  const books = products.filter(({ type }) => type === "books").flatMap((of) => [of, of, of]);
  await page.evaluate(async (items) => {
    for (const { id, type: category, vendor: brand, price } of items) await attune.track({ type: "view", items: [{ id: String(id), fields: { category, brand, price: price / 100 } }] });
    await attune.refresh();
  }, books);
  const now = await order();
  assert.notDeepEqual(now, OWN);
  assert.deepEqual(await order(true), now.slice(0, SHOW));
  assert.equal(now.at(-1), OWN[2], "sold out comes last");
  const [candidate] = await page.evaluate(() => [...attune.slots.values()].map(({ slot, source }) => [slot, source]));
  assert.deepEqual(candidate, ["template--1__grid", "model"]);

  await page.evaluate(() => document.querySelector("[data-attune-slot]").scrollIntoView());
  await page.evaluate(() => document.addEventListener("submit", (event) => event.preventDefault()));
  await page.click(`[data-attune-id="${now[0]}"] button`);
  await page.evaluate(() => attune.stop());
  for (let wait = 0; wait < 50 && !logged.length; wait++) await page.waitForTimeout(100);
  assert.deepEqual(logged.map(({ type, kind }) => kind ?? type), ["decision", "impression", "click"]);
  assert.deepEqual(logged[0].slots[0].items.find(({ id }) => id === now[0]).fields.in_stock, true);

  // The next page: the last order at once, and what was agreed is asked of Shopify again.
  await page.reload();
  assert.deepEqual(await order(), now);
  await attached();
  await page.waitForFunction(() => attune.agreement.send);
  assert.deepEqual(problems, []);
  await page.context().close();
});
