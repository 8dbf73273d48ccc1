// Writing in this very thread: the WebAssembly instance, and what it needs of the world.

import glue from "attune:generate";
import { compile } from "../assets";
import { coded, failure } from "../failure";
import { Source, manifest } from "./source";
import { type Store, opened } from "./store";
import { Transport } from "./transport";
import type { Answer, Left, LoadOptions, Loaded, Manifest, Rung, Wanted, WriterEvent } from "./types";

export type Hear = (event: WriterEvent) => void;

/** What both a thread of its own and this one can do. */
export interface Work {
  load(hear: Hear, signal: AbortSignal): Promise<Loaded>;
  write(brief: string, wanted: Omit<Wanted, "signal">, hear: Hear, signal: AbortSignal): Promise<Answer>;
  close(): Promise<void>;
}

/** Options as a message can carry them. */
export interface Settings extends Omit<LoadOptions, "model" | "manifest" | "effects" | "saveData" | "worker"> {
  /** Empty for none. */
  model: string;
  manifest: Manifest | string;
  /** Empty for none. */
  effects: string;
  /** Why nothing may be downloaded. */
  offline: string | null;
}

/** What the instance asks of the world. */
export interface Host {
  now(): number;
  sleep(milliseconds: number): Promise<void>;
  /** Lets the thread do what else it has to. */
  turn(): Promise<void>;
  source(rung: string): Promise<Source>;
  post(body: string): Promise<{ status: number; contentType: string }>;
  part(): Promise<Uint8Array | undefined>;
  hear(event: string): void;
}

/** Milliseconds in which the model of effects comes. */
const PATIENCE = 10_000;
const RUNGS: Rung[] = ["gpu", "cpu", "remote", "template"];
type Glue = ReturnType<typeof glue>;

export class Local implements Work {
  private writer: InstanceType<Glue["Writer"]> | null = null;
  private module: Promise<WebAssembly.Module> | null = null;
  private readonly transport: Transport | null;
  private readonly absent: Left[] = [];
  private readonly channel = new MessageChannel();
  private last: Promise<unknown> = Promise.resolve();
  private store: Promise<Store | null> | null = null;
  private source: Source | null = null;
  private hear: Hear = () => {};
  private signal = new AbortController().signal;
  /** The rung at work: the one to blame for a trap. */
  private rung: Rung | null = null;
  private texts: string[] = [];
  private closed = false;

  constructor(private readonly settings: Settings) {
    const { rungs, model, remote } = settings;
    this.transport = remote ? new Transport(remote) : null;
    const missing = (rung: Rung): [string, string] | null => {
      if (rungs && !rungs.includes(rung)) return ["not_wanted", "is not among the rungs that may serve"];
      if (rung === "remote" && !remote) return ["no_server", "no server was named"];
      if ((rung === "gpu" || rung === "cpu") && !model) return ["no_model", "no model was named"];
      if (rung === "gpu" && !(globalThis.navigator as { gpu?: unknown } | undefined)?.gpu) return ["no_webgpu", "this browser has no WebGPU here"];
      return null;
    };
    for (const rung of RUNGS) {
      const [code, message] = missing(rung) ?? [];
      if (code && message) this.absent.push({ rung, code, message });
    }
  }

  load(hear: Hear, signal: AbortSignal): Promise<Loaded> {
    return this.run(hear, signal, (writer, stop) => writer.load(stop));
  }

  write(brief: string, wanted: Omit<Wanted, "signal">, hear: Hear, signal: AbortSignal): Promise<Answer> {
    return this.run(hear, signal, (writer, stop) => writer.write(brief, JSON.stringify(wanted), stop));
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.stop();
    this.writer?.free();
    this.writer = this.module = null;
    this.channel.port1.close();
  }

