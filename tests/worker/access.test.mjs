// Keys, other sites' pages, rate limits, counters, the roll-out of a bundle, and the description of it all.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import Ajv from "ajv/dist/2020.js";
import { ROOT, scratch, startWorker } from "./miniflare.mjs";
import { rankRequest, request } from "./shop.mjs";

const SITE = "https://shop.example";
const KEY = { authorization: "Bearer key" };
let worker;
let health;
before(async () => {
  const www = scratch("attune-www-");
  mkdirSync(join(www, "models"));
  copyFileSync(join(ROOT, "tests/golden/small.attune"), join(www, "models/next.attune"));
  writeFileSync(join(www, "models/broken.attune"), "not a bundle");
  const vars = { ATTUNE_KEY: "key", ATTUNE_RANK_KEY: "rank", ATTUNE_ORIGINS: `${SITE} https://other.example/`, ATTUNE_ROLLOUT: "on", ATTUNE_LOG: "on", ATTUNE_PROFILES: "server", ATTUNE_SALT: "salt", ATTUNE_GENERATE: "key" };
  worker = await startWorker({ www, vars, limit: 30 });
  health = await (await worker.fetch("/health")).json();
});
after(() => worker.stop());

const code = async (response) => [response.status, response.ok ? "ok" : (await response.json()).code];

test("ranking takes one of the two keys, the shop's own routes take the shop's", async () => {
  const rank = async (headers) => code(await worker.post("/rank/default", rankRequest(2), headers));
  assert.deepEqual(await rank({}), [401, "unauthorized"]);
  assert.deepEqual(await rank({ authorization: "Bearer wrong" }), [401, "unauthorized"]);
  assert.deepEqual(await rank({ authorization: "Bearer rank" }), [200, "ok"]);
  assert.deepEqual(await rank({ authorization: "bearer key" }), [200, "ok"]);
  for (const [method, path] of [["GET", "/v1/log"], ["GET", "/metrics"], ["GET", "/v1/rollout"], ["POST", "/v1/export"], ["POST", "/v1/forget"]]) {
    const ask = (headers) => worker.fetch(path, { method, headers, ...(method === "POST" && { body: '{"user":"u"}' }) });
    const refused = await ask({ authorization: "Bearer rank" });
    assert.equal(refused.headers.get("www-authenticate"), "Bearer");
    assert.deepEqual(await code(refused), [401, "unauthorized"], path);
    assert.deepEqual(await code(await ask(KEY)), [200, "ok"], path);
  }
});

test("without a key nobody has the shop's", async () => {
  const open = await startWorker({ www: null });
  try {
    assert.deepEqual(await code(await open.fetch("/metrics", { headers: { authorization: "Bearer " } })), [403, "no_key"]);
    assert.deepEqual(await code(await open.post("/rank/default", rankRequest(2))), [200, "ok"]);
  } finally {
    await open.stop();
  }
});

test("pages of listed sites may call and read, others may not", async () => {
  const ask = (origin, method, headers) => worker.fetch("/feedback", { method, headers: { origin, ...headers }, ...(method === "POST" && { body: '{"type":"click","at":1}' }) });
  const listed = await ask(SITE, "POST");
  assert.deepEqual([listed.status, listed.headers.get("access-control-allow-origin"), listed.headers.get("vary")], [200, SITE, "Origin"]);
  assert.equal((await ask("https://other.example", "POST")).headers.get("access-control-allow-origin"), "https://other.example");
  const other = await ask("https://evil.example", "POST");
  assert.equal(other.headers.get("access-control-allow-origin"), null);
  assert.deepEqual(await code(other), [403, "origin_not_allowed"]);
  assert.equal((await ask(worker.url.origin, "POST")).status, 200);
  const asks = { "access-control-request-method": "POST", "access-control-request-headers": "content-type" };
  const preflight = await ask(SITE, "OPTIONS", asks);
  assert.deepEqual([preflight.status, preflight.headers.get("access-control-allow-origin"), preflight.headers.get("access-control-allow-methods")], [204, SITE, "GET, POST"]);
  const refused = await ask("https://evil.example", "OPTIONS", asks);
  assert.deepEqual([refused.headers.get("access-control-allow-origin"), refused.headers.get("access-control-allow-methods")], [null, null]);
});

