// Attune in this very thread: module, profile, storage.

import { cachedAddresses } from "./assets";
import { database, eraseCache } from "./erase";
import { coded, failure } from "./failure";
import { Host } from "./host";
import { pageDecision } from "./page";
import { random, seed } from "./random";
import { Store } from "./store";
import type { Attune, Decision, Exported, Failure, Options, Predicted, Profile, RankRequest, Tracked, TrackedEvent } from "./types";

/** Decisions whose requests are kept for `logLine`. */
const RECENT = 16;
/** Events that may wait for a module. */
const WAITING = 1000;

const userAgent = (): string | undefined => (typeof navigator === "object" ? navigator.userAgent : undefined);

/** Gives wire events their time; others have their own ways to say it. */
export function stamped(events: TrackedEvent | TrackedEvent[], at: number): object[] {
  const many = (Array.isArray(events) && events[0] !== "event" ? events : [events]) as TrackedEvent[];
  return many.map((event) => (event && typeof event === "object" && "type" in event && !("event" in event) ? { at, ...event } : event));
}

/** What was stored; null when something else was put in its place. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text || "null");
  } catch {
    return null;
  }
}

/** The clock. One that gives no number is passed over. */
export function clock(options: Options): number {
  const now = options.now?.();
  return Math.trunc(Number.isFinite(now) ? (now as number) : Date.now());
}

export class Local implements Attune {
  readonly ready: Promise<Attune>;
  readonly warnings: Failure[] = [];
  private readonly host: Host;
  private readonly store: Store;
  private readonly recent = new Map<string, string>();
  private readonly session = random();
  private readonly tabs: BroadcastChannel | null = null;
  private readonly leave = () => this.store.leave();
  private readonly personal: boolean;
  /** The stored profile was written by a newer version: it is kept as it is, and not used. */
  private newer: Failure | null = null;

  constructor(private readonly options: Options) {
    this.host = new Host(options);
    this.personal = options.consent?.profile !== false;
    const kept = this.personal && options.storage !== "memory" && !!database();
    this.store = new Store(kept ? "indexeddb" : "memory", (error) => this.warn(failure(error, "").message, "storage_denied"));
    if (this.personal && options.storage === "indexeddb" && !kept) this.warn("there is no IndexedDB here", "storage_denied");
    if (kept && typeof BroadcastChannel === "function") {
      this.tabs = new BroadcastChannel("attune");
      // Other pages of the shop: one profile for all, and forgotten by all.
      this.tabs.onmessage = ({ data }) => this.heard(data);
    }
    globalThis.addEventListener?.("pagehide", this.leave);
    this.ready = this.begin();
  }

  get failure(): Failure | null {
    return this.host.failure;
  }

  async track(events: TrackedEvent | TrackedEvent[]): Promise<Tracked> {
    try {
      const many = stamped(events, clock(this.options));
      const text = JSON.stringify(many);
      await this.settled();
      return this.learn(text, many.length);
    } catch (error) {
      return refused(error);
    }
  }

  rank(request: RankRequest | string): Promise<Decision> {
    return this.answer(request);
  }

  keepPage(request: RankRequest, why: Failure): Promise<Decision> {
    return this.answer(request, why);
  }

  /** With `instead` the page keeps its own order, and that is why. */
  private async answer(request: RankRequest | string, instead?: Failure): Promise<Decision> {
    let filled = request as Partial<RankRequest>;
    try {
      if (typeof request !== "string") filled = this.fill(request);
      await this.settled();
      const text = typeof request === "string" ? request : this.withProfile(filled);
      const why = instead ?? this.host.failure;
      const answer = this.host.call((wasm, engine) =>
        engine && !instead ? engine.decide(text) : wasm.decideWithout(why?.code ?? "no_bundle", why?.message ?? "", text),
      );
      if (answer === undefined) return pageDecision(filled, why ?? { code: "no_wasm", message: "the module is not there" });
      const decision = JSON.parse(answer) as Decision;
      // A request the core could not read has lost its slots; the page has not.
      if (!decision.slots.length && Array.isArray(filled.slots) && filled.slots.length) {
        return pageDecision(filled, decision.fallback ?? { code: "malformed", message: "the request could not be read" });
      }
      if (this.newer && !filled.profile) decision.fallback ??= this.newer;
      this.recent.set(decision.id, text);
      if (this.recent.size > RECENT) this.recent.delete(this.recent.keys().next().value as string);
      return decision;
    } catch (error) {
      return pageDecision(filled, failure(error, "malformed"));
    }
  }

  async explain({ id }: Decision): Promise<Decision | null> {
    await this.settled();
    const request = this.recent.get(id);
    const answer = request && this.host.call((_, engine) => engine?.decide(JSON.stringify({ ...JSON.parse(request), explain: true })));
    return answer ? JSON.parse(answer) : null;
  }

  async predict(request: RankRequest): Promise<Predicted> {
    const filled = this.fill(request);
    await this.settled();
    const text = this.withProfile(filled);
    const answer = this.host.call((_, engine) => engine?.predict(text));
    if (answer === undefined) throw this.missing();
    return JSON.parse(answer);
  }

