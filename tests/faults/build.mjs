// Build folders of the Worker in which one thing is wrong.

import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ROOT, scratch } from "../worker/miniflare.mjs";
import * as wasm from "./trap.mjs";

export const BUILD = resolve(process.env.ATTUNE_WORKER ?? join(ROOT, "crates/worker/build"));
const MODULE = join(BUILD, "index_bg.wasm");
const made = new Map();

function build(name, work) {
  if (!made.has(name)) {
    const folder = join(scratch("attune-fault-"), "build");
    cpSync(BUILD, folder, { recursive: true, dereference: true });
    work(folder);
    made.set(name, folder);
  }
  return made.get(name);
}

const withModule = (name, bytes) => build(name, (folder) => writeFileSync(join(folder, "index_bg.wasm"), bytes()));

/** Its module traps: export → call. */
export const trapped = (traps) => withModule(JSON.stringify(traps), () => wasm.trapping(MODULE, traps));

/** Its module gets no more than so many pages of memory. */
export const confined = (pages) => withModule(`${pages} pages`, () => wasm.confined(MODULE, pages));

/** The bundle in its module is changed, given where it begins. */
export const changed = (name, change) =>
  withModule(`bundle ${name}`, () => {
    const bytes = readFileSync(MODULE);
    // The magic alone is in the code that looks for it, too: the bundle has its version and a header after it.
    const places = [];
    for (let at = bytes.indexOf("ATTUNE\0"); at >= 0; at = bytes.indexOf("ATTUNE\0", at + 1)) places.push(at);
    const found = places.filter((at) => bytes[at + 7] > 0 && bytes[at + 7] < 9);
    assert.ok(found.length > 0, `no bundle among ${places.length}`);
    for (const at of found) change(bytes, at);
    return bytes;
  });

const WAYS = { fails: "throw new Error('out of order')", "answers 500": "return new Response('', { status: 500 })", hangs: "return new Promise((later) => setTimeout(later, 60_000))" };

/** One of its Durable Objects is out of order. */
export const replaced = (object, how) =>
  build(`${object} ${how}`, (folder) => {
    const entry = join(folder, "guard.js");
    const source = readFileSync(entry, "utf8");
    const without = source.replace(/export \{ ([^}]+) \};/, (_, names) => `export { ${names.split(", ").filter((name) => name !== object).join(", ")} };\nclass Broken { fetch() { ${WAYS[how]} } }\nexport { Broken as ${object} };`);
    assert.notEqual(source, without);
    writeFileSync(entry, without);
  });
