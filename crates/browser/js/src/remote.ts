// Attune in a Web Worker, behind the same methods. When the worker does not start, this thread does the work.

import { coded, failure } from "./failure";
import { Local, clock, refused, stamped } from "./local";
import { pageDecision } from "./page";
import { eraseAside } from "./erase";
import type { Attune, Decision, Exported, Failure, Options, Predicted, Profile, RankRequest, Tracked, TrackedEvent } from "./types";

/** Milliseconds in which a worker begins. */
const PATIENCE = 10_000;

type Method = "ready" | "track" | "rank" | "keepPage" | "explain" | "predict" | "logLine" | "profile" | "export" | "forget" | "card" | "close" | "flush";
interface Call {
  call: number;
  method: Method | "open";
  args: unknown[];
}
interface Reply {
  call: number;
  result?: unknown;
  error?: Failure;
  warnings: Failure[];
  failure: Failure | null;
}

/** Answers the page's calls, in the worker. */
export function serve(scope: { onmessage: unknown; postMessage(message: unknown): void }): void {
  let local: Local | undefined;
  scope.onmessage = async ({ data: { call, method, args } }: { data: Call }) => {
    let answer: Partial<Reply>;
    try {
      if (method === "open") {
        local = new Local(args[0] as Options);
        answer = {};
      } else {
        const work = local as unknown as Record<string, (...args: unknown[]) => unknown>;
        answer = { result: method === "ready" ? void (await (local as Local).ready) : await work[method]!(...args) };
      }
    } catch (error) {
      answer = { error: failure(error, "worker_failed") };
    }
    scope.postMessage({ call, ...answer, warnings: local?.warnings ?? [], failure: local?.failure ?? null });
  };
}

export class Remote implements Attune {
  readonly ready: Promise<Attune>;
  failure: Failure | null = null;
  warnings: Failure[] = [];
  private worker: Worker | null = null;
  private local: Local | null = null;
  private readonly started: Promise<void>;
  private readonly calls = new Map<number, { resolve(value: unknown): void; reject(error: unknown): void }>();
  private count = 0;
  private readonly leave = () => void this.call("flush");

  constructor(private readonly options: Options) {
    this.started = this.start().catch((error) => this.fall(error));
    globalThis.addEventListener?.("pagehide", this.leave);
    this.ready = this.call("ready").then(() => this);
  }

  track(events: TrackedEvent | TrackedEvent[]): Promise<Tracked> {
    const work = async () => this.call<Tracked>("track", JSON.parse(JSON.stringify(stamped(events, clock(this.options)))));
    return work().catch(refused);
  }

  async rank(request: RankRequest | string): Promise<Decision> {
    try {
      return await this.call<Decision>("rank", typeof request === "string" ? request : this.plain(request));
    } catch (error) {
      return pageDecision(request as RankRequest, failure(error, "malformed"));
    }
  }

  async keepPage(request: RankRequest, why: Failure): Promise<Decision> {
    return this.call<Decision>("keepPage", this.plain(request), why).catch(() => pageDecision(request, why));
  }

  explain = (decision: Decision): Promise<Decision | null> => this.call("explain", decision);
  predict = async (request: RankRequest): Promise<Predicted> => this.call("predict", this.plain(request));
  logLine = (decision: Decision | string, options?: { fields?: boolean }): Promise<Record<string, unknown> | null> =>
    this.call("logLine", decision, options);
  profile = (): Promise<Profile | null> => this.call("profile");
  export = (): Promise<Exported> => this.call("export");
  async forget(): Promise<void> {
    await this.call("forget");
    // Which the worker cannot reach.
    eraseAside();
  }
  card = (): Promise<Record<string, unknown> | null> => this.call("card");

  async close(): Promise<void> {
    globalThis.removeEventListener?.("pagehide", this.leave);
    await this.call("close");
    this.worker?.terminate();
    this.worker = null;
    this.failure ??= { code: "closed", message: "close() was called" };
    this.fail(coded("closed", "close() was called"));
  }

  /** What a message can carry, with the page's clock. */
  private plain(request: RankRequest): RankRequest {
    return JSON.parse(JSON.stringify({ ...request, at: request.at ?? clock(this.options) }));
  }

  private async start(): Promise<void> {
    const { now: _, ...options } = this.options;
    const address = (source: unknown) => (typeof source === "string" ? new URL(source, location.href).href : source instanceof URL ? source.href : source);
    const carried = async (source: Options["bundle"]) => (source instanceof Response ? source.arrayBuffer() : address(source)) as Promise<Options["bundle"]>;
    const bundle = await carried(options.bundle);
    const wasm = options.wasm && (await carried(options.wasm));
    // Bytes that were read from a Response can be read only once.
    Object.assign(this.options, { bundle, wasm });
    const worker = new Worker(new URL("./attune.worker.js", import.meta.url), { type: "module" });
    this.worker = worker;
    await new Promise<void>((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message || "the worker's script could not be loaded"));
      setTimeout(() => reject(new Error("the worker does not begin")), PATIENCE);
      worker.onmessage = ({ data }: { data: Reply }) => (data.call ? this.answered(data) : resolve());
      worker.postMessage({ call: 0, method: "open", args: [{ ...options, bundle, wasm }] });
    });
    worker.onerror = (event) => this.fall(new Error(event.message || "the worker failed"));
  }

  /** Goes on in this thread, and says so. */
  private fall(error: unknown): void {
    this.worker?.terminate();
    this.worker = null;
    this.local = new Local(this.options);
    const warning = { code: "worker_failed", message: failure(error, "").message };
    this.local.warnings.push(warning);
    this.warnings = this.local.warnings;
    this.fail(Object.assign(new Error(warning.message), { code: warning.code }));
  }

  private fail(error: unknown): void {
    for (const { reject } of this.calls.values()) reject(error);
    this.calls.clear();
  }

  private async call<T>(method: Method, ...args: unknown[]): Promise<T> {
    await this.started;
    if (this.local) {
      const work = this.local as unknown as Record<string, ((...args: unknown[]) => unknown) | Promise<unknown>>;
      const member = work[method];
      const result = (typeof member === "function" ? await member.apply(this.local, args) : void (await member)) as T;
      this.failure = this.local.failure;
      return result;
    }
    const { worker } = this;
    if (!worker) {
      if (method === "close" || method === "flush") return undefined as T;
      throw coded("closed", "close() was called");
    }
    return new Promise<T>((resolve, reject) => {
      const call = ++this.count;
      this.calls.set(call, { resolve: resolve as (value: unknown) => void, reject });
      worker.postMessage({ call, method, args });
    });
  }

  private answered({ call, result, error, warnings, failure: why }: Reply): void {
    this.warnings = warnings;
    this.failure = why;
    const waiting = this.calls.get(call);
    this.calls.delete(call);
    if (error) waiting?.reject(coded(error.code, error.message));
    else waiting?.resolve(result);
  }
}
