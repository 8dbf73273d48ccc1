// A shopper's visit to a shop behind the Worker, in Chromium: the page comes in order, the slots know under which decision,
// and the log joins what the Worker decided with what the page saw.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { integrity, launch, serve } from "../browser/server.mjs";
import { candidates } from "../node/package.mjs";
import { startWorker } from "./miniflare.mjs";

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const card = ({ id, fields }) => `<li data-attune-id="${id}" data-attune-fields="${escaped(JSON.stringify(fields))}"><a href="#${id}">${id}</a></li>`;
const items = candidates(12);
const own = items.map(({ id }) => id);
const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>shop</title><style>body { margin: 0 } li { height: 30px }</style>
<ul data-attune-slot="home">${items.map(card).join("")}</ul>
<script type="module" src="/attune/attune.slots.js" data-attune-bundle="/small.attune" data-attune-integrity="${integrity}"
  data-attune-log="/edge/v1/log" data-attune-consent="profile send"></script>`;

let shop;
let worker;
let browser;
let health;
before(async () => {
  shop = await serve({ "/": ["text/html; charset=utf-8", page] });
  const vars = { ATTUNE_ORIGIN: shop.base, ATTUNE_PREFIX: "edge", ATTUNE_LOG: "on", ATTUNE_KEY: "key", ATTUNE_SALT: "salt", ATTUNE_RANKING: '{"explore":{"temperature":0.5}}' };
  worker = await startWorker({ www: null, vars, direct: true });
  health = await (await worker.fetch("/edge/health")).json();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await worker?.stop();
  await shop?.stop();
});

const log = async () => {
  const text = await (await worker.fetch("/edge/v1/log", { headers: { authorization: "Bearer key" } })).text();
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
};

test("what was seen and clicked joins the decision that the Worker made and logged", async (t) => {
  if (health.status !== "ok") return t.skip(`no bundle: ${health.fallback?.message}`);
  const tab = await browser.newPage({ viewport: { width: 800, height: 600 } });
  const problems = [];
  tab.on("pageerror", (error) => problems.push(String(error)));
  await tab.goto(worker.url.href);
  await tab.waitForFunction(() => window.attune);
  await tab.evaluate(() => attune.ready);
  const { order, decision, source } = await tab.evaluate(() => {
    const { decision, source } = attune.slots.get("home");
    return { decision, source, order: [...document.querySelectorAll("[data-attune-id]")].map((card) => card.dataset.attuneId) };
  });
  assert.notDeepEqual(order, own, "the page came in order");
  assert.equal(source, "page", "and stands as it came: nothing is known of the shopper");
  await tab.waitForTimeout(1_600);
  await tab.click(`[data-attune-id="${order[2]}"] a`);
  await tab.close({ runBeforeUnload: false });
  let lines = [];
  for (let tries = 0; tries < 40 && !lines.some(({ kind }) => kind === "click"); tries++) {
    await pause(150);
    lines = await log();
  }
  const decisions = lines.filter(({ type }) => type === "decision");
  assert.deepEqual(decisions.map(({ id, source, mode }) => [id, source, mode]), [[decision, "model", "contextual"]], "one decision, the Worker's");
  assert.deepEqual(decisions[0].slots[0].items.map(({ id }) => id), order);
  assert.ok(decisions[0].slots[0].items[0].propensity < 1);
  const outcomes = lines.filter(({ type }) => type === "outcome");
  assert.ok(outcomes.every((outcome) => outcome.decision === decision && outcome.slot === "home"));
  assert.deepEqual(outcomes.filter(({ kind }) => kind === "impression").map(({ item }) => item).sort(), [...own].sort());
  assert.deepEqual(outcomes.filter(({ kind }) => kind === "click").map(({ item }) => item), [order[2]]);
  assert.deepEqual(problems, []);
});

test("a page whose clock is five hours behind is logged at the right time", async (t) => {
  if (health.status !== "ok") return t.skip("no bundle");
  const tab = await browser.newPage({ viewport: { width: 800, height: 600 } });
  await tab.clock.install({ time: Date.now() - 5 * 3_600_000 });
  await tab.goto(worker.url.href);
  await tab.waitForFunction(() => window.attune);
  await tab.evaluate(() => attune.ready);
  const { decision } = await tab.evaluate(() => attune.slots.get("home"));
  await tab.click("[data-attune-id] a");
  await tab.close({ runBeforeUnload: false });
  let came = [];
  for (let tries = 0; tries < 40 && came.length < 2; tries++) {
    await pause(150);
    came = (await log()).filter((line) => line.decision === decision);
  }
  assert.deepEqual(came.map(({ kind }) => kind).sort(), ["click", "impression"]);
  assert.ok(came.every(({ at }) => Math.abs(at - Date.now()) < 60_000));
});
