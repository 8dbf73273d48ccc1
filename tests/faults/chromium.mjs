// Faults in the shopper's browser, as data: what goes wrong, and what must hold. FAULTS.md lists the same.
//
// Without a way of its own (`act`) a fault meets two shoppers: one never seen, who agrees, looks around and is ranked in a
// slot below the fold; and one who has been here, whose last order is on view when the fault comes.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { OWN, Till } from "./storefront.mjs";

const wasm = (wrong) => ({ broken: `attune_bg.wasm=${wrong}` });
const bundle = (wrong) => ({ broken: `small.attune=${wrong}` });
const script = (name, wrong) => ({ broken: `${name}=${wrong}` });

/**
 * @typedef {object} Row
 * @property {string} fault
 * @property {Record<string, unknown>} [page] Of the page: see `html` in storefront.mjs.
 * @property {Function | Function[]} [init] Runs before the page's scripts.
 * @property {string} [code] The fallback that the decision names.
 * @property {true} [ranks] The fault costs no ranking.
 * @property {true} [silent] There can be no decision.
 * @property {true} [absent] Not even the slots' script is there.
 * @property {true} [hangs] What was asked is not answered.
 * @property {true} [forgets] Nobody is known any more.
 * @property {string} [warns]
 * @property {RegExp[]} [problems] Of the page's own making or the browser's.
 * @property {(shop: import("./storefront.mjs").Storefront, row: Row) => Promise<void>} [act]
 */

