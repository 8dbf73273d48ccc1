// The developer's panel: it tells what was decided and why, and changes nothing by doing so.
//
// ATTUNE_SHOTS: a folder for screenshots.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PACKAGE, candidates } from "../node/package.mjs";
import { integrity, launch, serve } from "./server.mjs";

const early = readFileSync(join(PACKAGE, "attune.early.js"), "utf8");
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const card = ({ id, fields }) => `<li data-attune-id="${id}" data-attune-fields="${escape(JSON.stringify(fields))}"><a href="#${id}">${fields.name}</a><span>${fields.category} · ${fields.price} €</span></li>`;
const list = (slot, of) => `<h2>${slot}</h2><ul data-attune-slot="${slot}" data-attune-show="6">${of.map(card).join("")}</ul>`;
const all = candidates(24);
const html = `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><meta charset="utf-8"><title>shop</title>
<style nonce="n">body { margin: 1rem; font: 1rem system-ui } ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 12px; padding: 0 }
li { list-style: none; border: 1px solid #ccc; border-radius: 8px; padding: 12px; height: 90px } li span { display: block; color: #666 } [hidden] { display: none } .gap { height: 2500px }</style>
${list("home", all.slice(0, 12))}<div class="gap"></div>${list("more", all.slice(12))}
<script nonce="n">${early}</script>
<script type="module" nonce="n" src="/attune/attune.slots.js" data-attune-bundle="/small.attune" data-attune-integrity="${integrity}" data-attune-log="/v1/log"></script>`;
const csp = { "content-security-policy": "default-src 'none'; script-src 'nonce-n' 'wasm-unsafe-eval'; style-src 'nonce-n'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'" };

let server;
let browser;
before(async () => {
  server = await serve({ "/shop": ["text/html", html, csp], "/v1/log": (_, response) => response.writeHead(204).end() });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function visit(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.problems = [];
  page.asked = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
  page.on("request", (request) => page.asked.push(new URL(request.url()).pathname));
  await page.addInitScript(() => {
    window.shifts = 0;
    // Of the page; what stirs inside the panel is the panel's.
    const moved = ({ sources }) => sources.some(({ node }) => node?.closest?.("body"));
    new PerformanceObserver((list) => list.getEntries().filter(moved).forEach(({ value }) => (window.shifts += value))).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(server.base + path);
  await page.waitForFunction(() => window.attune);
  return page;
}

/** A shopper who likes books, comes back, and finds the last order. */
async function returned(path, options) {
  const page = await visit("/shop", options);
  await page.evaluate(() => attune.agree({ profile: true }));
  await page.evaluate(async (items) => {
    for (const item of items) await attune.track({ type: "view", items: [item] });
    await attune.refresh();
  }, all.filter(({ fields }) => fields.category === "books").flatMap((item) => [item, item, item]));
  await page.evaluate(() => attune.stop());
  await page.goto(server.base + path);
  await page.waitForFunction(() => window.attune);
  await page.evaluate(() => attune.agree({ profile: true, send: true }));
  return page;
}
const panel = (page) => page.locator("section[aria-label^=Attune]");
const standing = (page) => page.evaluate(() => [...attune.slots.values()].map(({ slot, source, order, decision, late }) => ({ slot, source, order, decision, late })));
const shot = (page, name) => process.env.ATTUNE_SHOTS && page.screenshot({ path: join(process.env.ATTUNE_SHOTS, `${name}.png`) });

test("nobody asked: its script is not loaded", async () => {
  const page = await visit("/shop");
  await page.evaluate(() => attune.agree({ profile: true }));
  assert.ok(!page.asked.includes("/attune/attune.debug.js"));
  await page.context().close();
});

for (const [name, options] of Object.entries({ "1280-light": {}, "390-dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark" } })) {
  test(`by the address: consent, model, times, orders and reasons, under a strict policy (${name})`, async () => {
    const page = await returned("/shop?attune-debug", options);
    await panel(page).waitFor();
    await panel(page).locator("summary", { hasText: "more" }).click();
    await page.waitForFunction(() => /up: /.test(document.documentElement.lastElementChild.shadowRoot?.textContent));
    const text = await panel(page).innerText();
    for (const said of [/said by the page/, /a profile on this device, telling the shop/, /Loaded\s+\d+ ms after consent/, /First decided\s+\d+ ms/, /lines to \/v1\/log/, /this page's ranking/, /score -?[\d.e-]+, propensity 1/, /\w+ [\d.]+ % \([\d.]+ % to [\d.]+ %\)/, /up: \w+ \+[\d.]+/]) {
      assert.match(text, said);
    }
    const { order } = (await standing(page)).find(({ slot }) => slot === "more");
    assert.deepEqual(await panel(page).locator("details[open] li strong").allInnerTexts(), order);
    await shot(page, `debug-${name}`);
    await panel(page).locator("li").first().scrollIntoViewIfNeeded();
    await shot(page, `debug-${name}-items`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });
}

test("cold and late are told with their reasons", async () => {
  const page = await visit("/shop?attune-debug");
  await panel(page).waitFor();
  assert.match(await panel(page).innerText(), /nothing \(said by nobody yet\)/);
  await page.evaluate(() => attune.agree({ profile: true }));
  await panel(page).locator("summary", { hasText: "home" }).click();
  assert.match(await panel(page).innerText(), /No full ranking: cold/);
  await page.evaluate(async (item) => {
    await attune.track({ type: "view", items: [item] });
    await attune.refresh();
  }, all[4]);
  await page.waitForFunction(() => /it serves the next visit/.test(document.documentElement.lastElementChild.shadowRoot.textContent));
  await shot(page, "debug-late");
  await page.context().close();
});

test("it changes nothing: no shift, no impression, no other decision", async () => {
  const page = await returned("/shop");
  await page.waitForTimeout(1500);
  const counted = () => page.evaluate(async () => Math.round((await attune.export()).profile.counters.impression?.count ?? 0));
  const before = [await standing(page), await counted(), await page.evaluate(() => [window.shifts, scrollY])];
  await page.evaluate(() => attune.debug());
  await panel(page).waitFor();
  const more = panel(page).locator("summary", { hasText: "more" });
  await more.click();
  assert.match(await panel(page).innerText(), /px below the screen/);
  await panel(page).locator("summary", { hasText: "home" }).click();
  await page.waitForTimeout(2000);
  assert.deepEqual([await standing(page), await counted(), await page.evaluate(() => [window.shifts, scrollY])], before);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("a slot is pointed at in the page; the keyboard does all of it", async () => {
  const page = await returned("/shop?attune-debug");
  await panel(page).waitFor();
  const frame = page.locator(".frame");
  assert.equal(await frame.isVisible(), false);
  await panel(page).locator("summary", { hasText: "home" }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await frame.isVisible(), true);
  const [over, slot] = await Promise.all([frame.boundingBox(), page.locator("[data-attune-slot=home]").boundingBox()]);
  for (const side of ["x", "y", "width", "height"]) assert.ok(Math.abs(over[side] - slot[side]) < 1, side);
  assert.equal(await page.evaluate(() => document.documentElement.lastElementChild.shadowRoot.activeElement.textContent), "Show in the page");
  await shot(page, "debug-pointed");
  await page.keyboard.press("Space");
  assert.equal(await frame.isVisible(), false);
  await page.keyboard.press("Escape");
  assert.equal(await panel(page).count(), 0);
  await page.evaluate(() => attune.debug());
  await panel(page).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  assert.equal(await panel(page).count(), 0);
  await page.context().close();
});
