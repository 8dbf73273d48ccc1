// Routes, forms and answers, in workerd.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { scratch, startWorker } from "./miniflare.mjs";
import { rankRequest, request } from "./shop.mjs";

let worker;
let health;
before(async () => {
  const www = scratch("attune-www-");
  writeFileSync(join(www, "index.html"), "<!doctype html><title>shop</title>");
  mkdirSync(join(www, "pkg"));
  writeFileSync(join(www, "pkg/a.js"), "export const a = 1;\n");
  worker = await startWorker({ www });
  health = await (await worker.fetch("/health")).json();
});
after(() => worker.stop());

/** Tests of a ranking need the bundle; without one the Worker keeps the page's order. */
const ranks = (name, body) =>
  test(name, async (t) => (health.status === "ok" ? body(t) : t.skip(`no bundle: ${health.fallback?.message}`)));

test("health says what is running", () => {
  assert.equal(health.mode, "contextual");
  assert.match(health.version, /^\d+\.\d+\.\d+$/);
  if (health.status === "ok") {
    assert.match(health.bundle, /^[0-9a-f]{64}$/);
    assert.match(health.integrity, /^sha256-[A-Za-z0-9+/]{43}=$/);
    assert.ok(health.schema.length > 0);
  } else assert.ok(health.fallback.code);
});

ranks("a ranking in Metarank's form", async () => {
  const sent = rankRequest(25);
  const response = await worker.post(`/rank/${health.model}`, sent);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  const answer = await response.json();
  assert.equal(answer.fallback, undefined);
  assert.equal(answer.source, "model");
  assert.equal(answer.mode, "contextual");
  assert.equal(answer.bundle, health.bundle);
  assert.deepEqual(answer.items.map((item) => item.item).sort(), sent.items.map((item) => item.id).sort());
  const scores = answer.items.map((item) => item.score);
  assert.deepEqual(scores, [...scores].sort((a, b) => b - a));
  assert.ok(new Set(scores).size > 1, "the model tells items apart");
  assert.ok(answer.items.every((item) => item.features === undefined && item.propensity === 1));
});

ranks("explain adds effects with intervals and the parts of each logit", async () => {
  const answer = await (await worker.post("/rank/default?explain=true", rankRequest(5))).json();
  const native = await (await worker.post("/v1/decide", request(5, { explain: true }))).json();
  for (const { item, features } of answer.items) {
    const click = features.find((feature) => feature.name === "click");
    assert.ok(click.low <= click.value && click.value <= click.high && click.low >= 0 && click.high <= 1);
    const parts = features.filter((feature) => feature.name.startsWith("click."));
    const logit = native.slots[0].items.find((ranked) => ranked.id === item).logits.click;
    const sum = parts.reduce((total, part) => total + part.value, 0);
    assert.ok(Math.abs(sum - logit) < 1e-3, `${item}: parts ${sum}, logit ${logit}`);
  }
});

ranks("both forms of a request get the same order and scores", async () => {
  const metarank = await (await worker.post("/rank/default", rankRequest(40))).json();
  const native = await (await worker.post("/v1/decide", request(40))).json();
  assert.deepEqual(
    metarank.items.map(({ item, score }) => [item, score]),
    native.slots[0].items.map(({ id, score }) => [id, score]),
  );
});

ranks("exploration is seeded, and its propensities are told", async () => {
  const explore = { temperature: 0.3 };
  const ask = async (more) => (await worker.post("/rank/default", rankRequest(20, { explore, ...more }))).json();
  const [one, same, other] = [await ask({ seed: "7" }), await ask({ seed: "7" }), await ask({ seed: "18446744073709551615" })];
  const order = (answer) => answer.items.map((item) => item.item);
  assert.deepEqual(order(one), order(same));
  assert.notDeepEqual(order(one), order(other));
  assert.equal(other.seed, "18446744073709551615");
  assert.equal(one.temperature, 0.3);
  assert.ok(one.items.slice(0, -1).every((item) => item.propensity > 0 && item.propensity < 1));
});

ranks("predictions come in the page's own order", async () => {
  const sent = request(6);
  for (const body of [sent, rankRequest(6)]) {
    const answer = await (await worker.post("/predict/default", body)).json();
    assert.deepEqual(answer.slots[0].candidates.map((candidate) => candidate.id), ["p1", "p2", "p3", "p4", "p5", "p6"]);
    assert.ok(Object.keys(answer.slots[0].candidates[0].logits).includes("click"));
  }
});

