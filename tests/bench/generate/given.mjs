// Where things are, and how rounds are put beside each other.

import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../golden/corpus.mjs";

export { ROOT };
const { ATTUNE_CACHE, ATTUNE_DATA, ATTUNE_EXAMPLES, ATTUNE_PEERS } = process.env;
export const ATTUNE = process.env.ATTUNE_BIN;
export const REFERENCE = join(ATTUNE_DATA, "../reference/smollm2_135m_instruct_q4_1.json");
export const SMOLLM2 = process.env.ATTUNE_SMOLLM2 ?? join(ATTUNE_CACHE, "data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
export const COPYWRITER = join(ROOT, "models/copywriter.gguf");
export const example = (name) => join(ATTUNE_EXAMPLES, name);
export const say = (text) => process.stderr.write(`${text}\n`);

if (!existsSync(SMOLLM2)) throw new Error(`${SMOLLM2} is not there: attune data fetch smollm2`);

/** A file of a peer's package. */
export const peer = (path) => join(ATTUNE_PEERS, "node_modules", path);

/** A peer's module. */
export const peerModule = async (name) => import(pathToFileURL(createRequire(join(ATTUNE_PEERS, "package.json")).resolve(name)).href);

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
export const round = (value, digits = 3) => Number(value.toFixed(digits));

/** Both sides' rounds, and the median over the rounds of ours by the peer's. */
export function beside(ours, peer, names) {
  const rounded = (runs) => runs.map((run) => Object.fromEntries(names.map((name) => [name, round(run[name])])));
  const ratios = names.map((name) => [name, round(median(ours.map((run, n) => run[name] / peer[n][name])))]);
  return { ours: rounded(ours), peer: rounded(peer), ratio: Object.fromEntries(ratios) };
}

const DRIVERS = "/usr/share/vulkan/icd.d";

/** The lavapipe that Mesa installs, unless the caller names a driver. */
export function vulkan() {
  const lavapipe = existsSync(DRIVERS) ? readdirSync(DRIVERS).find((name) => name.startsWith("lvp_icd")) : undefined;
  const driver = process.env.VK_DRIVER_FILES ?? (lavapipe && join(DRIVERS, lavapipe));
  if (!driver) throw new Error("there is no lavapipe: cargo xtask setup");
  return { ...process.env, VK_DRIVER_FILES: driver, GGML_VK_VISIBLE_DEVICES: "0" };
}
