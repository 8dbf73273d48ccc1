// Slots by attributes in Chromium: consent, the last order before paint, late rankings, what is seen and clicked,
// pages that change, frameworks that own their nodes, strict policies.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PACKAGE, candidates } from "../node/package.mjs";
import { integrity, launch, serve } from "./server.mjs";

const COUNT = 12;
const SHOW = 4;
const early = readFileSync(join(PACKAGE, "attune.early.js"), "utf8");
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const card = ({ id, fields }) => `<li data-attune-id="${id}" data-attune-fields="${escape(JSON.stringify(fields))}"><a href="#${id}">${id}</a> <button data-attune-event="add_to_cart">+</button></li>`;
const list = (attributes = "") =>
  `<ul data-attune-slot="home" ${attributes}><h2>Heading</h2>${candidates(COUNT).map(card).join("")}<li>Footnote</li></ul>`;
const page = ({ slot = list(), above = 0, script = "", nonce = "" } = {}) => `<!doctype html><html lang="en"><title>shop</title>
<style${nonce && ` nonce="${nonce}"`}>body { margin: 0 } ul { display: flex; flex-direction: column; padding: 0; margin: 0 } li, h2 { height: 60px; margin: 0; list-style: none } [hidden] { display: none }</style>
<div id="above"></div><main>${slot}</main>
<style${nonce && ` nonce="${nonce}"`}>#above { height: ${above}px }</style>
<script${nonce && ` nonce="${nonce}"`}>${early}</script>
<script type="module"${nonce && ` nonce="${nonce}"`} src="/attune/attune.slots.js" data-attune-bundle="/small.attune" data-attune-integrity="${integrity}" ${script}></script>`;
const html = (options, headers) => ["text/html", page(options), headers];
const csp = { "content-security-policy": "default-src 'none'; script-src 'nonce-n' 'wasm-unsafe-eval'; style-src 'nonce-n'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'" };

