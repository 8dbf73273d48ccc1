// Copy: is the model the model, how fast is it beside its peers on the same work, and is what it writes true.
//
//   cargo xtask bench generate [--json]
//   … -- PART…     right, cpu, gpu, truth; without one, all
//
// The last line is one JSON object. xtask builds what is measured and installs the peers (tests/bench/package.json); SmolLM2 has to be in the cache
// (`attune data fetch smollm2`).

import cpu from "./generate/cpu.mjs";
import gpu from "./generate/gpu.mjs";
import right from "./generate/right.mjs";
import truth from "./generate/truth.mjs";
import { say } from "./generate/given.mjs";

const parts = { right, cpu, gpu, truth };
const asked = process.argv.slice(2).filter((word) => word in parts);
const answer = {};
for (const name of asked.length ? asked : Object.keys(parts)) {
  say(name);
  answer[name] = await parts[name]();
}
console.log(JSON.stringify(answer));
process.exit(0);
