// Ranking in wasm under V8 (this Node), beside onnxruntime-web for the network alone and Vowpal Wabbit for the whole;
// and the first ranking from a bundle's bytes in Chromium. Ours and the peer take turns in one run.
//
//   node tests/bench/rank.mjs [--json] [--rounds 400]
//
// ATTUNE_BUILD: where `cargo xtask bench` built. ATTUNE_BUNDLE: the bundle, else models/demo.attune.
// ATTUNE_VW: a Python that has vowpalwabbit; without it that row is left out, and said so.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { cpus } from "node:os";
import * as ort from "onnxruntime-web";
import { chromium } from "playwright-core";
import { ROOT } from "../worker/miniflare.mjs";

const flag = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const ROUNDS = flag("rounds", 1000);
const SIZES = [25, 100, 300];
const json = process.argv.includes("--json");
const say = (text) => process.stderr.write(`${text}\n`);
const bundle = readFileSync(process.env.ATTUNE_BUNDLE ?? join(ROOT, "models/demo.attune"));
const catalogue = JSON.parse(readFileSync(join(ROOT, "www/catalogue.json"), "utf8")).products;
const glue = join(process.env.ATTUNE_BUILD, "bindgen-ship");
const wasm = readFileSync(join(glue, "attune_browser_bg.wasm"));

