// The golden cases in workerd: decisions, logits among them, as every other runtime gives them, bit for bit.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BUNDLE, exact, floats, goldenCases } from "../golden/corpus.mjs";
import { scratch, startWorker } from "./miniflare.mjs";

const cases = goldenCases();
const cold = cases.find(({ name }) => name === "cold");

let worker;
before(async () => {
  const www = scratch("attune-golden-");
  mkdirSync(join(www, "models"));
  copyFileSync(BUNDLE, join(www, "models/golden.attune"));
  worker = await startWorker({ www });
});
after(() => worker?.stop());

for (const { name, text, decision } of cases) {
  test(`golden case ${name}`, async () => {
    const response = await worker.post("/v1/decide?model=golden", text);
    const got = await response.json();
    if (decision.fallback?.code === "malformed") {
      assert.deepEqual([response.status, got.code, got.detail], [400, "malformed", decision.fallback.message]);
      return;
    }
    assert.equal(response.status, 200);
    assert.deepEqual(exact(got), exact(decision));
  });
}

test("Metarank's form of a golden request gets its order and scores", async () => {
  const request = JSON.parse(cold.text);
  const { slots, context, at, ...rest } = request;
  const items = slots[0].candidates;
  const sent = { ...rest, timestamp: at, fields: context, items, show: slots[0].show };
  const answer = await (await worker.post("/rank/golden?explain=1", sent)).json();
  const expected = cold.decision.slots[0].items.map(({ id, score }) => [id, score]);
  assert.deepEqual(answer.items.map(({ item, score }) => [item, score]), expected);
  assert.equal(answer.decision, cold.decision.id);
  for (const { features } of answer.items) {
    const parts = features.filter((feature) => feature.name.startsWith("click."));
    assert.ok(parts.some((part) => part.name === "click.interaction") && parts.some((part) => part.name === "click.bias"));
  }
});

test("predictions of a golden request are its logits, in the page's own order", async () => {
  const request = JSON.parse(cold.text);
  const { slots } = await (await worker.post("/predict/golden", request)).json();
  const logits = new Map(slots[0].candidates.map((candidate) => [candidate.id, candidate.logits]));
  assert.deepEqual([...logits.keys()], request.slots[0].candidates.map((candidate) => candidate.id));
  for (const item of cold.decision.slots[0].items) assert.deepEqual(floats(logits.get(item.id)), floats(item.logits));
});

test("a bundle that is damaged is named, and the page keeps its order", async () => {
  const www = scratch("attune-damaged-");
  mkdirSync(join(www, "models"));
  const bytes = readFileSync(BUNDLE);
  writeFileSync(join(www, "models/cut.attune"), bytes.subarray(0, bytes.length / 2));
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(join(www, "models/changed.attune"), bytes);
  const other = await startWorker({ www });
  try {
    for (const model of ["cut", "changed"]) {
      const response = await other.post(`/rank/${model}`, { id: "1", items: [{ id: "b" }, { id: "a" }] });
      const answer = await response.json();
      assert.deepEqual([response.status, answer.fallback.code, answer.source], [200, "bundle_unusable", "page"]);
      assert.deepEqual(answer.items.map((item) => item.item), ["b", "a"]);
      assert.equal((await other.post(`/predict/${model}`, { id: "1", items: [] })).status, 503);
    }
  } finally {
    await other.stop();
  }
});