/** @type {Row[]} */
export const rows = [
  { fault: "wasm traps as it starts", page: wasm("__wbindgen_start@1"), code: "wasm_unusable" },
  { fault: "wasm traps while the bundle is loaded", page: wasm("engine_new@1"), code: "wasm_trap" },
  { fault: "wasm traps in the first ranking", page: wasm("engine_decide@1"), code: "wasm_trap" },
  { fault: "wasm traps in a later ranking", page: wasm("engine_decide@2"), act: laterTrap },
  { fault: "wasm traps in a Web Worker", page: { ...wasm("engine_decide@1"), worker: 1 }, code: "wasm_trap" },
  { fault: "wasm traps while it learns", page: wasm("engine_applyEvents@1+applyEvents@1"), act: trapInLearning },
  { fault: "wasm traps at every call", page: wasm(["decide", "applyEvents", "predict", "card"].map((name) => `engine_${name}@1`).concat(["decideWithout@1", "logLine@1", "applyEvents@1", "checkProfile@1"]).join("+")), code: "wasm_trap" },
  { fault: "module 404", page: wasm("missing"), code: "wasm_unavailable" },
  { fault: "module 500", page: wasm("failing"), code: "wasm_unavailable" },
  { fault: "module changed by one byte", page: wasm("flipped"), code: /^wasm_/ },
  { fault: "module cut off", page: wasm("short"), code: "wasm_unusable" },
  { fault: "module breaks off", page: wasm("torn"), code: "wasm_unusable" },
  { fault: "module of a wrong type", page: wasm("untyped"), ranks: true },
  { fault: "a page in the module's place", page: wasm("html"), code: "wasm_unusable" },
  { fault: "module hangs", page: wasm("hanging"), code: "wasm_unavailable" },
  { fault: "module stalls half-way", page: wasm("stalled"), code: /^wasm_/ },
  { fault: "no WebAssembly", init: () => delete window.WebAssembly, code: "no_wasm" },
  { fault: "the policy forbids WebAssembly", page: { csp: "script-src 'nonce-n'" }, code: "wasm_unusable", problems: [/Content Security Policy/] },
  { fault: "bundle 404", page: bundle("missing"), code: "bundle_unavailable" },
  { fault: "bundle 500", page: bundle("failing"), code: "bundle_unavailable" },
  { fault: "bundle changed by one byte", page: { ...bundle("flipped"), unchecked: 1 }, code: "bundle_unusable" },
  { fault: "bundle cut off", page: { ...bundle("short"), unchecked: 1 }, code: "bundle_unusable" },
  { fault: "bundle breaks off", page: bundle("torn"), code: "bundle_unavailable" },
  { fault: "a page in the bundle's place", page: { ...bundle("html"), unchecked: 1 }, code: "bundle_unusable" },
  { fault: "bundle of another integrity", page: { other: 1 }, code: "bundle_integrity" },
  { fault: "bundle hangs", page: bundle("hanging"), code: "bundle_unavailable" },
  { fault: "bundle stalls half-way", page: bundle("stalled"), code: "bundle_unavailable" },
  { fault: "attune.slots.js 404", page: script("attune.slots.js", "missing"), absent: true },
  { fault: "attune.slots.js hangs", page: script("attune.slots.js", "hanging"), absent: true },
  { fault: "attune.js 404", page: script("attune.js", "missing"), silent: true },
  { fault: "attune.js hangs", page: script("attune.js", "hanging"), silent: true, hangs: true },
  { fault: "attune.js throws", page: script("attune.js", "throwing"), silent: true },
  { fault: "attune.js 404, and the shopper refuses", page: script("attune.js", "missing"), act: refusedWithout },
  { fault: "attune.log.js 404", page: { ...script("attune.log.js", "missing"), log: new Till().number }, agreed: { profile: true, send: true }, ranks: true },
  { fault: "attune.worker.js 404", page: { ...script("attune.worker.js", "missing"), worker: 1 }, ranks: true, warns: "worker_failed" },
  { fault: "attune.worker.js hangs", page: { ...script("attune.worker.js", "hanging"), worker: 1 }, ranks: true, warns: "worker_failed" },

  { fault: "IndexedDB denied", init: () => Object.defineProperty(window, "indexedDB", { get: () => { throw new DOMException("denied", "SecurityError"); } }), ranks: true, forgets: true },
  { fault: "IndexedDB denied when it is opened", init: () => (IDBFactory.prototype.open = () => { throw new DOMException("denied", "SecurityError"); }), ranks: true, forgets: true, warns: "storage_denied" },
  { fault: "IndexedDB never answers", init: () => (IDBFactory.prototype.open = () => new EventTarget()), ranks: true, forgets: true, warns: "storage_denied" },
  { fault: "IndexedDB of a newer version", act: newerDatabase },
  { fault: "IndexedDB full", act: fullDatabase },
  { fault: "IndexedDB with other contents", act: otherContents },
  { fault: "localStorage denied", init: () => Object.defineProperty(window, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } }), ranks: true, last: "own" },
  { fault: "localStorage full", init: () => { try { for (let size = 1 << 22; size; size >>= 1) for (;;) localStorage.setItem(`page ${localStorage.length}`, "x".repeat(size)); } catch {} if (!localStorage["page 0"]) throw new Error("not full"); }, act: fullStorage },
  { fault: "localStorage with other contents", act: hostileStorage },
  { fault: "Cache storage denied", init: () => (CacheStorage.prototype.open = () => Promise.reject(new DOMException("denied", "SecurityError"))), ranks: true },
  { fault: "Cache storage absent", init: () => Object.defineProperty(window, "caches", { get: () => { throw new DOMException("denied", "SecurityError"); } }), ranks: true },

  ...[
    ["500", { status: 500, stay: true }, "the server answered 500"],
    ["429", { status: 429, headers: { "retry-after": "1" }, stay: true }, "the server answered 429"],
    ["hangs", { hang: true, stay: true }, "the server did not answer"],
  ].map(([name, answer, failure]) => ({ fault: `log address ${name}`, answer, failure, again: true, act: log })),
  { fault: "log address 404", answer: { status: 404, stay: true }, failure: "the server answered 404", act: log },
  { fault: "log address answers a page", answer: { status: 200, headers: { "content-type": "text/html" }, body: "<!doctype html>", stay: true }, failure: null, act: log },
  { fault: "log address refuses connections", address: "http://127.0.0.1:9/log", failure: "the server did not answer", act: log },

  { fault: "clock set back", init: shifted(-10), ranks: true },
  { fault: "clock far ahead", init: shifted(100), ranks: true },
  { fault: "clock jumps", init: () => { const { now } = Date; Date.now = () => now() + (Math.random() - 0.5) * 6e11; }, ranks: true },
  { fault: "clock is no number", init: () => (Date.now = () => NaN), code: "malformed" },

  { fault: "tab closed while the profile is written", act: (shop) => cutOff(shop, (shopper) => shopper.page.close()) },
  { fault: "renderer crashes while the profile is written", act: (shop) => cutOff(shop, crash) },
  { fault: "tab closed while the log is sent", act: (shop) => cutOffLog(shop, (shopper) => shopper.page.close()) },
  { fault: "renderer crashes while the log is sent", act: (shop) => cutOffLog(shop, crash) },

  { fault: "consent withdrawn while it ranks", act: withdrawn },
  { fault: "page left while it ranks", act: left },
  { fault: "slot removed while it ranks", act: removed },
  { fault: "cards replaced while it ranks", act: replaced },
  { fault: "page offline", act: offline },
  { fault: "no secure context", act: insecure },
  { fault: "the page's listener throws", init: () => document.addEventListener("attune:decided", () => { throw new Error("the page's own mistake"); }), ranks: true, problems: [/the page's own mistake/] },
  { fault: "Object.prototype polluted", init: () => Object.assign(Object.prototype, { home: { ids: 5 }, evil: "yes", slots: 7, decision: {}, ids: 3 }), code: "wasm_unusable" },
  { fault: "Array.prototype.toJSON of an old library", init: () => (Array.prototype.toJSON = function () { return `[${this.join()}]`; }), code: "malformed" },
  { fault: "a slot named constructor", page: { slot: "constructor" }, slot: "constructor", ranks: true, last: "own" },
  { fault: "Trusted Types enforced", page: { csp: "script-src 'nonce-n' 'strict-dynamic' 'wasm-unsafe-eval'; require-trusted-types-for 'script'; trusted-types 'none'" }, ranks: true },
  { fault: "Trusted Types enforced, with a Web Worker", page: { worker: 1, csp: "script-src 'nonce-n' 'strict-dynamic' 'wasm-unsafe-eval'; require-trusted-types-for 'script'; trusted-types 'none'" }, ranks: true, warns: "worker_failed", problems: [/TrustedScriptURL|Trusted ?Type/] },
];

/** A clock that is wrong by so many years. */
function shifted(years) {
  return [
    [-10, () => { const { now } = Date; Date.now = () => now() - 10 * 31_557_600_000; }],
    [100, () => { const { now } = Date; Date.now = () => now() + 100 * 31_557_600_000; }],
  ].find(([known]) => known === years)[1];
}

const is = (found, wanted) => (wanted instanceof RegExp ? assert.match(String(found), wanted) : assert.equal(found, wanted));

/** The two shoppers of most rows. */
export async function twoShoppers(shop, row) {
  const { page = {}, init, code = null, ranks, silent, absent, hangs, warns, problems, slot = "home", agreed = { profile: true } } = row;
  const told = async (shopper) => {
    if (absent) return;
    const standing = await shopper.standing(slot);
    if (silent) return assert.equal(standing.ranked, null);
    const cold = row.forgets && shopper.returning;
    assert.equal(standing.ranked, ranks && !cold ? "model" : "page");
    is(standing.code, cold ? "cold" : code);
    if (warns) assert.ok((await shopper.warnings()).includes(warns), `${await shopper.warnings()}`);
  };
  const come = async (options, query) => {
    const shopper = await shop.shopper({ init, ...options });
    await shopper.visit({ ...page, ...query }, { waits: !absent });
    return shopper;
  };

  const fresh = await come({}, { above: 3000 });
  if (!absent) {
    await fresh.agree(agreed, { hangs });
    if (!hangs) await fresh.taste();
  }
  const order = await fresh.whole(ranks ? undefined : OWN);
  if (ranks) assert.notDeepEqual(order, OWN);
  await told(fresh);
  await fresh.leave({ problems });

  const known = await come({ returning: true }, {});
  const last = row.last === "own" ? OWN : shop.last;
  await known.before(last);
  if (!absent) {
    await known.agree(agreed, { hangs });
    await known.whole(last);
    if (row.last !== "own") await told(known);
    if (!silent && row.last !== "own") assert.equal((await known.standing(slot)).source, "last");
  }
  await known.leave({ problems });
}

async function laterTrap(shop, { page }) {
  const shopper = await shop.shopper();
  await shopper.visit({ ...page, above: 3000 });
  await shopper.agree();
  await shopper.taste();
  const ranked = await shopper.ids();
  assert.notDeepEqual(ranked, OWN);
  await shopper.refresh();
  assert.deepEqual(await shopper.standing(), { source: "model", late: false, ranked: "page", code: "wasm_trap", arm: "treatment" });
  assert.deepEqual(await shopper.ids(), ranked);
  await shopper.refresh();
  assert.deepEqual((await shopper.standing()).ranked, "model", "a new instance");
  await shopper.whole(ranked);
  await shopper.leave();
}

async function trapInLearning(shop, { page }) {
  for (const returning of [false, true]) {
    const shopper = await shop.shopper({ returning });
    await shopper.visit({ ...page, ...(!returning && { above: 3000 }) });
    await shopper.agree();
    await shopper.taste();
    assert.equal((await shopper.standing()).code, "wasm_trap");
    await shopper.whole(returning ? shop.last : OWN);
    const { queue } = await shopper.page.evaluate(() => attune.export());
    assert.ok(queue.length > 0, "what was not learned waits for a module that can");
    await shopper.leave();
  }
}

const stored = (page) => page.evaluate(async () => [(await indexedDB.databases()).length, Object.keys(localStorage), (await caches.keys()).length]);
const NOTHING = [0, [], 0];

async function refusedWithout(shop, { page }) {
  const shopper = await shop.shopper({ returning: true });
  await shopper.visit(page);
  assert.notDeepEqual(await stored(shopper.page), NOTHING);
  await shopper.agree({ profile: false });
  assert.deepEqual(await stored(shopper.page), NOTHING);
  await shopper.whole(shop.last);
  await shopper.leave();
}

async function newerDatabase(shop) {
  const shopper = await shop.shopper();
  await shopper.visit({ above: 3000 });
  await shopper.page.evaluate(() => new Promise((done) => (indexedDB.open("attune", 7).onsuccess = ({ target }) => done(target.result.close()))));
  await shopper.agree();
  await shopper.taste();
  assert.deepEqual(await shopper.warnings(), ["storage_denied"]);
  assert.equal((await shopper.standing()).source, "model");
  await shopper.whole();
  await shopper.leave();
}

async function fullDatabase(shop) {
  const shopper = await shop.shopper();
  const page = await shopper.visit({ above: 3000 });
  const devtools = await shopper.context.newCDPSession(page);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin: shop.base, quotaSize: 1 });
  await shopper.agree();
  await shopper.taste();
  await page.waitForFunction(() => attune.inside.attune.warnings.length);
  assert.deepEqual(await shopper.warnings(), ["storage_denied"]);
  await shopper.refresh();
  assert.equal((await shopper.standing()).source, "model");
  await shopper.whole();
  await shopper.leave();
}

