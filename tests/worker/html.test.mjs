// Pages of an origin, in workerd: what is put in order, what passes as it came, and what their headers say.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { startWorker } from "./miniflare.mjs";
import { card, products } from "./shop.mjs";

const PATIENCE = 300;
const slot = (id, items) => `<ul data-attune-slot="${id}">${items.map((item) => card(item)).join("\n")}</ul>`;
const html = (...slots) => `<!doctype html><html lang=en><title>Shop</title><body><h1>Shop</h1>${slots.join("<hr>")}<footer>ends</footer>`;
const PAGE = html(slot("home", products(20)), slot("also", products(40).slice(20)));
const ids = (text) => [...text.matchAll(/data-attune-id="?(\w+)/g)].map(([, id]) => id);
const sorted = (text) => [...Buffer.from(text)].sort((a, b) => a - b).join();

/** What the origin was asked, newest last. */
const asked = [];
/** By path: what the origin answers. */
const routes = {
  "/": (_, response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-length": Buffer.byteLength(PAGE), etag: '"v1"', "cache-control": "public, max-age=60, s-maxage=600", vary: "Accept-Encoding", "set-cookie": ["a=1", "b=2"] }).end(PAGE),
  "/gzip": (_, response) => response.writeHead(200, { "content-type": "text/html", "content-encoding": "gzip" }).end(gzipSync(PAGE)),
  "/br": (_, response) => response.writeHead(200, { "content-type": "text/html", "content-encoding": "br" }).end(brotliCompressSync(PAGE)),
  "/fixed": (_, response) => response.writeHead(200, { "content-type": "text/html", "cache-control": "no-transform" }).end(PAGE),
  "/utf16": (_, response) => response.writeHead(200, { "content-type": "text/html; charset=utf-16le" }).end(Buffer.from(PAGE, "utf16le")),
  "/plain": (_, response) => response.writeHead(200, { "content-type": "text/plain" }).end(PAGE),
  "/missing": (_, response) => response.writeHead(404, { "content-type": "text/html" }).end(PAGE),
  "/unclosed": (_, response) => response.writeHead(200, { "content-type": "text/html" }).end(PAGE.replaceAll("</ul>", "")),
  "/large": (_, response) => response.writeHead(200, { "content-type": "text/html" }).end(html(slot("large", [{ id: "x", fields: { name: "x".repeat(700_000) } }, ...products(5)]), slot("small", products(20)))),
  "/moved": (request, response) => response.writeHead(302, { location: `http://${request.headers.host}/elsewhere?x=1` }).end(),
  "/away": (_, response) => response.writeHead(302, { location: "https://elsewhere.example/" }).end(),
  "/basket": async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    response.writeHead(201, { "content-type": "text/plain" }).end(`${request.method} ${body}`);
  },
  "/slow": async (_, response) => {
    const at = PAGE.indexOf("p7");
    response.writeHead(200, { "content-type": "text/html" }).write(PAGE.slice(0, at));
    await pause(PATIENCE * 4);
    response.end(PAGE.slice(at));
  },
  "/late-slot": async (_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).write("<!doctype html><h1>First</h1>");
    await pause(1_000);
    response.end(PAGE);
  },
  "/broken": async (_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).write(PAGE.slice(0, PAGE.indexOf("p7")));
    await pause(50);
    response.destroy();
  },
};

let origin;
let worker;
let health;
before(async () => {
  origin = createServer((request, response) => {
    asked.push({ method: request.method, url: request.url, headers: request.headers });
    const { pathname } = new URL(request.url, "http://origin");
    const tags = request.headers["if-none-match"];
    if (pathname === "/" && tags?.includes('"v1"')) return response.writeHead(304, { etag: '"v1"' }).end();
    (routes[pathname] ?? ((_, response) => response.writeHead(404).end("no")))(request, response);
  });
  await new Promise((ready) => origin.listen(0, "127.0.0.1", ready));
  const vars = { ATTUNE_ORIGIN: `http://127.0.0.1:${origin.address().port}`, ATTUNE_PATIENCE: String(PATIENCE), ATTUNE_KEY: "key", ATTUNE_LOG: "on" };
  worker = await startWorker({ www: null, vars, direct: true });
  health = await (await worker.fetch("/health")).json();
});
after(async () => {
  await worker.stop();
  origin.closeAllConnections();
  origin.close();
});

