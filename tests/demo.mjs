// node tests/demo.mjs [--once] [--shots FOLDER]: the storefront and the Worker on this machine.
//
// Without --once it serves http://127.0.0.1:8787, and at 8788 a page put in order at the edge, until it is stopped. With it, it opens the page in headless Chromium,
// plays a few shopper events, asks browser, Worker and command line for one and the same ranking, and ends with a line
// of JSON; 0 only when the three are equal.
//
// ATTUNE_WWW, ATTUNE_WORKER, ATTUNE_BIN, CHROMIUM: where the builds are (`cargo xtask demo` sets them).
// ATTUNE_BUNDLE: the bundle for the command line, else models/demo.attune.

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { serve as serveFiles } from "./browser/server.mjs";
import { PACKAGE } from "./node/package.mjs";
import { ROOT, startWorker } from "./worker/miniflare.mjs";

const { values: options } = parseArgs({ options: { once: { type: "boolean" }, shots: { type: "string" }, port: { type: "string" } } });
const BUNDLE = process.env.ATTUNE_BUNDLE ?? join(ROOT, "models/demo.attune");
const BIN = process.env.ATTUNE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"), "release/attune");
const say = (text) => console.error(text);

async function serve() {
  const port = Number(options.port ?? 8787);
  const worker = await startWorker({ port });
  console.log(`Storefront and Worker: ${worker.url.href.replace(/\/$/, "")}`);
  // A shop that knows nothing of Attune but the attributes, and the Worker in front of it.
  const example = (name) => readFileSync(join(ROOT, "examples", name, "index.html"), "utf8");
  const early = readFileSync(join(PACKAGE, "attune.early.js"), "utf8");
  const pages = {
    "/": ["text/html", example("cloudflare")],
    "/slots": ["text/html", example("html").replace("/* attune.early.js */", () => early).replace("/small.attune", "/demo.attune")],
    "/demo.attune": ["application/octet-stream", readFileSync(BUNDLE)],
  };
  const { base: behind } = await serveFiles(pages, port && port + 2);
  const ranking = JSON.stringify({ explore: { temperature: 0.3 } });
  const edge = await startWorker({ port: port && port + 1, www: null, vars: { ATTUNE_ORIGIN: behind, ATTUNE_RANKING: ranking } });
  console.log(`A page put in order at the edge: ${edge.url.href} (as the shop has it: ${behind}/)`);
  console.log(`Slots by attributes, with the developer's panel: ${behind}/slots?attune-debug`);
  const stop = async () => {
    await Promise.all([worker.stop(), edge.stop()]);
    process.exit(0);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

async function once() {
  let worker;
  let browser;
  let answer;
  try {
    worker = await startWorker({ port: Number(options.port ?? 0) });
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
    answer = await play(worker, browser);
  } catch (error) {
    say(error.stack ?? String(error));
    answer = { browser: null, worker: null, native: null, equal: false, ready_ms: null, error: String(error.message ?? error).split("\n")[0] };
  } finally {
    await browser?.close();
    await worker?.stop();
  }
  console.log(JSON.stringify(answer));
  process.exitCode = answer.equal ? 0 : 1;
}

async function play(worker, browser) {
  say(`▸ the page at ${worker.url.href}`);
  const page = await open(browser, worker.url, { width: 1280, height: 900 });
  await shot(page, "desk-before");
  const before = await order(page);
  await shop(page);
  const after = await order(page);
  const moved = after.filter((id, place) => id !== before[place]).length;
  say(`  ${moved} of ${after.length} places in "For you" changed after five shopper events`);
  await shot(page, "desk-after");

  say("▸ one request, three runtimes");
  const { request, profile, decision } = await page.evaluate(rankInPage);
  const full = { ...request, mode: "device", profile };
  const [inWorker, native] = await Promise.all([fromWorker(worker, full), fromNative(full)]);
  const answers = { browser: told("browser", decision), worker: told("worker", inWorker), native: told("native", native) };
  await page.context().close();

  const phone = await open(browser, worker.url, { width: 390, height: 844 });
  await shot(phone, "phone-before");
  await shop(phone);
  await shot(phone, "phone-after");
  await phone.context().close();

  const ready = await firstRanking(browser, worker.url, request);
  const same = (other) => JSON.stringify(other) === JSON.stringify(answers.browser);
  return { ...answers, equal: same(answers.worker) && same(answers.native), ready_ms: Math.round(ready * 10) / 10 };
}

/** A shopper never seen, in English, on the home page, with the module loaded. */
async function open(browser, url, viewport) {
  const context = await browser.newContext({ viewport, locale: "en-US" });
  const page = await context.newPage();
  page.on("pageerror", (error) => say(`  the page: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && say(`  the page: ${message.text()}`));
  await page.goto(url.href);
  await page.waitForSelector("html[data-ready]");
  const state = await page.getAttribute("html", "data-ready");
  if (state !== "ready") throw new Error(`the module did not load: ${await page.getAttribute("[data-status]", "title")}`);
  return page;
}

const order = (page) => page.$$eval('[data-slot="for_you"] > li:not([hidden])', (cards) => cards.map((card) => card.dataset.id));

/** Click, view, add to cart, search, click. */
async function shop(page) {
  await page.click('[data-slot="for_you"] > li:nth-child(3) .card-link');
  await page.click("[data-add]");
  await page.fill("[data-search] input", (await page.textContent(".facts dd")).trim());
  await page.press("[data-search] input", "Enter");
  await page.waitForSelector(".view > .grid");
  await page.click(".card-link");
  await page.waitForSelector(".item-text");
  await page.click(".logo");
  await page.waitForSelector('[data-slot="for_you"]');
  await page.waitForTimeout(1200);
}

async function shot(page, name) {
  if (!options.shots) return;
  mkdirSync(options.shots, { recursive: true });
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(resolve(options.shots), `${name}.png`), fullPage: true });
}

/** Runs in the page: the shopper's own profile and a request over it. */
async function rankInPage() {
  const { attune: module, bundle, integrity, wasm } = document.documentElement.dataset;
  const address = (path) => new URL(path, document.baseURI).href;
  const { load } = await import(address(module));
  const attune = await load({ bundle: address(bundle), integrity, ...(wasm && { wasm: address(wasm) }) });
  const { products } = await (await fetch("catalogue.json")).json();
  const candidates = products.slice(0, 40).map(({ id, fields }) => ({ id, fields }));
  const request = {
    v: 1,
    id: "demo",
    at: Date.now(),
    seed: "20261124",
    tz_offset: 0,
    user_agent: navigator.userAgent,
    context: { page: "home", language: "en" },
    objective: [{ effect: "click", weight: 1 }],
    explain: true,
    slots: [{ id: "for_you", show: 8, candidates }],
  };
  const profile = await attune.profile();
  const decision = await attune.rank(request);
  return { request, profile: typeof profile === "string" ? JSON.parse(profile) : profile, decision: typeof decision === "string" ? JSON.parse(decision) : decision };
}

async function fromWorker(worker, request) {
  const response = await worker.post("/v1/decide", request);
  if (response.status !== 200) throw new Error(`the Worker answered ${response.status}: ${await response.text()}`);
  return response.json();
}

/** `attune rank --wire`: a request a line, a decision a line. */
function fromNative(request) {
  for (const file of [BIN, BUNDLE]) if (!existsSync(file)) throw new Error(`${file} is not there`);
  return new Promise((resolved, rejected) => {
    const done = (error, stdout, stderr) => {
      try {
        if (error) throw new Error(stderr.trim() || error.message);
        resolved(JSON.parse(stdout));
      } catch (why) {
        rejected(new Error(`attune rank: ${why.message}`));
      }
    };
    const child = execFile(BIN, ["rank", "--bundle", BUNDLE, "--wire"], { maxBuffer: 1 << 26 }, done);
    child.stdin.on("error", () => {});
    child.stdin.end(`${JSON.stringify(request)}\n`);
  });
}

/** Order and logits. A logit is an f32: numbers that stand for the same bits are the same. */
function told(runtime, decision) {
  if (decision.source !== "model") throw new Error(`${runtime} kept the page's order: ${decision.fallback?.message ?? "no reason given"}`);
  const items = decision.slots?.flatMap((slot) => slot.items) ?? [];
  const heads = Object.keys(items[0]?.logits ?? {}).sort();
  if (heads.length === 0) throw new Error(`${runtime} tells no logits`);
  return { order: items.map(({ id }) => id), logits: Object.fromEntries(heads.map((head) => [head, items.map(({ logits }) => Math.fround(logits[head]))])) };
}

/** Milliseconds from having the bytes to the first ranking, in a browser that has compiled nothing yet. */
async function firstRanking(browser, url, request) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(new URL("attune/package.json", url).href);
  const html = await (await fetch(url)).text();
  const named = Object.fromEntries(["attune", "bundle", "integrity", "wasm"].map((name) => [name, html.match(new RegExp(`data-${name}="([^"]*)"`))?.[1] ?? ""]));
  const took = await page.evaluate(
    async ({ named, request, base }) => {
      const address = (path) => new URL(path, base).href;
      const files = [named.bundle, named.wasm].filter(Boolean).map(address);
      await Promise.all(files.map(async (file) => (await fetch(file)).arrayBuffer()));
      const { load } = await import(address(named.attune));
      const start = performance.now();
      const attune = await load({ bundle: address(named.bundle), integrity: named.integrity, ...(named.wasm && { wasm: address(named.wasm) }) });
      const decision = await attune.rank(request);
      return decision.source === "model" ? performance.now() - start : null;
    },
    { named, request, base: url.href },
  );
  await context.close();
  return took;
}

if (options.once) await once();
else await serve();
