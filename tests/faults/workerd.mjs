// Faults at the edge, as data: what goes wrong in the Worker, its objects or its origin, and what must hold.
// FAULTS.md lists the same.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createServer, request as open } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { startWorker } from "../worker/miniflare.mjs";
import { NOW, products, rankRequest, request } from "../worker/shop.mjs";
import { BUILD, changed, confined, replaced, trapped } from "./build.mjs";

const PATIENCE = 200;
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
const card = ({ id, fields }) => `<li data-attune-id="${id}" data-attune-fields="${escaped(JSON.stringify(fields))}"><a href="/${id}">${fields.name}</a></li>`;
const slot = (id, items) => `<ul data-attune-slot="${id}">${items.map(card).join("\n")}</ul>`;
const PAGE = `<!doctype html><html lang=en><title>Shop</title><body><h1>Shop</h1>${slot("home", products(20))}<hr>${slot("also", products(40).slice(20))}<footer>ends</footer>`;
const HALF = PAGE.indexOf("p7");
const ids = (text) => [...text.matchAll(/data-attune-id="?(\w+)/g)].map(([, id]) => id);
const OWN = ids(PAGE);
const sorted = (text) => Buffer.from(text).sort().toString("latin1");
const html = { "content-type": "text/html; charset=utf-8" };
const NOISE = Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * 2_654_435_761) >>> 24));

/** By path: how the origin answers. */
const routes = {
  "/": (response) => response.writeHead(200, html).end(PAGE),
  "/parts": async (response) => {
    response.writeHead(200, html);
    for (let at = 0; at < PAGE.length; at += 2_000) {
      response.write(PAGE.slice(at, at + 2_000));
      await pause(5);
    }
    response.end();
  },
  "/halves": async (response) => {
    const at = PAGE.indexOf("<hr>");
    response.writeHead(200, html).write(PAGE.slice(0, at));
    await pause(PATIENCE / 2);
    response.end(PAGE.slice(at));
  },
  "/slow": async (response) => {
    await pause(500);
    response.writeHead(200, html).end(PAGE);
  },
  "/hanging": () => {},
  "/held": async (response) => {
    response.writeHead(200, html).write(PAGE.slice(0, HALF));
    await pause(PATIENCE * 4);
    response.end(PAGE.slice(HALF));
  },
  "/stuck": (response) => response.writeHead(200, html).write(PAGE.slice(0, HALF)),
  "/torn": async (response) => {
    response.writeHead(200, html).write(PAGE.slice(0, HALF));
    await pause(50);
    response.destroy();
  },
  "/failing": (response) => response.writeHead(500, html).end(PAGE),
  "/noise": (response) => response.writeHead(200, html).end(NOISE),
  "/no-gzip": (response) => response.writeHead(200, { ...html, "content-encoding": "gzip" }).end(PAGE),
  "/half-gzip": (response) => response.writeHead(200, { ...html, "content-encoding": "gzip" }).end(gzipSync(PAGE).subarray(0, 900)),
  "/large": async (response) => {
    response.writeHead(200, html).write(`<!doctype html>${slot("home", products(20))}`);
    response.write("<p>text</p>".repeat(25_000));
    response.write(slot("also", products(400)).slice(0, -5));
  },
};

const browser = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156", cookie: "shopper=alice" };

/** An origin, and Workers before it: one that is well for all who ask for it, others for one fault. */
export class Edge {
  workers = new Map();

  async open() {
    this.origin = createServer((request, response) => {
      request.resume();
      response.on("error", () => {});
      (routes[new URL(request.url, "http://origin").pathname] ?? ((response) => response.writeHead(404).end("no")))(response);
    });
    await new Promise((ready) => this.origin.listen(0, "127.0.0.1", ready));
    return this;
  }

  /** The Worker of a build folder and variables, started once. */
  worker(build = BUILD, vars = {}) {
    const key = JSON.stringify([build, vars]);
    const all = { ATTUNE_ORIGIN: `http://127.0.0.1:${this.origin.address().port}`, ATTUNE_PATIENCE: String(PATIENCE), ATTUNE_KEY: "key", ATTUNE_LOG: "on", ATTUNE_PROFILES: "server", ATTUNE_SALT: "salt", ATTUNE_SHOPPER_COOKIE: "shopper", ...vars };
    if (!this.workers.has(key)) this.workers.set(key, startWorker({ www: null, build, vars: all, direct: true, limit: 100_000 }));
    return this.workers.get(key);
  }