  /** One after the other. */
  private async run<T>(hear: Hear, signal: AbortSignal, work: (writer: NonNullable<Local["writer"]>, stop: Promise<unknown>) => Promise<string>): Promise<T> {
    const before = this.last;
    let done = () => {};
    this.last = new Promise<void>((resolve) => (done = resolve));
    await before;
    const stop = new Promise<unknown>((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    void stop.then(() => this.stop());
    try {
      for (;;) {
        signal.throwIfAborted();
        if (this.closed) throw coded("closed", "close() was called");
        [this.hear, this.signal, this.rung, this.texts] = [hear, signal, null, []];
        const writer = await this.started();
        try {
          return JSON.parse(await this.watched(work(writer, stop)));
        } catch (error) {
          signal.throwIfAborted();
          if (typeof (error as { code?: unknown }).code === "string") throw error;
          this.trapped(error);
        }
      }
    } finally {
      await this.stop();
      done();
    }
  }

  private async started(): Promise<NonNullable<Local["writer"]>> {
    if (this.writer) return this.writer;
    this.module ??= compile(this.settings.wasm ?? new URL("./attune_generate_bg.wasm", import.meta.url));
    const fresh = glue();
    await fresh.init({ module_or_path: await this.module }).catch((error) => {
      throw coded("wasm_unusable", String(error?.message ?? error));
    });
    const { remote, leastTokensPerSecond, capacity } = this.settings;
    const options = { absent: this.absent, server: remote?.model ?? "", least: leastTokensPerSecond, capacity };
    this.writer = new fresh.Writer(this.host(), JSON.stringify(options));
    await this.judge(this.writer);
    return this.writer;
  }

  /** Texts are written without a model of what they bring, too. */
  private async judge(writer: NonNullable<Local["writer"]>): Promise<void> {
    const { effects } = this.settings;
    if (!effects) return;
    try {
      const response = await fetch(effects, { credentials: "same-origin", signal: AbortSignal.any([this.signal, AbortSignal.timeout(PATIENCE)]) });
      if (!response.ok) throw new Error(`${effects} answered ${response.status}`);
      writer.effects(new Uint8Array(await response.arrayBuffer()));
    } catch (error) {
      this.hear({ type: "warning", ...failure(error, "effects_unavailable"), code: "effects_unavailable" });
    }
  }

  /** A trap in the middle of a wait leaves the instance's promise open for ever; the thread hears of it. */
  private watched<T>(work: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const trap = (error: unknown): void => {
        if (error instanceof WebAssembly.RuntimeError) reject(error);
      };
      const heard = (event: Event): void => trap((event as ErrorEvent).error);
      const refused = (event: Event): void => trap((event as PromiseRejectionEvent).reason);
      globalThis.addEventListener?.("error", heard);
      globalThis.addEventListener?.("unhandledrejection", refused);
      work.then(resolve, reject).finally(() => {
        globalThis.removeEventListener?.("error", heard);
        globalThis.removeEventListener?.("unhandledrejection", refused);
      });
    });
  }

  /** The instance's memory cannot be trusted any more: the next one does without the rung that broke it. */
  private trapped(error: unknown): void {
    this.writer = null;
    const { message } = failure(error, "wasm_trap");
    const { rung } = this;
    if (!rung || this.absent.some((left) => left.rung === rung)) throw coded("wasm_trap", message);
    this.absent.push({ rung, code: "wasm_trap", message });
  }

  private async stop(): Promise<void> {
    this.transport?.stop();
    const { source } = this;
    this.source = null;
    await source?.close();
  }

  private host(): Host {
    const { transport } = this;
    const { port1, port2 } = this.channel;
    const turns: (() => void)[] = [];
    port2.onmessage = () => turns.shift()?.();
    return {
      now: () => performance.now(),
      sleep: (milliseconds) => new Promise((next) => setTimeout(next, milliseconds)),
      turn: () =>
        new Promise((next) => {
          turns.push(next);
          port1.postMessage(0);
        }),
      source: (rung) => this.opened(rung as Rung),
      post: async (body) => {
        if (!transport) throw coded("no_server", "no server was named");
        return transport.post(body);
      },
      part: async () => transport?.part(),
      hear: (event) => this.heard(JSON.parse(event)),
    };
  }

  private heard(event: WriterEvent): void {
    if (event.type === "rung") [this.rung, this.texts] = [event.rung, []];
    if (event.type === "left" && event.rung === "remote") this.transport?.stop();
    if (event.type === "text") {
      // The instance tells what is new.
      const delta = event.text;
      const text = (this.texts[event.index] ?? "") + delta;
      this.texts[event.index] = text;
      this.hear({ ...event, delta, text });
    } else this.hear(event);
  }

  private async opened(rung: Rung): Promise<Source> {
    await this.source?.close();
    this.rung = rung;
    const { settings, signal, hear } = this;
    const known = await manifest(settings.manifest, signal);
    this.store ??= settings.cache === false ? Promise.resolve(null) : opened();
    const name = settings.model;
    const warn = (code: string, error: unknown): void => hear({ type: "warning", code, message: failure(error, "").message });
    const store = await this.store;
    if (!store && settings.cache !== false) warn("storage_denied", "this page may store nothing: the model is downloaded again next time");
    this.source = new Source(name, known, store, settings.offline, signal, {
      progress: (loaded, cached) => hear({ type: "progress", rung, model: name, loaded, total: known.bytes, cached }),
      unkept: (error) => warn((error as Error).name === "QuotaExceededError" ? "storage_quota" : "storage_denied", error),
    });
    return this.source;
  }
}
