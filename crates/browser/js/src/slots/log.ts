// attune.log.js: what was shown, and what came of it, as `attune train` reads it. With consent to send only.
//
// Each slot is logged as a decision of its own, and only when something of it was seen or clicked: a slot below the fold,
// or a ranking that came too late, would otherwise count as shown and passed over.

import { random } from "../random";
import { LOGGED } from "../names";
import type { Fields, ShopperEvent, Slot, Withheld } from "../types";
import { type Click, recall } from "./memory";
import { Outbox } from "./outbox";

/** Decisions remembered as logged: what comes of them later can be told. */
const MOST = 1000;
/** Characters of lines that wait for the next visit. */
const ROOM = 200_000;

/** Something that came of a decision. */
export interface Outcome {
  decision: string;
  slot?: string;
  item: string;
  kind: "impression" | "click" | "conversion" | "return";
  /** Milliseconds since 1970-01-01 UTC. */
  at: number;
  value?: number;
}

interface Line {
  slots: { id: string; show: number; items: { id: string; propensity: number; fields?: Fields }[]; withheld?: Withheld[] }[];
  [part: string]: unknown;
}

interface Kept {
  /** Lines of orders that the next visit begins with, by decision. */
  held: Record<string, string>;
  logged: string[];
}

export class Log {
  readonly outbox: Outbox;
  private readonly held = new Map<string, string>();
  private readonly logged: Set<string>;
  /** What a decision of this page lists. */
  private readonly items = new Map<string, Set<string>>();
  private readonly viewed = new Set<string>();
  private readonly tabs: BroadcastChannel | null = typeof BroadcastChannel === "function" ? new BroadcastChannel("attune") : null;

  constructor(address: string) {
    this.outbox = new Outbox(address);
    const { held, logged } = read();
    this.logged = new Set(logged);
    for (const [id, line] of Object.entries(held)) this.held.set(id, line);
    addEventListener("pagehide", this.leave);
    document.addEventListener("visibilitychange", this.leave);
    // Another page of the shop was told to forget.
    if (this.tabs) this.tabs.onmessage = ({ data }) => data || this.erase();
  }

  /**
   * A slot of a decision, under an `id` of its own. With `kept` it stands in the page's own order, which was certain
   * whatever the ranking said.
   */
  decided(line: Record<string, unknown>, id: string, slot: string, kept?: Slot): void {
    const ranked = (line as Line).slots.find((ranked) => ranked.id === slot);
    if (!ranked || this.logged.has(id) || this.held.has(id)) return;
    const stands = kept ? own(ranked, kept) : ranked;
    this.items.set(id, new Set(stands.items.map((item) => item.id)));
    this.held.set(id, JSON.stringify({ ...line, id, ...(kept && { source: "page", temperature: 0 }), slots: [stands] }));
  }

  /** A decision that somebody else has logged. */
  known(id: string): void {
    this.logged.add(id);
  }

  /** Tells an outcome, and before the first one the decision. What comes of a decision never logged is not told. */
  came(outcome: Outcome, id = random()): void {
    const { decision, slot, item, kind } = outcome;
    if (this.items.get(decision)?.has(item) === false) return;
    const line = this.held.get(decision);
    if (!line && !this.logged.has(decision)) return;
    const view = JSON.stringify([decision, slot, item]);
    if (kind === "impression" && this.viewed.has(view)) return;
    if (kind === "impression") this.viewed.add(view);
    if (line) this.outbox.put(decision, line);
    this.held.delete(decision);
    // The latest of them last.
    this.logged.delete(decision);
    this.logged.add(decision);
    this.outbox.put(id, JSON.stringify({ type: "outcome", id, ...outcome }));
  }

  /** Purchases and returns: each item under the decision it was clicked under, with its part of the value. */
  traded(event: ShopperEvent, clicks: Record<string, Click>): void {
    const kind = event.type === "purchase" ? "conversion" : event.type === "return" ? "return" : null;
    const items = event.items ?? [];
    if (!kind) return;
    const priced = items.every(({ fields }) => typeof fields?.price === "number");
    const weights = items.map(({ quantity = 1, fields }) => quantity * (priced ? (fields?.price as number) : 1));
    const sum = weights.reduce((all, weight) => all + weight, 0);
    items.forEach(({ id: item }, place) => {
      const { decision, slot } = { ...clicks[item], ...(event.decision && { decision: event.decision }), ...(event.slot && { slot: event.slot }) };
      if (!decision) return;
      const value = event.value !== undefined && sum > 0 ? { value: (event.value * weights[place]!) / sum } : {};
      // An event that has an id and is told again is the same event.
      const id = event.id ? `${event.id}.${place}` : undefined;
      this.came({ decision, ...(slot && { slot }), item, kind, at: event.at ?? Date.now(), ...value }, id);
    });
  }

  erase(): void {
    for (const part of [this.held, this.logged, this.items, this.viewed]) part.clear();
    this.outbox.erase();
    write(null);
  }

  close(): void {
    this.keep();
    removeEventListener("pagehide", this.leave);
    document.removeEventListener("visibilitychange", this.leave);
    this.tabs?.close();
    this.outbox.close();
  }

  private readonly leave = (event: Event): void => {
    if (event.type !== "visibilitychange" || document.visibilityState !== "visible") this.keep();
  };

  /** Writes down what is logged, and what the next page may have to tell of orders that it begins with. */
  keep(): void {
    const before = read();
    const logged = [...before.logged.filter((id) => !this.logged.has(id)), ...this.logged].slice(-MOST);
    const next = new Set(Object.values(recall().orders).map(({ decision }) => decision));
    const held = Object.entries({ ...before.held, ...Object.fromEntries(this.held) }).filter(([id]) => next.has(id) && !this.logged.has(id));
    let room = ROOM;
    const newest = held.reverse().filter(([, line]) => (room -= line.length) >= 0).reverse();
    if (logged.length || newest.length) write({ held: Object.fromEntries(newest), logged });
  }
}

/** A slot in the page's own order: what may be shown, though another slot would have shown it first. */
function own({ id, items, withheld = [] }: Line["slots"][number], { candidates, show = candidates.length }: Slot): Line["slots"][number] {
  const not = withheld.filter(({ reason }) => reason !== "shown_elsewhere");
  const eligible = candidates.filter((candidate) => !not.some((other) => other.id === candidate.id));
  const fields = new Map(items.map((item) => [item.id, item.fields]));
  return {
    id,
    show: Math.min(show, eligible.length),
    items: eligible.map((candidate) => ({ id: candidate.id, propensity: 1, fields: fields.get(candidate.id) ?? candidate.fields ?? {} })),
    ...(not.length && { withheld: not }),
  };
}

function read(): Kept {
  try {
    const { held, logged } = JSON.parse(localStorage.getItem(LOGGED) ?? "{}") as Partial<Kept>;
    const lines = Object.entries(held ?? {}).filter(([, line]) => typeof line === "string");
    return { held: Object.fromEntries(lines), logged: Array.isArray(logged) ? logged.filter((id) => typeof id === "string") : [] };
  } catch {
    return { held: {}, logged: [] };
  }
}

function write(kept: Kept | null): void {
  try {
    if (kept) localStorage.setItem(LOGGED, JSON.stringify(kept));
    else localStorage.removeItem(LOGGED);
  } catch {
    // Denied or full: what comes of these decisions later is not told.
  }
}