/** What another script, or an older Attune, may have left. */
async function otherContents(shop) {
  const deep = "[".repeat(100_000);
  for (const texts of [{ profile: "{not json", queue: "5" }, { profile: "[]", queue: "null", shopper: "{}" }, { profile: deep, queue: deep }, { profile: '{"v":1,"counters":{"view":{"count":"many"}}}', queue: '[null,{"type":7}]', shopper: "x" }, null]) {
    for (const page of texts?.shopper || !texts ? [{}] : [{}, wasm("missing")]) {
      const shopper = await shop.shopper();
      await shopper.visit({ ...page, above: 3000 });
      await shopper.page.evaluate(
        (texts) =>
          new Promise((done) => {
            const opening = indexedDB.open("attune", 1);
            opening.onupgradeneeded = () => texts && opening.result.createObjectStore("texts");
            opening.onsuccess = () => {
              for (const [key, text] of Object.entries(texts ?? {})) opening.result.transaction("texts", "readwrite").objectStore("texts").put(text, key);
              opening.result.close();
              done();
            };
          }),
        texts,
      );
      await shopper.agree();
      await shopper.taste();
      const { ranked, code } = await shopper.standing();
      assert.deepEqual([ranked, code], page.broken ? ["page", "wasm_unavailable"] : ["model", null], JSON.stringify(texts)?.slice(0, 80));
      await shopper.whole(page.broken ? OWN : undefined);
      await shopper.leave();
    }
  }
}

