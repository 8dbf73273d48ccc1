// A page put in order at the edge, beside a Worker that passes it through: the same page from the same origin, alternately
// in one run. How much longer the page takes, how much longer its first byte, and what memory a page on its way takes.
//
//   node tests/bench/html.mjs [--json] [--pages 200]

import { createServer, get as httpGet, Agent } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { Worker, isMainThread, parentPort } from "node:worker_threads";
import { Miniflare } from "miniflare";
import { workerOptions } from "../worker/miniflare.mjs";
import { card, products } from "../worker/shop.mjs";
import { quantile } from "./load.mjs";
import { processId, resident } from "./workerd.mjs";

const SLOTS = 10;
const CARDS = 20;
const BYTES = 300_000;
/** Requests that wait inside a slot at once, for the memory. */
const WAITING = 40;
const LARGE = 400_000;

const filler = (bytes) => "<p>Handmade in small batches, shipped in two days.</p>\n".repeat(Math.ceil(bytes / 56)).slice(0, bytes);

/** A page with these slots, as large as asked. */
function page(slots, cards, bytes) {
  const items = products(slots * cards);
  const plain = (text, between) =>
    `<!doctype html><html lang=en><head><title>Shop</title></head><body>${between}` +
    Array.from({ length: slots }, (_, n) => `<ul data-attune-slot="s${n}">${items.slice(n * cards, (n + 1) * cards).map((item) => card(item, text)).join("\n")}</ul>${between}`).join("") +
    "</body></html>";
  const text = filler(400);
  const left = bytes - plain(text, "").length;
  return plain(text, filler(Math.floor(left / (slots + 1))));
}

