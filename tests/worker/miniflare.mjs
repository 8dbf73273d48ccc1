// Starts the Worker in workerd as wrangler.toml describes it. Only paths may be given from outside: where the build
// is (ATTUNE_WORKER) and where the storefront is (ATTUNE_WWW).

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Log, LogLevel, Miniflare } from "miniflare";
import { parseToml } from "./toml.mjs";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const KNOWN = ["name", "main", "compatibility_date", "compatibility_flags", "build", "assets", "vars", "durable_objects", "migrations", "ratelimits", "observability"];

export function readConfig() {
  const config = parseToml(readFileSync(join(ROOT, "wrangler.toml"), "utf8"));
  const unknown = Object.keys(config).filter((key) => !KNOWN.includes(key));
  if (unknown.length > 0) throw new Error(`tests/worker/miniflare.mjs does not know wrangler.toml's ${unknown.join(", ")}`);
  return config;
}

/** Miniflare's options for the Worker of wrangler.toml. `vars` are laid over its own; `limit` is the rate limit's, `more` are
 * other options of miniflare's. */
export function workerOptions({ vars = {}, www = process.env.ATTUNE_WWW, build = process.env.ATTUNE_WORKER, limit, more } = {}) {
  const config = readConfig();
  const main = build ? join(resolve(build), basename(config.main)) : join(ROOT, config.main);
  if (!existsSync(main)) throw new Error(`${main} is not there: cargo xtask build worker`);
  const folder = dirname(main);
  const sqlite = new Set((config.migrations ?? []).flatMap((step) => step.new_sqlite_classes ?? []));
  const objects = config.durable_objects?.bindings ?? [];
  const options = {
    name: config.name,
    rootPath: folder,
    modulesRoot: folder,
    // The first is the entry.
    modules: [main, ...["index.js", "index_bg.wasm"].map((file) => join(folder, file)).filter((path) => path !== main)].map((path) => ({
      type: path.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
      path,
    })),
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags ?? [],
    bindings: { ...config.vars, ...vars },
    durableObjects: Object.fromEntries(
      objects.map(({ name, class_name: className }) => [name, { className, useSQLite: sqlite.has(className) }]),
    ),
  };
  options.ratelimits = Object.fromEntries(
    (config.ratelimits ?? []).map(({ name, simple }) => [name, { simple: { ...simple, ...(limit && { limit }) } }]),
  );
  if (config.assets && www !== null) {
    const { directory, binding, html_handling, not_found_handling, ...others } = config.assets;
    if (Object.keys(others).length > 0) throw new Error(`not known in [assets]: ${Object.keys(others).join(", ")}`);
    options.assets = {
      directory: www ? resolve(www) : join(ROOT, directory),
      binding,
      routerConfig: { has_user_worker: true },
      assetConfig: { html_handling, not_found_handling },
    };
  }
  return { ...options, ...more };
}

/** Starts it; `fetch(path, init)` asks it over HTTP. What its objects keep outlives it in the folder
 * `persist`. `direct` goes round miniflare's own proxy, which does not stream. */
export async function startWorker({ port = 0, verbose = false, persist, direct = false, beside = [], ...rest } = {}) {
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port,
    log: new Log(verbose ? LogLevel.INFO : LogLevel.ERROR),
    ...(persist && { defaultPersistRoot: persist, durableObjectsPersist: true }),
    workers: [{ ...workerOptions(rest), ...(direct && { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] }) }, ...beside],
  });
  const ready = await miniflare.ready;
  const url = direct ? await miniflare.unsafeGetDirectURL() : ready;
  return {
    miniflare,
    url,
    fetch: (path, init) => fetch(new URL(path, url), init),
    post: (path, body, headers = {}) =>
      fetch(new URL(path, url), {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
    stop: () => miniflare.dispose(),
  };
}

/** Posts `bytes` bytes of white space, and takes the answer whenever it comes: `fetch` gives up when a server answers
 * and closes before it was told everything. A declared length should be answered before the body is sent. */
export function postAtLength(url, bytes, { declared }) {
  return new Promise((done, failed) => {
    const headers = { "content-type": "application/json", ...(declared && { "content-length": bytes }) };
    const request = httpRequest(url, { method: "POST", headers, agent: false });
    // A reset after the answer reaches the socket alone.
    request.on("socket", (socket) => socket.on("error", () => {}));
    let answered = false;
    request.on("response", async (response) => {
      answered = true;
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part) => (body += part));
      response.on("end", () => done({ status: response.statusCode, json: JSON.parse(body) }));
      response.on("error", failed);
    });
    request.on("error", (error) => !answered && failed(error));
    const chunk = Buffer.alloc(65_536, 0x20);
    let left = bytes;
    const write = () => {
      if (left <= 0 || request.destroyed || answered) return request.end();
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      left -= part.length;
      // Slowly: an answer that meets a flood is lost when the connection is reset.
      request.write(part, () => setTimeout(write, 4));
    };
    if (!declared) return write();
    request.flushHeaders();
    setTimeout(write, 1_000);
  });
}

/** A folder that is removed when the process ends. */
export function scratch(prefix) {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
