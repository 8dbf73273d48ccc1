// Slots by attributes in Chromium: from the script tag to the first personalised slot over a mobile network, and how long
// the main thread is busy at a stretch. A returning shopper who has agreed, with nothing in the HTTP cache.
//
//   node tests/bench/first.mjs [--rounds 5]        one JSON object
//
// ATTUNE_NPM_PACKED: the package as a shop installs it. ATTUNE_BUNDLE: the bundle, else models/demo.attune.
//
// The network is emulated by Chromium (throughput, and a delay for each request); lookups, connections and TCP's slow start
// are not in it. Files go out as brotli, as a CDN would send them.

import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { chromium } from "playwright-core";
import { ROOT } from "../golden/corpus.mjs";
import { PACKAGE } from "../node/package.mjs";

const at = process.argv.indexOf("--rounds");
const ROUNDS = at < 0 ? 5 : Number(process.argv[at + 1]);
const SLOTS = 10;
const CARDS = 20;
/** Megabits a second and milliseconds there and back. */
const NETWORKS = { "4g_9mbit_170ms": [9, 170], "slow_4g_1.6mbit_150ms": [1.6, 150] };
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };

const { products } = JSON.parse(readFileSync(join(ROOT, "www/catalogue.json"), "utf8"));
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const card = ({ id, fields }) => `<li data-attune-id="${id}" data-attune-fields="${escape(JSON.stringify(fields))}"><a href="#${id}">${id}</a></li>`;
const early = readFileSync(join(PACKAGE, "attune.early.js"), "utf8");
const page = (slots, cards, attributes = "") => `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>shop</title>
<style>ul { display: grid; grid-template-columns: repeat(5, 1fr) } li { height: 120px; list-style: none } .fold { height: 2000px }</style>
${Array.from({ length: slots }, (_, n) => `<ul data-attune-slot="slot${n}">${Array.from({ length: cards }, (_, m) => card(products[(n * cards + m) % products.length])).join("")}</ul>${n ? "" : '<div class="fold"></div>'}`).join("")}
<script>${early}</script>
<script type="module" src="/attune/attune.slots.js" data-attune-bundle="/shop.attune" data-attune-consent="profile" ${attributes}></script>`;

