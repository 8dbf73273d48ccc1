// The packed npm package in Chromium: golden corpus, storage, and everything that can go wrong.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { exact, goldenCases } from "../golden/corpus.mjs";
import { candidates, order, slots, view } from "../node/package.mjs";
import { integrity, launch, serve } from "./server.mjs";

const page_order = candidates(20).map(({ id }) => id);
const request = { slots: slots(20) };
let server;
let browser;

before(async () => {
  server = await serve();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A page of a shopper never seen; `init` runs in it before anything else. */
async function visit(init, path = "/") {
  const context = await browser.newContext();
  const page = await context.newPage();
  if (init) await page.addInitScript(init);
  await page.goto(server.base + path);
  return page;
}

/** Loads the module as `attune` in the page; answers `failure` and `warnings`. */
const load = (page, options = {}) =>
  page.evaluate(async (options) => {
    const { load } = await import("/attune/attune.js");
    window.attune = await load({ bundle: "/small.attune", ...options });
    return { failure: attune.failure?.code ?? null, warnings: attune.warnings.map(({ code }) => code) };
  }, options);
const rank = (page, asked = request) => page.evaluate((asked) => attune.rank(asked), asked);
const told = async (page) => {
  const decision = await rank(page);
  return [decision.source, decision.fallback?.code ?? null, order(decision).join() === page_order.join()];
};
const databases = (page) => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));

for (const worker of [false, true]) {
  test(`golden corpus ${worker ? "in a Web Worker" : "in the page"}`, async () => {
    const page = await visit();
    assert.deepEqual(await load(page, { worker, integrity }), { failure: null, warnings: [] });
    for (const { name, text, decision } of goldenCases()) assert.deepEqual(exact(await rank(page, text)), exact(decision), name);
    await page.context().close();
  });

  test(`the profile outlives a reload, and is forgotten ${worker ? "by the worker" : "by the page"}`, async () => {
    const page = await visit();
    await load(page, { worker, integrity });
    const cold = await rank(page);
    assert.equal(cold.mode, "contextual");
    await page.evaluate((events) => attune.track(events), [view(1), view(4)]);
    const profile = await page.evaluate(() => attune.profile());
    const warm = await rank(page);
    assert.equal(warm.mode, "device");
    // A page that goes away at once: the write is not yet due.
    if (!worker) await page.evaluate((event) => void attune.track(event), view(6));
    else await page.evaluate(() => attune.close());
    await page.reload();
    await load(page, { worker, integrity });
    const again = await page.evaluate(() => attune.profile());
    assert.ok(again.counters.view.count > (worker ? 1.9 : 2.9), JSON.stringify(again.counters));
    if (worker) assert.deepEqual(again, profile);
    const stored = await page.evaluate(() => attune.export());
    assert.deepEqual([stored.storage, stored.profile, stored.cached.length], ["indexeddb", again, 1]);
    assert.deepEqual(await databases(page), ["attune"]);
    await page.evaluate(() => attune.forget());
    assert.deepEqual(await databases(page), []);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
    assert.deepEqual(await page.evaluate(() => caches.keys()), []);
    assert.equal(await page.evaluate(() => attune.profile()), null);
    await page.reload();
    await load(page, { worker });
    assert.equal((await rank(page)).mode, "contextual");
    await page.context().close();
  });
}

test("forgetting in one page is forgetting in all of the shop's", async () => {
  const page = await visit();
  const other = await page.context().newPage();
  await other.goto(server.base);
  await load(page);
  await load(other);
  await page.evaluate((event) => attune.track(event), view(1));
  await other.waitForFunction(async () => (await attune.profile()) !== null);
  await page.evaluate(() => attune.forget());
  await other.waitForFunction(async () => (await attune.profile()) === null);
  assert.deepEqual(await databases(other), []);
  await page.context().close();
});

