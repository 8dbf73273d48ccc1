// The golden cases in workerd: decisions, logits among them, as every other runtime gives them, bit for bit. Logits and
// attributions are 32-bit floats: the corpus writes them with the digits of a double, a Worker's answer with the fewest
// digits that name the float. Rounded to 32 bits, both texts must be the same number.

import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT, scratch, startWorker } from "./miniflare.mjs";

const GOLDEN = join(ROOT, "tests/golden");
const BUNDLE = join(GOLDEN, "small.attune");
const files = existsSync(BUNDLE) ? readdirSync(GOLDEN).filter((file) => file.endsWith(".json")).sort() : [];

let worker;
before(async () => {
  if (files.length === 0) return;
  const www = scratch("attune-golden-");
  mkdirSync(join(www, "models"));
  copyFileSync(BUNDLE, join(www, "models/golden.attune"));
  worker = await startWorker({ www });
});
after(() => worker?.stop());

/** The text a case sends: its request, one candidate many times, or text that is no request. */
function textOf(request) {
  if (typeof request === "string") return request;
  if (!request.repeat) return JSON.stringify(request);
  const of = structuredClone(request.of);
  of.slots[0].candidates = Array(request.repeat).fill(of.slots[0].candidates[0]);
  return JSON.stringify(of);
}

const floats = (value) => (typeof value === "number" ? Math.fround(value) : Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, floats(inner)])));

/** A decision with its 32-bit floats as such. Everything else stays as it is. */
function exact(decision) {
  const item = (ranked) => ({
    ...ranked,
    logits: floats(ranked.logits),
    ...(ranked.attributions && { attributions: floats(ranked.attributions) }),
  });
  return { ...decision, slots: decision.slots.map((slot) => ({ ...slot, items: slot.items.map(item) })) };
}

test("there are golden cases", (t) => {
  if (files.length === 0) t.skip("no tests/golden/small.attune: ATTUNE_BLESS=1 cargo test --test golden");
});

for (const file of files) {
  const { name, request, decision } = JSON.parse(readFileSync(join(GOLDEN, file), "utf8"));
  test(`golden case ${name}`, async () => {
    const response = await worker.post("/v1/decide?model=golden", textOf(request));
    const got = await response.json();
    if (decision.fallback?.code === "malformed") {
      assert.deepEqual([response.status, got.code, got.detail], [400, "malformed", decision.fallback.message]);
      return;
    }
    assert.equal(response.status, 200);
    assert.deepEqual(exact(got), exact(decision));
  });
}

if (files.length > 0) {
  test("Metarank's form of a golden request gets its order and scores", async () => {
    const { request, decision } = JSON.parse(readFileSync(join(GOLDEN, "cold.json"), "utf8"));
    const { slots, context, at, ...rest } = request;
    const items = slots[0].candidates;
    const sent = { ...rest, timestamp: at, fields: context, items, show: slots[0].show };
    const answer = await (await worker.post("/rank/golden?explain=1", sent)).json();
    const expected = decision.slots[0].items.map(({ id, score }) => [id, score]);
    assert.deepEqual(answer.items.map(({ item, score }) => [item, score]), expected);
    assert.equal(answer.decision, decision.id);
    for (const { features } of answer.items) {
      const parts = features.filter((feature) => feature.name.startsWith("click."));
      assert.ok(parts.some((part) => part.name === "click.interaction") && parts.some((part) => part.name === "click.bias"));
    }
  });

  test("predictions of a golden request are its logits, in the page's own order", async () => {
    const { request, decision } = JSON.parse(readFileSync(join(GOLDEN, "cold.json"), "utf8"));
    const { slots } = await (await worker.post("/predict/golden", request)).json();
    const logits = new Map(slots[0].candidates.map((candidate) => [candidate.id, candidate.logits]));
    assert.deepEqual([...logits.keys()], request.slots[0].candidates.map((candidate) => candidate.id));
    for (const item of decision.slots[0].items) assert.deepEqual(floats(logits.get(item.id)), floats(item.logits));
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
}
