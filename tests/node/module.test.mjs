// What the packed npm package does in Node, from outside.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { BUNDLE } from "../golden/corpus.mjs";
import { PACKAGE, attune, candidates, order, slots, view } from "./package.mjs";

const { load, open } = await attune();
const bytes = readFileSync(BUNDLE);
const integrity = `sha256-${createHash("sha256").update(bytes).digest("base64")}`;
const page = candidates(20).map(({ id }) => id);

test("bundle and wasm come as path, URL, bytes, buffer or response", async () => {
  const wasm = readFileSync(join(PACKAGE, "attune_bg.wasm"));
  const sources = [
    { bundle: BUNDLE },
    { bundle: pathToFileURL(BUNDLE), wasm: join(PACKAGE, "attune_bg.wasm") },
    { bundle: new Uint8Array(bytes), wasm: new Uint8Array(wasm) },
    { bundle: Uint8Array.from(bytes).buffer, wasm: pathToFileURL(join(PACKAGE, "attune_bg.wasm")) },
    { bundle: new Response(bytes), wasm: new Response(wasm, { headers: { "content-type": "application/wasm" } }) },
    { bundle: new Response(bytes), wasm: new Response(wasm, { headers: { "content-type": "text/plain" } }), integrity },
  ];
  const orders = [];
  for (const source of sources) {
    const module = await load({ ...source, storage: "memory" });
    assert.equal(module.failure, null);
    const decision = await module.rank({ slots: slots(20), at: 1_764_000_000_000 });
    assert.equal(decision.source, "model");
    orders.push(order(decision).join());
    await module.close();
  }
  assert.equal(new Set(orders).size, 1);
});

test("events change the profile, and rankings use it until it is forgotten", async () => {
  const module = await load({ bundle: BUNDLE, storage: "memory", now: () => 1_764_000_000_000 });
  const before = await module.rank({ slots: slots(20) });
  assert.deepEqual([before.mode, before.source, before.fallback], ["contextual", "model", null]);
  assert.equal(await module.profile(), null);
  assert.deepEqual(await module.track([view(1), view(4), view(6)]), { accepted: 3, ignored: 0, rejected: [] });
  const ga4 = { event: "add_to_cart", ecommerce: { items: [{ item_id: "p1", item_category: "bags" }] } };
  assert.equal((await module.track(ga4)).accepted, 1);
  assert.equal((await module.track(["event", "view_item", { items: [{ item_id: "p1" }] }])).accepted, 1);
  const profile = await module.profile();
  assert.equal(Object.keys(profile.preferences).includes("category"), true);
  assert.equal(profile.counters.view.count > 3.9, true);
  const decision = await module.rank({ slots: slots(20), explain: true });
  assert.equal(decision.mode, "device");
  const [first] = decision.slots[0].items;
  const shares = [...Object.values(first.attributions.click), ...Object.values(decision.shared.click)];
  const sum = shares.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(sum - first.logits.click) < 1e-3);
  assert.deepEqual([...order(decision)].sort(), [...page].sort());

  const stored = await module.export();
  assert.deepEqual(stored.profile, profile);
  assert.equal(typeof stored.shopper, "string");
  await module.forget();
  assert.equal(await module.profile(), null);
  const after = await module.export();
  assert.deepEqual([after.profile, after.shopper, after.queue, after.cached], [null, null, [], []]);
  assert.equal((await module.rank({ slots: slots(20) })).mode, "contextual");
  await module.close();
});

test("an event without a time has the page's; bad ones are told and lose nothing else", async () => {
  let now = 5_000_000;
  const module = await load({ bundle: BUNDLE, storage: "memory", now: () => now });
  await module.track({ type: "view", items: [{ id: "a" }] });
  now = 1_000;
  await module.track({ type: "view", items: [{ id: "b" }] });
  now = Number.NaN;
  const { last_seen, first_seen } = await module.profile();
  assert.deepEqual([first_seen, last_seen], [1_000, 5_000_000]);
  const mixed = await module.track([view(1), { type: "dance", at: 1 }, view(2)]);
  assert.deepEqual([mixed.accepted, mixed.rejected.map(({ index, code }) => [index, code])], [2, [[1, "malformed"]]]);
  const circle = {};
  circle.circle = circle;
  for (const bad of [circle, undefined, null, 7, { type: "view", at: 1n }]) {
    const { accepted, rejected } = await module.track(bad);
    assert.deepEqual([accepted, rejected[0].code], [0, "malformed"]);
  }
  assert.equal((await module.track(Array(1001).fill(view(1)))).rejected[0].code, "too_many");
  assert.ok((await module.rank({ slots: slots(3) })).at > 1_700_000_000_000);
  await module.close();
});

