// examples/cloudflare: the Worker on a shop's zone, in front of what is there.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ROOT, startWorker } from "./miniflare.mjs";
import { parseToml } from "./toml.mjs";

const example = join(ROOT, "examples/cloudflare");
const page = readFileSync(join(example, "index.html"), "utf8");
const config = parseToml(readFileSync(join(example, "wrangler.toml"), "utf8"));
const ids = (text) => [...text.matchAll(/data-attune-id="(\w+)"/g)].map(([, id]) => id);
let worker;
let health;
before(async () => {
  // What the zone's origin answers.
  const outboundService = () => new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
  worker = await startWorker({ www: null, vars: { ...config.vars, ATTUNE_KEY: "key" }, more: { outboundService }, direct: true });
  health = await (await worker.fetch("/attune/health")).json();
});
after(() => worker.stop());

test("its settings are among those of the root file", () => {
  const root = parseToml(readFileSync(join(ROOT, "wrangler.toml"), "utf8"));
  assert.deepEqual(Object.keys(config.vars).filter((name) => !(name in root.vars)), []);
  assert.equal(config.routes[0].zone_name, "shop.example");
  assert.equal(health.settings, undefined);
});

test("the shop's page comes with its slots in the order that was decided", async (t) => {
  if (health.status !== "ok") return t.skip(`no bundle: ${health.fallback?.message}`);
  const orders = [];
  for (let n = 0; n < 5; n++) {
    const response = await worker.fetch("/");
    const text = await response.text();
    assert.deepEqual(ids(text).sort(), ids(page).sort());
    orders.push({ id: /desc="(\w+)"/.exec(response.headers.get("server-timing"))[1], order: ids(text) });
  }
  assert.ok(orders.some(({ order }) => order.join() !== ids(page).join()));
  await pause(300);
  const log = await (await worker.fetch("/attune/v1/log", { headers: { authorization: "Bearer key" } })).text();
  const lines = log.trim().split("\n").map((line) => JSON.parse(line));
  for (const { id, order } of orders) {
    const line = lines.find((line) => line.id === id);
    assert.deepEqual(line.slots[0].items.map(({ id }) => id), order);
    assert.ok(line.slots[0].items.some(({ propensity }) => propensity < 1), "what was left to chance is told");
  }
});
