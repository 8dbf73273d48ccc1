// What the slots tell the shop: only with consent, only what was seen and what came of it, every line once whatever the
// network does, and in the form that training reads.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PACKAGE, candidates } from "../node/package.mjs";
import { integrity, launch, serve } from "./server.mjs";

const early = readFileSync(join(PACKAGE, "attune.early.js"), "utf8");
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const card = ({ id, fields }) => `<li data-attune-id="${id}" data-attune-fields="${escape(JSON.stringify(fields))}"><a href="#${id}">${id}</a> <button data-attune-event="add_to_cart">+</button></li>`;
const list = (slot, of) => `<ul data-attune-slot="${slot}">${of.map(card).join("")}</ul>`;
const COUNT = 12;
const all = candidates(2 * COUNT);
const page = (number, { above = 0, attributes = "" } = {}) => `<!doctype html><html lang="en"><title>shop</title>
<style>body { margin: 0 } ul { padding: 0; margin: 0 } li { height: 40px; list-style: none } #between { height: 3000px } #above { height: ${above}px }</style>
<div id="above"></div>${list("home", all.slice(0, COUNT))}<div id="between"></div>${list("more", all.slice(COUNT))}
<script>${early}</script>
<script type="module" src="/attune/attune.slots.js" data-attune-bundle="/small.attune" data-attune-integrity="${integrity}" data-attune-log="/v1/log?shop=${number}" ${attributes}></script>`;

