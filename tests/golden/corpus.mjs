// The golden corpus, for the runners in Node, Chromium and workerd.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const GOLDEN = dirname(fileURLToPath(import.meta.url));
export const ROOT = join(GOLDEN, "../..");
export const BUNDLE = join(GOLDEN, "small.attune");

/** Name, request as the core receives it, and the decision that every runtime must give. */
export function goldenCases() {
  const cases = readdirSync(GOLDEN)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => {
      const { name, request, decision } = JSON.parse(readFileSync(join(GOLDEN, file), "utf8"));
      if (typeof request.repeat === "number") {
        const [slot] = request.of.slots;
        const candidates = Array(request.repeat).fill(slot.candidates[0]);
        return { name, decision, text: JSON.stringify({ ...request.of, slots: [{ ...slot, candidates }] }) };
      }
      return { name, decision, text: typeof request === "string" ? request : JSON.stringify(request) };
    });
  assert.ok(cases.length > 10, `only ${cases.length} golden cases`);
  return cases;
}

/** 32-bit numbers as what they are: the corpus writes them in the digits of a double, a surface in the fewest that name them. */
export const floats = (value) =>
  typeof value === "number" ? Math.fround(value) : Object.fromEntries(Object.entries(value).map(([key, part]) => [key, floats(part)]));

/** A decision with its 32-bit numbers as such. Everything else stays, for an exact comparison. */
export function exact(decision) {
  const item = (ranked) => ({ ...ranked, logits: floats(ranked.logits), ...(ranked.attributions && { attributions: floats(ranked.attributions) }) });
  const slots = decision.slots.map((slot) => ({ ...slot, items: slot.items.map(item) }));
  return { ...decision, ...(decision.shared && { shared: floats(decision.shared) }), slots };
}