test("a bundle with an integrity hash is fetched once; without one, each time", async () => {
  const page = await visit();
  const fetched = () => server.requests.get("/small.attune");
  await load(page, { integrity });
  await page.waitForFunction(async () => (await (await caches.open("attune")).keys()).length === 1);
  const once = fetched();
  await page.reload();
  assert.deepEqual(await load(page, { integrity }), { failure: null, warnings: [] });
  assert.equal(fetched(), once);
  await page.reload();
  await load(page);
  assert.ok(fetched() > once);
  await page.context().close();
});

test("a damaged cache is mended from the network", async () => {
  const page = await visit();
  await page.evaluate(async (integrity) => {
    const key = new URL("/small.attune", location.href);
    key.searchParams.set("attune-integrity", integrity);
    await (await caches.open("attune")).put(key, new Response("damaged"));
  }, integrity);
  assert.equal((await load(page, { integrity })).failure, null);
  await page.waitForFunction(async () => {
    const cache = await caches.open("attune");
    const [key] = await cache.keys();
    return key && (await (await cache.match(key)).arrayBuffer()).byteLength > 1000;
  });
  await page.context().close();
});

for (const [options, code] of [
  [{ bundle: "/nowhere" }, "bundle_unavailable"],
  [{ bundle: "http://127.0.0.1:9/none" }, "bundle_unavailable"],
  [{ bundle: "/tampered.attune" }, "bundle_unusable"],
  [{ bundle: "/short.attune" }, "bundle_unusable"],
  [{ bundle: "/tampered.attune", integrity }, "bundle_integrity"],
  [{ wasm: "/nowhere" }, "wasm_unavailable"],
  [{ wasm: "/small.attune" }, "wasm_unusable"],
]) {
  test(`${JSON.stringify(options).slice(0, 60)} is ${code}, and the page keeps its order`, async () => {
    for (const worker of [false, true]) {
      const page = await visit();
      assert.equal((await load(page, { ...options, worker })).failure, code);
      assert.deepEqual(await told(page), ["page", code, true]);
      await page.context().close();
    }
  });
}

test("wasm of another type than application/wasm still loads", async () => {
  const page = await visit();
  assert.equal((await load(page, { wasm: "/untyped" })).failure, null);
  assert.equal((await told(page))[0], "model");
  await page.context().close();
});

test("storage denied: a profile in memory, and a warning", async () => {
  for (const init of [
    () => { IDBFactory.prototype.open = () => { throw new DOMException("denied", "SecurityError"); }; },
    () => { delete window.indexedDB; Object.defineProperty(window, "indexedDB", { value: undefined }); },
  ]) {
    const page = await visit(init);
    const { failure, warnings } = await load(page, { storage: "indexeddb" });
    assert.deepEqual([failure, warnings], [null, ["storage_denied"]]);
    await page.evaluate((event) => attune.track(event), view(1));
    assert.equal((await rank(page)).mode, "device");
    assert.equal((await page.evaluate(() => attune.export())).storage, "memory");
    await page.evaluate(() => attune.forget());
    assert.equal(await page.evaluate(() => attune.profile()), null);
    await page.context().close();
  }
});