const browser = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156", "accept-language": "en-GB,en" };
const get = (path, headers = {}) => worker.fetch(path, { headers: { ...browser, ...headers }, redirect: "manual" });
const ranks = (name, body) => test(name, async (t) => (health.status === "ok" ? body(t) : t.skip(`no bundle: ${health.fallback?.message}`)));

ranks("slots are put in order, and not a byte is made or lost", async () => {
  const response = await get("/");
  const text = await response.text();
  assert.equal(response.status, 200);
  assert.notDeepEqual(ids(text), ids(PAGE));
  assert.equal(sorted(text), sorted(PAGE));
  assert.deepEqual(ids(text).slice(0, 20).sort(), ids(PAGE).slice(0, 20).sort(), "cards stay in their slot");
});

ranks("headers say that the page is one shopper's, and another than the origin's", async () => {
  const response = await get("/");
  const header = (name) => response.headers.get(name);
  assert.equal(header("cache-control"), "private, max-age=60");
  assert.equal(header("vary"), "Accept-Encoding, Accept-Language, User-Agent");
  assert.equal(header("etag"), `W/"v1.${health.bundle.slice(0, 8)}"`);
  assert.equal(header("content-type"), "text/html; charset=utf-8");
  assert.match(header("server-timing"), /^attune;desc="d[0-9a-f]{16}"$/);
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
  const length = header("content-length");
  assert.ok(length === null || Number(length) === Buffer.byteLength(await response.text()));
});

ranks("a page that has not changed is not sent again; one that another bundle ordered is", async () => {
  const etag = (await get("/")).headers.get("etag");
  const same = await get("/", { "if-none-match": etag });
  assert.equal(same.status, 304);
  assert.equal(asked.at(-1).headers["if-none-match"], 'W/"v1"');
  const other = await get("/", { "if-none-match": 'W/"v1.00000000"', "if-modified-since": "Fri, 01 May 2026 12:00:00 GMT" });
  assert.equal(other.status, 200);
  assert.deepEqual([asked.at(-1).headers["if-none-match"], asked.at(-1).headers["if-modified-since"]], [undefined, undefined]);
});

for (const coding of ["gzip", "br"])
  ranks(`a page in ${coding} is put in order too`, async () => {
    const response = await get(`/${coding}`, { "accept-encoding": coding });
    const text = await response.text();
    assert.notDeepEqual(ids(text), ids(PAGE));
    assert.equal(sorted(text), sorted(PAGE));
  });

for (const path of ["/fixed", "/plain", "/missing", "/unclosed"])
  test(`${path} passes as it came`, async () => {
    const response = await get(path);
    assert.equal(await response.text(), path === "/unclosed" ? PAGE.replaceAll("</ul>", "") : PAGE);
    assert.equal(response.status, path === "/missing" ? 404 : 200);
  });

test("an encoding that cannot be followed passes as it came", async () => {
  const bytes = Buffer.from(await (await get("/utf16")).arrayBuffer());
  assert.ok(bytes.equals(Buffer.from(PAGE, "utf16le")));
});

test("a crawler gets the page as it is", async () => {
  const response = await get("/", { "user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1)" });
  assert.equal(await response.text(), PAGE);
  assert.equal(response.headers.get("etag"), '"v1"');
});

ranks("a slot that is too large stays, and the next one is put in order", async () => {
  const text = await (await get("/large")).text();
  const [large, small] = [ids(text).slice(0, 6), ids(text).slice(6)];
  assert.deepEqual(large, ["x", ...products(5).map(({ id }) => id)]);
  assert.notDeepEqual(small, products(20).map(({ id }) => id));
});

