// Is it the model? Greedy ids and the first step's logits of SmolLM2 beside the reference file, on each rung through the command line; and how far
// fast mode is from exact mode, by the example `agreement`.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { ATTUNE, REFERENCE, SMOLLM2, example, round, say, vulkan } from "./given.mjs";

const cases = JSON.parse(readFileSync(REFERENCE, "utf8"));

function beside(rung, ...more) {
  let [equal, apart] = [0, 0];
  for (const { prompt, greedy, top5_first: top } of cases) {
    const asked = ["generate", "complete", "--model", SMOLLM2, "--prompt", prompt, "--max-tokens", String(greedy.length), "--temperature", "0"];
    const said = JSON.parse(execFileSync(ATTUNE, [...asked, "--rung", rung, "--only", "--json", ...more], { encoding: "utf8", env: vulkan() }));
    equal += said.ids.join() === greedy.join();
    const due = new Map(top);
    for (const [id, logit] of said.top) if (due.has(id)) apart = Math.max(apart, Math.abs(logit - due.get(id)));
  }
  say(`  ${rung} ${more.join(" ")}: ${equal} of ${cases.length} prompts have the reference's ids, logits at most ${apart.toExponential(1)} apart`);
  return { prompts: cases.length, ids_equal: equal, logits_apart: apart, bar: { ids_equal: cases.length, logits_apart: 1e-2 } };
}

export default function right() {
  const prompts = cases.map(({ ids }) => ids.join()).join(";");
  const fast = JSON.parse(execFileSync(example("agreement"), [SMOLLM2, prompts], { encoding: "utf8" }));
  say(`  fast beside exact, ${fast.positions} tokens: KL ${round(fast.kl, 5)}, top-1 ${round(fast.top_1)}`);
  return { exact: beside("cpu", "--exact"), gpu: beside("gpu"), fast: { ...fast, bar: { kl: 0.01, top_1: 0.92 } } };
}
