// The storefront as it is built (ATTUNE_WWW), in Chromium.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const WWW = process.env.ATTUNE_WWW;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json", ".wasm": "application/wasm" };
const FOR_YOU = '[data-slot="for_you"]';

let server;
let browser;
let base;
before(async () => {
  assert.ok(WWW && existsSync(join(WWW, "index.html")), "ATTUNE_WWW has no index.html: cargo xtask build www");
  server = createServer((request, response) => {
    const path = normalize(new URL(request.url, "http://page").pathname);
    const file = join(WWW, path.endsWith("/") ? `${path}index.html` : path);
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(readFileSync(file));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  base = `http://127.0.0.1:${server.address().port}/`;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(async () => {
  await browser?.close();
  server?.close();
});

/** A test with a shopper of its own. `page.wrong` has what the console and the page complained of. */
function shopper(name, body, options = {}) {
  test(name, async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US", ...options });
    try {
      const page = await context.newPage();
      page.wrong = [];
      page.on("pageerror", (error) => page.wrong.push(error.message));
      page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
      await body(page, context);
    } finally {
      await context.close();
    }
  });
}

async function open(page, state = "ready") {
  await page.goto(base);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  assert.equal(await page.getAttribute("html", "data-ready"), state, await page.getAttribute("[data-status]", "title"));
}
const order = (page, slot = FOR_YOU) => page.$$eval(`${slot} > li:not([hidden])`, (cards) => cards.map((card) => card.dataset.id));
const settled = (page) => page.waitForTimeout(900);

/** Looks at the n-th item of "For you", puts it in the cart, and comes back. */
async function like(page, n) {
  await page.click(`${FOR_YOU} > li:nth-child(${n}) .card-link`);
  await page.click("[data-add]");
  await page.click(".logo");
  await page.waitForSelector(FOR_YOU);
  await settled(page);
}

shopper("a first visit keeps the page's own order, says so, and breaks no rule of its policy", async (page) => {
  const html = readFileSync(join(WWW, "index.html"), "utf8").split("<template")[0];
  const own = [...html.matchAll(/<li class="card" data-id="([\w-]+)">/g)].map(([, id]) => id);
  await open(page);
  await settled(page);
  const shown = [...(await order(page)), ...(await order(page, '[data-slot="new_in"]'))];
  assert.deepEqual(shown, own);
  assert.equal(new Set(shown).size, 12, "an item is on the page twice, or is missing");
  assert.match(await page.textContent("[data-status]"), /own order/);
  assert.match(await page.textContent("footer"), /Synthetic demo data/);
  assert.deepEqual(page.wrong, []);
});

shopper("what the shopper does changes the order, with no item twice", async (page) => {
  await open(page);
  const before = await order(page);
  await like(page, 3);
  await like(page, 2);
  const now = await order(page);
  assert.notDeepEqual(now, before);
  const all = [...now, ...(await order(page, '[data-slot="new_in"]'))];
  assert.equal(new Set(all).size, 12);
  assert.match(await page.textContent("[data-status]"), /your device/);
  assert.deepEqual(page.wrong, []);
});

shopper("the last order is there before any script file has loaded, and what is seen stays", async (page) => {
  await open(page);
  await like(page, 3);
  const last = await order(page);
  await page.route("**/main.js", (route) => route.abort());
  await page.reload();
  assert.deepEqual(await order(page), last, "the inline script did not put the last order in place");
  await page.unroute("**/main.js");
  await page.reload();
  await page.evaluate((selector) => document.querySelector(selector).scrollIntoView(), FOR_YOU);
  const seen = await order(page);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  await settled(page);
  assert.deepEqual(await order(page), seen);
});

shopper("a late order waits for the shopper's word", async (page) => {
  await open(page);
  await like(page, 3);
  const waiting = page.locator('[data-update="for_you"]');
  await page.evaluate(() => {
    const stored = JSON.parse(localStorage.getItem("quiet-hours.order"));
    stored.for_you.reverse();
    localStorage.setItem("quiet-hours.order", JSON.stringify(stored));
  });
  // The module is held back until the slot has been looked at.
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/demo.attune", async (route) => {
    await held;
    await route.continue();
  });
  await page.reload();
  await page.evaluate((selector) => document.querySelector(selector).scrollIntoView(), FOR_YOU);
  await settled(page);
  const seen = await order(page);
  release();
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  assert.deepEqual(await order(page), seen, "something moved after it was seen");
  await waiting.click();
  await settled(page);
  assert.notDeepEqual(await order(page), seen);
  assert.equal(await waiting.isVisible(), false);
});

shopper("why this order: estimates, intervals and reasons, by keyboard", async (page) => {
  await open(page);
  await like(page, 3);
  await page.focus('[data-why-slot="for_you"]');
  await page.keyboard.press("Enter");
  const entries = page.locator(".drawer .why");
  assert.equal(await entries.count(), 8);
  const spoken = await entries.first().locator(".estimate .bar").evaluateAll((bars) => bars.map((bar) => bar.getAttribute("aria-label")));
  assert.equal(spoken.length, 2);
  for (const words of spoken) assert.match(words, /^(Click|Purchase): [\d.]+%, between [\d.]+% and [\d.]+%$/);
  assert.ok((await page.locator(".drawer .reason").count()) >= 8, "the reasons are missing");
  assert.match(await page.textContent(".drawer"), /Your interest in/);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".drawer").isVisible(), false);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.whySlot), "for_you");
});

