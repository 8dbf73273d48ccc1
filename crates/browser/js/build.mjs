// node crates/browser/js/build.mjs OUT WASM_BINDGEN_DIR GENERATE_DIR: the npm package `attune` as a folder.
// Both folders hold what `wasm-bindgen --target web` wrote: of the module that ranks, and of the one that writes.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../../..");
const require = createRequire(join(root, "package.json"));
const { build } = require("esbuild");
const [out, bindgen, generating] = process.argv.slice(2).map((folder) => resolve(folder));
if (!generating) {
  console.error("node build.mjs OUT WASM_BINDGEN_DIR GENERATE_DIR");
  process.exit(2);
}
mkdirSync(out, { recursive: true });

const target = "es2022";
const quiet = { bundle: true, target, logLevel: "warning", format: "esm", write: false, legalComments: "none" };

/** wasm-bindgen's module as a function: each call is an instance of its own, so that one can follow a trap. */
async function glue(folder, module, wanted) {
  const { outputFiles } = await build({
    ...quiet,
    stdin: {
      contents: `import * as all from "./${module}.js";
        export const { default: init, ${wanted.join(", ")} } = all;`,
      resolveDir: folder,
    },
    format: "iife",
    globalName: "glue",
    // Its own idea of where the wasm lies is never used.
    define: { "import.meta.url": '"/"' },
  });
  return `export default function () { ${outputFiles[0].text}; return glue; }`;
}

const modules = {
  "attune:glue": await glue(bindgen, "attune_browser", ["Engine", "decideWithout", "logLine", "applyEvents", "checkProfile"]),
  "attune:generate": await glue(generating, "attune_browser_generate", ["Writer"]),
};
const instances = {
  name: "glue",
  setup(plugin) {
    plugin.onResolve({ filter: /^attune:/ }, ({ path }) => ({ path, namespace: "attune" }));
    plugin.onLoad({ filter: /.*/, namespace: "attune" }, ({ path }) => ({ contents: modules[path], loader: "js" }));
  },
};
const minified = { ...quiet, write: true, minify: true };
await build({ ...minified, entryPoints: [join(here, "src/attune.ts")], outfile: join(out, "attune.js"), plugins: [instances] });
// The slots are a script of their own; the others are loaded when they are needed.
const OTHERS = { "../attune": "./attune.js", "./log": "./attune.log.js", "../debug/debug": "./attune.debug.js" };
const rest = {
  name: "rest",
  setup: (plugin) => plugin.onResolve({ filter: /^\.\.?\/(attune|log|debug\/debug)$/ }, ({ path, kind }) => (kind === "dynamic-import" ? { path: OTHERS[path], external: true } : null)),
};
await build({ ...minified, entryPoints: [join(here, "src/slots/script.ts")], outfile: join(out, "attune.slots.js"), plugins: [rest] });
await build({ ...minified, entryPoints: [join(here, "src/slots/log.ts")], outfile: join(out, "attune.log.js") });
await build({ ...minified, entryPoints: [join(here, "src/debug/debug.ts")], outfile: join(out, "attune.debug.js") });
await build({ ...minified, format: "iife", entryPoints: [join(here, "src/slots/early.ts")], outfile: join(out, "attune.early.js") });
await build({ ...minified, bundle: false, entryPoints: [join(here, "src/worker.ts")], outfile: join(out, "attune.worker.js") });
await build({ ...minified, entryPoints: [join(here, "src/generate/generate.ts")], outfile: join(out, "attune.generate.js"), plugins: [instances] });
await build({ ...minified, bundle: false, entryPoints: [join(here, "src/generate/worker.ts")], outfile: join(out, "attune.generate.worker.js") });

// Types: checked whole, then the two public files as one.
const tsc = join(root, "node_modules/.bin/tsc");
const types = mkdtempSync(join(tmpdir(), "attune-types-"));
execFileSync(tsc, ["-p", here, "--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--stripInternal", "--outDir", types], { stdio: ["ignore", 2, 2] });
const inner = /^(import|export) .* from .*;\n/gm;
const declared = (...files) => files.map((file) => readFileSync(join(types, file), "utf8").replace(inner, "")).join("\n");
writeFileSync(join(out, "attune.d.ts"), declared("types.d.ts", "attune.d.ts"));
const used = `import type { Attune, Decision, Options, RankRequest, ShopperEvent, Tracked } from "./attune.js";\n`;
writeFileSync(join(out, "attune.slots.d.ts"), used + declared("slots/consent.d.ts", "slots/slots.d.ts", "slots/script.d.ts").replaceAll("../attune", "./attune.js"));
writeFileSync(join(out, "attune.debug.d.ts"), `import type { Slots } from "./attune.slots.js";\n${declared("debug/debug.d.ts")}`);
writeFileSync(join(out, "attune.generate.d.ts"), `import type { Failure } from "./attune.js";\n${declared("generate/types.d.ts", "generate/generate.d.ts")}`);
rmSync(types, { recursive: true });

copyFileSync(join(bindgen, "attune_browser_bg.wasm"), join(out, "attune_bg.wasm"));
copyFileSync(join(generating, "attune_browser_generate_bg.wasm"), join(out, "attune_generate_bg.wasm"));
// What predicts a text's effect.
const effects = join(root, "models/text.en.attune-text");
if (existsSync(effects)) copyFileSync(effects, join(out, "text.en.attune-text"));
// The model that needs no further download, and the hashes it is held against.
const model = join(root, "models/copywriter.gguf");
if (existsSync(model)) {
  const bytes = readFileSync(model);
  const shard = 8 << 20;
  const hash = (at) => createHash("sha256").update(bytes.subarray(at * shard, (at + 1) * shard)).digest("hex");
  const manifest = { bytes: bytes.length, shard, sha256: Array.from({ length: Math.ceil(bytes.length / shard) }, (_, at) => hash(at)) };
  copyFileSync(model, join(out, "copywriter.gguf"));
  writeFileSync(join(out, "copywriter.gguf.manifest.json"), `${JSON.stringify(manifest)}\n`);
}
copyFileSync(join(here, "README.md"), join(out, "README.md"));
for (const license of ["LICENSE-MIT", "LICENSE-APACHE"]) {
  if (existsSync(join(root, license))) copyFileSync(join(root, license), join(out, license));
}
const version = /\[workspace\.package\]\s+version = "([^"]+)"/.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1];
const manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
writeFileSync(join(out, "package.json"), `${JSON.stringify({ ...manifest, version }, null, 2)}\n`);

const scripts = ["attune.js", "attune.worker.js", "attune.slots.js", "attune.log.js", "attune.early.js", "attune.debug.js", "attune.generate.js"].map((file) => gzipSync(readFileSync(join(out, file)), { level: 9 }).length);
console.error(`  JavaScript ${scripts.join(" + ")} bytes gzip`);
