// The peer: llama.cpp through node-llama-cpp, on its processor or Vulkan backend, in a process of its own.
//
//   node tests/bench/generate/llama.mjs [--peer FOLDER] --model FILE.gguf [--gpu vulkan] [--prompt 128] [--tokens 64] [--threads 2]
//
// FOLDER, else ATTUNE_PEERS, is where `npm install node-llama-cpp` ran. Answers one JSON object.

import { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const [prompt, tokens, threads] = [["prompt", 128], ["tokens", 64], ["threads", 2]].map(([name, otherwise]) => Number(option(name, otherwise)));
const gpu = option("gpu", "false") === "false" ? false : option("gpu");
const require = createRequire(join(option("peer", process.env.ATTUNE_PEERS ?? process.cwd()), "package.json"));
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);

const began = performance.now();
const llama = await getLlama({ gpu, build: "never", skipDownload: true, logLevel: LlamaLogLevel.error, maxThreads: threads, progressLogs: false });
const model = await llama.loadModel({ modelPath: option("model"), gpuLayers: gpu ? "max" : 0 });
const context = await model.createContext({ contextSize: 1024, batchSize: 512, threads, sequences: 1 });
const loaded = performance.now() - began;

/** Ids that say nothing, but are read and answered like any. */
const ids = Array.from({ length: prompt }, (_, n) => 100 + ((n * 7919) % 4000));
async function measured(sequence) {
  await sequence.clearHistory();
  const start = performance.now();
  const times = [];
  const written = [];
  for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    times.push(performance.now());
    written.push(Number(token));
    if (times.length > tokens) break;
  }
  return { first_ms: times[0] - start, prompt_tokens_per_second: prompt / ((times[0] - start) / 1000), decode_tokens_per_second: (times.length - 1) / ((times.at(-1) - times[0]) / 1000), ids: written };
}
const sequence = context.getSequence();
const cold = await measured(sequence);
const warm = await measured(sequence);
console.log(JSON.stringify({ gpu, device: gpu ? (await llama.getGpuDeviceNames())[0] : null, load_ms: loaded, cold_first_ms: cold.first_ms, ...warm }));
process.exit(0);
