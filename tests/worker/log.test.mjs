// The decision log in workerd: what is taken, what counts once, what comes out, what is erased.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startWorker } from "./miniflare.mjs";
import { rankRequest, request } from "./shop.mjs";

const KEY = { authorization: "Bearer key" };
const vars = { ATTUNE_LOG: "on", ATTUNE_KEY: "key", ATTUNE_SALT: "a test's salt" };
let worker;
before(async () => {
  worker = await startWorker({ www: null, vars });
});
after(() => worker.stop());

const at = Date.now();
const decision = (id, more = {}) => ({
  type: "decision", v: 1, id, at, mode: "device", bundle: "b", schema: "s", profile_schema: 1, arm: "treatment", source: "model", temperature: 0, seed: "1", tz_offset: 0, device: "mobile", context: { page: "/" },
  slots: [{ id: "home", show: 1, items: [{ id: "p1", propensity: 1 }, { id: "p2", propensity: 1 }] }], ...more,
});
const outcome = (id, decision, more = {}) => ({ type: "outcome", id, decision, slot: "home", item: "p1", kind: "click", at: at + 1_000, ...more });
const send = async (lines, query = "") => {
  const response = await worker.fetch(`/v1/log${query}`, { method: "POST", body: lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n") });
  return { http: response.status, ...(await response.json()) };
};
const read = async (query = "") => {
  const response = await worker.fetch(`/v1/log${query}`, { headers: KEY });
  assert.equal(response.status, 200);
  const text = await response.text();
  return { lines: text.split("\n").filter(Boolean).map((line) => JSON.parse(line)), next: /<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1] };
};
const all = async () => {
  const lines = [];
  for (let query = "?limit=7"; query; ) {
    const page = await read(query);
    lines.push(...page.lines);
    query = page.next && new URL(page.next).search;
  }
  return lines;
};

test("lines come out as they went in, in the order of their times, and once", async () => {
  const sent = Array.from({ length: 20 }, (_, n) => [decision(`d${n}`, { at: at + n * 10 }), outcome(`o${n}`, `d${n}`, { at: at + n * 10 + 5, value: n })]).flat();
  const shuffled = [...sent].sort((a, b) => a.id.localeCompare(b.id));
  assert.deepEqual(await send(shuffled), { http: 200, status: "ok", accepted: 40, repeated: 0, rejected: [] });
  assert.deepEqual(await send(shuffled), { http: 200, status: "ok", accepted: 0, repeated: 40, rejected: [] });
  const lines = await all();
  assert.deepEqual(lines.map(({ id }) => id), sent.map(({ id }) => id));
  assert.deepEqual(lines[1], sent[1]);
  for (const [name, value] of Object.entries(sent[0])) assert.deepEqual(lines[0][name], value, name);
  const window = await read(`?from=${at + 10}&to=${at + 20}`);
  assert.deepEqual(window.lines.map(({ id }) => id), ["d1", "o1"]);
});

test("a decision and an outcome may have one id; nothing else may come twice", async () => {
  assert.equal((await send([decision("same"), outcome("same", "same"), outcome("same", "same", { item: "p2" })])).accepted, 2);
});

test("what cannot be read is named, and loses nothing else", async () => {
  const told = await send([decision("good"), "{oops", { type: "dance" }, outcome("", "good"), outcome("x", ""), decision("ahead", { at: at + 3 * 86_400_000 })]);
  assert.deepEqual([told.http, told.status, told.accepted], [200, "partial", 1]);
  assert.deepEqual(told.rejected.map(({ index, code }) => [index, code]), [[1, "malformed"], [2, "malformed"], [3, "malformed"], [4, "malformed"], [5, "clock"]]);
  assert.deepEqual([(await send(["hello"])).http, (await send(["hello"])).code], [422, "lines_rejected"]);
  assert.equal((await send(Array.from({ length: 1001 }, (_, n) => outcome(`m${n}`, "d")))).code, "too_many");
});

test("a sender whose clock is wrong is put right, one whose clock is right is not touched", async () => {
  const hour = 3_600_000;
  const told = await send([decision("skewed", { at: at - 5 * hour })], `?sent=${Date.now() - 5 * hour}`);
  assert.ok(Math.abs(told.skew - 5 * hour) < 10_000, `${told.skew}`);
  const line = (await all()).find(({ id }) => id === "skewed");
  assert.ok(Math.abs(line.at - at) < 10_000);
  assert.equal((await send([decision("straight")], `?sent=${Date.now() - 900}`)).skew, undefined);
});

test("a shopper's id is not kept, their data is given and erased", async () => {
  await send([decision("hers", { shopper: "alice" }), outcome("hers-1", "hers"), decision("his", { shopper: "bob" }), outcome("his-1", "his")]);
  const text = JSON.stringify(await all());
  assert.ok(!text.includes("alice") && !text.includes("bob"));
  const post = async (path, user) => (await worker.post(path, { user }, KEY)).json();
  assert.deepEqual((await post("/v1/export", "alice")).log.map(({ id }) => id), ["hers", "hers-1"]);
  assert.deepEqual(await post("/v1/forget", "alice"), { forgotten: true });
  assert.deepEqual((await post("/v1/export", "alice")).log, []);
  const left = (await all()).map(({ id }) => id);
  assert.ok(!left.includes("hers") && !left.includes("hers-1") && left.includes("his") && left.includes("his-1"));
});

test("what the Worker decides is logged, and what events say came of it", async (t) => {
  const { status } = await (await worker.fetch("/health")).json();
  if (status !== "ok") return t.skip("no bundle");
  const decided = await (await worker.post("/v1/decide", request(5, { id: "page-1", at }))).json();
  await worker.post("/rank/default", rankRequest(5, { id: "ranking-1", timestamp: String(at) }));
  const { id: item } = decided.slots[0].items[0];
  const told = await (await worker.post("/feedback", [
    { type: "click", id: "e1", at, decision: decided.id, slot: "home", items: [{ id: item }] },
    { event: "interaction", id: "e2", ranking: "ranking-1", timestamp: at, user: "u", type: "purchase", item: "p1" },
    { type: "click", id: "e3", at, items: [{ id: item }] },
  ])).json();
  assert.deepEqual([told.accepted, told.outcomes, told.stored], [3, 2, true]);
  await pause(300);
  const lines = await all();
  const found = (id) => lines.find((line) => line.id === id);
  assert.deepEqual(found(decided.id).slots[0].items.map(({ id }) => id), decided.slots[0].items.map(({ id }) => id));
  assert.equal(found("ranking-1").type, "decision");
  assert.deepEqual([found(`e1/${item}`).kind, found("e2/p1").kind, found("e2/p1").decision], ["click", "conversion", "ranking-1"]);
});

test("lines are erased when they are old enough", async () => {
  const brief = await startWorker({ www: null, vars: { ...vars, ATTUNE_LOG_DAYS: String(1_500 / 86_400_000) } });
  try {
    const body = JSON.stringify(decision("old", { at: Date.now() }));
    await brief.fetch("/v1/log", { method: "POST", body });
    const text = async () => (await brief.fetch("/v1/log", { headers: KEY })).text();
    assert.match(await text(), /"old"/);
    for (let tries = 0; (await text()) && tries < 40; tries++) await pause(250);
    assert.equal(await text(), "");
  } finally {
    await brief.stop();
  }
});

test("without a log there is none", async () => {
  const off = await startWorker({ www: null });
  try {
    const response = await off.fetch("/v1/log", { method: "POST", body: JSON.stringify(decision("d")) });
    assert.deepEqual([response.status, (await response.json()).code], [404, "log_off"]);
  } finally {
    await off.stop();
  }
});
