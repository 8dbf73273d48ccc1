// A long time under mixed load on local workerd: is its memory flat, is there an error? Then workerd is killed while lines
// are being written, over and over: is an outcome lost, or counted twice?
//
//   node tests/bench/soak.mjs [--json] [--minutes 60] [--rate 200] [--kills 20]

import { createServer } from "node:http";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { scratch, startWorker } from "../worker/miniflare.mjs";
import { card, products, rankRequest, request } from "../worker/shop.mjs";
import { load, quantile, summary } from "./load.mjs";
import { processId, resident } from "./workerd.mjs";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const say = (text) => process.stderr.write(`${text}\n`);
const [minutes, rate, kills] = [option("minutes", 60), option("rate", 200), option("kills", 20)];

const cards = products(40).map((item) => card(item));
const page = `<!doctype html><html lang=en><body><ul data-attune-slot="home">${cards.slice(0, 20).join("")}</ul><ul data-attune-slot="also">${cards.slice(20).join("")}</ul></body></html>`;
const origin = createServer((_, response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page));
await new Promise((ready) => origin.listen(0, "127.0.0.1", ready));

const KEY = { authorization: "Bearer key" };
const vars = { ATTUNE_KEY: "key", ATTUNE_SALT: "salt", ATTUNE_LOG: "on", ATTUNE_PROFILES: "server", ATTUNE_ORIGIN: `http://127.0.0.1:${origin.address().port}` };
const start = (persist) => startWorker({ www: null, vars, persist, direct: true });
const decision = (id, at) => ({ type: "decision", v: 1, id, at, mode: "device", arm: "treatment", source: "model", temperature: 0, seed: "1", slots: [{ id: "home", show: 2, items: [{ id: "p1", propensity: 1 }, { id: "p2", propensity: 1 }] }] });
const outcome = (id, decision, at) => ({ type: "outcome", id, decision, slot: "home", item: "p1", kind: "click", at });
const lines = (all) => all.map((line) => JSON.stringify(line)).join("\n");

/** What a shop is asked: mostly rankings and pages; events of 500 shoppers; lines of the log. */
function mixed(url) {
  const ranking = JSON.stringify(rankRequest(50));
  const slots = JSON.stringify({ ...request(20), slots: [{ id: "a", candidates: products(20) }, { id: "b", candidates: products(40).slice(20) }] });
  const browser = { "user-agent": "Mozilla/5.0 Chrome/156" };
  return (n) => {
    const at = Date.now();
    const shopper = `s${(n * 7919) % 500}`;
    const item = products(40)[n % 40];
    switch (n % 10) {
      case 0: case 1: case 2: return { url: new URL("/rank/default", url), body: ranking };
      case 3: return { url: new URL("/rank", url), body: slots };
      case 4: case 5: case 6: return { url: new URL("/", url), headers: browser };
      case 7: return { url: new URL("/feedback", url), headers: KEY, body: JSON.stringify({ type: "click", id: `e${n}`, at, shopper, items: [item] }) };
      case 8: return { url: new URL("/rank/default", url), body: JSON.stringify(rankRequest(20, { user: shopper })) };
      default: return { url: new URL("/v1/log", url), headers: KEY, body: lines([decision(`d${n}`, at), outcome(`o${n}`, `d${n}`, at)]) };
    }
  };
}

async function soak() {
  const worker = await start(scratch("attune-soak-"));
  const pid = processId();
  const ask = mixed(worker.url);
  await load(ask, { rate, seconds: 10 });
  const memory = [];
  // A machine that stands still stops the sender too: then what is late or reset is not the Worker's.
  const stall = monitorEventLoopDelay({ resolution: 20 });
  stall.enable();
  const begin = performance.now();
  const minute = () => (performance.now() - begin) / 60_000;
  // Of one isolate, which is all there is here.
  const own = async () => {
    const asked = fetch(new URL("/metrics", worker.url), { headers: KEY }).then((response) => response.text());
    const text = await asked.catch(() => "");
    return Number(/attune_isolate_memory_bytes\S* (\d+)/.exec(text)?.[1] ?? NaN) / 2 ** 20;
  };
  const watch = setInterval(async () => memory.push({ minute: minute(), mib: resident(pid), own: await own() }), 5_000);
  const told = setInterval(() => say(`  ${minute().toFixed(0)} of ${minutes} min, ${memory.at(-1)?.mib.toFixed(0)} MiB`), 60_000);
  // From a number of its own on, so that every id is new.
  const run = await load((n) => ask(n + 1_000_000), { rate, seconds: minutes * 60 });
  clearInterval(watch);
  clearInterval(told);
  await worker.stop();
  const quarter = (k, of = "mib") => quantile(memory.filter(({ minute }) => minute >= (k * minutes) / 4 && minute < ((k + 1) * minutes) / 4).map((at) => at[of]), 0.5);
  const quarters = (of) => [0, 1, 2, 3].map((k) => Math.round(quarter(k, of) * 10) / 10);
  return { minutes, rate, ...summary([run]), kinds: run.errors, sender_stall_ms: Math.round(stall.max / 1e6), memory_mib: quarters("mib"), isolate_mib: quarters("own"), growth: Math.round((quarter(3) / quarter(1)) * 1000) / 1000 };
}