ranks("a profile in the body is used, one from a newer version costs only itself", async () => {
  const profile = { v: 1, sessions: 3, orders: 1, spent: 40 };
  const with_ = await (await worker.post("/rank/default", rankRequest(5, { profile }))).json();
  assert.deepEqual([with_.mode, with_.fallback], ["device", undefined]);
  const newer = await (await worker.post("/rank/default", rankRequest(5, { profile: { v: 99 } }))).json();
  assert.deepEqual([newer.mode, newer.fallback.code, newer.items.length], ["contextual", "profile_newer", 5]);
});

test("feedback is checked and counted, and not said to be stored", async () => {
  const click = { event: "interaction", id: "e1", timestamp: 1, user: "u1", type: "click", item: "p1" };
  const native = { type: "add_to_cart", at: 5, id: "n1", items: [{ id: "p2" }] };
  const ga4 = { client_id: "c", events: [{ name: "view_item", params: { items: [{ item_id: "p1" }] } }, { name: "scroll" }] };
  const read = async (body, headers) => {
    const response = await worker.post("/feedback", body, headers);
    return { http: response.status, ...(await response.json()) };
  };
  const one = await read(click);
  assert.deepEqual([one.http, one.status, one.accepted, one.stored], [200, "ok", 1, false]);
  const many = await read([click, native, ga4]);
  assert.deepEqual([many.accepted, many.ignored, many.rejected], [3, 1, []]);
  const lines = [click, "{oops", native, { ...click, type: "like" }].map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  const mixed = await read(lines.join("\n"), { "content-type": "application/x-ndjson" });
  assert.deepEqual([mixed.http, mixed.status, mixed.accepted], [200, "partial", 2]);
  assert.deepEqual(mixed.rejected.map(({ index, code }) => [index, code]), [[1, "malformed"], [3, "malformed"]]);
  assert.match(mixed.rejected[1].message, /add_to_cart/);
});

test("curl's default media type is taken, as Metarank's examples need it", async () => {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  assert.equal((await worker.post("/rank/default", rankRequest(2), headers)).status, 200);
});

test("problems are problem documents", async () => {
  const cases = [
    ["GET", "/rank/default", 405, "method_not_allowed"],
    ["PUT", "/feedback", 405, "method_not_allowed"],
    ["POST", "/health", 405, "method_not_allowed"],
    ["POST", "/rank/none-such", 404, "unknown_model"],
    ["POST", "/predict/none-such", 404, "unknown_model"],
    ["POST", "/recommend/default", 404, "not_found"],
    ["GET", "/no/such/page", 404, "not_found"],
    ["DELETE", "/no/such/page", 404, "not_found"],
    ["POST", "/v1/forget", 403, "no_key"],
  ];
  for (const [method, path, status, code] of cases) {
    const body = method === "GET" || method === "DELETE" ? undefined : '{"user":"u1","items":[]}';
    const response = await worker.fetch(path, { method, body, headers: body && { "content-type": "application/json" } });
    const name = `${method} ${path}`;
    assert.equal(response.headers.get("content-type"), "application/problem+json", name);
    const problem = await response.json();
    assert.deepEqual([response.status, problem.status, problem.code], [status, status, code], name);
    assert.equal(problem.type, `urn:attune:problem:${code}`);
    assert.ok(problem.title && problem.detail, name);
    if (status === 405) assert.match(response.headers.get("allow"), /POST|GET/);
  }
});

test("the storefront's files are served beside it", async () => {
  const page = await worker.fetch("/");
  assert.match(page.headers.get("content-type"), /text\/html/);
  assert.match(await page.text(), /shop/);
  const module = await worker.fetch("/pkg/a.js");
  assert.match(module.headers.get("content-type"), /javascript/);
});

test("another bundle than the one expected is refused, and pages keep their order", async (t) => {
  if (health.status !== "ok") return t.skip("no bundle");
  const right = await startWorker({ www: null, vars: { ATTUNE_INTEGRITY: health.integrity } });
  assert.equal((await (await right.fetch("/health")).json()).status, "ok");
  await right.stop();
  const wrong = await startWorker({ www: null, vars: { ATTUNE_INTEGRITY: `sha256-${"A".repeat(43)}=` } });
  try {
    const told = await (await wrong.fetch("/health")).json();
    assert.deepEqual([told.status, told.fallback.code], ["degraded", "bundle_integrity"]);
    const response = await wrong.post("/rank/default", rankRequest(4));
    const answer = await response.json();
    assert.deepEqual([response.status, answer.source, answer.fallback.code], [200, "page", "bundle_integrity"]);
    assert.deepEqual(answer.items.map((item) => item.item), ["p1", "p2", "p3", "p4"]);
    const predict = await wrong.post("/predict/default", request(2));
    assert.deepEqual([predict.status, (await predict.json()).cause], [503, "bundle_integrity"]);
  } finally {
    await wrong.stop();
  }
});