  async logLine(decision: Decision | string, options: { fields?: boolean } = {}): Promise<Record<string, unknown> | null> {
    await this.settled();
    const whole = typeof decision === "string" ? decision : JSON.stringify(decision);
    const request = this.recent.get((JSON.parse(whole) as Decision).id);
    if (!request) return null;
    const line = this.host.call((wasm) => wasm.logLine(whole, request, !!this.options.consent?.log, !!options.fields));
    return line === undefined ? null : JSON.parse(line);
  }

  async profile(): Promise<Profile | null> {
    await this.settled();
    return parsed(this.store.get("profile")) as Profile | null;
  }

  async export(): Promise<Exported> {
    await this.settled();
    return {
      v: 1,
      at: clock(this.options),
      storage: this.store.kind,
      shopper: this.store.get("shopper") || null,
      profile: await this.profile(),
      queue: this.waiting(),
      cached: await cachedAddresses(),
    };
  }

  async forget(): Promise<void> {
    await this.settled();
    this.clear();
    this.tabs?.postMessage("");
    await this.store.erase();
    await eraseCache();
  }

  async card(): Promise<Record<string, unknown> | null> {
    await this.settled();
    return JSON.parse(this.host.call((_, engine) => engine?.card()) ?? "null");
  }

  flush(): Promise<unknown> {
    return this.store.flush();
  }

  async close(): Promise<void> {
    await this.ready;
    globalThis.removeEventListener?.("pagehide", this.leave);
    this.tabs?.close();
    await this.store.close();
    this.host.close();
  }

  private async begin(): Promise<Attune> {
    await Promise.all([this.store.open(), this.host.load()]);
    const text = this.store.get("profile");
    try {
      if (text) this.host.call((wasm) => wasm.checkProfile(text));
    } catch (error) {
      const why = failure(error, "malformed");
      if (why.code === "newer_version") {
        this.newer = { code: "profile_newer", message: why.message };
        this.warn(why.message, "profile_newer");
      } else {
        this.store.set("profile", "");
        this.warn(why.message, `profile_${why.code}`);
      }
    }
    const waiting = this.waiting();
    if (waiting.length && this.personal) {
      try {
        this.store.set("queue", "");
        this.learn(JSON.stringify(waiting), waiting.length);
      } catch (error) {
        this.warn(failure(error, "").message, "queue_malformed");
      }
    }
    return this;
  }

  /** Events that no module could read yet. */
  private waiting(): unknown[] {
    const queue = parsed(this.store.get("queue"));
    return Array.isArray(queue) ? queue : [];
  }

  private async settled(): Promise<void> {
    await this.ready;
    await this.host.settled();
  }

  /** Applies events to the profile; without a module they wait in the store. */
  private learn(text: string, many: number): Tracked {
    const nothing = { accepted: 0, ignored: many, rejected: [] };
    if (!this.personal || this.newer) return nothing;
    const profile = this.store.get("profile");
    const now = clock(this.options);
    let answer: string | undefined;
    try {
      answer = this.host.call((wasm, engine) => (engine ?? wasm).applyEvents(profile, text, now));
    } catch (error) {
      if (failure(error, "").code !== "wasm_trap") throw error;
    }
    if (answer === undefined) {
      const queue = [...this.waiting(), ...JSON.parse(text)];
      this.store.set("queue", JSON.stringify(queue.slice(-WAITING)));
      return nothing;
    }
    const { profile: learned, ...tracked } = JSON.parse(answer) as Tracked & { profile: Profile };
    if (tracked.accepted) {
      const next = JSON.stringify(learned);
      this.store.set("profile", next);
      this.tabs?.postMessage(next);
    }
    return tracked;
  }

  private fill(request: RankRequest): RankRequest {
    const at = request.at ?? clock(this.options);
    return {
      id: random(),
      seed: seed(),
      tz_offset: -new Date(at).getTimezoneOffset() || 0,
      user_agent: userAgent(),
      ...request,
      at,
      session: request.session ?? this.session,
    };
  }

  /** The request's JSON, with the stored profile's own text in it. */
  private withProfile(filled: Partial<RankRequest>): string {
    if (this.personal && !filled.shopper) {
      // The same on this device until forgotten.
      if (!this.store.get("shopper")) this.store.set("shopper", random());
      filled.shopper = this.store.get("shopper");
    }
    if (filled.profile) return JSON.stringify({ v: 1, mode: "device", ...filled });
    const profile = this.personal && !this.newer ? this.store.get("profile") : "";
    const mode = this.personal && !this.newer ? "device" : "contextual";
    const text = JSON.stringify({ v: 1, mode, ...filled });
    return profile ? `${text.slice(0, -1)},"profile":${profile}}` : text;
  }

  private heard(profile: string): void {
    if (profile && !this.newer) this.store.adopt("profile", profile);
    else if (!profile) {
      this.clear();
      this.store.adopt();
    }
  }

  private clear(): void {
    this.recent.clear();
    this.newer = null;
    const at = this.warnings.findIndex(({ code }) => code === "profile_newer");
    if (at >= 0) this.warnings.splice(at, 1);
  }

  private missing(): Error {
    const { code, message } = this.host.failure ?? { code: "no_bundle", message: "there is no model" };
    return coded(code, message);
  }

  private warn(message: string, code: string): void {
    if (!this.warnings.some((warning) => warning.code === code)) this.warnings.push({ code, message });
  }
}

/** Events of which none could be read. */
export function refused(error: unknown): Tracked {
  return { accepted: 0, ignored: 0, rejected: [{ index: 0, ...failure(error, "malformed") }] };
}
