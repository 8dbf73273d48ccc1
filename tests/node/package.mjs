// The npm package as a shop installs it: packed and unpacked (ATTUNE_NPM_PACKED).

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export const PACKAGE = process.env.ATTUNE_NPM_PACKED ?? join(homedir(), ".cache/attune/build/npm/package");
assert.ok(existsSync(join(PACKAGE, "package.json")), `there is no npm package at ${PACKAGE}: cargo xtask build browser`);

/** The package by its own entry in `exports`. */
export async function attune() {
  const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  return import(pathToFileURL(join(PACKAGE, exports["."].default)).href);
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
