// `server` mode: one Durable Object for each shopper.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { scratch, startWorker } from "./miniflare.mjs";
import { NOW, products, rankRequest } from "./shop.mjs";

const KEY = { authorization: "Bearer key" };
const vars = { ATTUNE_PROFILES: "server", ATTUNE_SALT: "a test's salt", ATTUNE_KEY: "key" };
let worker;
let health;
before(async () => {
  worker = await startWorker({ www: null, vars });
  health = await (await worker.fetch("/health")).json();
});
after(() => worker.stop());

const rank = async (user) => (await worker.post("/rank/default", rankRequest(30, { user }))).json();
const order = (answer) => answer.items.map((item) => item.item);
const feedback = async (events) => (await worker.post("/feedback", events)).json();
const clicks = (user, category, count) => {
  const [item] = products(30).filter((product) => product.fields.category === category);
  return Array.from({ length: count }, (_, i) => ({
    v: 1, id: `${user}-${i}`, type: i % 4 === 3 ? "add_to_cart" : "click", at: NOW - 60_000 + i, shopper: user, items: [item],
  }));
};

test("clicks change the order, for their shopper alone", async (t) => {
  if (health.status !== "ok") return t.skip(`no bundle: ${health.fallback?.message}`);
  const before = await rank("alice");
  assert.deepEqual([before.mode, before.fallback], ["server", undefined]);
  const bob = await rank("bob");
  const disliked = products(30).find((product) => product.id === order(before).at(-1)).fields.category;
  const told = await feedback(clicks("alice", disliked, 12));
  assert.deepEqual([told.accepted, told.updated, told.stored, told.repeated], [12, 1, true, 0]);
  const after = await rank("alice");
  assert.notDeepEqual(order(after), order(before));
  assert.deepEqual(order(await rank("bob")), order(bob));
});

test("an event that comes again does not count again", async () => {
  const events = clicks("carol", "shoes", 5);
  assert.equal((await feedback(events)).updated, 1);
  const once = await rank("carol");
  const again = await feedback(events);
  assert.deepEqual([again.accepted, again.updated, again.repeated], [5, 0, 5]);
  assert.deepEqual(await rank("carol").then((answer) => answer.items), once.items);
});

test("a shopper can be forgotten", async () => {
  const cold = await rank("dave");
  await feedback(clicks("dave", "lamps", 8));
  assert.deepEqual(await (await worker.post("/v1/forget", { user: "dave" }, KEY)).json(), { forgotten: true });
  assert.deepEqual((await rank("dave")).items, cold.items);
  assert.equal((await feedback(clicks("dave", "lamps", 8))).repeated, 0, "the ids are forgotten too");
});

test("all that is kept of a shopper is given", async () => {
  await feedback(clicks("grace", "shoes", 3));
  const { profile, log } = await (await worker.post("/v1/export", { user: "grace" }, KEY)).json();
  assert.deepEqual([profile.preferences.category.shoes.count > 0, log], [true, []]);
});

test("a profile outlives the runtime, whether or not it was written yet", async () => {
  const persist = scratch("attune-objects-");
  const given = async (worker) => (await (await worker.post("/v1/export", { user: "henry" }, KEY)).json()).profile;
  let kept = await startWorker({ www: null, vars, persist });
  await kept.post("/feedback", clicks("henry", "bags", 3));
  const early = await given(kept);
  await kept.stop();
  kept = await startWorker({ www: null, vars, persist });
  assert.deepEqual(await given(kept), early, "from the events alone");
  await pause(6_500);
  assert.deepEqual(await given(kept), early);
  await kept.stop();
  kept = await startWorker({ www: null, vars, persist });
  assert.deepEqual(await given(kept), early, "from the profile that the alarm wrote");
  assert.equal((await (await kept.post("/feedback", clicks("henry", "bags", 3))).json()).repeated, 3);
  await kept.stop();
});

test("a profile without new events is erased after its lifetime", async () => {
  const brief = await startWorker({ www: null, vars: { ...vars, ATTUNE_PROFILE_DAYS: String(6_000 / 86_400_000) } });
  try {
    const preferences = async () => (await (await brief.post("/v1/export", { user: "iris" }, KEY)).json()).profile.preferences;
    await brief.post("/feedback", clicks("iris", "bags", 3));
    assert.ok(Object.keys((await preferences()) ?? {}).length > 0);
    const empty = async () => Object.keys((await preferences()) ?? {}).length === 0;
    for (let tries = 0; !(await empty()) && tries < 60; tries++) await pause(250);
    assert.ok(await empty());
  } finally {
    await brief.stop();
  }
});

test("Metarank's events teach through the items named beside them", async () => {
  const [item] = products(1);
  const told = await feedback([
    { event: "item", id: "i1", timestamp: NOW, item: item.id, fields: item.fields },
    { event: "interaction", id: "m1", timestamp: NOW, user: "erin", type: "purchase", item: item.id, fields: { value: 9, currency: "EUR" } },
  ]);
  assert.deepEqual([told.accepted, told.updated, told.stored], [2, 1, true]);
});

test("events of nobody are not stored", async () => {
  const told = await feedback({ type: "click", at: NOW, id: "x", items: [{ id: "p1" }] });
  assert.deepEqual([told.accepted, told.stored], [1, false]);
});

test("without a salt nothing is stored, and ranking goes on without a profile", async () => {
  const bare = await startWorker({ www: null, vars: { ATTUNE_PROFILES: "server" } });
  try {
    const refused = await bare.post("/feedback", clicks("frank", "bags", 1));
    assert.deepEqual([refused.status, (await refused.json()).code], [503, "no_salt"]);
    const answer = await (await bare.post("/rank/default", rankRequest(4, { user: "frank" }))).json();
    assert.deepEqual([answer.mode, answer.items.length], ["contextual", 4]);
    assert.ok(answer.fallback.code);
  } finally {
    await bare.stop();
  }
});