/** Writes a text into the database as another version would have. */
const plant = (page, key, text) =>
  page.evaluate(
    ([key, text]) =>
      new Promise((resolve, reject) => {
        const opening = indexedDB.open("attune", 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore("texts");
        opening.onsuccess = () => {
          const transaction = opening.result.transaction("texts", "readwrite");
          transaction.objectStore("texts").put(text, key);
          transaction.oncomplete = () => resolve(opening.result.close());
        };
        opening.onerror = reject;
      }),
    [key, text],
  );
const planted = (page, key) =>
  page.evaluate(
    (key) =>
      new Promise((resolve) => {
        indexedDB.open("attune", 1).onsuccess = ({ target }) => {
          const read = target.result.transaction("texts").objectStore("texts").get(key);
          read.onsuccess = () => resolve(read.result, target.result.close());
        };
      }),
    key,
  );

test("a profile of a newer version is kept untouched and not used", async () => {
  const page = await visit();
  const newer = '{"v":99,"counters":{},"soul":"unknown here"}';
  await plant(page, "profile", newer);
  assert.deepEqual(await load(page), { failure: null, warnings: ["profile_newer"] });
  await page.evaluate((event) => attune.track(event), view(1));
  const decision = await rank(page);
  assert.deepEqual([decision.source, decision.mode, decision.fallback.code], ["model", "contextual", "profile_newer"]);
  await page.evaluate(() => attune.close());
  assert.equal(await planted(page, "profile"), newer);
  await page.context().close();
});

test("a profile that cannot be read is begun anew, and told", async () => {
  const page = await visit();
  await plant(page, "profile", '{"v":1,"counters":');
  assert.deepEqual(await load(page), { failure: null, warnings: ["profile_malformed"] });
  await page.evaluate((event) => attune.track(event), view(1));
  assert.equal((await rank(page)).fallback, null);
  await page.context().close();
});

test("events tracked without a module are learned from when there is one", async () => {
  const page = await visit();
  await load(page, { wasm: "/nowhere" });
  await page.evaluate((events) => attune.track(events), [view(1), view(2)]);
  await page.evaluate(() => attune.close());
  await page.reload();
  await load(page);
  const { profile, queue } = await page.evaluate(() => attune.export());
  assert.ok(profile.counters.view.count > 1.9 && queue.length === 0);
  await page.context().close();
});

test("wasm without SIMD: no_simd, and the page keeps its order", async () => {
  const page = await visit(() => { WebAssembly.validate = () => false; });
  assert.equal((await load(page)).failure, "no_simd");
  assert.deepEqual(await told(page), ["page", "no_simd", true]);
  await page.context().close();
});

test("a trap: the page's order, one new instance, then the page's order for good", async () => {
  const page = await visit(() => {
    const { instantiate } = WebAssembly;
    window.traps = 0;
    WebAssembly.instantiate = async (...args) => {
      const instance = await instantiate(...args);
      const exports = new Proxy({ ...instance.exports }, {
        get: (all, name) => (name === "engine_decide" && window.traps > 0 && window.traps-- ? () => { throw new WebAssembly.RuntimeError("unreachable"); } : all[name]),
      });
      return { exports, __proto__: WebAssembly.Instance.prototype };
    };
  });
  await load(page);
  const trap = () => page.evaluate(() => { window.traps = 1; });
  assert.equal((await told(page))[0], "model");
  await trap();
  assert.deepEqual(await told(page), ["page", "wasm_trap", true]);
  assert.equal((await told(page))[0], "model");
  await trap();
  assert.deepEqual(await told(page), ["page", "wasm_trap", true]);
  assert.deepEqual(await told(page), ["page", "wasm_trap", true]);
  await page.context().close();
});

test("a page that may not start workers does the work itself, and says so", async () => {
  const page = await visit(null, "/no-worker.html");
  assert.deepEqual(await load(page, { worker: true }), { failure: null, warnings: ["worker_failed"] });
  assert.equal((await told(page))[0], "model");
  await page.evaluate((event) => attune.track(event), view(1));
  assert.equal((await rank(page)).mode, "device");
  await page.context().close();
});

test("a clock going backwards harms nothing", async () => {
  const page = await visit();
  const decision = await page.evaluate(async (request) => {
    const { load } = await import("/attune/attune.js");
    let now = 1_764_000_000_000;
    const attune = await load({ bundle: "/small.attune", now: () => (now -= 86_400_000) });
    for (let n = 0; n < 5; n++) await attune.track({ type: "view", items: [{ id: `p${n}`, fields: { category: "bags" } }] });
    return attune.rank(request);
  }, request);
  assert.deepEqual([decision.source, decision.fallback], ["model", null]);
  assert.ok(decision.slots[0].items.every(({ logits }) => Number.isFinite(logits.click)));
  await page.context().close();
});
