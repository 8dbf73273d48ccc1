// Browsers without SIMD and without WebAssembly: the page stays as it is, the decision says why, and nobody complains.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PACKAGE, candidates } from "../node/package.mjs";
import { integrity, launch, serve } from "./server.mjs";

const all = candidates(12);
const OWN = all.map(({ id }) => id);
const early = readFileSync(join(PACKAGE, "attune.early.js"), "utf8");
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const html = (mode) => `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>shop</title>
<style>ul { display: flex; flex-direction: column } li { height: 40px }</style>
<ul data-attune-slot="home" data-attune-order="${mode}">${all.map(({ id, fields }) => `<li data-attune-id="${id}" data-attune-fields="${escape(JSON.stringify(fields))}"><a href="#${id}">${id}</a></li>`).join("")}</ul>
<script>${early}</script>
<script type="module" src="/attune/attune.slots.js" data-attune-bundle="/small.attune" data-attune-integrity="${integrity}" data-attune-log="/v1/log"></script>`;

let server;
let bodies = 0;
before(async () => {
  server = await serve({
    "/move": ["text/html", html("move")],
    "/css": ["text/html", html("css")],
    "/v1/log": (_, response) => {
      bodies += 1;
      response.writeHead(204).end();
    },
  });
});
after(() => server?.stop());

// Switches of V8: SIMD needs SSE4.1 there, WebAssembly a compiler.
for (const [code, flag] of Object.entries({ no_simd: "--no-enable-sse4-1", no_wasm: "--jitless" })) {
  test(`${code}: the page's own order, with a reason`, async () => {
    const browser = await launch(`--js-flags=${flag}`);
    try {
      for (const path of ["/move", "/css"]) {
        const page = await (await browser.newContext()).newPage();
        const problems = [];
        page.on("pageerror", (error) => problems.push(String(error)));
        page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
        await page.goto(server.base + path);
        await page.waitForFunction(() => window.attune);
        await page.evaluate(() => attune.agree({ profile: true, send: true }));
        const shown = () => page.evaluate(() => [...document.querySelectorAll("[data-attune-id]")].filter((card) => card.offsetParent).map((card) => [card.getBoundingClientRect().top, card.dataset.attuneId]).sort(([a], [b]) => a - b).map(([, id]) => id));
        const why = () => page.evaluate(() => attune.slots.get("home").ranking.fallback.code);
        assert.deepEqual([await shown(), await why()], [OWN, code]);
        // What the shopper does waits for a browser that can learn from it, and nothing fails.
        await page.click("[data-attune-id=p3] a");
        const tracked = await page.evaluate(() => attune.track({ type: "purchase", items: [{ id: "p3" }], value: 5 }));
        assert.deepEqual([tracked.accepted, tracked.rejected], [0, []]);
        await page.evaluate(() => attune.refresh());
        await page.waitForTimeout(1500);
        assert.deepEqual([await shown(), await why()], [OWN, code]);
        assert.ok((await page.evaluate(() => attune.export())).queue.length >= 2);
        await page.evaluate(() => attune.forget());
        assert.deepEqual(await page.evaluate(async () => [localStorage.length, (await indexedDB.databases()).length]), [0, 0]);
        assert.deepEqual(problems, []);
        await page.context().close();
      }
      assert.equal(bodies, 0, "there is nothing to say of a page that could not be decided");
    } finally {
      await browser.close();
    }
  });
}
