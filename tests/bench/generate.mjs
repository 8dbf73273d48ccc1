// A language model on the processor beside its peers on the same file, in turns, because the machine may be busy: natively beside
// llama.cpp (npm node-llama-cpp, its prebuilt linux-x64 binary), in WebAssembly, one thread, in Chromium, beside wllama (npm @wllama/wllama).
//
//   node tests/bench/generate.mjs --model FILE.gguf [--native BINARY] [--wasm FILE.wasm] [--peers FOLDER] [--rounds 5] [--threads 2]
//
// One JSON object: tokens a second of every round, and the medians of the rounds' ratios. BINARY is the example `complete` of attune-llama;
// FILE.wasm exports `begin`, `alloc`, `push`, `finish`, `prefill`, `decode`. FOLDER holds the peers' node_modules.

import { execFileSync } from "node:child_process";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const MODEL = resolve(option("model"));
const PEERS = resolve(option("peers", "."));
const ROUNDS = Number(option("rounds", 5));
const THREADS = Number(option("threads", 2));
const COUNT = Number(option("count", 64));
const require = createRequire(join(PEERS, "package.json"));

const PROMPT = `You write for a shop that sells shoes, bags and clothes for running and walking in any weather. Write a short description for the
following product. Name the material, the weight and what it is good for, and keep to what is said here. Product: a lightweight running shoe with a knitted upper
of recycled polyester, a foam sole with a drop of eight millimetres, and a rubber outsole with deep lugs. It weighs two hundred and thirty grams in size forty-two. It
comes in blue, in black and in a warm grey. It is made for long runs on paved roads and on dry forest paths. The price is ninety-nine euros, and it can be sent back within thirty
days. Description:`;

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const round = (value) => Math.round(value * 1000) / 1000;
const compared = (ours, peer) => {
  const ratios = (what) => round(median(ours.map((run, n) => run[what] / peer[n][what])));
  return { ours, peer, prompt_ratio: ratios("prompt"), decode_ratio: ratios("decode") };
};

async function native(binary) {
  const { getLlama } = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);
  const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: THREADS });
  const model = await llama.loadModel({ modelPath: MODEL });
  const ids = [...model.tokenize(PROMPT)];
  const context = await model.createContext({ contextSize: 1024, threads: { ideal: THREADS, min: THREADS } });
  const sequence = context.getSequence();
  const theirs = async () => {
    await sequence.clearHistory();
    let start = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, -1));
    const prompt = ((ids.length - 1) / (performance.now() - start)) * 1000;
    const drawn = [];
    start = performance.now();
    for await (const token of sequence.evaluate(ids.slice(-1), { temperature: 0, yieldEogToken: true })) if (drawn.push(token) === COUNT) break;
    return { prompt, decode: (drawn.length / (performance.now() - start)) * 1000, drawn };
  };
  const mine = () => {
    const said = JSON.parse(execFileSync(binary, [MODEL, ids.join(), String(COUNT), "--threads", String(THREADS)], { encoding: "utf8" }));
    return { prompt: said.prompt_tokens_per_second[0], decode: said.decode_tokens_per_second[0], drawn: said.ids };
  };
  const [ours, peer] = [[], []];
  for (let n = 0; n <= ROUNDS; n++) {
    ours.push(mine());
    peer.push(await theirs());
  }
  await llama.dispose();
  // The first round warms the file's pages and the peer.
  const same = ours[0].drawn.findIndex((id, n) => id !== peer[0].drawn[n]);
  for (const run of [...ours, ...peer]) delete run.drawn;
  return { prompt_tokens: ids.length, decoded: COUNT, same_tokens: same < 0 ? COUNT : same, ...compared(ours.slice(1), peer.slice(1)), ids };
}

