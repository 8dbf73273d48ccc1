// The Worker on local workerd beside a null Worker, alternately in one run: both read the same request (100 items, in
// Metarank's form) and answer the same number of bytes; the null Worker only parses and serialises.
//
//   node tests/bench/worker.mjs [--json] [--seconds 5] [--rounds 4]

import { Miniflare } from "miniflare";
import { workerOptions } from "../worker/miniflare.mjs";
import { rankRequest } from "../worker/shop.mjs";
import { load, summary } from "./load.mjs";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const json = process.argv.includes("--json");
const say = (text) => process.stderr.write(`${text}\n`);
const SECONDS = option("seconds", 5);
const ROUNDS = option("rounds", 4);
const ITEMS = 100;
const RATE = 200;
const BURST = { rate: 600, seconds: 2 };

// The entry's own proxy is left out for both: what is measured is workerd.
const direct = { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] };
const nothing = {
  name: "null",
  modules: true,
  script: `let answer;
    export default { async fetch(request, env) {
      const asked = await request.json();
      if (!Array.isArray(asked.items)) return new Response("no items", { status: 400 });
      answer ??= JSON.parse(env.ANSWER);
      return new Response(JSON.stringify(answer), { headers: { "content-type": "application/json" } });
    } }`,
};

const profile = { v: 1, sessions: 4, orders: 1, spent: 80, preferences: { category: { shoes: { count: 4, at: 1777600000000 } } } };
const body = JSON.stringify(rankRequest(ITEMS, { profile }));
const ours = { ...workerOptions({ www: null }), ...direct };
let miniflare = new Miniflare({ host: "127.0.0.1", port: 0, workers: [ours] });
const asked = await miniflare.dispatchFetch("http://bench/rank/default", { method: "POST", body, headers: { "content-type": "application/json" } });
const answer = await asked.text();
const health = await (await miniflare.dispatchFetch("http://bench/health")).json();
await miniflare.dispose();
if (asked.status !== 200 || health.status !== "ok") {
  say(`the Worker does not rank: ${asked.status} ${answer.slice(0, 300)}`);
  process.exit(1);
}

const bindings = { ANSWER: answer };
const { compatibilityDate } = ours;
miniflare = new Miniflare({ host: "127.0.0.1", port: 0, workers: [ours, { ...nothing, ...direct, bindings, compatibilityDate }] });
await miniflare.ready;
const urls = {
  attune: new URL("/rank/default", await miniflare.unsafeGetDirectURL(ours.name)),
  null: new URL("/rank/default", await miniflare.unsafeGetDirectURL("null")),
};

const runs = { attune: [], null: [] };
const bursts = { attune: [], null: [] };
for (const url of Object.values(urls)) await load(() => ({ url, body }), { rate: RATE, seconds: 2 });
for (let round = 0; round < ROUNDS; round++) {
  const order = round % 2 ? ["null", "attune"] : ["attune", "null"];
  for (const name of order) {
    runs[name].push(await load(() => ({ url: urls[name], body }), { rate: RATE, seconds: SECONDS }));
    const { p50_ms, p99_ms, errors } = summary(runs[name].slice(-1));
    say(`  round ${round + 1}, ${name}: p50 ${p50_ms} ms, p99 ${p99_ms} ms, ${errors} errors`);
  }
}
for (const name of ["attune", "null"]) bursts[name].push(await load(() => ({ url: urls[name], body }), BURST));
await miniflare.dispose();

const steady = { attune: summary(runs.attune), null: summary(runs.null) };
const ratio = (key) => Math.round((steady.attune[key] / steady.null[key]) * 100) / 100;
const result = {
  items: ITEMS,
  rate: RATE,
  seconds: SECONDS * ROUNDS,
  request_bytes: body.length,
  answer_bytes: Buffer.byteLength(answer),
  bundle: health.bundle,
  ...steady,
  ratio_p50: ratio("p50_ms"),
  ratio_p99: ratio("p99_ms"),
  burst: { ...BURST, attune: summary(bursts.attune), null: summary(bursts.null) },
  goal: { ratio_p99: 2, burst_errors: 0 },
};
result.reached = result.ratio_p99 <= 2 && result.burst.attune.errors === 0 && steady.attune.errors === 0;
if (json) console.log(JSON.stringify(result));
else {
  const row = (name, of) => `${name.padEnd(16)} ${String(of.p50_ms).padStart(8)} ${String(of.p99_ms).padStart(8)} ${String(of.errors).padStart(7)}`;
  console.log(`${ITEMS} items, ${body.length} bytes in, ${result.answer_bytes} out\n${" ".repeat(16)}  p50 ms   p99 ms  errors`);
  console.log(row(`Attune, ${RATE}/s`, steady.attune));
  console.log(row(`null, ${RATE}/s`, steady.null));
  console.log(row(`Attune, ${BURST.rate}/s`, result.burst.attune));
  console.log(row(`null, ${BURST.rate}/s`, result.burst.null));
  console.log(`p99: ${result.ratio_p99} × the null Worker's (goal: at most 2)`);
}
process.exit(0);
