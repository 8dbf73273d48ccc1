// node www/build.mjs OUT: the storefront as static files.
//
// ATTUNE_PKG (else ATTUNE_NPM, else $HOME/.cache/attune/build/npm/attune): the npm package as a folder
// ATTUNE_BUNDLE (else models/demo.attune): the bundle
// ATTUNE_CATALOGUE (else www/catalogue.json): the products

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "dist"));
const packaged = process.env.ATTUNE_PKG ?? process.env.ATTUNE_NPM ?? join(homedir(), ".cache/attune/build/npm/attune");
const bundle = process.env.ATTUNE_BUNDLE ?? join(here, "../models/demo.attune");
const products = process.env.ATTUNE_CATALOGUE ?? join(here, "catalogue.json");

for (const [what, file, mend] of [
  ["catalogue", products, "set ATTUNE_CATALOGUE, or write www/catalogue.json"],
  ["npm package", join(packaged, "package.json"), "cargo xtask build browser"],
]) {
  if (!existsSync(file)) fail(`the ${what} is not there: ${file}; mend it with: ${mend}`);
}

function fail(why) {
  console.error(`www/build.mjs: ${why}`);
  process.exit(1);
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("base64");
const esbuild = (options) => build({ bundle: true, minify: true, logLevel: "warning", target: "es2022", ...options });

// Types first: esbuild only takes them away.
execFileSync(join(here, "../node_modules/.bin/tsc"), ["-p", here, "--noEmit"], { stdio: ["ignore", 2, 2] });

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "img"), { recursive: true });

// Products: pictures become files of their own, and only pictures that are nothing but shapes.
const catalogue = JSON.parse(readFileSync(products, "utf8"));
if (!catalogue.synthetic) fail("the demo shows synthetic products only");
const HOSTILE = /<\s*(script|foreignObject|iframe|image|use|a|style|animate|set)\b|\son\w+\s*=|javascript:|<!|href\s*=|url\(\s*['"]?(?!#)/i;
for (const product of catalogue.products) {
  if (!/^[\w-]{1,64}$/.test(product.id)) fail(`a product's id is a name: ${JSON.stringify(product.id)}`);
  const svg = String(product.svg ?? "");
  if (!svg.startsWith("<svg") || HOSTILE.test(svg)) fail(`the picture of ${product.id} is more than a drawing`);
  const named = svg.includes("xmlns=") ? svg : svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
  writeFileSync(join(out, "img", `${product.id}.svg`), named);
  delete product.svg;
}
writeFileSync(join(out, "catalogue.json"), JSON.stringify(catalogue));

// The module and its bundle.
const manifest = JSON.parse(readFileSync(join(packaged, "package.json"), "utf8"));
cpSync(packaged, join(out, "attune"), { recursive: true, dereference: true });
const exported = manifest.exports?.["."] ?? manifest.exports ?? manifest.module ?? manifest.main;
const entry = typeof exported === "string" ? exported : (exported.browser ?? exported.import ?? exported.default);
if (typeof entry !== "string") fail("the npm package names no module");
const wasm = readdirSync(packaged).filter((file) => file === "attune_bg.wasm");
const writes = existsSync(join(packaged, "attune.generate.js"));
// Without a bundle the page is whole, in its own order, and says so.
const model = existsSync(bundle) ? readFileSync(bundle) : null;
if (model) writeFileSync(join(out, "demo.attune"), model);
else console.error(`  NO BUNDLE: ${bundle} is not there; the page will keep its own order. Mend it with: set ATTUNE_BUNDLE, or train models/demo.attune`);

// Script, style, and the home page as it is without Attune, in both languages.
await esbuild({ entryPoints: [join(here, "main.ts")], outfile: join(out, "main.js"), format: "esm" });
await esbuild({ entryPoints: [join(here, "style.css")], outfile: join(out, "style.css") });
const early = await esbuild({ entryPoints: [join(here, "early.ts")], write: false, format: "iife" });
const page = join(out, "page.mjs");
await esbuild({ entryPoints: [join(here, "page.ts")], outfile: page, format: "esm", platform: "node" });
const { pages } = await import(pathToFileURL(page).href);
rmSync(page);
const bodies = pages(catalogue);
const script = early.outputFiles[0].text.trim();
const values = {
  en: bodies.en,
  zh: bodies.zh,
  early: script,
  early_hash: `sha256-${sha256(script)}`,
  attune: `attune/${entry.replace(/^\.\//, "")}`,
  bundle: model ? "demo.attune" : "",
  integrity: model ? `sha256-${sha256(model)}` : "",
  wasm: wasm.length === 1 ? `attune/${wasm[0]}` : "",
  generate: writes ? "attune/attune.generate.js" : "",
};
const html = readFileSync(join(here, "index.html"), "utf8").replace(/\{\{(\w+)\}\}/g, (_, name) => {
  if (!(name in values)) fail(`index.html asks for ${name}`);
  return values[name];
});
writeFileSync(join(out, "index.html"), html);
const kilobytes = (file) => (readFileSync(join(out, file)).length / 1024).toFixed(1);
console.error(`  ${catalogue.products.length} products; index.html ${kilobytes("index.html")} KB, main.js ${kilobytes("main.js")} KB, style.css ${kilobytes("style.css")} KB`);
