// The Worker's own model: loaded from the static files, tried, kept; what is left when it is absent, wrong, too large or too slow.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Response } from "miniflare";
import { manifest, parrot } from "../browser/parrot.mjs";
import { ROOT, startWorker } from "./miniflare.mjs";

const BRIEF = {
  act: "inform(name=apollo 73;type=laptop;memory=4 gb;price=699 dollars;drive=500 gb)",
  facts: { name: "apollo 73", category: "laptop", attributes: { memory: "4 gb", price: "699 dollars", drive: "500 gb" } },
};
// No word twice: it would be followed by what follows the second one.
const SAYS = ["the", " SLOT_NAME", " SLOT_TYPE", " has", " SLOT_MEMORY", " memory", " and", " a", " SLOT_DRIVE", " drive", " for", " SLOT_PRICE"];
const TEXT = /^The apollo 73 laptop has 4 GB memory and a 500 GB drive for (\$699|699 dollars)/i;

const SHIPPED = join(ROOT, "models/copywriter.gguf");
const folder = mkdtempSync(join(tmpdir(), "attune-copywriter-"));
const good = parrot(SAYS, { voice: "act" });
const changed = Buffer.from(good);
changed[changed.length - 5000] ^= 0x40;
// 50 MB by its header, cut off after it: what is too large is known before it comes.
const large = parrot(SAYS, { voice: "act", layers: 4, feedForward: 16_384 }).subarray(0, 100_000);
const heavy = parrot(SAYS, { voice: "act", layers: 1, feedForward: 24_000 });
const FILES = {
  "good.gguf": [good],
  "heavy.gguf": [heavy],
  "changed.gguf": [changed, manifest(good)],
  "short.gguf": [good.subarray(0, 100_000), manifest(good)],
  "large.gguf": [large],
  "page.gguf": [Buffer.from("<!doctype html><title>Not found</title>")],
  "mute.gguf": [parrot(SAYS, { voice: "act", tokenizer: false })],
  "liar.gguf": [parrot(["the", " SLOT_NAME", " is", " waterproof"], { voice: "act" })],
  "bare.gguf": [good, null],
};

const open = { ATTUNE_GENERATE: "open", ATTUNE_COPYWRITER_MS: "20000" };
const workers = [];
const start = async (vars, more = {}) => {
  const worker = await startWorker({ www: folder, vars: { ...open, ...vars }, ...more });
  workers.push(worker);
  return worker;
};
const write = async (worker, more = {}) => {
  const response = await worker.post("/generate", { brief: BRIEF, n: 1, ...more });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
};
const left = ({ left }) => left.map(({ rung, code }) => `${rung} ${code}`);

let worker;
before(async () => {
  for (const [name, [bytes, listed = manifest(bytes)]] of Object.entries(FILES)) {
    writeFileSync(join(folder, name), bytes);
    if (listed) writeFileSync(join(folder, `${name}.manifest.json`), JSON.stringify(listed));
  }
  worker = await start({ ATTUNE_COPYWRITER: "good.gguf" });
});
after(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  rmSync(folder, { recursive: true, force: true });
});

test("the Worker's own model writes, and the answer says so", async () => {
  const answer = await write(worker);
  assert.equal(answer.rung, "cpu", answer.why);
  assert.deepEqual([answer.model, answer.why, answer.left], ["parrot", "cpu is the rung that was asked for", []]);
  assert.match(answer.candidates[0].text, TEXT);
  assert.ok(answer.candidates[0].facts.said.includes("apollo 73"));
  assert.ok(answer.tokens_per_second > 0);
});

test("it is kept for the next request, and those that come at once wait for each other", async () => {
  const answers = await Promise.all(Array.from({ length: 6 }, (_, seed) => write(worker, { seed })));
  for (const answer of answers) {
    assert.equal(answer.rung, "cpu", answer.why);
    assert.match(answer.candidates[0].text, TEXT);
  }
});

test("a request may begin at another rung", async () => {
  assert.deepEqual(left(await write(worker, { from: "gpu" })), ["gpu rung_absent"]);
  const remote = await write(worker, { from: "remote" });
  assert.deepEqual([remote.rung, ...left(remote)], ["template", "remote remote_absent"]);
  const template = await write(worker, { from: "template" });
  assert.deepEqual([template.rung, template.left], ["template", []]);
  const response = await worker.post("/generate", { brief: BRIEF, from: "moon" });
  assert.deepEqual([response.status, (await response.json()).code], [400, "malformed"]);
});

test("events stream: the rung, its texts, the copy", async () => {
  const response = await worker.post("/generate", { brief: BRIEF, n: 1 }, { accept: "text/event-stream" });
  const told = (await response.text()).split("\n\n").filter(Boolean).map((event) => JSON.parse(event.replace(/^data: /, "")));
  assert.deepEqual([told[0].type, told[0].rung], ["rung", "cpu"]);
  assert.match(told.find(({ type }) => type === "text").text, TEXT);
  assert.deepEqual([told.at(-1).type, told.at(-1).rung], ["copy", "cpu"]);
});

