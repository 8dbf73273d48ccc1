// SmolLM2 through Vulkan beside llama.cpp's Vulkan backend, in turns, each time in a new process: on lavapipe, or on the card of VK_DRIVER_FILES.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { ROOT, SMOLLM2, beside, example, say, vulkan } from "./given.mjs";

const ROUNDS = 2;
const PROMPT = 32;
const TOKENS = 16;

export default function gpu() {
  // Nothing that an earlier process compiled may help either.
  const env = { ...vulkan(), MESA_SHADER_CACHE_DISABLE: "true" };
  const ids = Array.from({ length: PROMPT }, (_, n) => 100 + ((n * 7919) % 4000));
  const json = (program, args) => JSON.parse(execFileSync(program, args, { encoding: "utf8", env }));
  const [ours, theirs] = [[], []];
  let more;
  for (let n = 0; n < ROUNDS; n++) {
    const mine = json(example("gpu"), ["--model", SMOLLM2, "--prompt-ids", ids.join(), "--max-tokens", String(TOKENS + 1)]);
    ours.push({ decode: mine.decode_tokens_per_second, first_token_seconds: (mine.first_token_cold_ms - mine.load_ms - mine.device_ms) / 1000, cold_seconds: mine.first_token_cold_ms / 1000 });
    more = { adapter: mine.adapter, dispatches_a_token: mine.dispatches_a_token, bytes_a_token: mine.bytes_a_token, us_a_token: 1e6 / mine.decode_tokens_per_second };
    const peer = json(process.execPath, [join(ROOT, "tests/bench/generate/llama.mjs"), "--model", SMOLLM2, "--gpu", "vulkan", "--prompt", String(PROMPT), "--tokens", String(TOKENS)]);
    theirs.push({ decode: peer.decode_tokens_per_second, first_token_seconds: peer.cold_first_ms / 1000, cold_seconds: (peer.load_ms + peer.cold_first_ms) / 1000 });
  }
  const figures = beside(ours, theirs, ["decode", "first_token_seconds", "cold_seconds"]);
  const { decode, cold_seconds } = figures.ratio;
  say(`  ${more.adapter}: decoding ${decode} times llama.cpp's, first token in a new process ${figures.ours.map((run) => run.cold_seconds).join(", ")} s (${cold_seconds} times)`);
  return { ...more, prompt_tokens: PROMPT, decoded: TOKENS, ...figures, bar: { decode: 2, cold_seconds_at_most: 5 } };
}
