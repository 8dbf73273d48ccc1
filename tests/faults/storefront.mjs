// A storefront that can go wrong: its server, which breaks any file in any way, and its shoppers in Chromium.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { integrity, launch } from "../browser/server.mjs";
import { BUNDLE } from "../golden/corpus.mjs";
import { PACKAGE, candidates } from "../node/package.mjs";
import { trapping } from "./trap.mjs";

const COUNT = 12;
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm", ".attune": "application/octet-stream" };
const SLOW = 400;
export const OWN = candidates(COUNT).map(({ id }) => id);
/** What the shopper looks at, which the page shows late. */
const LIKED = candidates(COUNT).filter(({ fields }) => fields.category === "books").flatMap((item) => [item, item, item]);
const OTHER = `sha256-${Buffer.alloc(32).toString("base64")}`;

const early = readFileSync(join(PACKAGE, "attune.early.js"), "utf8");
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const card = ({ id, fields }) => `<li data-attune-id="${id}" data-attune-fields="${escape(JSON.stringify(fields))}"><a href="#${id}">${id}</a></li>`;

/**
 * The page. `broken` names a file of the package and what is wrong with it; `log` is the number of the shop that takes the
 * log; `above` is how far down the slot is.
 */
function html({ broken = "", above = 0, log = "", other = "", unchecked = "", worker = "", slot = "home", show = "", order = "" }) {
  const folder = broken ? `/attune;${broken}` : "/attune";
  const attributes = [
    `data-attune-bundle="${folder}/small.attune"`,
    !unchecked && `data-attune-integrity="${other ? OTHER : integrity}"`,
    log && `data-attune-log="${log.startsWith("http") ? log : `/log?shop=${log}`}"`,
    worker && "data-attune-worker",
  ];
  return `<!doctype html><html lang="en"><title>shop</title>
<style nonce="n">body { margin: 0 } ul { display: flex; flex-direction: column; padding: 0; margin: 0 } li, h2 { height: 40px; flex: none; margin: 0; list-style: none } [hidden] { display: none } #above { height: ${above}px }</style>
<div id="above"></div>
<ul data-attune-slot="${slot}"${show && ` data-attune-show="${show}"`}${order && ` data-attune-order="${order}"`}><h2>Heading</h2>${candidates(COUNT).map(card).join("")}<li>Footnote</li></ul>
<script nonce="n">${early}</script>
<script type="module" nonce="n" src="${folder}/attune.slots.js" ${attributes.filter(Boolean).join(" ")}></script>`;
}

/** What can be wrong with a file: how `bytes` are answered. */
const WRONG = {
  missing: (response) => response.writeHead(404).end("not here"),
  failing: (response) => response.writeHead(500).end("oops"),
  hanging: () => {},
  slow: (response, bytes, type) => setTimeout(() => response.writeHead(200, { "content-type": type }).end(bytes), SLOW),
  // A module's first section: elsewhere a byte may do no harm. A bundle has a checksum.
  flipped: (response, bytes, type) => {
    const changed = type === "application/wasm" ? 8 : bytes.length >> 1;
    response.writeHead(200, { "content-type": type }).end(bytes.map((byte, at) => (at === changed ? byte ^ 1 : byte)));
  },
  short: (response, bytes, type) => response.writeHead(200, { "content-type": type }).end(bytes.subarray(0, bytes.length >> 1)),
  torn: (response, bytes, type) => {
    response.writeHead(200, { "content-type": type, "content-length": bytes.length }).write(bytes.subarray(0, bytes.length >> 1));
    setTimeout(() => response.destroy(), 50);
  },
  stalled: (response, bytes, type) => response.writeHead(200, { "content-type": type, "content-length": bytes.length }).write(bytes.subarray(0, bytes.length >> 1)),
  untyped: (response, bytes) => response.writeHead(200, { "content-type": "text/html" }).end(bytes),
  html: (response) => response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Please log in</title>"),
  throwing: (response, _, type) => response.writeHead(200, { "content-type": type }).end("throw new Error('this file is broken')"),
};