test("who writes too often is told to wait, who has a key is not", async () => {
  const write = (headers) => worker.post("/feedback", { type: "click", at: 1 }, headers);
  let last;
  for (let n = 0; n < 60 && last?.status !== 429; n++) last = await write({});
  assert.deepEqual([last.status, last.headers.get("retry-after")], [429, "60"]);
  assert.equal((await last.json()).code, "too_many_requests");
  assert.equal((await write(KEY)).status, 200);
  assert.equal((await worker.post("/rank/default", rankRequest(2), KEY)).status, 200, "ranking is not limited");
});

test("metrics are Prometheus', and say that they are one isolate's", async () => {
  await worker.post("/v1/decide", request(3), KEY);
  const response = await worker.fetch("/metrics", { headers: KEY });
  assert.match(response.headers.get("content-type"), /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  assert.match(text, /one isolate/);
  const line = /^[a-z_]+(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? \d+$/;
  for (const said of text.trim().split("\n").filter((said) => !said.startsWith("#"))) assert.match(said, line);
  const count = () => worker.fetch("/metrics", { headers: KEY }).then((r) => r.text()).then((t) => Number(/route_status="\/v1\/decide:200"\} (\d+)/.exec(t)[1]));
  const before = await count();
  await worker.post("/v1/decide", request(3), KEY);
  assert.equal(await count(), before + 1);
});

test("a bundle is rolled out to a share of the shoppers, and rolled back", async (t) => {
  if (health.status !== "ok") return t.skip("no bundle");
  const rollout = async (method, body) => worker.fetch("/v1/rollout", { method, headers: KEY, ...(body && { body: JSON.stringify(body) }) });
  const bundles = async () => {
    const found = {};
    for (let n = 0; n < 60; n++) {
      const { bundle } = await (await worker.post("/rank", request(3, { shopper: `s${n}` }), KEY)).json();
      (found[bundle] ??= []).push(n);
    }
    return found;
  };
  assert.deepEqual(Object.keys(await bundles()), [health.bundle]);
  assert.deepEqual(await (await rollout("PUT", { model: "next", percent: 30 })).json(), { rollout: { model: "next", percent: 30 } });
  const shared = await bundles();
  const [next] = Object.keys(shared).filter((bundle) => bundle !== health.bundle);
  assert.ok(shared[next].length > 5 && shared[next].length < 35, `${shared[next].length} of 60`);
  assert.deepEqual(await bundles(), shared, "a shopper keeps their bundle");
  assert.deepEqual(await (await rollout("DELETE")).json(), { rollout: null });
  assert.deepEqual(Object.keys(await bundles()), [health.bundle]);
  assert.deepEqual(await code(await rollout("PUT", { model: "broken", percent: 5 })), [422, "unusable_bundle"]);
  assert.deepEqual(await code(await rollout("PUT", { model: "none", percent: 5 })), [404, "unknown_model"]);
  assert.deepEqual(await code(await rollout("PUT", { model: "next", percent: 101 })), [422, "out_of_range"]);
  assert.deepEqual(await (await rollout("GET")).json(), { rollout: null });
});

test("dashboards get a point for each decision and each kind of outcome, and no more for what comes again", async () => {
  // Stands in for Analytics Engine, which takes points and cannot be asked for them.
  const points = [];
  const script = "export default (env) => ({ writeDataPoint(point) { env.SINK.fetch('http://sink/', { method: 'POST', body: JSON.stringify(point) }); } });";
  const more = { wrappedBindings: { DASHBOARD: { scriptName: "dashboard" } } };
  const sink = async (request) => {
    points.push(await request.json());
    return new Response("");
  };
  const shown = await startWorker({
    www: null, vars: { ATTUNE_LOG: "on" }, more,
    beside: [{ name: "dashboard", modules: true, script, serviceBindings: { SINK: sink } }],
  });
  try {
    await shown.post("/rank", request(3));
    const outcome = { type: "outcome", id: "o", decision: "d", item: "p1", kind: "conversion", at: Date.now(), value: 5 };
    for (let n = 0; n < 2; n++) await shown.post("/v1/log", outcome);
    for (let tries = 0; points.length < 2 && tries < 40; tries++) await pause(50);
    await pause(200);
    assert.deepEqual(points.map(({ blobs }) => blobs[0]), ["decision", "outcome"]);
    assert.deepEqual([points[0].doubles.slice(0, 2), points[1].blobs[1], points[1].doubles], [[1, 3], "conversion", [1, 5]]);
  } finally {
    await shown.stop();
  }
});

test("a prefix keeps the shop's own paths free", async () => {
  const prefixed = await startWorker({ www: null, vars: { ATTUNE_PREFIX: "/attune" } });
  try {
    assert.equal((await prefixed.fetch("/attune/health")).status, 200);
    assert.equal((await prefixed.fetch("/health")).status, 404);
  } finally {
    await prefixed.stop();
  }
});

test("a variable that is not understood is told, and costs only itself", async () => {
  const wrong = await startWorker({ www: null, vars: { ATTUNE_RANKING: "{oops", ATTUNE_ORIGIN: "shop", ATTUNE_PATIENCE: "soon" } });
  try {
    const told = await (await wrong.fetch("/health")).json();
    assert.equal(told.status, "degraded");
    assert.deepEqual(told.settings.map((said) => said.split(" ")[0]).sort(), ["ATTUNE_ORIGIN", "ATTUNE_PATIENCE", "ATTUNE_RANKING"]);
    assert.equal((await wrong.post("/rank/default", rankRequest(2))).status, 200);
  } finally {
    await wrong.stop();
  }
});

test("the description fits every answer", async () => {
  const description = await (await worker.fetch("/openapi.json")).json();
  assert.deepEqual(description, JSON.parse(readFileSync(join(ROOT, "crates/worker/openapi.json"), "utf8")));
  const ajv = new Ajv({ strict: false, allErrors: true });
  ajv.addSchema({ $id: "api", ...description });
  const pointer = (...path) => `api#/${path.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;
  const at = Date.now();
  const calls = [
    ["post", "/rank", "/rank", request(3, { explain: true })],
    ["post", "/v1/decide", "/v1/decide", request(3)],
    ["post", "/v1/decide", "/v1/decide", "{"],
    ["post", "/rank/{model}", "/rank/default?explain=true", rankRequest(3)],
    ["post", "/rank/{model}", "/rank/none", rankRequest(3)],
    ["post", "/predict/{model}", "/predict/default", request(3)],
    ["post", "/feedback", "/feedback", [{ type: "click", at, id: "e", shopper: "u", items: [{ id: "p1" }] }]],
    ["post", "/feedback", "/feedback", [{ type: "dance" }]],
    ["post", "/v1/log", "/v1/log", { type: "outcome", id: "o", decision: "d", item: "p1", kind: "click", at }],
    ["post", "/v1/log", "/v1/log", "x"],
    ["get", "/v1/log", "/v1/log"],
    ["get", "/v1/log", "/v1/log?from=x"],
    ["post", "/v1/export", "/v1/export", { user: "u" }],
    ["post", "/v1/forget", "/v1/forget", { user: "u" }],
    ["post", "/generate", "/generate", { brief: { facts: { name: "Apollo" } } }],
    ["post", "/generate", "/generate", { brief: {} }],
    ["post", "/v1/chat/completions", "/v1/chat/completions", { messages: [{ role: "user", content: "Hi" }] }],
    ["get", "/v1/rollout", "/v1/rollout"],
    ["put", "/v1/rollout", "/v1/rollout", { model: "next", percent: 0 }],
    ["delete", "/v1/rollout", "/v1/rollout"],
    ["get", "/health", "/health"],
    ["get", "/metrics", "/metrics"],
    ["get", "/openapi.json", "/openapi.json"],
  ];
  const tried = new Set();
  for (const [method, route, path, body] of calls) {
    const name = `${method} ${route}`;
    tried.add(name);
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await worker.fetch(path, { method: method.toUpperCase(), body: body && text, headers: { ...KEY, ...(body && { "content-type": "application/json" }) } });
    const operation = description.paths[route][method];
    let answer = operation.responses[response.status];
    assert.ok(answer, `${name} answers ${response.status}, which is not described`);
    const inside = answer.$ref ? ["components", "responses", "Problem"] : ["paths", route, method, "responses", String(response.status)];
    if (answer.$ref) answer = description.components.responses.Problem;
    const kind = response.headers.get("content-type").split(";")[0];
    assert.ok(answer.content[kind], `${name}: ${kind} is not described`);
    if (!kind.endsWith("json") || kind === "application/x-ndjson") continue;
    const validate = ajv.getSchema(pointer(...inside, "content", kind, "schema"));
    const said = await response.json();
    assert.ok(validate(said), `${name} ${response.status}: ${ajv.errorsText(validate.errors)}`);
  }
  const described = Object.entries(description.paths).flatMap(([path, of]) => Object.keys(of).map((method) => `${method} ${path}`));
  assert.deepEqual([...tried].sort(), described.sort(), "every operation is tried");
});