if (!isMainThread) {
  // The origin, in a thread of its own.
  const whole = Buffer.from(page(SLOTS, CARDS, BYTES));
  const first = whole.indexOf("data-attune-slot");
  const large = Buffer.from(`<!doctype html><ul data-attune-slot="s"><li data-attune-id="a">${filler(LARGE)}</li><li data-attune-id="b">`);
  const html = { "content-type": "text/html; charset=utf-8" };
  const server = createServer(async (request, response) => {
    response.writeHead(200, html);
    if (request.url === "/whole") return response.end(whole);
    // The page's head, and the rest after a while, as a shop's server sends them.
    if (request.url === "/slow") {
      response.write(whole.subarray(0, first - 20));
      await pause(50);
      return response.end(whole.subarray(first - 20));
    }
    // Stops inside a slot for some seconds.
    const [part, rest] = request.url === "/large" ? [large, Buffer.from("</li></ul>")] : [whole.subarray(0, first + 25_000), whole.subarray(first + 25_000)];
    response.write(part);
    await pause(6_000);
    response.end(rest);
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage({ port: server.address().port, bytes: whole.length }));
} else {
  const option = (name, otherwise) => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? otherwise : Number(process.argv[at + 1]);
  };
  const say = (text) => process.stderr.write(`${text}\n`);
  const pages = option("pages", 200);
  const origin = new Worker(new URL(import.meta.url));
  const { port, bytes } = await new Promise((ready) => origin.once("message", ready));
  const address = `http://127.0.0.1:${port}`;
  const agent = new Agent({ keepAlive: true });
  const direct = { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] };
  const ours = { ...workerOptions({ www: null, vars: { ATTUNE_ORIGIN: address, ATTUNE_PATIENCE: "10000" } }), ...direct };
  const { compatibilityDate } = ours;
  const passing = {
    name: "passing",
    modules: true,
    compatibilityDate,
    script: `export default { fetch(request) { const { pathname } = new URL(request.url); return fetch("${address}" + pathname, request); } }`,
    ...direct,
  };
  const start = async () => {
    const miniflare = new Miniflare({ host: "127.0.0.1", port: 0, workers: [ours, passing] });
    await miniflare.ready;
    const urls = { attune: await miniflare.unsafeGetDirectURL(ours.name), passing: await miniflare.unsafeGetDirectURL("passing") };
    return { miniflare, urls };
  };
  const ask = (url) =>
    new Promise((done, failed) => {
      const begin = performance.now();
      const headers = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156", "accept-language": "en" };
      httpGet(url, { agent, headers }, (response) => {
        let first;
        let length = 0;
        const order = [];
        response.on("data", (part) => {
          first ??= performance.now() - begin;
          length += part.length;
          order.push(part);
        });
        response.on("end", () => done({ first, whole: performance.now() - begin, length, body: Buffer.concat(order) }));
        response.on("error", failed);
      }).on("error", failed);
    });

  const running = await start();
  const [asIs, ordered] = [await ask(new URL("/whole", running.urls.passing)), await ask(new URL("/whole", running.urls.attune))];
  if (ordered.length !== asIs.length || ordered.body.equals(asIs.body)) {
    say(`the Worker does not put the page in order: ${ordered.length} bytes of ${asIs.length}`);
    process.exit(1);
  }
  const times = { attune: { whole: [], first: [] }, passing: { whole: [], first: [] } };
  const added = { whole: [], first: [] };
  for (const [path, key, rounds] of [["/whole", "whole", pages], ["/slow", "first", Math.ceil(pages / 4)]]) {
    for (let n = 0; n < rounds + 5; n++) {
      const pair = {};
      for (const name of n % 2 ? ["attune", "passing"] : ["passing", "attune"]) pair[name] = (await ask(new URL(path, running.urls[name])))[key];
      if (n < 5) continue;
      for (const name of ["attune", "passing"]) times[name][key].push(pair[name]);
      added[key].push(pair.attune - pair.passing);
    }
    say(`  ${path}: ${rounds} pages each`);
  }
  await running.miniflare.dispose();

  // Memory: what so many pages that stand still inside a slot take, over those that pass through.
  const memory = {};
  for (const path of ["/held", "/large"]) {
    const grew = {};
    for (const name of ["passing", "attune"]) {
      const { miniflare, urls } = await start();
      for (let n = 0; n < 20; n++) await ask(new URL("/whole", urls[name]));
      const pid = processId();
      const before = resident(pid);
      const waiting = Array.from({ length: WAITING }, () => ask(new URL(path, urls[name])));
      await pause(4_000);
      grew[name] = resident(pid) - before;
      await Promise.all(waiting);
      await miniflare.dispose();
    }
    memory[path.slice(1)] = (grew.attune - grew.passing) / WAITING;
    say(`  ${path}: ${WAITING} pages at once`);
  }

  const round = (value) => Math.round(value * 100) / 100;
  const median = (values) => round(quantile(values, 0.5));
  const result = {
    page_bytes: bytes,
    slots: SLOTS,
    cards: CARDS,
    pages,
    attune_ms: { p50: median(times.attune.whole), p99: round(quantile(times.attune.whole, 0.99)) },
    passing_ms: { p50: median(times.passing.whole), p99: round(quantile(times.passing.whole, 0.99)) },
    added_ms: median(added.whole),
    first_byte_ms: { attune: median(times.attune.first), passing: median(times.passing.first), added: median(added.first) },
    memory_mib: { page: round(memory.held), [`slot_of_${LARGE / 1000}_kb`]: round(memory.large) },
    goal: { added_ms: 5, memory_mib: 4 },
  };
  result.reached = result.added_ms <= 5 && Math.max(...Object.values(result.memory_mib)) <= 4 && result.first_byte_ms.added < 5;
  if (process.argv.includes("--json")) console.log(JSON.stringify(result));
  else {
    console.log(`${round(bytes / 1000)} KB, ${SLOTS} slots of ${CARDS} cards; ${pages} pages each`);
    console.log(`in order ${result.attune_ms.p50} ms, passed through ${result.passing_ms.p50} ms: ${result.added_ms} ms more at the median (goal: at most 5)`);
    console.log(`first byte of a page whose slots come 50 ms later: ${result.first_byte_ms.attune} ms, passed through ${result.first_byte_ms.passing} ms`);
    console.log(`memory a page held inside a slot takes: ${result.memory_mib.page} MiB; inside a slot of ${LARGE / 1000} KB: ${round(memory.large)} MiB (goal: at most 4)`);
  }
  process.exit(0);
}