/** `engine_decide@2+logLine@1`: the module with its traps. */
const made = (traps) => trapping(join(PACKAGE, "attune_bg.wasm"), Object.fromEntries(traps.split("+").map((part) => part.split("@")).map(([name, call]) => [name, Number(call)])));

/** A shop that takes the log: what came, how it was answered, and what to answer next. */
export class Till {
  static all = [];
  /** Bodies as they came, with the status they were answered by; 0 when they were not. */
  bodies = [];
  /** @type {{ status?: number, headers?: object, body?: string, hang?: boolean, stay?: boolean }[]} */
  answers = [];
  number = String(Till.all.push(this) - 1);

  async take(request, response) {
    let body = "";
    for await (const part of request) body += part;
    const { status = 204, headers = {}, body: text, hang, stay } = this.answers[0] ?? {};
    if (!stay) this.answers.shift();
    this.bodies.push({ body, status: hang ? 0 : status });
    if (!hang) response.writeHead(status, headers).end(text);
  }

  lines(bodies = this.bodies.filter(({ status }) => status >= 200 && status < 300)) {
    return bodies.flatMap(({ body }) => body.trim().split("\n").map((line) => JSON.parse(line)));
  }
}

export class Storefront {
  /** `broken` are the pages' broken files: modules that trap take seconds to make, in which nobody is answered. */
  async open(broken = []) {
    for (const [, traps] of broken.flatMap((files) => files.split(",").map((part) => part.split("="))).filter(([, wrong]) => wrong.includes("@"))) made(traps);
    const files = new Map();
    const read = (file) => files.get(file) ?? files.set(file, readFileSync(file === "small.attune" ? BUNDLE : join(PACKAGE, file))).get(file);
    this.server = createServer((request, response) => {
      const url = new URL(request.url, "http://page");
      if (url.pathname === "/log") return void Till.all[url.searchParams.get("shop")].take(request, response);
      if (url.pathname === "/page") {
        const query = Object.fromEntries(url.searchParams);
        return response.writeHead(200, { "content-type": "text/html", ...(query.csp && { "content-security-policy": query.csp }) }).end(html(query));
      }
      if (url.pathname === "/elsewhere") return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>elsewhere</title>");
      const [, broken, file] = /^\/attune(?:;([^/]*))?\/([\w.]+)$/.exec(decodeURIComponent(url.pathname)) ?? [];
      if (!file) return response.writeHead(404).end();
      const type = TYPES[extname(file)] ?? "text/plain";
      const [, wrong] = broken?.split(",").map((part) => part.split("=")).find(([name]) => name === file) ?? [];
      if (!wrong) return response.writeHead(200, { "content-type": type }).end(read(file));
      if (WRONG[wrong]) return WRONG[wrong](response, read(file), type);
      response.writeHead(200, { "content-type": type }).end(made(wrong));
    });
    await new Promise((ready) => this.server.listen(0, "127.0.0.1", ready));
    const { port } = this.server.address();
    this.base = `http://127.0.0.1:${port}`;
    this.insecure = `http://shop.test:${port}`;
    this.browser = await launch("--host-resolver-rules=MAP shop.test 127.0.0.1");
    const first = await this.shopper();
    await first.visit({ above: 3000, log: new Till().number });
    await first.agree({ profile: true, send: true });
    await first.taste();
    /** The order that a returning shopper was last given. */
    this.last = await first.ids();
    assert.notDeepEqual(this.last, OWN);
    await first.page.evaluate(() => attune.stop());
    this.state = await first.context.storageState({ indexedDB: true });
    await first.leave();
    return this;
  }

  async close() {
    await this.browser?.close();
    this.server?.closeAllConnections();
    this.server?.close();
  }

  /** Somebody never seen, or who has been here; `init` runs before all scripts of their pages. */
  async shopper({ returning = false, init } = {}) {
    const context = await this.browser.newContext({ viewport: { width: 800, height: 700 }, ...(returning && { storageState: this.state }) });
    await context.addInitScript(() => {
      window.shifts = 0;
      new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (window.shifts += value))).observe({ type: "layout-shift", buffered: true });
      // Whoever waits for an answer waits a tenth of the time.
      const timeout = AbortSignal.timeout;
      AbortSignal.timeout = (time) => timeout.call(AbortSignal, Math.min(time, 600));
      const { setTimeout } = window;
      window.setTimeout = (work, time, ...rest) => setTimeout(work, time >= 900 ? time / 10 : time, ...rest);
    });
    for (const script of [init].flat()) if (script) await context.addInitScript(script);
    return new Shopper(this, context, returning);
  }
}

