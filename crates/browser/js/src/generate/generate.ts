// attune/generate: copy written in the page. Nothing is loaded before it is asked for.

import { coded } from "../failure";
import { Distant } from "./distant";
import { type Hear, Local, type Settings, type Work } from "./local";
import { erase } from "./store";
import type { Answer, Brief, LoadOptions, Wanted, Writer, WriterEvent } from "./types";

export { serve } from "./distant";
export * from "./types";

/** A writer that has loaded nothing yet: the first text, or {@link Writer.load}, does. */
export function open(options: LoadOptions = {}): Writer {
  const settings = prepared(options);
  return new Desk(settings.then((settings) => (options.worker !== false && typeof Worker === "function" ? new Distant(settings) : new Local(settings))));
}

/** A writer with the best model that runs here, downloaded and tested. Rejects only when `signal` aborts or the module cannot be loaded. */
export async function load(options: LoadOptions & { signal?: AbortSignal; onEvent?: (event: WriterEvent) => void } = {}): Promise<Writer> {
  const { signal, onEvent, ...rest } = options;
  const writer = open(rest);
  try {
    await writer.load({ signal, onEvent });
    return writer;
  } catch (error) {
    await writer.close();
    throw error;
  }
}

/** Writes for one brief with a writer of its own, and gives its memory back. */
export async function* generate(brief: Brief, options: LoadOptions & Wanted = {}): AsyncGenerator<WriterEvent, Answer, void> {
  const writer = open(options);
  try {
    const { n, spread, seed, from, descend, patience, signal } = options;
    return yield* writer.generate(brief, { n, spread, seed, from, descend, patience, signal });
  } finally {
    await writer.close();
  }
}

/** Erases the models that are kept on this device, without loading anything. */
export async function forget(): Promise<void> {
  await erase();
}

class Desk implements Writer {
  constructor(private readonly work: Promise<Work>) {
    // Told to whoever asks.
    work.catch(() => {});
  }

  async load({ signal, onEvent }: { signal?: AbortSignal; onEvent?: (event: WriterEvent) => void } = {}) {
    const work = await this.work;
    return aborting(signal, (signal) => work.load(onEvent ?? (() => {}), signal));
  }

  async *generate(brief: Brief, { signal, ...wanted }: Wanted = {}): AsyncGenerator<WriterEvent, Answer, void> {
    const events: WriterEvent[] = [];
    const stopper = new AbortController();
    let wake = () => {};
    let outcome: { answer: Answer } | { error: unknown } | undefined;
    const settle = (value: typeof outcome): void => {
      outcome ??= value;
      wake();
    };
    const hear: Hear = (event) => {
      events.push(event);
      wake();
    };
    const text = JSON.stringify(brief);
    const write = async (signal: AbortSignal): Promise<Answer> => (await this.work).write(text, wanted, hear, signal);
    const either = signal ? AbortSignal.any([signal, stopper.signal]) : stopper.signal;
    aborting(either, write).then(
      (answer) => settle({ answer }),
      (error) => settle({ error }),
    );
    try {
      for (;;) {
        signal?.throwIfAborted();
        const event = events.shift();
        if (event) yield event;
        else if (outcome) break;
        else await new Promise<void>((next) => (wake = next));
      }
      if ("error" in outcome) throw outcome.error;
      yield { type: "answer", answer: outcome.answer };
      return outcome.answer;
    } finally {
      stopper.abort();
    }
  }

  async close(): Promise<void> {
    await (await this.work).close();
  }
}

/** Does not wait for what was aborted to have stopped. */
function aborting<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal ??= new AbortController().signal;
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject((signal as AbortSignal).reason);
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    work(signal)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Options as a message can carry them. */
async function prepared(options: LoadOptions): Promise<Settings> {
  const { model, manifest, effects, saveData, worker: _, remote, rungs, wasm, cache, leastTokensPerSecond, capacity } = options;
  const address = (given: string | URL): string => new URL(given, globalThis.location?.href).href;
  const own = model === undefined || model === false ? new URL("./copywriter.gguf", import.meta.url) : model;
  const file = model === false ? "" : address(own);
  const judge = effects ?? new URL("./text.en.attune-text", import.meta.url);
  for (const rung of rungs ?? []) if (!["gpu", "cpu", "remote", "template"].includes(rung)) throw coded("malformed", `there is no rung ${rung}`);
  let listed: Settings["manifest"] = `${file}.manifest.json`;
  if (typeof manifest === "string" || manifest instanceof URL) listed = address(manifest);
  else if (manifest) listed = manifest;
  const device = globalThis.navigator as { connection?: { saveData?: boolean } } | undefined;
  const saves = saveData !== "ignore" && device?.connection?.saveData === true;
  return {
    model: file,
    manifest: listed,
    effects: judge === false ? "" : address(judge),
    rungs,
    cache,
    leastTokensPerSecond,
    capacity,
    remote: remote && { ...remote, url: address(remote.url) },
    wasm: wasm instanceof Response ? await wasm.arrayBuffer() : typeof wasm === "string" || wasm instanceof URL ? address(wasm) : wasm,
    offline: saves ? "this browser saves data: the model is not downloaded" : null,
  };
}
