// @ts-check
// The Worker's entry. A trap ends the WebAssembly instance and every request that is in it, and the runtime would answer
// each of them with an error of its own. Here the shopper gets the origin's page instead, and a caller a problem document.

// @ts-ignore: what worker-build writes beside this file.
import Attune, { DecisionLog, RolloutState, ShopperProfile } from "./index.js";

export { DecisionLog, RolloutState, ShopperProfile };

/** @type {Set<(why: unknown) => void>} Requests that wait for the instance there is now. */
const waiting = new Set();

/** @param {unknown} why */
function ended(why) {
  for (const fail of waiting) fail(why);
  waiting.clear();
}

// Traps and panics, in a task of its own or where a promise has called.
addEventListener("error", ({ error }) => ended(error));
addEventListener("unhandledrejection", ({ reason }) => {
  if (reason instanceof WebAssembly.RuntimeError || /Rust panic|Module terminated|Wasm instance/i.test(reason?.message)) ended(reason);
});

export default {
  /**
   * @param {Request} request
   * @param {Record<string, unknown>} env
   * @param {unknown} context
   * @returns {Promise<Response>}
   */
  async fetch(request, env, context) {
    /** @type {((why: unknown) => void) | undefined} */
    let trapped;
    try {
      return await new Promise((resolve, reject) => {
        trapped = reject;
        waiting.add(reject);
        new Attune(context, env).fetch(request).then(resolve, reject);
      });
    } catch (error) {
      console.error("attune: this request goes on without Attune:", error);
      const page = without(request, env);
      return page ? fetch(page) : problem(error);
    } finally {
      if (trapped) waiting.delete(trapped);
    }
  },
};

/**
 * The page as the origin has it. Null where there is no origin, or where asking it again could do something twice.
 * @param {Request} request
 * @param {Record<string, unknown>} env
 */
function without(request, env) {
  const origin = String(env.ATTUNE_ORIGIN ?? "").trim();
  if (!origin || !/^(GET|HEAD)$/.test(request.method)) return null;
  const { pathname, search } = new URL(request.url);
  if (ours(pathname, env)) return null;
  if (origin === "zone") return request;
  return new Request(new URL(pathname + search, origin), request);
}

/**
 * Whether the Worker answers this path itself: the origin does not have it, and may not see its keys.
 * @param {string} pathname
 * @param {Record<string, unknown>} env
 */
function ours(pathname, env) {
  const prefix = String(env.ATTUNE_PREFIX ?? "").split("/").filter(Boolean);
  const path = pathname.split("/").filter(Boolean);
  const [first = ""] = path.slice(prefix.length);
  return prefix.every((part, n) => path[n] === part) && /^(rank|predict|feedback|v1|generate|health|metrics|openapi\.json)$/.test(first);
}

/** @param {unknown} error */
function problem(error) {
  const body = { type: "urn:attune:problem:wasm_trap", title: "Service unavailable", status: 503, code: "wasm_trap", detail: String(error) };
  return new Response(JSON.stringify(body), { status: 503, headers: { "content-type": "application/problem+json", "cache-control": "no-store" } });
}