/** Kills workerd while lines are on their way; what was not acknowledged is sent again, and some of what was. */
async function killed() {
  const persist = scratch("attune-kill-");
  const sent = new Map();
  let again = [];
  let [acknowledged, resent, unanswered] = [0, 0, 0];
  for (let round = 0; round <= kills; round++) {
    const worker = await start(persist);
    const pid = processId();
    let alive = true;
    const last = round === kills;
    const dies = last ? Infinity : 150 + ((round * 7919) % 500);
    const begin = performance.now();
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; alive; n++) {
        const waiting = again.splice(0, 1)[0];
        if (last && !waiting) break;
        const id = `k${round}-${writer}-${n}`;
        const batch = waiting ?? [decision(id, Date.now()), ...Array.from({ length: 9 }, (_, k) => outcome(`${id}-${k}`, id, Date.now() + k))];
        if (!waiting) for (const line of batch) sent.set(`${line.type}/${line.id}`, line);
        try {
          const response = await fetch(new URL("/v1/log", worker.url), { method: "POST", headers: KEY, body: lines(batch) });
          const { accepted, repeated } = await response.json();
          if (!response.ok || accepted + repeated !== batch.length) throw new Error(`HTTP ${response.status}`);
          acknowledged += accepted;
          resent += repeated;
          // As a client whose answer got lost would.
          if (n % 5 === 0) again.push(batch);
        } catch {
          unanswered++;
          again.push(batch);
          if (!alive || performance.now() - begin > dies) break;
        }
      }
    });
    if (!last) {
      await pause(dies);
      alive = false;
      process.kill(pid, "SIGKILL");
    }
    await Promise.allSettled(writers);
    if (last) {
      const found = new Map();
      for (let next = new URL("/v1/log", worker.url); next; ) {
        const response = await fetch(next, { headers: KEY });
        for (const line of (await response.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line))) {
          const key = `${line.type}/${line.id}`;
          found.set(key, (found.get(key) ?? 0) + 1);
        }
        const link = /<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1];
        next = link && new URL(link);
      }
      const lost = [...sent.keys()].filter((key) => !found.has(key)).length;
      const twice = [...found.values()].filter((count) => count > 1).length;
      const unknown = [...found.keys()].filter((key) => !sent.has(key)).length;
      await worker.stop();
      return { kills, lines: sent.size, acknowledged, resent, unanswered, lost, twice: twice + unknown };
    }
    await worker.stop().catch(() => {});
    say(`  killed ${round + 1} of ${kills}`);
  }
}

const result = { ...(kills > 0 && { killed: await killed() }), ...(minutes > 0 && { soak: await soak() }), goal: { growth: 1.1, errors: 0, lost: 0, twice: 0 } };
const { killed: k, soak: s } = result;
result.reached = (!k || (k.lost === 0 && k.twice === 0)) && (!s || (s.errors === 0 && s.growth <= 1.1));
if (process.argv.includes("--json")) console.log(JSON.stringify(result));
else {
  if (k) console.log(`killed ${k.kills} times: ${k.lines} lines sent, ${k.unanswered} batches unanswered, ${k.lost} lines lost, ${k.twice} twice`);
  if (s) console.log(`${s.minutes} min at ${s.rate}/s: ${s.requests} requests, ${s.errors} errors, p50 ${s.p50_ms} ms, p99 ${s.p99_ms} ms (the sender itself stood still for at most ${s.sender_stall_ms} ms); memory by quarter ${s.memory_mib.join(", ")} MiB, the Worker's own ${s.isolate_mib.join(", ")} MiB`);
}
process.exit(result.reached ? 0 : 1);
