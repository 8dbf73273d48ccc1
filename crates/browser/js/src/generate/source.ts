// A model's bytes in order: shards that lie on the device, and the others from the network, which are kept once they have
// been found right. Whoever reads checks each shard as its last byte comes, and asks for the next part only when it was right.

import { coded } from "../failure";
import type { Store } from "./store";
import type { Manifest } from "./types";

/** The most bytes handed over at a time. */
const PART = 1 << 20;
/** Milliseconds without a byte. */
const PATIENCE = 30_000;
/** Pauses before a broken download goes on, in milliseconds. */
const PAUSES = [300, 1000, 3000];

export interface Watch {
  /** Bytes by now, and those of them that were on the device. */
  progress(loaded: number, cached: number): void;
  /** Nothing more is kept. */
  unkept(error: unknown): void;
}

export class Source {
  readonly bytes: number;
  private at = 0;
  private cached = 0;
  /** Parts of a shard that was on the device. */
  private waiting: Uint8Array[] = [];
  /** Parts of a shard that came over the network, until it is kept. */
  private parts: Uint8Array[] = [];
  private stream: { reader: ReadableStreamDefaultReader<Uint8Array>; at: number; rest: Uint8Array } | null = null;
  private fromStore = false;
  private fresh = false;

  constructor(
    readonly name: string,
    private readonly manifest: Manifest,
    private store: Store | null,
    private readonly offline: string | null,
    private readonly signal: AbortSignal,
    private readonly watch: Watch,
  ) {
    this.bytes = manifest.bytes;
  }

  /** As the reader wants it. */
  get hashes(): string {
    return JSON.stringify(this.manifest);
  }

  /** The next part; nothing at the end. The part before it was right. */
  async read(): Promise<Uint8Array | undefined> {
    this.signal.throwIfAborted();
    const { shard, bytes } = this.manifest;
    if (this.at > 0 && (this.at % shard === 0 || this.at === bytes)) await this.keep(Math.ceil(this.at / shard) - 1);
    if (this.at >= bytes) return undefined;
    if (this.at % shard === 0) await this.begin(this.at / shard);
    const part = this.fromStore ? this.waiting.shift() : await this.download();
    if (!part) throw coded("model_unavailable", `${this.name} ends at ${this.at} of ${bytes} bytes`);
    this.at += part.length;
    if (this.fromStore) this.cached += part.length;
    this.watch.progress(this.at, this.cached);
    return part;
  }

  /** The last part was wrong. Says whether another try may be better; it begins at the beginning. */
  async again(): Promise<boolean> {
    const wrong = Math.max(0, Math.ceil(this.at / this.manifest.shard) - 1);
    await this.close();
    const stored = this.fromStore;
    if (stored) await this.store?.drop(this.manifest.sha256[wrong] as string);
    const better = stored || !this.fresh;
    if (!stored) this.fresh = true;
    this.at = this.cached = 0;
    this.waiting = [];
    this.parts = [];
    return better;
  }

  /** Stops what is under way. */
  async close(): Promise<void> {
    const { stream } = this;
    this.stream = null;
    await stream?.reader.cancel().catch(() => {});
  }

  private length(index: number): number {
    return Math.min(this.manifest.shard, this.manifest.bytes - index * this.manifest.shard);
  }

  private async begin(index: number): Promise<void> {
    const sha256 = this.manifest.sha256[index];
    if (!sha256) throw coded("model_malformed", `the manifest of ${this.name} has too few shards`);
    const kept = await this.store?.get(sha256).catch(() => null);
    this.fromStore = kept?.length === this.length(index);
    if (!this.fromStore || !kept) return;
    this.waiting = [];
    for (let from = 0; from < kept.length; from += PART) this.waiting.push(kept.subarray(from, from + PART));
    // What a stream has under way is on the device already.
    await this.close();
  }

  private async keep(index: number): Promise<void> {
    const parts = this.parts;
    this.parts = [];
    if (parts.length === 0 || !this.store) return;
    try {
      await this.store.put(this.manifest.sha256[index] as string, parts);
    } catch (error) {
      this.store = null;
      this.watch.unkept(error);
    }
  }