function serve() {
  const packed = new Map();
  const files = { "/shop.attune": readFileSync(process.env.ATTUNE_BUNDLE ?? join(ROOT, "models/demo.attune")) };
  const pages = { "/first": page(2, CARDS), "/many": page(SLOTS, CARDS), "/many-worker": page(SLOTS, CARDS, "data-attune-worker"), "/blank": "<!doctype html><title>blank</title>" };
  const server = createServer((request, response) => {
    const path = request.url.split("?")[0];
    const file = join(PACKAGE, path.replace(/^\/attune\//, ""));
    const body = pages[path] ?? files[path] ?? (/^\/attune\/[\w.]+$/.test(path) && existsSync(file) ? readFileSync(file) : null);
    if (body === null) return response.writeHead(404).end();
    if (!packed.has(path)) packed.set(path, brotliCompressSync(body));
    const type = pages[path] ? "text/html" : (TYPES[extname(path)] ?? "application/octet-stream");
    response.writeHead(200, { "content-type": type, "content-encoding": "br", "cache-control": "max-age=3600" }).end(packed.get(path));
  });
  return new Promise((ready) => server.listen(0, "127.0.0.1", () => ready({ server, base: `http://127.0.0.1:${server.address().port}`, packed })));
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const round = (value) => Math.round(value * 10) / 10;

const { server, base, packed } = await serve();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** A shopper who has been here, looked at some things, and left. */
async function known(path) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.goto(base + path);
  await page.waitForFunction(() => performance.getEntriesByName("attune:decided").length);
  await page.evaluate(async (items) => {
    for (const item of items) await attune.track({ type: "view", items: [item] });
    await attune.refresh();
    await attune.stop();
  }, products.slice(3, 12).map(({ id, fields }) => ({ id, fields })));
  return page;
}

async function first(name, [megabits, delay]) {
  const last = [];
  const ranked = [];
  const fromTag = [];
  for (let n = 0; n < ROUNDS; n++) {
    const page = await known("/first");
    await page.goto(`${base}/blank`);
    await page.evaluate(() => caches.delete("attune"));
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("Network.enable");
    await cdp.send("Network.clearBrowserCache");
    await cdp.send("Network.emulateNetworkConditions", { offline: false, latency: delay, downloadThroughput: (megabits * 1e6) / 8, uploadThroughput: (megabits * 1e6) / 16 });
    await page.addInitScript(() => {
      document.addEventListener("DOMContentLoaded", () => {
        window.moved = document.querySelector("[data-attune-own]") !== null;
      });
    });
    await page.goto(`${base}/first`);
    await page.waitForFunction(() => performance.getEntriesByName("attune:decided").length, null, { timeout: 60_000 });
    const told = await page.evaluate(() => ({
      paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? performance.now(),
      decided: performance.getEntriesByName("attune:decided")[0].startTime,
      tag: performance.getEntriesByType("resource").find(({ name }) => name.endsWith("attune.slots.js")).startTime,
      standing: [...attune.slots.values()].map(({ source }) => source),
    }));
    if (told.standing.join() !== "last,model") throw new Error(`not a personalised page: ${told.standing}`);
    last.push(told.paint);
    ranked.push(told.decided);
    fromTag.push(told.decided - told.tag);
    await page.context().close();
  }
  return [name, { last_order_at_first_paint_ms: round(median(last)), new_ranking_ms: round(median(ranked)), new_ranking_after_script_tag_ms: round(median(fromTag)) }];
}

/** The main thread's longest task between consent and the first decision, from a trace; milliseconds. */
async function busy(path, throttle) {
  const longest = [];
  const decided = [];
  const longtasks = [];
  const first = [];
  let parts = {};
  for (let n = 0; n < ROUNDS; n++) {
    const page = await known(path);
    await page.goto(`${base}/blank`);
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("Emulation.setCPUThrottlingRate", { rate: throttle });
    await page.addInitScript(() => {
      window.long = [];
      new PerformanceObserver((list) => window.long.push(...list.getEntries().map(({ startTime, duration }) => [startTime, duration]))).observe({ type: "longtask", buffered: true });
    });
    const events = [];
    const tracer = await browser.newBrowserCDPSession();
    tracer.on("Tracing.dataCollected", ({ value }) => events.push(...value));
    await tracer.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["disabled-by-default-devtools.timeline", "devtools.timeline", "blink.user_timing", "v8", "disabled-by-default-v8.compile", "v8.wasm"] } });
    await page.goto(base + path);
    // Looking in from outside would run in the thread that is measured.
    await new Promise((later) => setTimeout(later, 1000 + 500 * throttle));
    const long = await page.evaluate(() => [performance.getEntriesByName("attune:agreed")[0].startTime, window.long]);
    const ended = new Promise((done) => tracer.once("Tracing.tracingComplete", done));
    await tracer.send("Tracing.end");
    await ended;
    const mark = (name) => events.find((event) => event.name === name && event.cat?.includes("user_timing"));
    const [begin, end] = [mark("attune:agreed"), mark("attune:decided")];
    const here = events.filter(({ pid, tid, ts, ph }) => pid === begin.pid && tid === begin.tid && ph === "X" && ts < end.ts);
    const tasks = here.filter(({ name, ts, dur }) => name === "RunTask" && ts + dur >= begin.ts);
    // The thread's own time, where the trace has it: other programs' is no task of ours.
    const took = ({ tdur, dur }) => tdur ?? dur;
    const worst = tasks.reduce((a, b) => (took(b) > took(a) ? b : a));
    const inside = here.filter(({ name, ts, dur }) => name !== "RunTask" && ts >= worst.ts && ts + dur <= worst.ts + worst.dur + 1);
    parts = Object.fromEntries(Object.entries(inside.reduce((sum, { name, dur }) => ({ ...sum, [name]: Math.max(sum[name] ?? 0, dur) }), {})).sort(([, a], [, b]) => b - a).slice(0, 6).map(([name, dur]) => [name, round(dur / 1000)]));
    longest.push(took(worst) / 1000);
    first.push(worst.ts <= begin.ts ? "with the script" : "later");
    decided.push((end.ts - begin.ts) / 1000);
    longtasks.push(long[1].filter(([start, duration]) => start + duration >= long[0]).length);
    await tracer.detach();
    await page.context().close();
  }
  return { longest_task_ms: round(median(longest)), worst_of_rounds_ms: round(Math.max(...longest)), where: first, tasks_over_50_ms: median(longtasks), agreed_to_decided_ms: round(median(decided)), in_the_longest: parts };
}

try {
  const networks = Object.fromEntries([await first(...Object.entries(NETWORKS)[0]), await first(...Object.entries(NETWORKS)[1])]);
  const tasks = {};
  for (const throttle of [1, 4]) for (const [name, path] of [["page", "/many"], ["worker", "/many-worker"]]) tasks[`${name}_cpu_${throttle}x`] = await busy(path, throttle);
  const bytes = Object.fromEntries([...packed].filter(([path]) => /\.(js|wasm|attune)$/.test(path)).map(([path, body]) => [path.split("/").pop(), body.length]));
  console.log(JSON.stringify({ rounds: ROUNDS, brotli_bytes: bytes, networks, slots: SLOTS, cards: CARDS, tasks }, null, 2));
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
}