async function fullStorage(shop, { init }) {
  const shopper = await shop.shopper({ init });
  await shopper.visit({ above: 3000, log: new Till().number });
  await shopper.agree({ profile: true, send: true });
  await shopper.taste();
  assert.equal((await shopper.standing()).source, "model");
  await shopper.whole();
  await shopper.page.evaluate(() => dispatchEvent(new Event("pagehide")));
  await shopper.leave();
}

async function hostileStorage(shop) {
  const twice = { ids: ["p3", "p3", "p1", "nobody", "p3"], decision: "d" };
  const kept = [
    "{", "null", "7", '"text"', "[]", '{"orders":7,"clicks":"x"}', '{"orders":{"home":null},"clicks":{"p1":3}}',
    JSON.stringify({ orders: { home: twice }, clicks: { p1: { decision: "d" } } }),
    '{"orders":{"__proto__":{"ids":["p2"],"decision":"d"},"home":{"ids":[1,2]}}}',
    JSON.stringify({ orders: { home: { ids: Array(50_000).fill("p5"), decision: "d" } } }),
    JSON.stringify({ orders: { home: { ids: ["<img src=x onerror=alert(1)>", '"]{}*{display:none}', "p2"], decision: 5 } } }),
  ];
  const shopper = await shop.shopper();
  await shopper.visit({});
  const forms = [{}, { show: 4 }, { show: 4, order: "css" }];
  for (const [n, text] of kept.entries())
    for (const query of text.includes("p3") ? forms : [forms[n % 3]]) {
      const { page } = shopper;
      await page.evaluate((text) => {
        localStorage.clear();
        for (const key of ["attune", "attune.page", "attune.log", "attune.logged"]) localStorage.setItem(key, text);
      }, text);
      await shopper.visit({ ...query, log: new Till().number });
      await page.close();
      await shopper.agree({ profile: true, send: true });
      // A slot that stands in the page's own order shows all the page shows.
      await shopper.whole(undefined, { shown: query.show && (await shopper.standing()).source !== "page" ? 4 : 12 });
    }
  await shopper.leave();
}