  /** The next part from the network: never over a shard's end. */
  private async download(): Promise<Uint8Array> {
    const left = this.manifest.shard - (this.at % this.manifest.shard);
    for (let tries = 0; ; tries += 1) {
      try {
        const rest = await this.arrived();
        if (rest.length > 0) {
          const part = rest.subarray(0, Math.min(left, PART, rest.length));
          if (this.stream) {
            this.stream.rest = rest.subarray(part.length);
            this.stream.at += part.length;
          }
          if (this.store) this.parts.push(part);
          return part;
        }
        throw coded("model_unavailable", `${this.name} ends at ${this.at} of ${this.bytes} bytes`);
      } catch (error) {
        await this.close();
        this.signal.throwIfAborted();
        const final = (error as { final?: boolean }).final;
        const pause = PAUSES[tries];
        if (final || pause === undefined) throw (error as { code?: unknown }).code === "model_unavailable" ? error : coded("model_unavailable", `${this.name}: ${(error as Error).message}`);
        await new Promise((next) => setTimeout(next, pause));
      }
    }
  }

  /** Bytes from where this is; none at the stream's end. */
  private async arrived(): Promise<Uint8Array> {
    if (!this.stream) this.stream = await this.request();
    const { stream } = this;
    // A server that knows no ranges sends what is known already.
    while (stream.rest.length === 0 || stream.at < this.at) {
      if (stream.rest.length > 0) {
        const skipped = Math.min(stream.rest.length, this.at - stream.at);
        stream.rest = stream.rest.subarray(skipped);
        stream.at += skipped;
        continue;
      }
      const { done, value } = await within(stream.reader.read(), this.name);
      if (done) return new Uint8Array();
      stream.rest = value;
    }
    return stream.rest;
  }

  private async request(): Promise<NonNullable<Source["stream"]>> {
    if (this.offline) throw Object.assign(coded("model_unavailable", this.offline), { final: true });
    const headers: Record<string, string> = this.at > 0 ? { range: `bytes=${this.at}-` } : {};
    const response = await within(fetch(this.name, { credentials: "same-origin", signal: this.signal, headers, cache: this.fresh ? "reload" : "default" }), this.name);
    if (!response.ok || !response.body) {
      const wrong = coded("model_unavailable", `${this.name} answered ${response.status}`);
      throw Object.assign(wrong, { final: response.status >= 400 && response.status < 500 && response.status !== 429 });
    }
    const at = response.status === 206 ? this.at : 0;
    return { reader: response.body.getReader(), at, rest: new Uint8Array() };
  }
}

async function within<T>(work: Promise<T>, name: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(coded("model_unavailable", `nothing came from ${name} for ${PATIENCE / 1000} s`)), PATIENCE);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Gets a manifest and holds it to what one must be. */
export async function manifest(given: Manifest | string, signal: AbortSignal): Promise<Manifest> {
  let read: unknown = given;
  if (typeof given === "string") {
    const response = await within(fetch(given, { credentials: "same-origin", signal }), given).catch((error) => {
      throw coded("model_unavailable", `${given}: ${error.message}`);
    });
    if (!response.ok) throw coded("model_unverified", `a model runs only when its shards match a manifest, and ${given} answered ${response.status}`);
    read = await response.json().catch(() => null);
  }
  const { bytes, shard, sha256 } = (read ?? {}) as Manifest;
  const whole = (number: unknown): number is number => Number.isSafeInteger(number) && (number as number) > 0;
  const good = whole(bytes) && whole(shard) && shard <= 1 << 28 && Array.isArray(sha256) && sha256.length === Math.ceil(bytes / shard) && sha256.every((hash) => /^[0-9a-f]{64}$/i.test(hash));
  if (!good) throw coded("model_unverified", "this is no manifest: it has bytes, shard, and the sha256 of each shard in hex");
  return { bytes, shard, sha256: sha256.map((hash) => hash.toLowerCase()) };
}