test("events and rankings asked for before the module is there wait for it", async () => {
  const module = open({ bundle: BUNDLE, storage: "memory" });
  const tracked = module.track(view(3));
  const decision = module.rank({ slots: slots(5) });
  assert.deepEqual([(await tracked).accepted, (await decision).mode], [1, "device"]);
  assert.equal(await module.ready, module);
  await module.close();
});

test("rank never rejects", async () => {
  const module = await load({ bundle: BUNDLE, storage: "memory" });
  const circle = { slots: slots(3) };
  circle.circle = circle;
  const twice = [...candidates(3), ...candidates(1)];
  const odd = { slots: [{ id: "home", candidates: [{ id: "a", fields: { price: Number.NaN, name: "<b>".repeat(300_000) } }, { id: "b", fields: { price: Infinity, x: {} } }] }] };
  const asked = [
    [undefined, "malformed"], [null, "malformed"], [7, "malformed"], ["{", "malformed"], [{}, "malformed"], [circle, "malformed"],
    [{ slots: 3 }, "malformed"], [{ slots: [null, { id: "home", candidates: [null, { id: "x" }] }] }, "malformed"],
    [{ slots: [{ id: "home", candidates: Array.from({ length: 10_001 }, (_, n) => ({ id: `c${n}` })) }] }, "too_many"],
    [{ v: 9, slots: slots(2) }, "newer_version"], [{ slots: slots(2), seed: "-1" }, "malformed"], [{ slots: slots(2), at: "soon" }, "malformed"],
    [odd, undefined], [{ slots: [{ id: "home", candidates: twice }] }, undefined],
  ];
  for (const [request, code] of asked) {
    const decision = await module.rank(request);
    assert.equal(decision.fallback?.code, code, JSON.stringify(decision.fallback));
    const ids = request?.slots?.[0]?.candidates?.map(({ id }) => id) ?? [];
    if (code && ids.length) assert.deepEqual(order(decision), ids);
  }
  const twin = await module.rank(asked.at(-1)[0]);
  assert.deepEqual(twin.slots[0].withheld, [{ id: "p0", reason: "duplicate" }]);
  assert.deepEqual([...order(await module.rank(odd))].sort(), ["a", "b"]);
  await module.close();
});

test("predict gives the page's order, and rejects with a code", async () => {
  const module = await load({ bundle: BUNDLE, storage: "memory" });
  const { slots: [slot], bundle } = await module.predict({ slots: slots(7) });
  assert.deepEqual(slot.candidates.map(({ id }) => id), page.slice(0, 7));
  // A bundle ends with the sha256 of all before it.
  assert.equal(bundle, createHash("sha256").update(bytes.subarray(0, -32)).digest("hex"));
  const { low, value, high } = slot.candidates[0].effects.click;
  assert.ok(low <= value && value <= high && low >= 0 && high <= 1);
  await assert.rejects(module.predict({ slots: 3 }), { code: "malformed", name: "Error" });
  assert.equal((await module.card()).name, "golden");
  await module.close();
  await assert.rejects(module.predict({ slots: slots(1) }), { code: "closed" });
});

test("a log line names nobody, and has the profile only with consent", async () => {
  for (const log of [false, true]) {
    const module = await load({ bundle: BUNDLE, storage: "memory", consent: { log } });
    await module.track(view(2));
    const decision = await module.rank({ slots: slots(5), user_agent: "Mozilla/5.0 (iPhone) Mobile secret-agent" });
    const line = await module.logLine(decision, { fields: true });
    assert.deepEqual([line.type, line.id, line.device, "profile" in line], ["decision", decision.id, "mobile", log]);
    assert.deepEqual(line.slots[0].items.map(({ id }) => id), order(decision));
    assert.ok(line.slots[0].items[0].fields.category);
    assert.doesNotMatch(JSON.stringify(line), /secret-agent/);
    assert.equal(await module.logLine({ ...decision, id: "another" }), null);
    await module.close();
  }
});