let server;
let browser;
const shops = [];
const readable = [];
const shopOf = (request) => new URL(request.url, "http://page").searchParams.get("shop");
const html = (options) => (request, response) => response.writeHead(200, { "content-type": "text/html" }).end(page(shopOf(request), options));
before(async () => {
  server = await serve({
    "/seen": html(),
    "/below": html({ above: 3000 }),
    "/worker": html({ attributes: "data-attune-worker" }),
    "/granted": html({ attributes: 'data-attune-consent="profile send"' }),
    "/elsewhere": ["text/html", "<!doctype html><title>elsewhere</title>"],
    "/v1/log": (request, response) => shops[shopOf(request)].take(request, response),
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A server of its own for each test: what arrived and how it was answered, and what to answer next. */
class Shop {
  bodies = [];
  answers = [];
  number = shops.push(this) - 1;

  take(request, response) {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const { status = 204, headers = {}, hang = false } = this.answers.shift() ?? {};
      const body = Buffer.concat(chunks).toString();
      this.bodies.push({ body, status: hang ? 0 : status, type: request.headers["content-type"], cookie: request.headers.cookie, at: Date.now() });
      if (!hang) response.writeHead(status, headers).end();
    });
  }

  get taken() {
    return this.bodies.filter(({ status }) => status >= 200 && status < 300);
  }

  /** As the server keeps them: what it has seen it drops. */
  get lines() {
    return [...new Map(parsed(this.taken).map((line) => [line.id, line])).values()];
  }

  async until(what, limit = 15_000) {
    const end = Date.now() + limit;
    while (Date.now() < end) {
      if (await what()) return;
      await new Promise((later) => setTimeout(later, 50));
    }
    assert.fail(`waited in vain: ${what} (${JSON.stringify(kinds(parsed(this.bodies)))}, ${this.bodies.map(({ status }) => status)})`);
  }

  async visit(path, init) {
    const context = await browser.newContext({ viewport: { width: 800, height: 600 } });
    const page = await context.newPage();
    page.problems = [];
    page.on("pageerror", (error) => page.problems.push(String(error)));
    if (init) await page.addInitScript(init);
    await page.goto(this.at(path));
    if (path !== "/elsewhere") await page.waitForFunction(() => window.attune);
    return page;
  }

  at(path) {
    return `${server.base}${path}?shop=${this.number}`;
  }

  async done(page) {
    assert.deepEqual(page.problems, []);
    readable.push(...this.lines);
    await page.context().close();
  }
}

const parsed = (bodies) => bodies.flatMap(({ body }) => body.trimEnd().split("\n").map((line) => JSON.parse(line)));
const kinds = (of) => of.reduce((sum, { type, kind }) => ({ ...sum, [kind ?? type]: (sum[kind ?? type] ?? 0) + 1 }), {});
const BOTH = { profile: true, send: true };
const agree = (page, said = BOTH) => page.evaluate((said) => attune.agree(said), said);
const taste = (page) =>
  page.evaluate(async (items) => {
    for (const item of items) await attune.track({ type: "view", items: [item] });
  }, all.filter(({ fields }) => fields.category === "books").flatMap((item) => [item, item, item]));
const standing = (page, slot = "home") => page.evaluate((slot) => attune.slots.get(slot), slot);
const order = (page, slot = "home") => page.evaluate((slot) => [...document.querySelectorAll(`[data-attune-slot=${slot}] [data-attune-id]`)].map(({ dataset }) => dataset.attuneId), slot);
const kept = (page) => page.evaluate(() => Object.keys(localStorage).sort());
const waiting = (page) => page.evaluate(() => Object.keys(JSON.parse(localStorage.getItem("attune.log") ?? "{}").lines ?? {}).length);
async function click(page, id, target = "a") {
  await page.click(`[data-attune-id=${id}] ${target}`);
}

describe("the log", { concurrency: 4 }, () => {
  test("nothing is sent before the shopper has agreed to it, and nothing of what was before", async () => {
    const shop = new Shop();
    const page = await shop.visit("/seen");
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await agree(page, { profile: true });
    await page.waitForTimeout(1500);
    await click(page, "p1");
    await page.evaluate(() => attune.track({ type: "purchase", items: [{ id: "p1" }], value: 5 }));
    await page.waitForTimeout(4500);
    assert.deepEqual([shop.bodies.length, await kept(page)], [0, ["attune.page"]]);
    assert.deepEqual(asked.filter((url) => /log/.test(new URL(url).pathname)), []);
    await agree(page, { send: true });
    await click(page, "p2");
    await shop.until(() => shop.lines.length >= 3);
    const [decision, impression, clicked] = shop.lines;
    assert.deepEqual([decision.type, decision.source, decision.slots.length, decision.slots[0].id], ["decision", "page", 1, "home"]);
    assert.deepEqual([impression.kind, impression.item, clicked.kind, clicked.item], ["impression", "p2", "click", "p2"]);
    assert.deepEqual([impression.decision, clicked.decision], [decision.id, decision.id]);
    assert.equal(shop.lines.length, 3);
    assert.deepEqual([shop.bodies[0].type, shop.bodies[0].cookie], ["text/plain;charset=UTF-8", undefined]);
    await shop.done(page);
  });

  test("send without profile sends nothing", async () => {
    const shop = new Shop();
    const page = await shop.visit("/seen");
    await agree(page, { send: true });
    await page.waitForTimeout(1500);
    await click(page, "p1");
    await page.waitForTimeout(4500);
    assert.deepEqual([shop.bodies, await kept(page)], [[], []]);
    await shop.done(page);
  });

  test("a cold page is logged as the page's own order: what came into view, in one batch", async () => {
    const shop = new Shop();
    const page = await shop.visit("/seen");
    await agree(page);
    await shop.until(() => shop.lines.length);
    const [decision, ...outcomes] = shop.lines;
    const { source, arm, mode, profile, temperature } = decision;
    assert.deepEqual({ source, arm, mode, profile, temperature }, { source: "page", arm: "treatment", mode: "contextual", profile: undefined, temperature: 0 });
    const [slot] = decision.slots;
    assert.deepEqual([slot.items.map(({ id }) => id), slot.show], [all.slice(0, COUNT).map(({ id }) => id), COUNT]);
    assert.ok(slot.items.every(({ propensity, fields }, n) => propensity === 1 && fields.price === all[n].fields.price));
    assert.ok(outcomes.length >= 10 && outcomes.every((outcome) => outcome.kind === "impression" && outcome.decision === decision.id && outcome.slot === "home" && Math.abs(outcome.at - Date.now()) < 20_000));
    assert.equal(new Set(outcomes.map(({ item }) => item)).size, outcomes.length);
    assert.equal(shop.bodies.length, 1);
    // The other slot is far below: nothing says that it was shown.
    assert.equal((await standing(page)).decision, decision.id);
    assert.deepEqual(shop.lines.filter(({ type }) => type === "decision").length, 1);
    await shop.done(page);
  });

  test("a ranking is logged in the order it stands in, each slot when it is seen", async () => {
    const shop = new Shop();
    const page = await shop.visit("/below");
    await agree(page);
    await taste(page);
    await page.evaluate(() => attune.refresh());
    assert.equal((await standing(page)).source, "model");
    await page.waitForTimeout(1500);
    await page.evaluate(() => document.querySelector("[data-attune-slot=home]").scrollIntoView());
    await shop.until(() => shop.lines.length);
    const [decision] = shop.lines;
    assert.deepEqual([decision.source, decision.slots.length, decision.bundle.length], ["model", 1, 64]);
    assert.deepEqual(decision.slots[0].items.map(({ id }) => id), await order(page));
    assert.equal(decision.id, (await standing(page)).decision);
    await page.evaluate(() => document.querySelector("[data-attune-slot=more]").scrollIntoView());
    await shop.until(() => shop.lines.some(({ slots }) => slots?.[0].id === "more"));
    const [first, second] = shop.lines.filter(({ type }) => type === "decision");
    assert.deepEqual([second.slots.map(({ id }) => id), second.slots[0].items.map(({ id }) => id)], [["more"], await order(page, "more")]);
    assert.notEqual(first.id, second.id);
    await shop.done(page);
  });

  test("too late a ranking is logged as what stood there; the next visit shows it under its own decision", async () => {
    const shop = new Shop();
    const page = await shop.visit("/seen");
    await agree(page);
    await taste(page);
    await page.evaluate(() => attune.refresh());
    const { late, decision, source, ranking } = await standing(page);
    assert.deepEqual([source, late, ranking.source], ["page", true, "model"]);
    await click(page, "p3");
    await shop.until(() => shop.lines.some(({ kind }) => kind === "click"));
    const stood = shop.lines.find(({ type }) => type === "decision");
    assert.deepEqual([stood.id, stood.source, stood.slots[0].items.map(({ id }) => id)], [decision, "page", all.slice(0, COUNT).map(({ id }) => id)]);
    assert.ok(stood.slots[0].items.every(({ propensity }) => propensity === 1));
    await page.reload();
    await page.waitForFunction(() => window.attune);
    const last = await standing(page);
    assert.equal(last.source, "last");
    assert.equal(last.decision, `${ranking.id}.home`);
    await agree(page);
    await shop.until(() => shop.lines.some(({ id }) => id === last.decision));
    const shown = shop.lines.find(({ id }) => id === last.decision);
    assert.deepEqual([shown.source, shown.at, shown.slots[0].items.map(({ id }) => id)], ["model", ranking.at, last.order]);
    assert.ok(shop.lines.some(({ kind, decision: of }) => kind === "impression" && of === last.decision));
    await shop.done(page);
  });

  test("a slow ranking: what was seen and clicked meanwhile is told under the decision that left it standing", async () => {
    const shop = new Shop();
    const page = await shop.visit("/seen", () => {
      const { compileStreaming } = WebAssembly;
      WebAssembly.compileStreaming = async (...args) => {
        await new Promise((later) => setTimeout(later, 2500));
        return compileStreaming.apply(WebAssembly, args);
      };
    });
    page.evaluate(() => attune.agree({ profile: true, send: true })).catch(() => {});
    await page.waitForTimeout(1800);
    await click(page, "p2");
    await shop.until(() => shop.lines.some(({ kind }) => kind === "click"));
    assert.ok(shop.lines.filter(({ kind }) => kind === "impression").length >= 10);
    const [decision] = shop.lines;
    assert.ok(shop.lines.slice(1).every((outcome) => outcome.decision === decision.id));
    await shop.done(page);
  });

  test("a purchase is split among what its items were clicked under; the profile learns of one event", async () => {
    const shop = new Shop();
    const page = await shop.visit("/seen");
    await agree(page);
    await click(page, "p1");
    await page.evaluate(() => document.querySelector("[data-attune-slot=more]").scrollIntoView());
    await click(page, "p13", "button");
    const purchase = { type: "purchase", id: "order-1", value: 100, items: [{ id: "p1", quantity: 2, fields: { price: 10 } }, { id: "p13", fields: { price: 20 } }, { id: "p99", fields: { price: 60 } }] };
    for (const _ of [1, 2]) await page.evaluate((event) => attune.track(event), purchase);
    await page.evaluate((event) => attune.track(event), { ...purchase, id: undefined, items: [{ id: "p1", quantity: 3 }, { id: "p99" }] });
    await page.evaluate(() => attune.track({ type: "return", items: [{ id: "p1" }] }));
    await shop.until(() => shop.lines.some(({ kind }) => kind === "return"));
    const bought = shop.lines.filter(({ kind }) => kind === "conversion" || kind === "return");
    const under = Object.fromEntries(shop.lines.filter(({ kind }) => kind === "click").map(({ item, decision, slot }) => [item, [decision, slot]]));
    assert.notDeepEqual(under.p1, under.p13);
    assert.deepEqual(
      bought.map(({ kind, item, decision, slot, value }) => [kind, item, decision, slot, value]),
      [["conversion", "p1", ...under.p1, 20], ["conversion", "p13", ...under.p13, 20], ["conversion", "p1", ...under.p1, 75], ["return", "p1", ...under.p1, undefined]],
    );
    assert.equal(await page.evaluate(async () => Math.round((await attune.export()).profile.counters.purchase.count)), 3);
    await shop.done(page);
  });

  test("many lines are sent at once and in batches that a page on its way out may send", async () => {
    const shop = new Shop();
    const page = await shop.visit("/seen");
    await agree(page);
    const start = Date.now();
    for (let round = 0; round < 30; round++) for (const id of ["p1", "p2"]) await page.evaluate((id) => document.querySelector(`[data-attune-id=${id}] a`).click(), id);
    await shop.until(() => shop.bodies.length, 3000);
    assert.ok(shop.bodies[0].at - start < 3500);
    assert.ok(parsed(shop.bodies.slice(0, 1)).length >= 50);
    assert.ok(shop.bodies.every(({ body }) => Buffer.byteLength(body) <= 61_000));
    await shop.done(page);
  });

  test("a page that goes away sends what it has", async () => {
    const shop = new Shop();
    const page = await shop.visit("/seen");
    await agree(page);
    await page.waitForTimeout(300);
    await click(page, "p5");
    await page.waitForTimeout(50);
    assert.equal(shop.bodies.length, 0);
    await page.goto(shop.at("/elsewhere"));
    await shop.until(() => shop.lines.length >= 3, 3000);
    assert.deepEqual(kinds(shop.lines), { decision: 1, impression: 1, click: 1 });
    await shop.done(page);
  });

  test("500 and then 200: every line arrives, each of them once", async () => {
    const shop = new Shop();
    shop.answers = [{ status: 500 }, { status: 503, headers: { "retry-after": "3" } }];
    const page = await shop.visit("/seen");
    await agree(page);
    await page.waitForTimeout(200);
    await click(page, "p4");
    await shop.until(() => shop.taken.length, 20_000);
    assert.deepEqual(shop.bodies.map(({ status }) => status), [500, 503, 204]);
    assert.ok(shop.bodies[2].at - shop.bodies[1].at >= 2900, "Retry-After");
    assert.equal(shop.lines.length, parsed(shop.taken).length);
    assert.deepEqual(kinds(parsed(shop.bodies.slice(0, 1))).click, 1);
    assert.equal(kinds(shop.lines).click, 1);
    assert.deepEqual(kinds(shop.lines).decision, 1);
    // Acknowledged: it waits no longer, in storage neither.
    await page.waitForTimeout(100);
    assert.equal(await waiting(page), 0);
    await shop.done(page);
  });

  test("what was refused outlives the page, and is sent by the next one", async () => {
    const shop = new Shop();
    shop.answers = [{ status: 500 }, { status: 500 }];
    const page = await shop.visit("/seen");
    await agree(page);
    await page.waitForTimeout(200);
    await click(page, "p4");
    await page.goto(shop.at("/elsewhere"));
    await shop.until(() => shop.bodies.length, 3000);
    assert.equal(shop.taken.length, 0);
    assert.equal(await waiting(page), 3);
    await page.goto(shop.at("/below"));
    await page.waitForFunction(() => window.attune);
    await agree(page, { profile: true });
    await page.waitForTimeout(4500);
    assert.equal(shop.bodies.length, 1);
    await agree(page, { send: true });
    await shop.until(() => shop.lines.length >= 3);
    assert.deepEqual(kinds(shop.lines), { decision: 1, impression: 1, click: 1 });
    await page.waitForTimeout(100);
    assert.equal(await waiting(page), 0);
    await shop.done(page);
  });

  test("a server that hangs is given up after ten seconds, and tried again", async () => {
    const shop = new Shop();
    shop.answers = [{ hang: true }];
    const page = await shop.visit("/seen");
    await agree(page);
    await page.waitForTimeout(200);
    await click(page, "p4");
    await shop.until(() => shop.taken.length, 25_000);
    const [first, second] = shop.bodies;
    assert.equal(first.body.slice(0, 200), second.body.slice(0, 200));
    assert.ok(second.at - first.at >= 10_000);
    await shop.done(page);
  });

  test("413 makes batches smaller; what is refused for good is dropped", async () => {
    const shop = new Shop();
    shop.answers = [{ status: 413 }];
    const page = await shop.visit("/seen");
    await agree(page);
    await shop.until(() => shop.taken.length >= 2);
    const [first, second] = shop.bodies;
    assert.ok(second.body.length < first.body.length);
    await shop.until(() => parsed(shop.taken).length === parsed(shop.bodies.slice(0, 1)).length);
    assert.equal(shop.lines.length, parsed(shop.taken).length);
    await page.waitForTimeout(300);
    shop.bodies = [];
    // A line for which no batch is small enough, and lines that are refused.
    shop.answers = [{ status: 413 }, { status: 400 }];
    await click(page, "p4");
    await shop.until(() => shop.bodies.length);
    await click(page, "p5");
    await page.waitForTimeout(9500);
    assert.deepEqual(shop.bodies.map(({ status }) => status), [413, 400]);
    await shop.done(page);
  });

  test("storage denied: it is sent all the same", async () => {
    const shop = new Shop();
    const page = await shop.visit("/seen", () => {
      Object.defineProperty(window, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } });
      Object.defineProperty(window, "indexedDB", { get: () => undefined });
    });
    shop.answers = [{ status: 500 }];
    await agree(page);
    await shop.until(() => shop.taken.length);
    assert.deepEqual(shop.bodies.map(({ status }) => status), [500, 204]);
    assert.equal(kinds(shop.lines).decision, 1);
    await shop.done(page);
  });

  for (const [name, how] of Object.entries({ forgetting: () => attune.forget(), "no to sending": () => attune.agree({ send: false }), "no to everything": () => attune.agree({ profile: false }) })) {
    test(`${name} drops what waits, and what is told later`, async () => {
    const shop = new Shop();
      shop.answers = [{ status: 500 }];
      const page = await shop.visit("/seen");
      await agree(page);
      await shop.until(() => shop.bodies.length);
      await shop.until(async () => (await waiting(page)) > 0);
      await page.evaluate(how);
      assert.equal((await kept(page)).filter((key) => key.startsWith("attune.log")).length, 0);
      await click(page, "p4");
      await page.waitForTimeout(5000);
      await page.goto(shop.at("/elsewhere"));
      await page.waitForTimeout(300);
      assert.equal(shop.taken.length, 0);
      assert.deepEqual((await kept(page)).filter((key) => key.startsWith("attune.log")), []);
      await shop.done(page);
    });
  }

  test("what is forgotten in one tab waits in no other", async () => {
    const shop = new Shop();
    shop.answers = [{ status: 500, headers: { "retry-after": "60" } }];
    const page = await shop.visit("/seen");
    await agree(page);
    await shop.until(() => shop.bodies.length);
    const other = await page.context().newPage();
    await other.goto(shop.at("/granted"));
    await other.waitForFunction(() => window.attune);
    await other.evaluate(() => attune.forget());
    await page.waitForTimeout(200);
    await page.evaluate(() => dispatchEvent(new Event("pagehide")));
    assert.deepEqual((await kept(page)).filter((key) => key.startsWith("attune.log")), []);
    await shop.done(page);
  });

  test("the hold-out sees the page as it is and is logged as such, cold or known", async () => {
    const shop = new Shop();
    const page = await shop.visit("/elsewhere", () => (window.attune = {}));
    await page.evaluate(
      async ({ markup, base, log }) => {
        document.body.innerHTML = `<div style="height:3000px"></div>${markup}`;
        const { attach } = await import(`${base}/attune/attune.slots.js`);
        window.attune = attach({ bundle: "/small.attune", log, holdout: { share: 1, seed: "s" }, consent: { profile: true, send: true } });
        await window.attune.ready;
      },
      { markup: list("home", all.slice(0, COUNT)), base: server.base, log: `/v1/log?shop=${shop.number}` },
    );
    await taste(page);
    await page.evaluate(() => attune.refresh());
    assert.deepEqual(await order(page), all.slice(0, COUNT).map(({ id }) => id));
    await page.evaluate(() => document.querySelector("ul").scrollIntoView());
    await shop.until(() => shop.lines.length);
    assert.deepEqual([shop.lines[0].arm, shop.lines[0].source], ["holdout", "page"]);
    await shop.done(page);
  });

  test("in a Web Worker too, and forgetting reaches the page's storage", async () => {
    const shop = new Shop();
    const page = await shop.visit("/worker");
    await agree(page);
    await shop.until(() => shop.lines.length);
    assert.equal(kinds(shop.lines).decision, 1);
    await page.evaluate(() => dispatchEvent(new Event("pagehide")));
    await page.evaluate(() => attune.forget());
    assert.deepEqual(await kept(page), []);
    await shop.done(page);
  });
});

