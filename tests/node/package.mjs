// The npm package as a shop installs it: packed and unpacked (ATTUNE_NPM_PACKED), and the golden corpus.

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const PACKAGE = process.env.ATTUNE_NPM_PACKED ?? join(homedir(), ".cache/attune/build/npm/package");
export const GOLDEN = join(ROOT, "tests/golden");
export const BUNDLE = join(GOLDEN, "small.attune");
assert.ok(existsSync(join(PACKAGE, "package.json")), `there is no npm package at ${PACKAGE}: cargo xtask build browser`);

/** The package by its own entry in `exports`. */
export async function attune() {
  const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  return import(pathToFileURL(join(PACKAGE, exports["."].default)).href);
}

/** The corpus: name, request as the core receives it, and the decision that every runtime must give. */
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

/**
 * A decision with its 32-bit numbers as what they are: the corpus writes them out in 64 bits, a surface in the
 * shortest digits that name the same 32. Everything else stays, for an exact comparison.
 */
export function exact(decision) {
  const numbers = (value) => (typeof value === "number" ? Math.fround(value) : Object.fromEntries(Object.entries(value).map(([key, part]) => [key, numbers(part)])));
  const item = (ranked) => ({ ...ranked, logits: numbers(ranked.logits), ...(ranked.attributions && { attributions: numbers(ranked.attributions) }) });
  return { ...decision, slots: decision.slots.map((slot) => ({ ...slot, items: slot.items.map(item) })) };
}

/** `count` products as a page would list them. */
export function candidates(count) {
  return Array.from({ length: count }, (_, n) => ({
    id: `p${n}`,
    fields: {
      name: `Thing ${n}`,
      category: ["kitchen", "outdoor", "lamps", "bags", "books"][(n * 3) % 5],
      brand: `b${n % 7}`,
      price: 5 + ((n * 37) % 200),
      margin: n % 9,
      in_stock: true,
    },
  }));
}

export const slots = (count) => [{ id: "home", show: 4, candidates: candidates(count) }];
export const order = (decision) => decision.slots[0].items.map(({ id }) => id);
export const view = (n, at = 1_764_000_000_000) => ({ type: "view", at, items: [candidates(n + 1)[n]] });