  async close() {
    for (const worker of this.workers.values()) await (await worker.catch(() => null))?.stop();
    this.origin.closeAllConnections();
    this.origin.close();
  }
}

const get = (worker, path, headers = {}) => worker.fetch(path, { headers: { ...browser, ...headers }, signal: AbortSignal.timeout(8_000) });
const told = async (worker, candidates = 20, more = {}) => {
  const response = await worker.post("/rank", request(candidates, { shopper: "alice", ...more }));
  const answer = await response.json();
  return { status: response.status, answer, source: answer.source, code: answer.fallback?.code ?? answer.code ?? null, order: answer.slots?.[0].items.map(({ id }) => id) };
};

/** All of the page arrives, in whatever order of its cards; `ordered` says in which of the two. */
async function whole(worker, path, ordered) {
  const response = await get(worker, path);
  const text = await response.text();
  assert.equal(response.status, 200);
  assert.equal(sorted(text), sorted(PAGE), "the page's own bytes");
  const now = ids(text);
  assert.deepEqual([...now.slice(0, 20)].sort(), [...OWN.slice(0, 20)].sort(), "cards stay in their slot");
  if (ordered === true) assert.notDeepEqual(now, OWN);
  if (ordered === false) assert.equal(text, PAGE);
  return now;
}

const ranks = async (worker) => {
  const { status, source, code } = await told(worker);
  assert.deepEqual([status, source, code], [200, "model", null]);
};