const WORKER = `
let exports;
onmessage = async ({ data: [what, ids, count] }) => {
  if (what === "load") {
    const wasm = await WebAssembly.instantiateStreaming(fetch("/ours.wasm"));
    exports = wasm.instance.exports;
    const start = performance.now();
    exports.begin(0, 1024);
    const size = 1 << 20, buffer = exports.alloc(size);
    const reader = (await fetch("/model.gguf")).body.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      for (let at = 0; at < value.length; at += size) {
        const part = value.subarray(at, at + size);
        new Uint8Array(exports.memory.buffer, buffer).set(part);
        exports.push(buffer, part.length);
      }
    }
    exports.finish();
    return postMessage({ load_seconds: (performance.now() - start) / 1000, bytes: exports.memory.buffer.byteLength });
  }
  const at = exports.alloc(4 * ids.length);
  new Uint32Array(exports.memory.buffer, at).set(ids);
  let start = performance.now();
  exports.prefill(at, ids.length);
  const prompt = ids.length / (performance.now() - start) * 1000;
  start = performance.now();
  const drawn = exports.decode(count);
  const decode = count / (performance.now() - start) * 1000;
  postMessage({ prompt, decode, drawn: [...new Uint32Array(exports.memory.buffer, drawn, count)] });
};`;

async function wasm(file, ids) {
  const { chromium } = require("playwright-core");
  const root = join(PEERS, "node_modules/@wllama/wllama/esm");
  const types = { ".js": "text/javascript", ".wasm": "application/wasm" };
  const files = { "/ours.wasm": file, "/model.gguf": MODEL };
  const server = createServer((request, response) => {
    const path = request.url.split("?")[0];
    if (path === "/") return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>bench</title>");
    if (path === "/worker.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(WORKER);
    const at = files[path] ?? (path.startsWith("/wllama/") ? join(root, path.slice(8)) : null);
    if (!at) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(at)] ?? "application/octet-stream", "content-length": statSync(at).size });
    createReadStream(at).pipe(response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    return await page.evaluate(
      async ({ prompt, ids, count, rounds }) => {
        const worker = new Worker("/worker.js");
        const ask = (message) =>
          new Promise((answer, fail) => {
            worker.onmessage = ({ data }) => answer(data);
            worker.onerror = ({ message }) => fail(new Error(message));
            worker.postMessage(message);
          });
        const loaded = await ask(["load"]);
        const { Wllama } = await import("/wllama/index.js");
        const wllama = new Wllama({ default: "/wllama/wasm/wllama.wasm" }, { suppressNativeLog: true });
        const start = performance.now();
        await wllama.loadModel([await (await fetch("/model.gguf")).blob()], { n_ctx: 1024, n_threads: 1, n_gpu_layers: 0 });
        const peerLoad = (performance.now() - start) / 1000;
        const [ours, peer] = [[], []];
        for (let n = 0; n <= rounds; n++) {
          ours.push(await ask(["run", ids, count]));
          // A beginning of its own, so that nothing is remembered of the last round.
          const { timings } = await wllama.createCompletion({ prompt: `${n}. ${prompt}`, max_tokens: count, temperature: 0, timings_per_token: true });
          peer.push({ prompt: timings.prompt_per_second, decode: timings.predicted_per_second, tokens: [timings.prompt_n, timings.predicted_n] });
        }
        return { loaded, peer_load_seconds: peerLoad, threads: wllama.getNumThreads(), ours: ours.slice(1), peer: peer.slice(1) };
      },
      { prompt: PROMPT, ids, count: COUNT, rounds: ROUNDS },
    );
  } finally {
    await browser.close();
    server.close();
  }
}

const answer = { model: MODEL };
let ids = option("ids")?.split(",").map(Number);
if (option("native")) {
  const { ids: prompt, ...figures } = await native(resolve(option("native")));
  ids = prompt;
  answer.native = figures;
}
if (option("wasm")) {
  const { ours, peer, ...rest } = await wasm(resolve(option("wasm")), ids);
  answer.wasm = { ...rest, same: ours.every((run) => run.drawn.join() === ours[0].drawn.join()), ...compared(ours.map(({ drawn, ...run }) => run), peer) };
}
console.log(JSON.stringify(answer, null, 1));
process.exit(0);
