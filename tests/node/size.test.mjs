// What a page downloads besides the wasm, and the types that come with it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { ROOT } from "../golden/corpus.mjs";
import { PACKAGE } from "./package.mjs";

test("the JavaScript is at most 12 KB gzip", () => {
  const sizes = ["attune.js", "attune.worker.js"].map((file) => gzipSync(readFileSync(join(PACKAGE, file)), { level: 9 }).length);
  assert.ok(sizes[0] > 1000 && sizes[0] + sizes[1] <= 12_000, `${sizes} bytes`);
});

test("the slots' script is at most 6.5 KB gzip, what is written into the page 1.2 KB, what sends 3 KB, the developer's panel 5 KB", () => {
  const [slots, early, log, debug] = ["attune.slots.js", "attune.early.js", "attune.log.js", "attune.debug.js"].map((file) => gzipSync(readFileSync(join(PACKAGE, file)), { level: 9 }).length);
  assert.ok(slots > 1000 && slots <= 6500, `${slots} bytes`);
  assert.ok(early > 300 && early <= 1200, `${early} bytes`);
  assert.ok(log > 300 && log <= 3000, `${log} bytes`);
  assert.ok(debug > 300 && debug <= 5000, `${debug} bytes`);
});

test("the package holds what its manifest names", () => {
  const manifest = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  assert.match(manifest.version, /^\d+\.\d+\.\d+$/);
  for (const file of ["attune.js", "attune.slots.js", "attune.log.js", "attune.early.js", "attune.debug.js", "attune.worker.js", "attune.d.ts", "attune.slots.d.ts", "attune.debug.d.ts", "attune_bg.wasm", "README.md"]) {
    assert.ok(readFileSync(join(PACKAGE, file)).length > 0, file);
  }
});

const USE = `
import { load, open, type Attune, type Decision } from "attune";
import { attach, type Slots } from "attune/slots";
import { show } from "attune/debug";
const attune: Attune = await load({ bundle: "/demo.attune", integrity: "sha256-x", worker: true, storage: "memory", consent: { log: true }, now: () => 5 });
attune.track({ type: "view", items: [{ id: "a", fields: { price: 5, tags: ["x"], in_stock: true } }] });
attune.track([{ event: "add_to_cart", ecommerce: {} }, { name: "purchase", params: {} }]);
const decision: Decision = await attune.rank({ slots: [{ id: "home", show: 3, candidates: [{ id: "a" }] }], explain: true, diversity: { field: "brand", max: 2 } });
const ids: string[] = decision.slots[0]!.items.map((item) => item.id);
const code: string | undefined = decision.fallback?.code ?? open({ bundle: new Uint8Array(3) }).failure?.code;
const slots: Slots = attach({ bundle: "/demo.attune", log: "/v1/log", consent: { profile: true, send: true }, explore: { temperature: 0.1 } });
const late: boolean | undefined = slots.slots.get("home")?.late;
show(slots);
export { ids, code, late };
`;
const MISUSE = ['load({ bundle: 5 })', 'attach({ consent: "yes", bundle: "" })', 'load({})', 'a.track({ type: "dance" })', 'a.rank({ slots: [{ id: 1 }] })', 'a.rank({})', '(await a.rank("{}")).fallback.code'];

function check(source) {
  const folder = mkdtempSync(join(tmpdir(), "attune-types-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(PACKAGE, join(folder, "node_modules/attune"));
    writeFileSync(join(folder, "use.ts"), source);
    const compilerOptions = { target: "es2022", module: "nodenext", moduleResolution: "nodenext", lib: ["es2022", "dom"], strict: true, noUncheckedIndexedAccess: true, noEmit: true, types: [] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8" });
    return "";
  } catch (error) {
    return `${error.stdout}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the types accept the README's use", () => assert.equal(check(USE), ""));
test("the types refuse misuse", () => {
  const lines = MISUSE.map((line) => `${line};`).join("\n");
  const said = check(`import { load, type Attune } from "attune"; import { attach } from "attune/slots";\ndeclare const a: Attune;\n${lines}\nexport {};`);
  MISUSE.forEach((line, place) => assert.match(said, new RegExp(`use\\.ts\\(${place + 3},`), `accepted: ${line}\n${said}`));
});