/** @type {{ fault: string, code?: string, act: (edge: Edge) => Promise<void> }[]} */
export const rows = [
  {
    fault: "memory runs out while it ranks",
    code: "wasm_trap",
    act: async (edge) => {
      const worker = await edge.worker(confined(40));
      await ranks(worker);
      const { status, code } = await told(worker, 4_000);
      assert.deepEqual([status, code], [503, "wasm_trap"]);
      await ranks(worker);
      await whole(worker, "/", true);
    },
  },
  {
    fault: "a trap meets requests under way",
    act: async (edge) => {
      const worker = await edge.worker(confined(40));
      const under_way = [whole(worker, "/slow"), whole(worker, "/parts"), whole(worker, "/slow")];
      await pause(60);
      assert.equal((await told(worker, 4_000)).status, 503);
      const [after] = await Promise.all([told(worker), ...under_way]);
      assert.equal(after.source, "model");
    },
  },
  {
    fault: "wasm traps as a request comes",
    code: "wasm_trap",
    act: async (edge) => {
      const worker = await edge.worker(trapped({ fetch: 2 }));
      await whole(worker, "/", true);
      await whole(worker, "/", false);
      await whole(worker, "/", true);
      const { status, code } = await told(worker);
      assert.deepEqual([status, code], [503, "wasm_trap"]);
      await ranks(worker);
    },
  },
  ...[["as a page comes", { page_write: 1 }, 0], ["in the middle of a page", { page_write: 3 }, 1], ["at a page's end", { page_end: 1 }, 2]].map(([when, traps, ordered]) => ({
    fault: `wasm traps ${when}`,
    act: async (edge) => {
      const worker = await edge.worker(trapped(traps));
      for (let round = 0; round < 2; round++) {
        const now = await whole(worker, "/halves");
        const slots = [now.slice(0, 20), now.slice(20)].filter((slot, n) => slot.join() !== OWN.slice(n * 20, n * 20 + 20).join());
        assert.equal(slots.length, ordered, "slots put in order before it");
        await ranks(worker);
      }
    },
  })),
  {
    fault: "wasm traps as a late slot is let go",
    act: async (edge) => {
      const worker = await edge.worker(trapped({ page_letGo: 1 }));
      await whole(worker, "/held", false);
      await ranks(worker);
    },
  },
  {
    fault: "wasm traps at every page",
    act: async (edge) => {
      const worker = await edge.worker(trapped({ fetch: 1 }));
      for (let round = 0; round < 3; round++) await whole(worker, "/", false);
      assert.equal((await get(worker, "/failing")).status, 500);
      const health = await get(worker, "/health");
      assert.deepEqual([health.status, (await health.json()).code], [503, "wasm_trap"], "what is not the origin's stays here");
    },
  },
  ...[["profile's", { shopperprofile_fetch: 1 }], ["log's", { decisionlog_fetch: 1 }]].map(([whose, traps]) => ({
    fault: `wasm traps in the ${whose} object`,
    act: async (edge) => {
      const worker = await edge.worker(trapped(traps));
      for (let round = 0; round < 3; round++) {
        await whole(worker, "/");
        const { status, code, order } = await told(worker);
        if (status === 503) assert.equal(code, "wasm_trap");
        else assert.deepEqual([status, order.length], [200, 20]);
      }
    },
  })),
  ...["fails", "answers 500", "hangs"].map((how) => ({
    fault: `profile's object ${how}`,
    code: "profile_unavailable",
    act: async (edge) => {
      const worker = await edge.worker(replaced("ShopperProfile", how));
      const { status, source, code } = await told(worker);
      assert.deepEqual([status, source, code], [200, "model", "profile_unavailable"]);
      await whole(worker, "/", true);
    },
  })),
  ...["fails", "answers 500", "hangs"].map((how) => ({
    fault: `log's object ${how}`,
    code: "log_unavailable",
    act: async (edge) => {
      const worker = await edge.worker(replaced("DecisionLog", how));
      await ranks(worker);
      await whole(worker, "/", true);
      const line = { type: "outcome", id: "o", decision: "d", item: "p1", kind: "click", at: Date.now() };
      const response = await worker.fetch("/v1/log", { method: "POST", body: JSON.stringify(line), signal: AbortSignal.timeout(8_000) });
      assert.deepEqual([response.status, (await response.json()).code], [503, "log_unavailable"]);
    },
  })),
  ...[["missing", (bytes, at) => bytes.fill(0, at, at + 8)], ["changed by one byte", (bytes, at) => (bytes[at + 2_000] ^= 1)]].map(([what, change]) => ({
    fault: `bundle ${what}`,
    code: "bundle_unusable",
    act: async (edge) => {
      const worker = await edge.worker(changed(what, change));
      const { status, source, code, order } = await told(worker);
      assert.deepEqual([status, source, code, order], [200, "page", "bundle_unusable", OWN.slice(0, 20)]);
      await whole(worker, "/", false);
      assert.equal((await (await worker.fetch("/health")).json()).status, "degraded");
    },
  })),
  {
    fault: "bundle of another integrity",
    code: "bundle_integrity",
    act: async (edge) => {
      const worker = await edge.worker(BUILD, { ATTUNE_INTEGRITY: `sha256-${Buffer.alloc(32).toString("base64")}` });
      const { status, source, code, order } = await told(worker);
      assert.deepEqual([status, source, code, order], [200, "page", "bundle_integrity", OWN.slice(0, 20)]);
      await whole(worker, "/", false);
    },
  },
  { fault: "origin slow", act: async (edge) => void (await whole(await edge.worker(), "/slow", true)) },
  {
    fault: "origin hangs",
    act: async (edge) => {
      const worker = await edge.worker();
      const hanging = [1, 2, 3].map(() => worker.fetch("/hanging", { headers: browser, signal: AbortSignal.timeout(600) }).catch(({ name }) => name));
      await whole(worker, "/", true);
      await ranks(worker);
      assert.deepEqual(await Promise.all(hanging), Array(3).fill("TimeoutError"), "nothing is made up");
      await whole(worker, "/", true);
    },
  },
  {
    fault: "origin late within a slot",
    act: async (edge) => {
      const text = await (await get(await edge.worker(), "/held")).text();
      assert.equal(sorted(text), sorted(PAGE));
      assert.deepEqual(ids(text).slice(0, 20), OWN.slice(0, 20), "what was late goes out as it came");
    },
  },
  {
    fault: "origin hangs within a slot",
    act: async (edge) => {
      const response = await get(await edge.worker(), "/stuck");
      let text = "";
      for await (const part of response.body) {
        text += Buffer.from(part);
        if (text.length === HALF) break;
      }
      assert.equal(text, PAGE.slice(0, HALF), "all that came is with the shopper");
    },
  },
  {
    fault: "origin breaks off",
    act: async (edge) => {
      let text = "";
      await (async () => {
        for await (const part of (await get(await edge.worker(), "/torn")).body) text += Buffer.from(part);
      })().catch(() => {});
      assert.equal(text, PAGE.slice(0, HALF));
    },
  },
  {
    fault: "origin 500",
    act: async (edge) => {
      const response = await get(await edge.worker(), "/failing");
      assert.deepEqual([response.status, await response.text()], [500, PAGE]);
    },
  },
  {
    fault: "origin refuses connections",
    code: "origin_unavailable",
    act: async (edge) => {
      const worker = await edge.worker(BUILD, { ATTUNE_ORIGIN: "http://127.0.0.1:9" });
      const response = await get(worker, "/");
      assert.deepEqual([response.status, (await response.json()).code], [502, "origin_unavailable"]);
      await ranks(worker);
    },
  },
  {
    fault: "origin answers noise as HTML",
    act: async (edge) => {
      const bytes = Buffer.from(await (await get(await edge.worker(), "/noise")).arrayBuffer());
      assert.ok(bytes.equals(NOISE));
    },
  },
  ...["/no-gzip", "/half-gzip"].map((path) => ({
    fault: path === "/no-gzip" ? "origin answers gzip that is none" : "origin answers half a gzip",
    act: async (edge) => {
      const worker = await edge.worker();
      // Nobody can read such a page; it must end, and be the only one that does.
      await get(worker, path).then((response) => response.arrayBuffer()).catch((error) => assert.notEqual(error.name, "TimeoutError"));
      await whole(worker, "/", true);
    },
  })),
  {
    fault: "clock skew",
    act: async (edge) => {
      const worker = await edge.worker();
      for (const at of [-1, 0, NOW + 1e13, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
        const { status, source, order, answer } = await told(worker, 20, { at });
        assert.deepEqual([status, source, order.length], [200, "model", 20], `${at}`);
        assert.ok(answer.slots[0].items.every(({ score, propensity }) => Number.isFinite(score) && propensity > 0));
      }
      const hour = 3_600_000;
      const line = (id, more) => JSON.stringify({ type: "outcome", id, decision: "skew", item: "p1", kind: "click", at: Date.now(), ...more });
      const send = async (body, query) => (await worker.fetch(`/v1/log${query}`, { method: "POST", body })).json();
      const back = await send(line("back", { at: Date.now() - 9 * hour }), `?sent=${Date.now() - 9 * hour}`);
      assert.deepEqual([back.accepted, Math.round(back.skew / hour)], [1, 9]);
      const ahead = await send([line("ahead", { at: Date.now() + 1e12 }), line("now")].join("\n"), "");
      assert.deepEqual([ahead.accepted, ahead.rejected.map(({ code }) => code)], [1, ["clock"]]);
    },
  },
  {
    fault: "bodies that are none",
    code: "malformed",
    act: async (edge) => {
      const worker = await edge.worker();
      for (const body of ["", "null", "[", '{"v":1,"slots":7}']) {
        const response = await worker.post("/rank", body);
        assert.ok(response.status === 400 || response.status === 422, `${response.status}`);
        assert.match(response.headers.get("content-type"), /problem/);
      }
      assert.equal((await (await worker.post("/rank/default", rankRequest(3))).json()).items.length, 3);
    },
  },
  {
    fault: "the shopper leaves in mid-page",
    act: async (edge) => {
      const worker = await edge.worker();
      const leave = () =>
        new Promise((done) => {
          const asked = open(new URL("/large", worker.url), { headers: browser, agent: false }, (response) => response.once("data", () => asked.destroy()));
          asked.on("error", () => {}).on("close", done).end();
        });
      const many = async (count) => {
        for (let n = 0; n < count; n += 10) await Promise.all(Array.from({ length: 10 }, leave));
      };
      await many(100);
      const before = resident();
      await many(200);
      const grown = resident() - before;
      assert.ok(grown < 40, `workerd grew by ${grown} MiB over 200 pages of 300 KB and more`);
      await whole(worker, "/", true);
    },
  },
];

/** MiB of the workerd processes that this one started. */
function resident() {
  let sum = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (/^Name:\s+workerd/m.test(status) && new RegExp(`^PPid:\\s+${process.pid}$`, "m").test(status)) sum += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
    } catch {
      // It has ended.
    }
  }
  assert.ok(sum > 0, "workerd is not found");
  return Math.round(sum);
}