async function log(shop, { answer, address, failure, again }) {
  const till = new Till();
  if (answer) till.answers.push(answer);
  const shopper = await shop.shopper({ returning: true });
  await shopper.visit({ log: address ?? till.number });
  await shopper.agree({ profile: true, send: true });
  await shopper.page.click("[data-attune-id=p4] a");
  await shopper.page.waitForFunction((failed) => (failed ? attune.inside.log.outbox.failure : attune.inside.log.outbox.sent), failure !== null);
  const { told, waiting } = await shopper.page.evaluate(() => ({ told: attune.inside.log.outbox.failure, waiting: attune.inside.log.outbox.waiting }));
  assert.equal(told, failure);
  if (again || address) assert.ok(waiting > 0, "the lines wait");
  await shopper.whole(shop.last);
  const { source, ranked, code } = await shopper.standing();
  assert.deepEqual([source, ranked, code], ["last", "model", null]);
  if (again) {
    till.answers.length = 0;
    const before = till.bodies.length;
    await shopper.page.waitForFunction(() => attune.inside.log.outbox.waiting === 0);
    const ids = till.lines(till.bodies.slice(before)).map(({ id }) => id);
    const asked = new Set(till.lines(till.bodies).map(({ id }) => id));
    assert.deepEqual(new Set(ids), asked, "every line arrives");
    assert.equal(new Set(ids).size, ids.length, "and once");
  }
  await shopper.leave({ problems: [/CORS|ERR_|violates/] });
}