let server;
let browser;
before(async () => {
  server = await serve({
    "/seen": html(),
    "/below": html({ above: 3000 }),
    "/show": html({ above: 3000, slot: list(`data-attune-show="${SHOW}"`) }),
    "/css": html({ above: 3000, slot: list('data-attune-order="css"') }),
    "/css-show": html({ above: 3000, slot: list(`data-attune-order="css" data-attune-show="${SHOW}"`) }),
    "/event": html({ above: 3000, slot: list('data-attune-order="event"') }),
    "/strict": html({ above: 3000, nonce: "n" }, csp),
    "/strict-css": html({ above: 3000, nonce: "n", slot: list('data-attune-order="css"') }, csp),
    "/pinned": html({ above: 3000, slot: list().replace('data-attune-id="p2"', 'data-attune-id="p2" data-attune-pin="0"').replace('data-attune-id="p5"', 'data-attune-id="p5" data-attune-in_stock="false"') }),
    "/granted": html({ above: 3000, script: 'data-attune-consent="granted"' }),
    "/broken": html({ above: 3000 }).map((part, n) => (n === 1 ? part.replace("/small.attune", "/short.attune") : part)),
    "/plain": html().map((part, n) => (n === 1 ? part.replace(early, "").replace(/<script type="module".*?<\/script>/, "") : part)),
    "/empty": html({ slot: "" }),
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const OWN = candidates(COUNT).map(({ id }) => id);

/** A page of a shopper never seen. */
async function visit(path, init) {
  const context = await browser.newContext({ viewport: { width: 800, height: 600 } });
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
  await page.addInitScript(() => {
    window.shifts = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (window.shifts += value))).observe({ type: "layout-shift", buffered: true });
    document.addEventListener("DOMContentLoaded", () => {
      const ids = () => [...document.querySelectorAll("[data-attune-id]")].map(({ dataset }) => dataset.attuneId);
      window.parsed = ids();
      requestAnimationFrame(() => (window.painted = ids()));
    });
  });
  if (init) await page.addInitScript(init);
  await page.goto(server.base + path);
  await page.waitForFunction(() => window.attune);
  return page;
}

const order = (page) => page.evaluate(() => [...document.querySelectorAll("[data-attune-slot] [data-attune-id]")].map(({ dataset }) => dataset.attuneId));
const standing = (page) => page.evaluate(() => ({ ...attune.slots.get("home"), ranking: attune.slots.get("home").ranking?.source }));
const agree = (page, said = { profile: true }) => page.evaluate((said) => attune.agree(said), said);
const stored = (page) =>
  page.evaluate(async () => [(await indexedDB.databases()).length, Object.keys(localStorage), (await caches.keys()).length, document.cookie]);
const NOTHING = [0, [], 0, ""];
/** The shopper looks at bags, which the page shows late. */
const taste = (page) =>
  page.evaluate(async (items) => {
    for (const item of items) await attune.track({ type: "view", items: [item] });
  }, candidates(COUNT).filter(({ fields }) => fields.category === "books").flatMap((item) => [item, item, item]));
/** A returning shopper: known, and the slot decided anew. */
async function known(path, init) {
  const page = await visit(path, init);
  await agree(page);
  await taste(page);
  await page.evaluate(() => attune.refresh());
  return page;
}

test("nothing is loaded, stored or sent before the shopper has agreed", async () => {
  const page = await visit("/below");
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.click("text=p1");
  await page.evaluate(() => attune.track({ type: "view", items: [{ id: "p1" }] }));
  await page.waitForTimeout(300);
  assert.deepEqual(asked, []);
  assert.deepEqual(await stored(page), NOTHING);
  assert.deepEqual(await order(page), OWN);
  await agree(page);
  assert.deepEqual(asked.map((url) => new URL(url).pathname).sort(), ["/attune/attune.js", "/attune/attune_bg.wasm", "/small.attune"]);
  assert.deepEqual(await page.evaluate(() => attune.agreement), { profile: true, send: false, source: "page" });
  await page.context().close();
});

test("a cold visit keeps the page's own order", async () => {
  const page = await visit("/below");
  await agree(page);
  const { source, ranking, late } = await standing(page);
  assert.deepEqual([source, ranking, late], ["page", "page", false]);
  assert.equal(await page.evaluate(() => attune.slots.get("home").ranking.fallback.code), "cold");
  assert.deepEqual(await order(page), OWN);
  await page.context().close();
});

test("an unseen slot takes the shopper's order; the next visit has it before the first paint, without a shift", async () => {
  const page = await known("/below");
  const { source, order: told, decision } = await standing(page);
  assert.equal(source, "model");
  const now = await order(page);
  assert.deepEqual(now, told);
  assert.notDeepEqual(now, OWN);
  assert.deepEqual([...now].sort(), [...OWN].sort());
  // What is no candidate stays where it is.
  assert.deepEqual(await page.evaluate(() => [document.querySelector("ul").firstElementChild.tagName, document.querySelector("ul").lastElementChild.textContent]), ["H2", "Footnote"]);
  await page.evaluate(() => attune.stop());
  await page.goto(`${server.base}/seen`);
  await page.waitForFunction(() => window.painted && window.attune);
  assert.deepEqual(await page.evaluate(() => [window.parsed, window.painted]), [now, now]);
  assert.deepEqual([(await standing(page)).source, (await standing(page)).decision], ["last", decision]);
  await agree(page);
  assert.equal(await page.evaluate(() => window.shifts), 0);
  await page.context().close();
});

test("a ranking that comes late moves nothing that was seen, says so, and serves the next visit", async () => {
  const page = await known("/seen");
  const { source, late, ranking } = await standing(page);
  assert.deepEqual([source, late, ranking], ["page", true, "model"]);
  assert.deepEqual(await order(page), OWN);
  assert.equal(await page.evaluate(() => window.shifts), 0);
  await page.evaluate(() => attune.stop());
  await page.reload();
  await page.waitForFunction(() => window.painted);
  assert.notDeepEqual(await page.evaluate(() => window.painted), OWN);
  await page.context().close();
});

test("without the early script, what is on screen stands still", async () => {
  const page = await known("/below");
  await page.evaluate(() => attune.stop());
  await page.goto(`${server.base}/plain`);
  await page.waitForFunction(() => performance.getEntriesByType("paint").length > 0);
  const last = await order(page);
  assert.deepEqual(last, OWN);
  await page.evaluate(() => {
    const tag = document.createElement("script");
    Object.assign(tag, { type: "module", src: "/attune/attune.slots.js" }).dataset.attuneBundle = "/small.attune";
    document.head.append(tag);
  });
  await page.waitForFunction(() => window.attune);
  await agree(page);
  const { source, late } = await standing(page);
  assert.deepEqual([source, late], ["page", true]);
  assert.deepEqual(await order(page), OWN);
  await page.context().close();
});

test("only so many are on view", async () => {
  const page = await known("/show");
  const visible = await page.evaluate(() => [...document.querySelectorAll("[data-attune-id]")].filter(({ hidden }) => !hidden).map(({ dataset }) => dataset.attuneId));
  assert.deepEqual(visible, (await order(page)).slice(0, SHOW));
  await page.context().close();
});

test("pins keep their place and what is sold out goes last", async () => {
  const page = await known("/pinned");
  const now = await order(page);
  assert.equal(now[0], "p2");
  assert.equal(now.at(-1), "p5");
  await page.context().close();
});

for (const path of ["/css", "/strict-css"]) {
  test(`by style: nodes stay, their places change (${path})`, async () => {
    const page = await known(path);
    const dom = await page.evaluate(() => [...document.querySelectorAll("[data-attune-id]")].map((node) => [node.dataset.attuneId, node.getAttribute("style"), node.getBoundingClientRect().top]));
    assert.deepEqual(dom.map(([id]) => id), OWN);
    assert.ok(dom.every(([, style]) => style === null));
    const seen = dom.sort(([, , a], [, , b]) => a - b).map(([id]) => id);
    assert.deepEqual(seen, (await standing(page)).order);
    assert.notDeepEqual(seen, OWN);
    const around = await page.evaluate(() => ["h2", "ul > :last-child"].map((which) => document.querySelector(which).getBoundingClientRect().top));
    assert.deepEqual(around.map((top) => dom.filter(([, , card]) => card < top).length), [0, dom.length], "the heading before the cards, the note after them");
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });
}

test("by style, only so many are on view, after the early script too", async () => {
  const page = await known("/css-show");
  await page.evaluate(() => attune.stop());
  await page.reload();
  await page.waitForFunction(() => window.attune);
  await agree(page);
  const visible = () => page.evaluate(() => [...document.querySelectorAll("[data-attune-id]")].filter((node) => node.offsetParent).map((node) => [node.getBoundingClientRect().top, node.dataset.attuneId]).sort(([a], [b]) => a - b).map(([, id]) => id));
  const first = await visible();
  // What an earlier sheet hid must come back.
  const last = (await standing(page)).order.at(-1);
  await page.evaluate((id) => {
    document.querySelector(`[data-attune-id="${id}"]`).dataset.attunePin = "0";
    return attune.refresh();
  }, last);
  const { order: told } = await standing(page);
  assert.equal(first.length, SHOW);
  assert.equal(told[0], last);
  assert.deepEqual(await visible(), told.slice(0, SHOW));
  await page.context().close();
});

test("by event: the page is told the order and its nodes are left alone", async () => {
  const page = await visit("/event", () => document.addEventListener("attune:decided", ({ detail }) => ((window.told ??= []).push(detail.order))));
  await agree(page);
  await taste(page);
  await page.evaluate(() => attune.refresh());
  assert.deepEqual(await order(page), OWN);
  const told = await page.evaluate(() => window.told.at(-1));
  assert.notDeepEqual(told, OWN);
  assert.deepEqual([...told].sort(), [...OWN].sort());
  await page.context().close();
});

test("a strict policy with nonce and Trusted Types is kept to", async () => {
  const page = await known("/strict");
  assert.equal((await standing(page)).source, "model");
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("an impression is half a card for a second, counted once", async () => {
  const page = await visit("/seen");
  await agree(page);
  const counted = () => page.evaluate(async () => Math.round((await attune.export()).profile?.counters?.impression?.count ?? 0));
  await page.waitForTimeout(600);
  assert.equal(await counted(), 0);
  await page.waitForTimeout(1000);
  const first = await counted();
  assert.ok(first >= 1, `${first}`);
  const items = await page.evaluate(async () => (await attune.export()).profile.items?.length ?? 0);
  await page.evaluate(() => scrollTo(0, 2000));
  await page.waitForTimeout(200);
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForTimeout(1600);
  // Scrolled past and back: the same cards are no second impression. Others may have come into view.
  assert.ok((await counted()) <= first + 1, `${items}`);
  await page.context().close();
});

test("a card seen for less than a second is none", async () => {
  const page = await visit("/below");
  await agree(page);
  await page.evaluate(() => scrollTo(0, 3000));
  await page.waitForTimeout(500);
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForTimeout(1500);
  assert.equal(await page.evaluate(async () => (await attune.export()).profile), null);
  await page.context().close();
});

test("clicks are joined to the decision, and so is what is bought of them", async () => {
  const page = await known("/below");
  const { decision } = await standing(page);
  await page.click("[data-attune-id=p3] a");
  await page.click("[data-attune-id=p4] button");
  await page.waitForTimeout(100);
  const { page: kept, profile } = await page.evaluate(() => attune.export());
  assert.deepEqual([kept.clicks.p3.decision, kept.clicks.p4.decision], [decision, decision]);
  assert.deepEqual([Math.round(profile.counters.click.count), Math.round(profile.counters.add_to_cart.count)], [1, 1]);
  const bought = await page.evaluate(() => attune.track({ type: "purchase", items: [{ id: "p3" }], value: 20 }));
  assert.equal(bought.accepted, 1);
  await page.context().close();
});

test("slots and cards that come later are taken up before they are painted", async () => {
  const page = await known("/below");
  const now = await order(page);
  await page.evaluate(() => attune.ready);
  // A single-page shop takes the view away and puts it back as the server would send it.
  const again = await page.evaluate(async (markup) => {
    const ids = () => [...document.querySelectorAll("[data-attune-id]")].map(({ dataset }) => dataset.attuneId);
    const main = document.querySelector("main");
    main.replaceChildren();
    await new Promise(requestAnimationFrame);
    main.innerHTML = markup;
    await Promise.resolve();
    return ids();
  }, list());
  assert.deepEqual(again, now);
  await page.evaluate(() => scrollTo(0, 3000));
  await page.waitForTimeout(200);
  const before = await order(page);
  await page.evaluate((markup) => document.querySelector("ul").insertAdjacentHTML("beforeend", markup), card({ id: "p99", fields: { category: "bags" } }));
  await page.evaluate(() => attune.ready);
  assert.deepEqual(await order(page), [...before, "p99"]);
  await page.context().close();
});

test("consent as Google's Consent Mode says it", async () => {
  const layer = () => {
    window.gtag = function () {
      (window.dataLayer ??= []).push(arguments);
    };
    gtag("consent", "default", { personalization_storage: "denied", analytics_storage: "denied" });
  };
  const page = await visit("/below", layer);
  assert.deepEqual(await page.evaluate(() => attune.agreement), { profile: false, send: false, source: "consent_mode" });
  assert.deepEqual(await stored(page), NOTHING);
  await page.evaluate(() => gtag("consent", "update", { personalization_storage: "granted" }));
  await taste(page);
  await page.evaluate(() => attune.refresh());
  assert.equal((await standing(page)).source, "model");
  // A default said again on the next page is nobody's refusal: what is kept stays.
  await page.evaluate(() => attune.stop());
  await page.reload();
  await page.waitForFunction(() => window.attune);
  await page.evaluate(() => attune.ready);
  assert.notDeepEqual(await stored(page), NOTHING);
  await page.evaluate(() => gtag("consent", "update", { personalization_storage: "denied" }));
  await page.evaluate(() => attune.ready);
  assert.deepEqual(await stored(page), NOTHING);
  await page.context().close();
});

test("Global Privacy Control says no, the page's own word counts before it", async () => {
  const page = await visit("/below", () => {
    Object.defineProperty(navigator, "globalPrivacyControl", { value: true });
    (window.dataLayer ??= []).push(["consent", "default", { personalization_storage: "granted" }]);
  });
  assert.deepEqual(await page.evaluate(() => attune.agreement), { profile: false, send: false, source: "gpc" });
  assert.deepEqual(await stored(page), NOTHING);
  await agree(page);
  assert.equal(await page.evaluate(() => attune.agreement.source), "page");
  await page.context().close();
});

test("consent as Shopify's Customer Privacy says it", async () => {
  const page = await visit("/below", () => (window.Shopify = { customerPrivacy: { preferencesProcessingAllowed: () => false, analyticsProcessingAllowed: () => false } }));
  assert.deepEqual(await page.evaluate(() => attune.agreement), { profile: false, send: false, source: "shopify" });
  await page.evaluate(() => document.dispatchEvent(new CustomEvent("visitorConsentCollected", { detail: { preferencesAllowed: true, analyticsAllowed: true } })));
  assert.deepEqual(await page.evaluate(() => attune.agreement), { profile: true, send: true, source: "shopify" });
  await page.context().close();
});

test("refusing erases, forgetting erases, and the page keeps its order", async () => {
  for (const way of ["agree", "forget"]) {
    const page = await known("/granted");
    assert.notDeepEqual(await stored(page), NOTHING);
    await page.evaluate((way) => (way === "agree" ? attune.agree({ profile: false }) : attune.forget()), way);
    assert.deepEqual(await stored(page), NOTHING, way);
    await page.context().close();
  }
});

test("no and then yes at once: everything is erased, and Attune is there again", async () => {
  const page = await known("/below");
  await page.evaluate(() => Promise.all([attune.agree({ profile: false }), attune.agree({ profile: true })]));
  assert.equal((await page.evaluate(() => attune.export())).profile, null);
  assert.equal((await page.evaluate(() => attune.track({ type: "view", items: [{ id: "p1" }] }))).accepted, 1);
  await page.context().close();
});

test("a bundle that cannot be had keeps the page", async () => {
  const page = await known("/broken");
  assert.deepEqual(await order(page), OWN);
  const { source, ranking } = await standing(page);
  assert.deepEqual([source, ranking], ["page", "page"]);
  await page.context().close();
});

test("storage denied: the page stays whole and the session is still ranked", async () => {
  const page = await known("/below", () => {
    Object.defineProperty(window, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } });
    Object.defineProperty(window, "indexedDB", { get: () => undefined });
  });
  assert.deepEqual([...(await order(page))].sort(), [...OWN].sort());
  assert.equal((await standing(page)).source, "model");
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("a page without slots is no trouble", async () => {
  const page = await visit("/empty");
  await agree(page);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
