// A language model on the processor beside its peers on the same file, in turns: natively, two threads, beside llama.cpp (npm node-llama-cpp, its
// prebuilt binary); in WebAssembly, one thread, in Chromium, beside wllama (npm @wllama/wllama).

import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { chromium } from "playwright-core";
import { SMOLLM2, beside, example, peer, peerModule, say } from "./given.mjs";

const ROUNDS = 5;
const THREADS = 2;
const COUNT = 64;
const PROMPT = `You write for a shop that sells shoes, bags and clothes for running and walking in any weather. Write a short description for the
following product. Name the material, the weight and what it is good for, and keep to what is said here. Product: a lightweight running shoe with a knitted upper
of recycled polyester, a foam sole with a drop of eight millimetres, and a rubber outsole with deep lugs. It weighs two hundred and thirty grams in size forty-two. It
comes in blue, in black and in a warm grey. It is made for long runs on paved roads and on dry forest paths. The price is ninety-nine euros, and it can be sent back within thirty
days. Description:`;
const FIGURES = ["prompt", "decode"];

async function native(file) {
  const { getLlama } = await peerModule("node-llama-cpp");
  const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, logLevel: "error", maxThreads: THREADS, progressLogs: false });
  const model = await llama.loadModel({ modelPath: file });
  const ids = [...model.tokenize(PROMPT)];
  const context = await model.createContext({ contextSize: 1024, threads: { ideal: THREADS, min: THREADS } });
  const sequence = context.getSequence();
  const theirs = async () => {
    await sequence.clearHistory();
    let start = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, -1));
    const prompt = ((ids.length - 1) / (performance.now() - start)) * 1000;
    let written = 0;
    start = performance.now();
    for await (const _ of sequence.evaluate(ids.slice(-1), { temperature: 0, yieldEogToken: true })) if (++written === COUNT) break;
    return { prompt, decode: (written / (performance.now() - start)) * 1000 };
  };
  const mine = () => {
    const said = JSON.parse(execFileSync(example("complete"), [file, ids.join(), String(COUNT), "--threads", String(THREADS)], { encoding: "utf8" }));
    return { prompt: said.prompt_tokens_per_second[0], decode: said.decode_tokens_per_second[0] };
  };
  const [ours, peer] = [[], []];
  // The first round warms the file's pages and the peer.
  for (let n = 0; n <= ROUNDS; n++) {
    ours.push(mine());
    peer.push(await theirs());
  }
  await llama.dispose();
  return { ids, figures: beside(ours.slice(1), peer.slice(1), FIGURES) };
}

const WORKER = `
let exports;
onmessage = async ({ data: [what, ids, count] }) => {
  if (what === "load") {
    const wasm = await WebAssembly.instantiateStreaming(fetch("/ours.wasm"));
    exports = wasm.instance.exports;
    const start = performance.now();
    exports.begin(1024);
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
  exports.decode(count);
  postMessage({ prompt, decode: count / (performance.now() - start) * 1000 });
};`;

async function wasm(file, ids) {
  const types = { ".js": "text/javascript", ".wasm": "application/wasm" };
  const files = { "/ours.wasm": process.env.ATTUNE_LLAMA_WASM, "/model.gguf": file };
  const server = createServer((request, response) => {
    const path = request.url.split("?")[0];
    if (path === "/") return response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>bench</title>");
    if (path === "/worker.js") return response.writeHead(200, { "content-type": "text/javascript" }).end(WORKER);
    const at = files[path] ?? (path.startsWith("/wllama/") ? peer(join("@wllama/wllama/esm", path.slice(8))) : null);
    if (!at || !existsSync(at)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(at)] ?? "application/octet-stream", "content-length": statSync(at).size });
    createReadStream(at).pipe(response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const run = async ({ prompt, ids, count, rounds }) => {
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
      const peer_load_seconds = (performance.now() - start) / 1000;
      const [ours, peer] = [[], []];
      for (let n = 0; n <= rounds; n++) {
        ours.push(await ask(["run", ids, count]));
        // A beginning of its own, so that nothing is remembered of the last round.
        const { timings } = await wllama.createCompletion({ prompt: `${n}. ${prompt}`, max_tokens: count, temperature: 0, timings_per_token: true });
        peer.push({ prompt: timings.prompt_per_second, decode: timings.predicted_per_second });
      }
      return { loaded, peer_load_seconds, peer_threads: wllama.getNumThreads(), ours: ours.slice(1), peer: peer.slice(1) };
    };
    const { ours, peer: theirs, ...rest } = await page.evaluate(run, { prompt: PROMPT, ids, count: COUNT, rounds: ROUNDS });
    return { ...rest, ...beside(ours, theirs, FIGURES) };
  } finally {
    await browser.close();
    server.close();
  }
}

const tell = (what, { ratio }) => say(`  ${what}: decoding ${ratio.decode} times, prompt ${ratio.prompt} times`);

export default async function cpu() {
  const { ids, figures } = await native(SMOLLM2);
  tell("native, Q4_1, beside llama.cpp", figures);
  const answer = { prompt_tokens: ids.length, decoded: COUNT, native: { threads: THREADS, ...figures, bar: { decode: 0.8 } } };
  const eighths = join(dirname(SMOLLM2), "SmolLM2-135M-Instruct.Q8_0.gguf");
  if (!existsSync(eighths)) execFileSync(example("requantise"), [SMOLLM2, eighths, "q8_0"]);
  for (const [format, file, bar] of [["q4_1", SMOLLM2, { decode: 2, prompt: 3 }], ["q8_0", eighths, { decode: 1 }]]) {
    answer[`wasm_${format}`] = { ...(await wasm(file, ids)), bar };
    tell(`wasm, one thread, ${format}, beside wllama`, answer[`wasm_${format}`]);
  }
  return answer;
}