const crash = async ({ page, context }) => {
  const devtools = await context.newCDPSession(page);
  const crashed = new Promise((done) => page.once("crash", done));
  devtools.send("Page.crash").catch(() => {});
  await crashed;
  await page.close();
};

/** Views are counted, and in the middle of it the tab is gone: what is there then can be read and was counted once. */
async function cutOff(shop, end) {
  const shopper = await shop.shopper();
  let told = 0;
  for (const after of [0, 120, 210, 400]) {
    await shopper.visit({ above: 3000 });
    await shopper.agree();
    const before = await counted(shopper);
    assert.ok(before <= told, `${before} of ${told}`);
    const [acknowledged, more] = [10, 50];
    await shopper.page.evaluate(async (many) => {
      for (let n = 0; n < many; n++) await attune.track({ type: "view", items: [{ id: `p${n % 12}` }] });
      await attune.inside.attune.flush();
    }, acknowledged);
    shopper.page.evaluate(async (many) => {
      for (let n = 0; n < many; n++) {
        await attune.track({ type: "view", items: [{ id: `p${n % 12}` }] });
        await new Promise((later) => setTimeout(later, 8));
      }
    }, more).catch(() => {});
    await pause(after);
    await end(shopper);
    await shopper.visit({});
    const warnings = (await shopper.agree(), await shopper.warnings());
    assert.deepEqual(warnings, []);
    const now = await counted(shopper);
    assert.ok(now >= before + acknowledged && now <= before + acknowledged + more, `${before}, then ${now}`);
    await shopper.whole();
    told = now;
    await shopper.page.close();
  }
  await shopper.leave();
}

const counted = ({ page }) => page.evaluate(async () => Math.round((await attune.export()).profile?.counters?.view?.count ?? 0));

/** The shop has the lines and has not said so when the tab is gone. */
async function cutOffLog(shop, end) {
  const till = new Till();
  till.answers.push({ hang: true });
  const shopper = await shop.shopper({ returning: true });
  await shopper.visit({ log: till.number });
  await shopper.agree({ profile: true, send: true });
  await shopper.page.click("[data-attune-id=p4] a");
  while (!till.bodies.length) await pause(20);
  const first = till.lines(till.bodies);
  await end(shopper);
  await shopper.visit({ log: till.number });
  await shopper.agree({ profile: true, send: true });
  await shopper.page.click("[data-attune-id=p5] a");
  while (!till.lines(till.bodies.slice(1)).some(({ item, kind }) => item === "p5" && kind === "click")) await pause(20);
  const lines = till.lines(till.bodies);
  const once = new Map(lines.map((line) => [line.id, JSON.stringify(line)]));
  assert.ok(lines.every((line) => once.get(line.id) === JSON.stringify(line)), "a line that comes again is the same line");
  const clicks = [...once.values()].map((line) => JSON.parse(line)).filter(({ kind }) => kind === "click").map(({ item }) => item);
  // A crash takes along what was not under way.
  assert.deepEqual(clicks, end === crash && !first.some(({ kind }) => kind === "click") ? ["p5"] : ["p4", "p5"]);
  const decisions = [...once.values()].map((line) => JSON.parse(line)).filter(({ type }) => type === "decision");
  assert.equal(new Set(decisions.map(({ id }) => id)).size, decisions.length);
  await shopper.whole();
  await shopper.leave();
}

async function withdrawn(shop) {
  for (const returning of [false, true]) {
    const shopper = await shop.shopper({ returning });
    const page = await shopper.visit({ ...wasm("slow"), ...(!returning && { above: 3000 }), log: new Till().number });
    await page.evaluate(() => void attune.agree({ profile: true, send: true }));
    await pause(100);
    await shopper.agree({ profile: false });
    await shopper.whole(returning ? shop.last : OWN);
    assert.deepEqual(await stored(page), NOTHING);
    await page.evaluate(() => dispatchEvent(new Event("pagehide")));
    assert.deepEqual(await stored(page), NOTHING);
    await shopper.leave();
  }
}