export class Shopper {
  /** Errors that nobody caught and what was written to the console as an error, less the browser's own word on the network. */
  problems = [];

  constructor(shop, context, returning) {
    this.shop = shop;
    this.returning = returning;
    this.context = context;
  }

  /** Opens the page in a tab of its own. */
  async visit(query = {}, { base = this.shop.base, waits = true } = {}) {
    const page = (this.page = await this.context.newPage());
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && !message.text().startsWith("Failed to load resource") && this.problems.push(message.text()));
    await page.goto(`${base}/page?${new URLSearchParams(query)}`, { waitUntil: "commit" });
    await page.waitForFunction((waits) => document.querySelector("[data-attune-slot]") && (!waits || window.attune), waits);
    return page;
  }

  /** Says yes, and waits for what follows, but not longer than a second when it may never come. */
  async agree(said = { profile: true }, { hangs = false } = {}) {
    await this.page.evaluate(([said, hangs]) => Promise.race([attune.agree(said), ...(hangs ? [new Promise((later) => setTimeout(later, 500))] : [])]), [said, hangs]);
  }

  /** Looks at what the page shows late, and has the slot decided anew. */
  async taste() {
    await this.page.evaluate(async (items) => {
      for (const item of items) await attune.track({ type: "view", items: [item] });
      await attune.refresh();
    }, LIKED);
  }

  async refresh() {
    await this.page.evaluate(() => attune.refresh());
  }

  ids() {
    return this.page.evaluate(() => [...document.querySelectorAll("[data-attune-id]")].map(({ dataset }) => dataset.attuneId));
  }

  standing(slot = "home") {
    return this.page.evaluate((slot) => {
      const { source, late, ranking } = attune.slots.get(slot) ?? {};
      return { source, late, ranked: ranking?.source ?? null, code: ranking?.fallback?.code ?? null, arm: ranking?.arm };
    }, slot);
  }

  warnings() {
    return this.page.evaluate(() => attune.inside.attune?.warnings.map(({ code }) => code) ?? []);
  }

  /** Every card is in the page once, on view, with its own content, the rest of the slot where it was; nothing moved that was seen. */
  async whole(order, { shown = COUNT, page = this.page } = {}) {
    const seen = await page.evaluate(() => {
      const slot = document.querySelector("[data-attune-slot]");
      slot.scrollIntoView();
      const children = [...slot.children].map((node) => ({ id: node.dataset.attuneId, text: node.textContent.trim(), top: node.getBoundingClientRect().top, visible: node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && node.getBoundingClientRect().height === 40 }));
      children.sort((a, b) => a.top - b.top);
      return { children: children.filter(({ visible }) => visible), all: children.length, shifts: window.shifts };
    });
    const cards = seen.children.filter(({ id }) => id);
    assert.equal(seen.all, COUNT + 2, "children of the slot");
    assert.deepEqual([seen.children[0].text, seen.children.at(-1).text], ["Heading", "Footnote"]);
    assert.ok(cards.every(({ id, text }) => text === id), "a card's own content");
    const ids = cards.map(({ id }) => id);
    if (order) assert.deepEqual(ids, order);
    else assert.deepEqual([ids.length, new Set(ids).size], [shown, shown]);
    assert.equal(seen.shifts, 0, "layout shift");
    return ids;
  }

  /** All is well; what moves from now on, moves because of the fault. */
  async before(order) {
    await this.page.evaluate(() => (window.shifts = 0));
    assert.deepEqual(await this.ids(), order);
  }

  async leave({ problems = [] } = {}) {
    assert.deepEqual(this.problems.filter((problem) => !problems.some((known) => known.test(problem))), []);
    await this.context.close();
  }
}