test("training reads every line that was sent", (t) => {
  const decisions = new Map(readable.filter(({ type }) => type === "decision").map((line) => [line.id, line]));
  const outcomes = readable.filter(({ type }) => type === "outcome");
  assert.ok(decisions.size > 10 && outcomes.length > 60);
  for (const { decision, slot, item } of outcomes) {
    const of = decisions.get(decision)?.slots[0];
    assert.ok(of && of.id === slot && of.items.some(({ id }) => id === item), `${decision} ${slot} ${item}`);
  }
  // Nothing that names or describes a person.
  for (const line of decisions.values()) assert.deepEqual([line.profile, line.user_agent], [undefined, undefined]);
  const bin = process.env.ATTUNE_BIN;
  if (!bin || !existsSync(bin)) return t.diagnostic("no attune binary: only the form was looked at");
  const folder = mkdtempSync(join(tmpdir(), "attune-log-"));
  try {
    const file = join(folder, "log.jsonl");
    writeFileSync(file, readable.sort((a, b) => a.at - b.at).map((line) => `${JSON.stringify(line)}\n`).join(""));
    const report = JSON.parse(execFileSync(bin, ["data", "check", "--data", file, "--json"], { encoding: "utf8" }));
    assert.deepEqual([report.cleaning.read, report.cleaning.dropped], [readable.length, {}]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
