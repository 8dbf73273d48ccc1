// WebAssembly that fails: the module that ships, with a trap in one of its functions or with less memory than it wants.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import binaryen from "binaryen";

/** Not all that binaryen knows of is known to Chromium and workerd. */
const { All, CompactImports, GC } = binaryen.Features;
const FEATURES = All & ~CompactImports & ~GC;
const CACHE = join(tmpdir(), "attune-traps");

/**
 * The module of `file` where each function of `traps` (export → call) ends in `unreachable` on that call and every
 * later one. Reading takes seconds, so what was made once lies in the temporary folder, under what it was made of.
 */
export function trapping(file, traps) {
  const bytes = readFileSync(file);
  const name = createHash("sha256").update(bytes).update(JSON.stringify(traps)).update(readFileSync(import.meta.filename)).digest("hex");
  const made = join(CACHE, `${name}.wasm`);
  if (!existsSync(made)) {
    mkdirSync(CACHE, { recursive: true });
    writeFileSync(`${made}.${process.pid}`, patched(bytes, traps));
    renameSync(`${made}.${process.pid}`, made);
  }
  return readFileSync(made);
}

function patched(bytes, traps) {
  const module = binaryen.readBinary(bytes);
  module.setFeatures(FEATURES);
  try {
    const { i32 } = binaryen;
    for (const [name, call] of Object.entries(traps)) {
      const exported = module.getExport(name);
      if (!exported) throw new Error(`the module exports no ${name}`);
      const reference = module.getFunction(binaryen.getExportInfo(exported).value);
      const { results } = binaryen.getFunctionInfo(reference);
      const left = `left:${name}`;
      module.addGlobal(left, i32, true, module.i32.const(call));
      const count = module.global.set(left, module.i32.sub(module.global.get(left, i32), module.i32.const(1)));
      const over = module.if(module.i32.le_s(module.global.get(left, i32), module.i32.const(0)), module.unreachable());
      const body = binaryen._BinaryenFunctionGetBody(reference);
      binaryen._BinaryenFunctionSetBody(reference, module.block(null, [count, over, body], results));
    }
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

/** The module of `file` with so many pages (64 KiB) of memory beyond those it starts with. */
export function confined(file, pages) {
  const bytes = readFileSync(file);
  let at = 8;
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const leb = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >> 7)]);
  while (at < bytes.length) {
    const start = at;
    const section = number();
    const size = number();
    const end = at + size;
    if (section === 5) {
      const [, , least] = [number(), number(), number()];
      const body = [1, 1, ...leb(least), ...leb(least + pages)];
      return Buffer.concat([bytes.subarray(0, start), Buffer.from([5, ...leb(body.length), ...body]), bytes.subarray(end)]);
    }
    at = end;
  }
  throw new Error(`${file} has no memory of its own`);
}