shopper("Chinese, remembered", async (page) => {
  await open(page);
  await page.click("[data-language]");
  await page.waitForSelector('html[lang="zh-Hans"]');
  assert.equal(await page.textContent("#for_you-title"), "为您推荐");
  await page.reload();
  assert.equal(await page.getAttribute("html", "lang"), "zh-Hans");
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  const alts = await page.$$eval("main img", (images) => images.map((image) => image.alt));
  assert.ok(alts.length > 0 && alts.every((alt) => /的插图$/.test(alt)));
  await page.click("[data-you]");
  assert.match(await page.textContent(".drawer"), /忘记我/);
  assert.deepEqual(page.wrong, []);
});

shopper("cart, mock checkout, profile; then forgotten", async (page) => {
  await open(page);
  const own = await order(page);
  await like(page, 3);
  await page.click(".tool.cart");
  await page.click('[data-step="1"]');
  assert.equal(await page.textContent("[data-count]"), "2");
  await page.click('a[href="#/checkout"]');
  await page.click("[data-pay]");
  await page.waitForSelector(".narrow.center");
  assert.equal(await page.textContent("[data-count]"), "0");
  await page.click(".logo");
  await settled(page);
  await page.click("[data-you]");
  const counters = await page.$$eval(".counters div", (rows) => Object.fromEntries(rows.map((row) => [row.children[0].textContent, row.children[1].textContent])));
  assert.equal(counters.Orders, "1");
  assert.equal(counters.Bought, "1");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("[data-export]")]);
  assert.ok(JSON.parse(readFileSync(await download.path(), "utf8")), "the export is no JSON");
  await page.click("[data-forget]");
  await settled(page);
  assert.deepEqual(await order(page), own);
  await page.reload();
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  assert.deepEqual(await order(page), own);
  await page.click("[data-you]");
  assert.doesNotMatch(await page.textContent(".drawer"), /Bought|Put in cart|Items clicked|What you seem to like/);
});

for (const [language, name] of [["en", "a product's copy is written for this shopper"], ["zh", "the same in Chinese, on a phone"]]) {
  const options = language === "zh" ? { viewport: { width: 390, height: 844 }, locale: "zh-CN" } : {};
  shopper(name, async (page) => {
    const paths = [];
    page.on("request", (request) => paths.push(new URL(request.url()).pathname));
    await open(page);
    await page.click(`${FOR_YOU} > li:nth-child(3) .card-link`);
    const own = await page.textContent("[data-described]");
    await settled(page);
    assert.deepEqual(paths.filter((path) => /generate|copywriter/.test(path)), [], "something was loaded before it was asked for");
    await page.click("[data-write]");
    await page.waitForSelector("[data-choose]", { timeout: 30_000 });
    assert.match(await page.textContent(".writing-line"), language === "zh" ? /写成/ : /^(On your|From templates)/);
    const written = await page.textContent("[data-described]");
    assert.ok(written.length > 0 && written !== own, written);
    if (language === "zh") assert.match(written, /[\u4e00-\u9fff]/);
    assert.ok((await page.locator(".fact.said").count()) > 0, "no fact is said");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
    await page.click('[data-choose="-1"]');
    assert.equal(await page.textContent("[data-described]"), own);
    await page.click('[data-choose="0"]');
    assert.equal(await page.textContent("[data-described]"), written);
    assert.deepEqual(page.wrong.filter((line) => !/404/.test(line)), []);
  }, options);
}

