// The packed npm package, the golden bundle and an empty page on 127.0.0.1, and Chromium to open it.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { BUNDLE } from "../golden/corpus.mjs";
import { PACKAGE } from "../node/package.mjs";

const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };
const bytes = readFileSync(BUNDLE);
const tampered = Buffer.from(bytes);
tampered[tampered.length >> 1] ^= 1;

export const integrity = `sha256-${createHash("sha256").update(bytes).digest("base64")}`;

/** Starts the server, with more `pages` (path → type, body, headers; or a function of request and response). `requests` counts by path. */
export async function serve(pages = {}, port = 0) {
  const requests = new Map();
  const answers = {
    "/": ["text/html", "<!doctype html><title>shop</title>"],
    "/no-worker.html": ["text/html", "<!doctype html><title>shop</title>", { "content-security-policy": "worker-src 'none'" }],
    "/small.attune": ["application/octet-stream", bytes],
    "/tampered.attune": ["application/octet-stream", tampered],
    "/short.attune": ["application/octet-stream", bytes.subarray(0, 999)],
    "/untyped": ["text/plain", readFileSync(join(PACKAGE, "attune_bg.wasm"))],
    ...pages,
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://page");
    requests.set(pathname, (requests.get(pathname) ?? 0) + 1);
    const file = join(PACKAGE, pathname.replace(/^\/attune\//, ""));
    if (typeof answers[pathname] === "function") answers[pathname](request, response);
    else if (answers[pathname]) {
      const [type, body, headers] = answers[pathname];
      response.writeHead(200, { "content-type": type, ...headers }).end(body);
    } else if (/^\/attune\/[\w.-]+$/.test(pathname) && existsSync(file)) {
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" }).end(readFileSync(file));
    } else response.writeHead(404).end();
  });
  await new Promise((ready) => server.listen(port, "127.0.0.1", ready));
  return { base: `http://127.0.0.1:${server.address().port}`, requests, stop: () => new Promise((done) => server.close(done)) };
}

export const launch = (...args) =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", ...args] });
