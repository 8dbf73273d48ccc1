// The examples a shop would copy, in Chromium: plain HTML, and React with its hydration.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { ROOT } from "../golden/corpus.mjs";
import { PACKAGE, candidates } from "../node/package.mjs";
import { launch, serve } from "./server.mjs";

const all = candidates(16);
const props = { items: all.slice(0, 8), more: all.slice(8) };
const own = { styled: props.items.map(({ id }) => id), ordered: props.more.map(({ id }) => id) };
const early = readFileSync(join(PACKAGE, "attune.early.js"), "utf8");
let server;
let browser;

async function react(entry, options) {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, "examples/react", entry)], bundle: true, write: false, format: "esm", jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"' }, logLevel: "error", nodePaths: [join(ROOT, "node_modules")], ...options,
  });
  return outputFiles[0].text;
}

before(async () => {
  const folder = mkdtempSync(join(tmpdir(), "attune-react-"));
  const file = join(folder, "server.cjs");
  await build({
    entryPoints: [join(ROOT, "examples/react/server.tsx")], bundle: true, outfile: file, format: "cjs", jsx: "automatic", platform: "node",
    logLevel: "error", nodePaths: [join(ROOT, "node_modules")],
  });
  const { default: rendered } = await import(pathToFileURL(file).href);
  const markup = rendered.render(props);
  rmSync(folder, { recursive: true });
  const page = `<!doctype html><html lang="en"><title>shop</title><style>#above { height: 3000px }</style><div id="above"></div>
<div id="root">${markup}</div><script>${early}</script><script id="props" type="application/json">${JSON.stringify(props)}</script>
<script type="module" src="/client.js"></script>
<script type="module" src="/attune/attune.slots.js" data-attune-bundle="/small.attune"></script>`;
  server = await serve({
    "/react": ["text/html", page],
    "/client.js": ["text/javascript", await react("client.tsx", {})],
    "/html": ["text/html", readFileSync(join(ROOT, "examples/html/index.html"), "utf8").replace("/* attune.early.js */", early)],
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

async function visit(path) {
  const page = await (await browser.newContext()).newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && !/favicon/.test(message.location().url) && page.problems.push(message.text()));
  await page.goto(server.base + path);
  await page.waitForFunction(() => window.attune);
  return page;
}

const seen = (page, slot) =>
  page.evaluate((slot) => [...document.querySelectorAll(`[data-attune-slot="${slot}"] > [data-attune-id]`)].map((node) => [node.getBoundingClientRect().top, node.dataset.attuneId]).sort(([a], [b]) => a - b).map(([, id]) => id), slot);

test("plain HTML: two buttons for consent, and the page is whole", async () => {
  const page = await visit("/html");
  await page.click("text=Yes");
  await page.evaluate(() => attune.ready);
  assert.deepEqual([await page.evaluate(() => attune.agreement.profile), (await seen(page, "home")).length], [true, 5]);
  await page.click("text=A pan");
  await page.waitForTimeout(100);
  assert.equal(await page.evaluate(async () => Math.round((await attune.export()).profile.counters.click.count)), 1);
  await page.click("text=forget");
  await page.evaluate(() => attune.ready);
  assert.deepEqual(await page.evaluate(async () => [localStorage.length, (await indexedDB.databases()).length]), [0, 0]);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("React: hydration finds its own nodes, both slots take the shopper's order, React goes on working", async () => {
  const page = await visit("/react");
  await page.evaluate(() => attune.agree({ profile: true }));
  await page.evaluate(async (items) => {
    for (const item of items) await attune.track({ type: "view", items: [item] });
    await attune.refresh();
  }, all.filter(({ fields }) => fields.category === "books").flatMap((item) => [item, item, item]));
  const styled = await seen(page, "styled");
  const ordered = await seen(page, "ordered");
  for (const [name, now] of Object.entries({ styled, ordered })) {
    assert.notDeepEqual(now, own[name], name);
    assert.deepEqual([...now].sort(), [...own[name]].sort());
  }
  await page.evaluate(() => attune.stop());
  await page.reload();
  await page.waitForFunction(() => window.attune);
  assert.deepEqual([await seen(page, "styled"), await seen(page, "ordered")], [styled, ordered]);
  await page.click(`[data-attune-slot=styled] [data-attune-id=${styled[2]}] button`);
  await page.click(`[data-attune-slot=ordered] [data-attune-id=${ordered[1]}] button`);
  assert.equal(await page.textContent("output"), `${styled[2]} ${ordered[1]}`);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});
