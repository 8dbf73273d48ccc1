// The slots in three engines: Chromium, Firefox, WebKit. One shopper, one order.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PACKAGE, candidates } from "../node/package.mjs";
import { FIREFOX, Firefox } from "./firefox.mjs";
import { integrity, launch, serve } from "./server.mjs";
import { WEBKIT, WebKit, XVFB } from "./webkit.mjs";

const COUNT = 12;
const all = candidates(COUNT);
const OWN = all.map(({ id }) => id);
const early = readFileSync(join(PACKAGE, "attune.early.js"), "utf8");
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const card = ({ id, fields }) => `<li data-attune-id="${id}" data-attune-fields="${escape(JSON.stringify(fields))}"><a href="#${id}">${id}</a></li>`;
// One moment for all: what a profile remembers fades by the clock.
const html = (above, attributes = "") => `<!doctype html><html lang="en"><meta charset="utf-8"><title>shop</title>
<style nonce="n">body { margin: 0 } ul { display: flex; flex-direction: column; padding: 0; margin: 0 } li { height: 40px; list-style: none } #above { height: ${above}px }</style>
<script nonce="n">Date.now = () => 1764000000000; document.addEventListener("DOMContentLoaded", () => (window.parsed = [...document.querySelectorAll("[data-attune-id]")].map((card) => card.dataset.attuneId)));
document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => (window.violated ??= []).push(violatedDirective));</script>
<div id="above"></div><ul data-attune-slot="home" ${attributes}>${all.map(card).join("")}</ul>
<script nonce="n">${early}</script>
<script type="module" nonce="n" src="/attune/attune.slots.js" data-attune-bundle="/small.attune" data-attune-integrity="${integrity}" data-attune-log="/v1/log"></script>`;
const csp = { "content-security-policy": "default-src 'none'; script-src 'nonce-n' 'wasm-unsafe-eval'; style-src 'nonce-n'; connect-src 'self'; img-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'" };

/** Chromium as the two others are driven. */
class Chromium {
  static async launch() {
    const browser = new Chromium();
    browser.browser = await launch();
    browser.page = await browser.browser.newPage();
    return browser;
  }

  go(url) {
    return this.page.goto(url);
  }

  run(script, args) {
    return this.page.evaluate(([script, args]) => new Promise((done) => new Function(script)(...args, done)), [script, args]);
  }

  close() {
    return this.browser.close();
  }
}

const ENGINES = { Chromium: [Chromium, []], Firefox: [Firefox, [FIREFOX]], WebKit: [WebKit, [WEBKIT, XVFB]] };
let server;
let sent = [];
/** What Chromium showed. */
let expected;
before(async () => {
  server = await serve({
    "/below": ["text/html", html(3000), csp],
    "/seen": ["text/html", html(0), csp],
    "/css": ["text/html", html(3000, 'data-attune-order="css"'), csp],
    "/elsewhere": ["text/html", "<!doctype html><title>elsewhere</title>"],
    "/v1/log": (request, response) => {
      request.on("data", (data) => sent.push(...String(data).trim().split("\n").map((line) => JSON.parse(line))));
      request.on("end", () => response.writeHead(204).end());
    },
  });
});
after(() => server?.stop());

/** Runs a function in the page. */
async function within(browser, work, ...args) {
  const script = `const done = arguments[arguments.length - 1], args = Array.prototype.slice.call(arguments, 0, -1);
    (async () => (${work})(...args))().then((value) => done(JSON.stringify({ value })), (error) => done(JSON.stringify({ error: String(error) })));`;
  const { value, error } = JSON.parse(await browser.run(script, args));
  if (error) throw new Error(error);
  return value;
}

const attached = (browser) =>
  within(browser, async () => {
    while (!window.attune) await new Promise((later) => setTimeout(later, 20));
    await window.attune.ready;
  });
const order = (browser) => within(browser, () => [...document.querySelectorAll("[data-attune-id]")].map(({ dataset }) => dataset.attuneId));
const standing = (browser) => within(browser, () => ({ ...window.attune.slots.get("home"), ranking: window.attune.slots.get("home").ranking?.fallback }));
const stored = (browser) => within(browser, async () => [(await indexedDB.databases()).length, localStorage.length, (await caches.keys()).length]);

for (const [name, [engine, files]] of Object.entries(ENGINES)) {
  const missing = files.find((file) => !existsSync(file));
  test(`${name}: consent, the shopper's order, the last order before the page is parsed, refusal`, { skip: missing && `${missing} is not there: cargo xtask setup` }, async () => {
    const browser = await engine.launch();
    try {
      await browser.go(`${server.base}/below`);
      await attached(browser);
      assert.deepEqual([await order(browser), await stored(browser)], [OWN, [0, 0, 0]]);

      await within(browser, () => window.attune.agree({ profile: true, send: true }));
      assert.equal((await standing(browser)).ranking.code, "cold");
      const books = all.filter(({ fields }) => fields.category === "books").flatMap((item) => [item, item, item]);
      await within(browser, async (items) => {
        for (const item of items) await window.attune.track({ type: "view", items: [item] });
        await window.attune.refresh();
      }, books);
      const { source, order: told } = await standing(browser);
      const now = await order(browser);
      assert.deepEqual([source, told], ["model", now]);
      assert.notDeepEqual(now, OWN);
      assert.deepEqual([...now].sort(), [...OWN].sort());
      expected ??= now;
      assert.deepEqual(now, expected, "the order Chromium shows");

      await within(browser, () => window.attune.stop());
      await browser.go(`${server.base}/seen`);
      await attached(browser);
      assert.deepEqual(await within(browser, () => window.parsed), now);
      assert.equal((await standing(browser)).source, "last");

      sent = [];
      await within(browser, () => window.attune.agree({ profile: true, send: true }));
      // What is seen is counted, and a page that goes away tells it.
      await new Promise((later) => setTimeout(later, 2000));
      await browser.go(`${server.base}/elsewhere`);
      for (let wait = 0; wait < 50 && !sent.length; wait++) await new Promise((later) => setTimeout(later, 100));
      assert.deepEqual(sent.map(({ type }) => type).slice(0, 2), ["decision", "outcome"]);
      assert.ok(sent.slice(1).every(({ kind, decision }) => kind === "impression" && decision === sent[0].id));

      await browser.go(`${server.base}/css`);
      await attached(browser);
      await within(browser, () => window.attune.agree({ profile: true }));
      const seen = await within(browser, () => [...document.querySelectorAll("[data-attune-id]")].map((card) => [card.getBoundingClientRect().top, card.dataset.attuneId]).sort(([a], [b]) => a - b).map(([, id]) => id));
      assert.deepEqual([await order(browser), seen], [OWN, (await standing(browser)).order]);
      assert.notDeepEqual(seen, OWN);

      await within(browser, () => window.attune.agree({ profile: false }));
      await new Promise((later) => setTimeout(later, 300));
      assert.deepEqual(await stored(browser), [0, 0, 0]);
      await browser.go(`${server.base}/seen`);
      await attached(browser);
      assert.deepEqual([await order(browser), await within(browser, () => window.violated ?? [])], [OWN, []]);
    } finally {
      await browser.close();
    }
  });
}