const round = (value, digits = 3) => Number(value.toFixed(digits));
function summary(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  return { p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** The bundle's section: after the magic, a u32 length, a JSON header and the sections in its order. */
function section(name) {
  const length = bundle.readUInt32LE(8);
  const { sections } = JSON.parse(bundle.subarray(12, 12 + length).toString());
  let at = 12 + length;
  for (const [own, bytes] of sections) {
    if (own === name) return bundle.subarray(at, at + bytes);
    at += bytes;
  }
  throw new Error(`the bundle has no section ${name}`);
}

const NOW = 1_764_000_000_000;
const item = (n) => ({ ...catalogue[n % catalogue.length], id: `i${n}` });
const candidates = (count) => Array.from({ length: count }, (_, n) => ({ id: item(n).id, fields: { ...item(n).fields, in_stock: true } }));

async function main() {
  const { default: init, Engine, applyEvents } = await import(pathToFileURL(join(glue, "attune_browser.js")).href);
  await init({ module_or_path: wasm });
  const engine = new Engine(bundle, undefined);
  const events = catalogue.slice(0, 12).map(({ id, fields }, n) => ({ type: n % 4 ? "click" : "add_to_cart", at: NOW - (12 - n) * 3_600_000, items: [{ id, fields }] }));
  const profile = JSON.parse(applyEvents("", JSON.stringify(events), NOW)).profile ?? JSON.parse(applyEvents("", JSON.stringify(events), NOW));
  const request = (count, explain) => JSON.stringify({
    v: 1, id: "r1", at: NOW, seed: "1", context: { language: "en" }, profile, explain,
    slots: [{ id: "home", candidates: candidates(count) }],
  });
  const result = { node: process.version, cpu: cpus()[0]?.model, rank: {}, network: {}, vw: null, first: null };

  for (const count of SIZES) {
    const asked = request(count, true);
    const answer = JSON.parse(engine.decide(asked));
    if (answer.slots[0].items.length !== count || !answer.slots[0].items[0].attributions) throw new Error(`no ranking: ${JSON.stringify(answer.fallback)}`);
    const times = [];
    for (let n = 0; n < ROUNDS + 50; n++) {
      const start = performance.now();
      engine.decide(asked);
      if (n >= 50) times.push(performance.now() - start);
    }
    const core = engine.timeDecisions(asked, ROUNDS + 50, () => performance.now()).slice(50);
    const plain = request(count, false);
    const unexplained = [];
    for (let n = 0; n < ROUNDS + 50; n++) {
      const start = performance.now();
      engine.decide(plain);
      if (n >= 50) unexplained.push(performance.now() - start);
    }
    result.rank[count] = { core: summary(core), json: summary(times), json_unexplained: summary(unexplained), request_bytes: asked.length };
    const told = ({ p50_ms, p99_ms }) => `p50 ${p50_ms} ms, p99 ${p99_ms} ms`;
    say(`  rank ${count}: encode, predict, attribute, order: ${told(result.rank[count].core)}; with reading and writing JSON: ${told(result.rank[count].json)}; without attributions: ${told(result.rank[count].json_unexplained)}`);
  }

  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(section("onnx"), { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  const declared = Object.fromEntries(session.inputMetadata.map(({ name, shape }) => [name, shape[1]]));
  for (const count of SIZES) {
    const numbers = (width, salt) => Float32Array.from({ length: count * width }, (_, n) => Math.sin(n * 1.37 + salt));
    const inputs = [numbers(declared.additive, 1), numbers(declared.embedding, 2)];
    const theirs = () => session.run({
      additive: new ort.Tensor("float32", inputs[0], [count, declared.additive]),
      embedding: new ort.Tensor("float32", inputs[1], [count, declared.embedding]),
    });
    const [ours, peer] = [engine.runNetwork(count, ...inputs), (await theirs()).logits.data];
    const apart = Math.max(...ours.map((value, n) => Math.abs(value - peer[n])));
    if (!(apart < 1e-3)) throw new Error(`the two networks differ by ${apart}`);
    const times = { attune: [], onnxruntime: [] };
    for (let n = 0; n < ROUNDS + 50; n++) {
      const turns = [
        ["attune", () => engine.runNetwork(count, ...inputs)],
        ["onnxruntime", theirs],
      ];
      for (const [name, run] of n % 2 ? turns : turns.reverse()) {
        const start = performance.now();
        await run();
        if (n >= 50) times[name].push(performance.now() - start);
      }
    }
    const [a, b] = [summary(times.attune), summary(times.onnxruntime)];
    result.network[count] = { attune: a, onnxruntime_web: b, ratio: round(a.p50_ms / b.p50_ms, 2), largest_difference: apart };
    say(`  network ${count}: attune p50 ${a.p50_ms} ms, onnxruntime-web p50 ${b.p50_ms} ms, ratio ${result.network[count].ratio}`);
  }

  if (process.env.ATTUNE_VW) {
    const said = execFileSync(process.env.ATTUNE_VW, [join(ROOT, "tests/bench/vw.py"), String(ROUNDS)], {
      input: JSON.stringify({ profile, items: candidates(300), sizes: SIZES }), encoding: "utf8",
    });
    result.vw = JSON.parse(said);
    for (const count of SIZES) say(`  Vowpal Wabbit ${count}, native, parse and predict: p50 ${result.vw[count].p50_ms} ms, p99 ${result.vw[count].p99_ms} ms`);
  } else say("  Vowpal Wabbit: left out, ATTUNE_VW names no Python that has it");

  result.first = await first(request(100, false));
  say(`  first ranking in Chromium, from the bytes of module and bundle: median ${result.first.median_ms} ms of ${result.first.times_ms.join(", ")}`);
  if (json) console.log(JSON.stringify(result));
}

/** Bytes of module and bundle in memory → the first ranking of 100 items, each time on a new page of a warm browser. */
async function first(asked) {
  const files = { "/": ["text/html", "<!doctype html><title>bench</title>"], "/glue.js": ["text/javascript", readFileSync(join(glue, "attune_browser.js"))], "/module.wasm": ["application/wasm", wasm], "/bundle": ["application/octet-stream", bundle] };
  const server = createServer((request, response) => {
    const [type, body] = files[request.url] ?? ["text/plain", ""];
    response.writeHead(200, { "content-type": type }).end(body);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  const times = [];
  for (let n = 0; n < 9; n++) {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    times.push(await page.evaluate(async (text) => {
      const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
      const [module, bundle, { default: init, Engine }] = [await bytes("/module.wasm"), await bytes("/bundle"), await import("/glue.js")];
      const start = performance.now();
      await init({ module_or_path: module });
      const engine = new Engine(bundle, undefined);
      const { slots } = JSON.parse(engine.decide(text));
      if (slots[0].items.length !== 100) throw new Error("no ranking");
      return performance.now() - start;
    }, asked));
    await page.close();
  }
  await browser.close();
  server.close();
  const sorted = [...times].sort((a, b) => a - b);
  return { median_ms: round(sorted[4], 1), times_ms: times.map((time) => round(time, 1)) };
}

await main();