async function left(shop) {
  const shopper = await shop.shopper({ returning: true });
  const page = await shopper.visit({ ...wasm("slow"), log: new Till().number });
  await page.evaluate(() => void attune.agree({ profile: true, send: true }));
  await pause(100);
  await page.goto(`${shop.base}/elsewhere`);
  await pause(500);
  await page.goBack();
  await page.waitForFunction(() => window.attune);
  await shopper.agree();
  await shopper.whole(shop.last);
  assert.equal((await shopper.standing()).ranked, "model");
  await shopper.leave();
}

async function removed(shop) {
  const shopper = await shop.shopper({ returning: true });
  const page = await shopper.visit({ ...wasm("slow"), log: new Till().number });
  await page.evaluate(() => {
    void attune.agree({ profile: true, send: true });
    window.slot = document.querySelector("ul");
    window.place = window.slot.nextSibling;
    window.slot.remove();
  });
  await page.evaluate(() => attune.ready);
  assert.equal(await page.evaluate(() => attune.slots.size), 0);
  await page.evaluate(() => document.body.insertBefore(window.slot, window.place));
  await page.evaluate(() => attune.ready);
  await page.evaluate(() => (window.shifts = 0));
  await shopper.whole(shop.last);
  await shopper.leave();
}

async function replaced(shop) {
  const shopper = await shop.shopper();
  const page = await shopper.visit({ ...wasm("slow"), above: 3000 });
  await page.evaluate(() => {
    void attune.agree({ profile: true });
    const slot = document.querySelector("ul");
    const [first, second] = slot.querySelectorAll("[data-attune-id]");
    first.dataset.attuneId = first.querySelector("a").textContent = "new1";
    second.replaceWith(Object.assign(second.cloneNode(true), { className: "new" }));
  });
  await page.evaluate(() => attune.ready);
  await shopper.taste();
  const ids = await shopper.whole();
  assert.deepEqual([...ids].sort(), [...OWN.slice(1), "new1"].sort());
  assert.equal((await shopper.standing()).ranked, "model");
  await shopper.leave();
}

async function offline(shop) {
  const till = new Till();
  const shopper = await shop.shopper({ returning: true });
  const page = await shopper.visit({ log: till.number });
  await shopper.before(shop.last);
  await shopper.context.setOffline(true);
  await shopper.agree({ profile: true, send: true });
  await shopper.whole(shop.last);
  assert.equal((await shopper.standing()).source, "last");
  await shopper.context.setOffline(false);
  await page.close();
  await shopper.visit({ log: till.number });
  await shopper.before(shop.last);
  await shopper.agree({ profile: true, send: true });
  await shopper.context.setOffline(true);
  await shopper.page.click("[data-attune-id=p4] a");
  await shopper.page.waitForFunction(() => attune.inside.log.outbox.failure);
  await shopper.whole(shop.last);
  assert.equal(till.bodies.length, 0);
  await shopper.context.setOffline(false);
  await shopper.page.waitForFunction(() => attune.inside.log.outbox.waiting === 0);
  const ids = till.lines().map(({ id }) => id);
  assert.ok(ids.length > 2 && new Set(ids).size === ids.length);
  await shopper.leave();
}

async function insecure(shop) {
  const shopper = await shop.shopper();
  const page = await shopper.visit({ above: 3000, log: new Till().number }, { base: shop.insecure });
  assert.deepEqual(await page.evaluate(() => [isSecureContext, typeof crypto.randomUUID, typeof caches]), [false, "undefined", "undefined"]);
  await shopper.agree({ profile: true, send: true });
  await shopper.taste();
  assert.deepEqual((await shopper.standing()).source, "model");
  await shopper.whole();
  await shopper.leave();
}