ranks("a slot whose rest is late goes out as it came, in time", async () => {
  const start = performance.now();
  const response = await get("/slow");
  const reader = response.body.getReader();
  let text = "";
  let early;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += Buffer.from(part.value);
    if (early === undefined && text.includes("p6")) early = performance.now() - start;
  }
  assert.ok(early < PATIENCE * 4, `the first cards came after ${early} ms`);
  assert.deepEqual(ids(text).slice(0, 20), ids(PAGE).slice(0, 20));
  assert.notDeepEqual(ids(text).slice(20), ids(PAGE).slice(20));
});

test("what comes before a slot does not wait for it", async () => {
  const start = performance.now();
  const reader = (await get("/late-slot")).body.getReader();
  const { value } = await reader.read();
  assert.match(Buffer.from(value).toString(), /First/);
  assert.ok(performance.now() - start < 900);
  await reader.cancel();
});

test("other methods and their bodies reach the origin", async () => {
  const response = await worker.fetch("/basket?x=1", { method: "POST", body: "item=p1" });
  assert.deepEqual([response.status, await response.text()], [201, "POST item=p1"]);
  assert.equal(asked.at(-1).url, "/basket?x=1");
  assert.equal(asked.at(-1).headers["x-forwarded-host"], worker.url.host);
});

test("a redirect to the origin leads here, one to elsewhere leads there", async () => {
  assert.equal((await get("/moved")).headers.get("location"), `${worker.url.origin}/elsewhere?x=1`);
  assert.equal((await get("/away")).headers.get("location"), "https://elsewhere.example/");
});

test("HEAD has the headers of GET", async () => {
  const response = await worker.fetch("/", { method: "HEAD", headers: browser });
  assert.equal(response.headers.get("etag"), (await get("/")).headers.get("etag"));
});

test("of an origin that breaks off all that it sent arrives", async () => {
  let text = "";
  // workerd tells a client no more than that, whether or not anything is in between.
  await (async () => {
    for await (const part of (await get("/broken")).body) text += Buffer.from(part);
  })().catch(() => {});
  assert.equal(text, PAGE.slice(0, PAGE.indexOf("p7")));
});

test("the Worker's own routes come first", async () => {
  assert.equal((await worker.fetch("/health")).headers.get("content-type"), "application/json");
});

test("an origin that is not there is a problem document", async () => {
  const alone = await startWorker({ www: null, vars: { ATTUNE_ORIGIN: "http://127.0.0.1:9" } });
  try {
    const response = await alone.fetch("/");
    assert.deepEqual([response.status, (await response.json()).code], [502, "origin_unavailable"]);
  } finally {
    await alone.stop();
  }
});

ranks("what was decided is in the log under the id that the page can read, and is what /rank decides", async () => {
  const response = await get("/");
  const id = /desc="(\w+)"/.exec(response.headers.get("server-timing"))[1];
  const order = ids(await response.text());
  await pause(300);
  const log = await worker.fetch("/v1/log", { headers: { authorization: "Bearer key" } });
  const lines = (await log.text()).trim().split("\n").map((line) => JSON.parse(line));
  const line = lines.find((line) => line.id === id);
  assert.deepEqual([line.type, line.mode, line.source, line.context.page], ["decision", "contextual", "model", "/"]);
  const shown = (slots) => slots.flatMap((slot) => slot.items.map(({ id }) => id));
  assert.deepEqual(shown(line.slots), order);
  const { at, tz_offset, context } = line;
  const slots = [{ id: "home", candidates: products(20) }, { id: "also", candidates: products(40).slice(20) }];
  const decision = await (await worker.post("/rank", { at, tz_offset, context, user_agent: browser["user-agent"], slots })).json();
  assert.deepEqual(shown(decision.slots), order);
});
