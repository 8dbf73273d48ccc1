// Writing in a Web Worker. When that does not start, this thread does the work and says so.

import { coded, failure } from "../failure";
import type { Failure } from "../types";
import { type Hear, Local, type Settings, type Work } from "./local";
import type { Answer, Left, Loaded, Wanted, WriterEvent } from "./types";

/** Milliseconds in which a worker begins. */
const PATIENCE = 10_000;

type Asked = { call: number } & ({ method: "open" | "load" | "write"; args: unknown[] } | { method: "abort" });
interface Told {
  call: number;
  event?: WriterEvent;
  result?: unknown;
  error?: Failure;
}

/** Answers the page, in the worker. */
export function serve(scope: { onmessage: unknown; postMessage(message: Told): void }): void {
  let local: Local | undefined;
  const running = new Map<number, AbortController>();
  const answer = async (asked: Exclude<Asked, { method: "abort" }>): Promise<unknown> => {
    const { call, method, args } = asked;
    if (method === "open") {
      local = new Local(args[0] as Settings);
      return !!(globalThis.navigator as { gpu?: unknown }).gpu;
    }
    const stopper = new AbortController();
    running.set(call, stopper);
    const hear: Hear = (event) => scope.postMessage({ call, event });
    try {
      if (method === "load") return await local?.load(hear, stopper.signal);
      return await local?.write(args[0] as string, args[1] as Wanted, hear, stopper.signal);
    } finally {
      running.delete(call);
    }
  };
  scope.onmessage = ({ data }: { data: Asked }) => {
    if (data.method === "abort") return running.get(data.call)?.abort();
    return answer(data).then(
      (result) => scope.postMessage({ call: data.call, result }),
      (error) => scope.postMessage({ call: data.call, error: failure(error, "worker_failed") }),
    );
  };
}

/** Where scripts' addresses must be of a trusted type, this module's own name for its own address. */
function trusted(url: URL): URL {
  type Policies = { createPolicy(name: string, rules: object): { createScriptURL(url: string): URL } };
  const { trustedTypes } = globalThis as { trustedTypes?: Policies };
  if (!trustedTypes) return url;
  policy ??= trustedTypes.createPolicy("attune", { createScriptURL: (url: string) => url });
  return policy.createScriptURL(url.href);
}
let policy: { createScriptURL(url: string): URL } | undefined;

/** Work in the worker, which says of the GPU's rung what this thread knows of it. */
async function told<T extends { left: Left[] }>(left: Left | undefined, hear: Hear, work: (hear: Hear) => Promise<T>): Promise<T> {
  if (!left) return work(hear);
  const known: Left = { rung: left.rung, code: left.code, message: left.message };
  const done = await work((event) => (event.type === "left" && event.rung === "gpu" ? undefined : hear(event)));
  return { ...done, left: done.left.map((one) => (one.rung === "gpu" ? known : one)) };
}

export class Distant implements Work {
  private worker: Worker | null = null;
  private local: Local | null = null;
  /** The GPU's rung in this thread, where a page has WebGPU and its workers have none. */
  private gpu: Local | null = null;
  private readonly started: Promise<void>;
  private readonly calls = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void; hear: Hear }>();
  private count = 0;
  private fallen: Failure | null = null;

  constructor(private readonly settings: Settings) {
    this.started = this.start().catch((error) => this.fall(error));
  }

  async load(hear: Hear, signal: AbortSignal): Promise<Loaded> {
    await this.started;
    const here = await this.gpu?.load(hear, signal);
    if (here?.rung) return here;
    return told(here?.left[0], hear, (hear) => this.call<Loaded>("load", [], hear, signal));
  }

  async write(brief: string, wanted: Omit<Wanted, "signal">, hear: Hear, signal: AbortSignal): Promise<Answer> {
    await this.started;
    let left: Left | undefined;
    if (this.gpu && (wanted.from ?? "gpu") === "gpu") {
      const heard: Hear = (event) => {
        if (event.type === "left") left = event;
        hear(event);
      };
      const here = this.gpu.write(brief, { ...wanted, descend: false }, heard, signal);
      const answer = await here.catch((error) => {
        if (error.code !== "no_rung" || wanted.descend === false) throw error;
      });
      if (answer) return answer;
    }
    return told(left, hear, (hear) => this.call<Answer>("write", [brief, wanted], hear, signal));
  }

  async close(): Promise<void> {
    await this.started;
    await Promise.all([this.local?.close(), this.gpu?.close()]);
    // Its memory goes with it, a GPU's too.
    this.worker?.terminate();
    this.worker = null;
    this.fail(coded("closed", "close() was called"));
  }

  private async start(): Promise<void> {
    const worker = new Worker(trusted(new URL("./attune.generate.worker.js", import.meta.url)), { type: "module" });
    this.worker = worker;
    const hasGpu = await new Promise<unknown>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("the worker does not begin")), PATIENCE);
      worker.onerror = (event) => reject(new Error(event.message || "the worker's script could not be loaded"));
      worker.onmessage = ({ data }: { data: Told }) => {
        if (data.call) return this.heard(data);
        clearTimeout(late);
        return resolve(data.result);
      };
      worker.postMessage({ call: 0, method: "open", args: [this.settings] } satisfies Asked);
    });
    worker.onerror = (event) => this.fall(new Error(event.message || "the worker failed"));
    const { rungs, model } = this.settings;
    const here = (globalThis.navigator as { gpu?: unknown }).gpu && model && rungs?.includes("gpu") !== false;
    if (here && !hasGpu) this.gpu = new Local({ ...this.settings, rungs: ["gpu"] });
  }

  private fall(error: unknown): void {
    this.worker?.terminate();
    this.worker = null;
    this.local = new Local(this.settings);
    this.fallen = { code: "worker_failed", message: failure(error, "").message };
    this.fail(coded(this.fallen.code, this.fallen.message));
  }

  private fail(error: unknown): void {
    for (const { reject } of this.calls.values()) reject(error);
    this.calls.clear();
  }

  private async call<T>(method: "load" | "write", args: unknown[], hear: Hear, signal: AbortSignal): Promise<T> {
    await this.started;
    signal.throwIfAborted();
    const { local, worker, fallen } = this;
    if (local) {
      if (fallen) hear({ type: "warning", ...fallen });
      this.fallen = null;
      return (method === "load" ? local.load(hear, signal) : local.write(args[0] as string, args[1] as Wanted, hear, signal)) as Promise<T>;
    }
    if (!worker) throw coded("closed", "close() was called");
    const call = ++this.count;
    signal.addEventListener("abort", () => this.calls.has(call) && worker.postMessage({ call, method: "abort" } satisfies Asked), { once: true });
    return new Promise<T>((resolve, reject) => {
      this.calls.set(call, { resolve: resolve as (value: unknown) => void, reject, hear });
      worker.postMessage({ call, method, args } satisfies Asked);
    });
  }

  private heard({ call, event, result, error }: Told): void {
    const waiting = this.calls.get(call);
    if (event) return waiting?.hear(event);
    this.calls.delete(call);
    if (error) waiting?.reject(coded(error.code, error.message));
    else waiting?.resolve(result);
  }
}
