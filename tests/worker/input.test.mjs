// What was tried on the Worker, and what came. Each row: a name, what is sent, the status and the code.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { postAtLength, startWorker } from "./miniflare.mjs";
import { products, rankRequest, request } from "./shop.mjs";

let worker;
before(async () => {
  worker = await startWorker({ www: null });
});
after(() => worker.stop());

const MB = 1_000_000;
const html = '<img src=x onerror="alert(1)"><script>alert(1)</script>';
const click = (more) => ({ event: "interaction", id: "e", timestamp: 1, user: "u", type: "click", item: "p1", ...more });

const REFUSED = [
  ["an empty body", "/rank/default", "", 400, "malformed"],
  ["half an object", "/rank/default", '{"items":[', 400, "malformed"],
  ["NaN", "/rank/default", '{"id":"1","items":[{"id":"a","fields":[{"name":"price","value":NaN}]}]}', 400, "malformed"],
  ["Infinity", "/rank/default", '{"id":"1","items":[{"id":"a","fields":{"price":Infinity}}]}', 400, "malformed"],
  ["a number beyond any double", "/rank/default", '{"id":"1","items":[{"id":"a","fields":{"price":1e999}}]}', 400, "malformed"],
  ["no items", "/rank/default", "{}", 400, "malformed"],
  ["an item without id", "/rank/default", { id: "1", items: [{}] }, 400, "malformed"],
  ["deep nesting", "/rank/default", "[".repeat(100_000), 400, "malformed"],
  ["not UTF-8", "/rank/default", new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]), 400, "malformed"],
  ["10,001 candidates", "/rank/default", () => rankRequest(10_001), 422, "too_many"],
  ["a timestamp that is none", "/rank/default", rankRequest(1, { timestamp: "soon" }), 400, "malformed"],
  ["a seed that is none", "/rank/default", rankRequest(1, { seed: "-1" }), 400, "malformed"],
  ["half a decision request", "/v1/decide", '{"v":1,', 400, "malformed"],
  ["predict: a newer contract", "/predict/default", request(1, { v: 99 }), 422, "newer_version"],
  ["an unknown event", "/feedback", click({ event: "dance" }), 422, "events_rejected"],
  ["an unknown interaction", "/feedback", click({ type: "dance" }), 422, "events_rejected"],
  ["a newer event", "/feedback", { v: 99, type: "click", at: 1 }, 422, "events_rejected"],
  ["value without currency", "/feedback", { event: "purchase", ecommerce: { value: 3 } }, 422, "events_rejected"],
  ["1,001 events", "/feedback", () => Array.from({ length: 1001 }, () => click()), 422, "too_many"],
  ["no events at all", "/feedback", "hello", 400, "malformed"],
  ["2.1 MB of events", "/feedback", () => [click({ fields: { note: "x".repeat(2.1 * MB) } })], 413, "body_too_large"],
  ["HTML", "/rank/default", html, 415, "media_type", { "content-type": "text/html" }],
  ["a form with files", "/feedback", "--x--", 415, "media_type", { "content-type": "multipart/form-data; boundary=x" }],
  ["a compressed body", "/rank/default", "{}", 415, "content_encoding", { "content-encoding": "gzip" }],
];

for (const [name, path, body, status, code, headers] of REFUSED) {
  test(`${name}: ${status} ${code}`, async () => {
    const response = await worker.post(path, typeof body === "function" ? body() : body, headers);
    const problem = await response.json();
    assert.deepEqual([response.status, problem.code], [status, code]);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    assert.ok(problem.detail.length < 2_000, "hostile input is not sent back at length");
  });
}

for (const declared of [true, false]) {
  test(`a 50 MB body that ${declared ? "says so" : "does not say so"}: 413 body_too_large`, async () => {
    for (const path of ["/rank/default", "/feedback", "/v1/decide"]) {
      const { status, json } = await postAtLength(new URL(path, worker.url), 50 * MB, { declared });
      assert.deepEqual([status, json.code], [413, "body_too_large"], path);
    }
  });
}

const SERVED = [
  ["10,000 candidates", () => rankRequest(10_000), (answer) => assert.equal(answer.items.length, 10_000)],
  ["no candidates", () => rankRequest(0), (answer) => assert.deepEqual(answer.items, [])],
  ["duplicate ids", () => ({ id: "1", items: [...products(3), ...products(2)] }), (answer) => {
    assert.deepEqual(answer.items.map((item) => item.item).sort(), ["p1", "p2", "p3"]);
    assert.deepEqual(answer.withheld.map((item) => item.reason), ["duplicate", "duplicate"]);
  }],
  ["HTML in fields and ids", () => ({ id: "1", items: [{ id: html, fields: { name: html, category: html } }, ...products(2)] }), (answer) =>
    assert.ok(answer.items.some((item) => item.item === html))],
  ["a field of 1 MB", () => ({ id: "1", items: [{ id: "a", fields: { name: "长".repeat(MB / 3), category: "x".repeat(MB) } }, ...products(2)] }), (answer) =>
    assert.equal(answer.items.length, 3)],
  ["fields of other types", () => ({ id: "1", items: [{ id: "a", fields: { price: "cheap", name: 7, category: { a: 1 }, brand: null } }, ...products(2)] }), (answer) =>
    assert.equal(answer.items.length, 3)],
  ["extreme numbers", () => ({ id: "1", items: [{ id: "a", fields: { price: 1e308, margin: -1e308, published_at: 9e15 } }, ...products(2)] }), (answer) =>
    assert.ok(answer.items.every((item) => Number.isFinite(item.score)))],
  ["a clock before 1970", () => rankRequest(3, { timestamp: -1e15 }), (answer) => assert.equal(answer.items.length, 3)],
  ["a profile that is none", () => rankRequest(3, { profile: [1, 2] }), (answer) =>
    assert.deepEqual([answer.items.length, answer.mode], [3, "contextual"])],
];

for (const [name, body, check] of SERVED) {
  test(`${name}: 200`, async () => {
    const response = await worker.post("/rank/default", body());
    assert.equal(response.status, 200);
    check(await response.json());
  });
}

test("10,001 candidates in Attune's own form: the page's own order, and why", async () => {
  const response = await worker.post("/v1/decide", request(10_001));
  const decision = await response.json();
  assert.deepEqual([response.status, decision.source, decision.fallback.code], [200, "page", "too_many"]);
});

test("after all that it still answers", async () => {
  assert.equal((await worker.post("/rank/default", rankRequest(3))).status, 200);
});