shopper("writing stops when it is told to, and when the page goes elsewhere", async (page) => {
  await page.route("**/attune_generate_bg.wasm", async (route) => {
    await new Promise((next) => setTimeout(next, 1500));
    await route.continue().catch(() => {});
  });
  await open(page);
  await page.click(`${FOR_YOU} > li:nth-child(3) .card-link`);
  const own = await page.textContent("[data-described]");
  await page.click("[data-write]");
  await page.click("[data-write-stop]");
  await page.waitForSelector("[data-write]");
  assert.equal(await page.textContent("[data-described]"), own);
  await page.click("[data-write]");
  await page.click(".logo");
  await page.waitForSelector(FOR_YOU);
  await settled(page);
  assert.deepEqual(page.wrong, []);
});

shopper("without the module the page keeps its own order and works", async (page) => {
  await page.route("**/*.wasm", (route) => route.abort());
  await page.route("**/demo.attune", (route) => route.abort());
  await page.goto(base);
  const own = await order(page);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  assert.equal(await page.getAttribute("html", "data-ready"), "failed");
  assert.deepEqual(await order(page), own);
  assert.match(await page.textContent("[data-status]"), /not available/);
  await like(page, 2);
  assert.deepEqual(await order(page), own);
  assert.equal(await page.textContent("[data-count]"), "1");
});

shopper("with storage denied the page still works", async (page) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } });
  });
  await page.goto(base);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  await page.click(`${FOR_YOU} > li:nth-child(3) .card-link`);
  await page.click("[data-add]");
  assert.equal(await page.textContent("[data-count]"), "1");
});

shopper("a hostile search is text", async (page) => {
  await open(page);
  await page.fill("[data-search] input", "<img src=x onerror=alert(1)>");
  await page.press("[data-search] input", "Enter");
  await page.waitForSelector(".view h1");
  assert.match(await page.textContent(".view h1"), /<img src=x onerror=alert\(1\)>/);
  assert.equal(await page.locator(".view h1 img").count(), 0);
});

for (const colorScheme of ["light", "dark"]) {
  shopper(`on a phone, ${colorScheme}: nothing overflows, everything has a name, text has contrast`, async (page) => {
    await open(page);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
    const unnamed = await page.$$eval("button, a, input, img", (all) =>
      all.filter((one) => !(one.getAttribute("aria-label") || one.alt || one.textContent.trim())).map((one) => one.outerHTML.slice(0, 80)),
    );
    assert.deepEqual(unnamed, []);
    const ratios = await page.evaluate(contrasts);
    for (const [pair, ratio] of ratios) assert.ok(ratio >= 4.5, `${pair}: ${ratio.toFixed(2)} (WCAG 2.2 asks for 4.5)`);
  }, { viewport: { width: 390, height: 844 }, colorScheme });
}

/** Runs in the page: contrast ratios (WCAG 2.2, relative luminance) of the palette's text on its grounds. */
function contrasts() {
  const style = getComputedStyle(document.documentElement);
  const luminance = (name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const linear = [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const pairs = ["ink/paper", "ink/card", "ink/tint", "soft/paper", "soft/card", "soft/tint", "green/paper", "green/card", "on-green/green", "clay/card", "clay/tint", "paper/ink"];
  return pairs.map((pair) => {
    const [light, dark] = pair.split("/").map((name) => luminance(`--${name}`)).sort((a, b) => b - a);
    return [pair, (light + 0.05) / (dark + 0.05)];
  });
}
