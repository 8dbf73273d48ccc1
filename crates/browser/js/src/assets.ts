// Bytes of the WebAssembly module and of the bundle, from wherever they are.

import { coded } from "./failure";
import { CACHE } from "./names";
import type { Options } from "./types";

type Source = Options["bundle"];
/** Milliseconds in which a file arrives whole: 1.5 MB at 200 kbit/s. */
const PATIENCE = 60_000;
/** `(module (func (result v128) i32.const 0 i8x16.splat))`: valid only where there is SIMD. */
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];

async function request(source: string | URL, what: string): Promise<Response> {
  const code = `${what}_unavailable`;
  const address = String(source);
  const name = "node:fs/promises";
  const local = typeof process === "object" && process.versions?.node && !/^(https?|data|blob):/.test(address);
  try {
    if (local) {
      const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ name);
      return new Response(await readFile(address.startsWith("file:") ? new URL(address) : address));
    }
    const response = await fetch(address, { credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) });
    if (response.ok) return response;
    throw coded(code, `${address} answered ${response.status}`);
  } catch (error) {
    throw (error as { code?: string }).code === code ? error : coded(code, `${address}: ${(error as Error).message}`);
  }
}

const bytes = (source: Uint8Array | ArrayBuffer): Uint8Array => (source instanceof Uint8Array ? source : new Uint8Array(source));
const isAddress = (source: Source): source is string | URL => typeof source === "string" || source instanceof URL;

/** Compiles while the bytes arrive; servers that send another type than `application/wasm` are met with a second way. */
export async function compile(source: Source): Promise<WebAssembly.Module> {
  if (typeof WebAssembly !== "object") throw coded("no_wasm", "this browser has no WebAssembly");
  if (!WebAssembly.validate(new Uint8Array(SIMD))) throw coded("no_simd", "this browser's WebAssembly has no SIMD");
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) return guarded(WebAssembly.compile(bytes(source) as BufferSource));
  const response = isAddress(source) ? await request(source, "wasm") : source;
  if (WebAssembly.compileStreaming && response.headers.get("content-type") === "application/wasm") {
    return guarded(WebAssembly.compileStreaming(response));
  }
  return guarded(response.arrayBuffer().then((body) => WebAssembly.compile(body)));
}

const guarded = <T>(work: Promise<T>): Promise<T> =>
  work.catch((error) => {
    throw coded("wasm_unusable", String(error?.message ?? error));
  });

/** A bundle's bytes, and what to do when they turn out right or wrong. */
export interface Fetched {
  bytes: Uint8Array;
  /** From the Cache API. */
  cached: boolean;
  keep(): Promise<void>;
  drop(): Promise<void>;
}

/** Gets the bundle. Only one with an integrity hash is cached: an address alone does not say which version it is. */
export async function fetchBundle(source: Source, integrity?: string): Promise<Fetched> {
  const nothing = async () => {};
  if (!isAddress(source)) {
    const body = source instanceof Uint8Array || source instanceof ArrayBuffer ? source : await body_of(source);
    return { bytes: bytes(body), cached: false, keep: nothing, drop: nothing };
  }
  const cache = integrity ? await opened() : null;
  if (!cache) return { bytes: bytes(await body_of(await request(source, "bundle"))), cached: false, keep: nothing, drop: nothing };
  const key = new URL(source, location.href);
  key.hash = "";
  key.searchParams.set("attune-integrity", integrity as string);
  const hit = await cache.match(key).catch(() => undefined);
  const body = bytes(await body_of(hit ?? (await request(source, "bundle"))));
  return {
    bytes: body,
    cached: !!hit,
    async keep() {
      if (hit) return;
      // Other versions of the same file have had their time.
      for (const old of await cache.keys()) if (new URL(old.url).pathname === key.pathname) await cache.delete(old);
      await cache.put(key, new Response(body as BufferSource));
    },
    drop: async () => void (await cache.delete(key)),
  };
}

async function body_of(response: Response): Promise<ArrayBuffer> {
  if (!response.ok) throw coded("bundle_unavailable", `the bundle's response is ${response.status}`);
  return response.arrayBuffer().catch((error) => {
    throw coded("bundle_unavailable", String(error?.message ?? error));
  });
}

/** The cache, where there is one and it may be used. */
async function opened(): Promise<Cache | null> {
  try {
    return typeof location === "object" && typeof caches === "object" ? await caches.open(CACHE) : null;
  } catch {
    return null;
  }
}

/** Addresses of what is cached. */
export async function cachedAddresses(): Promise<string[]> {
  try {
    if (typeof caches !== "object" || !(await caches.has(CACHE))) return [];
    return (await (await caches.open(CACHE)).keys()).map(({ url }) => url);
  } catch {
    return [];
  }
}