test("who leaves in the middle leaves the model to the next one", async () => {
  const busy = await start({ ATTUNE_COPYWRITER: "heavy.gguf" }, { direct: true });
  assert.equal((await write(busy)).rung, "cpu");
  for (let visit = 0; visit < 3; visit += 1) {
    const leaving = new AbortController();
    const gone = fetch(new URL("/generate", busy.url), { method: "POST", signal: leaving.signal, headers: { "content-type": "application/json" }, body: JSON.stringify({ brief: BRIEF, n: 8 }) });
    setTimeout(() => leaving.abort(), 40);
    await assert.rejects(gone.then((response) => response.text()), { name: "AbortError" });
  }
  const answer = await write(busy);
  assert.equal(answer.rung, "cpu", answer.why);
});

test("rankings are answered while copy is written", async () => {
  const busy = await start({ ATTUNE_COPYWRITER: "heavy.gguf" });
  await write(busy);
  let writing = true;
  const copy = write(busy, { n: 8 }).finally(() => (writing = false));
  let ranked = 0;
  while (writing) {
    const response = await busy.fetch("/health");
    assert.equal(response.status, 200);
    ranked += writing ? 1 : 0;
    await response.text();
  }
  assert.equal((await copy).rung, "cpu");
  assert.ok(ranked > 0, "nothing else was answered meanwhile");
});

for (const [what, name, code] of [
  ["is not there", "nowhere.gguf", "model_unverified"],
  ["has no manifest", "bare.gguf", "model_unverified"],
  ["is cut off", "short.gguf", "model_malformed"],
  ["was changed in one bit", "changed.gguf", "model_malformed"],
  ["is a page", "page.gguf", "model_malformed"],
  ["has no tokenizer", "mute.gguf", "model_malformed"],
  ["is too large for an isolate", "large.gguf", "model_too_large"],
  ["does not say the facts", "liar.gguf", "model_wrong"],
]) {
  test(`a model that ${what} costs a rung and not the copy`, async () => {
    const worker = await start({ ATTUNE_COPYWRITER: name });
    for (const _ of ["first", "again"]) {
      const answer = await write(worker);
      assert.equal(answer.rung, "template");
      assert.deepEqual(left(answer), [`cpu ${code}`, "remote remote_absent"], answer.why);
      assert.match(answer.candidates[0].text, /apollo/i);
    }
  });
}

test("a model that takes longer than it may is left", async () => {
  const worker = await start({ ATTUNE_COPYWRITER: "heavy.gguf", ATTUNE_COPYWRITER_MS: "1" });
  for (const _ of ["first", "again"]) {
    const answer = await write(worker);
    assert.deepEqual([answer.rung, ...left(answer)], ["template", "cpu rung_slow", "remote remote_absent"]);
    assert.match(answer.why, /1 ms/);
  }
});

test("the model that ships writes of a product, and says all of it", { skip: !existsSync(SHIPPED) && "models/copywriter.gguf is not there" }, async () => {
  const bytes = readFileSync(SHIPPED);
  writeFileSync(join(folder, "shipped.gguf"), bytes);
  writeFileSync(join(folder, "shipped.gguf.manifest.json"), JSON.stringify(manifest(bytes, 1 << 20)));
  const worker = await start({ ATTUNE_COPYWRITER: "shipped.gguf" });
  const answer = await write(worker);
  assert.equal(answer.rung, "cpu", answer.why);
  const [{ text, facts }] = answer.candidates;
  for (const value of ["4 gb", "699 dollars", "500 gb"]) assert.ok(text.toLowerCase().includes(value), text);
  assert.deepEqual(facts.unsaid, []);
});

test("where the runtime has ended an isolate for its CPU time, the next one does not try", async () => {
  const worker = await start({ ATTUNE_COPYWRITER: "good.gguf" });
  const { default: cache } = await worker.miniflare.getCaches();
  const mark = "https://attune.invalid/copywriter";
  // What an isolate leaves that is ended while it loads or writes for the first time.
  await cache.put(mark, new Response(String(Date.now() - 10_000), { headers: { "cache-control": "max-age=60" } }));
  assert.deepEqual(left(await write(worker)), ["cpu cpu_exceeded", "remote remote_absent"]);
  assert.ok(await cache.match(mark));
  await cache.delete(mark);
  assert.equal((await write(worker)).rung, "cpu");
  // Its own mark is gone with its first text.
  assert.equal(await cache.match(mark), undefined);
});

test("without static files there is no model, and templates write", async () => {
  const worker = await start({ ATTUNE_COPYWRITER: "good.gguf" }, { www: null });
  assert.deepEqual(left(await write(worker)), ["cpu model_unverified", "remote remote_absent"]);
});