test("without consent there is no profile and no shopper", async () => {
  const module = await load({ bundle: BUNDLE, consent: { profile: false } });
  await module.track(view(2));
  const decision = await module.rank({ slots: slots(5) });
  assert.deepEqual([decision.mode, decision.source, await module.profile()], ["contextual", "model", null]);
  const line = await module.logLine(decision);
  assert.ok(!("shopper" in line));
  await module.close();
});

test("what cannot be loaded is named, and the page keeps its order", async () => {
  const tampered = new Uint8Array(bytes);
  tampered[tampered.length >> 1] ^= 1;
  const cases = [
    [{ bundle: tampered }, "bundle_unusable"],
    [{ bundle: bytes.subarray(0, bytes.length - 9) }, "bundle_unusable"],
    [{ bundle: new Uint8Array(0) }, "bundle_unusable"],
    [{ bundle: bytes, integrity: `sha256-${"A".repeat(43)}=` }, "bundle_integrity"],
    [{ bundle: "/nowhere/at.all" }, "bundle_unavailable"],
    [{ bundle: new Response("no", { status: 404 }) }, "bundle_unavailable"],
    [{ bundle: BUNDLE, wasm: "/nowhere/at.all" }, "wasm_unavailable"],
    [{ bundle: BUNDLE, wasm: new Uint8Array([1, 2, 3]) }, "wasm_unusable"],
  ];
  for (const [options, code] of cases) {
    const module = await load({ ...options, storage: "memory" });
    assert.equal(module.failure?.code, code);
    const decision = await module.rank({ slots: slots(20) });
    assert.deepEqual([decision.source, decision.fallback.code, order(decision)], ["page", code, page]);
    assert.equal(await module.card(), null);
    await assert.rejects(module.predict({ slots: slots(1) }), { code });
    await module.close();
  }
  await assert.rejects(load({}), { code: "no_bundle" });
});

test("without a module events wait in the store", async () => {
  const module = await load({ bundle: BUNDLE, wasm: new Uint8Array(3), storage: "memory" });
  await module.track([view(1), view(2)]);
  assert.equal((await module.export()).queue.length, 2);
  await module.close();
});

test("without SIMD the page keeps its order", async (context) => {
  context.mock.method(WebAssembly, "validate", () => false);
  const module = await load({ bundle: BUNDLE, storage: "memory" });
  const decision = await module.rank({ slots: [{ ...slots(20)[0], excluded: ["p3"] }] });
  assert.deepEqual([decision.fallback.code, order(decision)], ["no_simd", page.filter((id) => id !== "p3")]);
  assert.deepEqual(decision.slots[0].withheld, [{ id: "p3", reason: "excluded" }]);
  await module.close();
});

test("a trap keeps the page's order, and the next ranking has a new instance; a second one is final", async (context) => {
  let traps = 0;
  const { instantiate } = WebAssembly;
  context.mock.method(WebAssembly, "instantiate", async (...args) => {
    const instance = await instantiate(...args);
    const exports = new Proxy({ ...instance.exports }, {
      get(all, name) {
        if (name !== "engine_decide" || !traps) return all[name];
        return () => {
          traps--;
          throw new WebAssembly.RuntimeError("unreachable");
        };
      },
    });
    return { exports, __proto__: WebAssembly.Instance.prototype };
  });
  const module = await load({ bundle: BUNDLE, storage: "memory" });
  await module.track(view(1));
  const ask = async () => {
    const decision = await module.rank({ slots: slots(20) });
    return [decision.source, decision.fallback?.code, order(decision).join() === page.join()];
  };
  const [source] = await ask();
  assert.equal(source, "model");
  traps = 1;
  assert.deepEqual(await ask(), ["page", "wasm_trap", true]);
  assert.deepEqual((await ask()).slice(0, 2), ["model", undefined]);
  assert.ok((await module.profile()).counters.view, "the profile outlives the trap");
  traps = 1;
  assert.deepEqual(await ask(), ["page", "wasm_trap", true]);
  assert.deepEqual(await ask(), ["page", "wasm_trap", true]);
  assert.equal(module.failure.code, "wasm_trap");
  await module.close();
});
