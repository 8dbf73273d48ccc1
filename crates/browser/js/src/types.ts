/** A field's value. Anything else, `NaN` among it, is read as missing. */
export type FieldValue = string | number | boolean | string[] | null;
export type Fields = Record<string, FieldValue>;

/** One thing that could be shown. `price`, `margin` and `in_stock` have meaning to ranking. */
export interface Candidate {
  id: string;
  fields?: Fields;
}

/** One place on a page, with what could fill it in the page's own order. */
export interface Slot {
  id: string;
  /** How many are visible; all, when absent. */
  show?: number;
  candidates: Candidate[];
  /** Candidate id → position that must be kept; 0 is first. */
  pinned?: Record<string, number>;
  /** Candidate ids that must not be shown. */
  excluded?: string[];
}

/** One term of an objective: weight · effect · field. */
export interface Term {
  effect?: string;
  times?: string;
  weight: number;
}

/** What is asked. Absent, `id`, `at`, `seed`, time zone, user agent and profile are filled in. */
export interface RankRequest {
  slots: Slot[];
  /** The page and the moment: language, referrer, campaign, page type. */
  context?: Fields;
  /** What to maximise; the bundle's own objective when absent. */
  objective?: Term[];
  explore?: { temperature: number };
  diversity?: { field: string; weight?: number; max?: number };
  holdout?: { share: number; seed: string };
  /** Whether items carry attributions. */
  explain?: boolean;
  id?: string;
  /** Milliseconds since 1970-01-01 UTC. */
  at?: number;
  /** A whole number below 2^64, as a string. */
  seed?: string;
  shopper?: string;
  session?: string;
  tz_offset?: number;
  user_agent?: string;
  /** Instead of the stored one. */
  profile?: Profile;
  mode?: "device" | "server" | "contextual";
}

/** An estimate with a 90 % interval. */
export interface Effect {
  value: number;
  low: number;
  high: number;
}

/** One ranked candidate. */
export interface Ranked {
  id: string;
  /** The objective's value. */
  score: number;
  /** Raw network outputs by head. */
  logits: Record<string, number>;
  effects: Record<string, Effect>;
  /** Conditional probability of being drawn at its position. */
  propensity: number;
  pinned?: boolean;
  /** Head → part → the item's own share of the logit, when `explain` was asked. With the decision's `shared` they sum to it. */
  attributions?: Record<string, Record<string, number>>;
}

export interface Withheld {
  id: string;
  reason: "excluded" | "out_of_stock" | "duplicate" | "shown_elsewhere" | "no_id";
}

export interface RankedSlot {
  id: string;
  show: number;
  /** Eligible candidates, best first. */
  items: Ranked[];
  withheld?: Withheld[];
}

/** Why something else than a full, personal ranking was served. */
export interface Failure {
  /** Stable name, such as `no_simd`, `wasm_trap`, `bundle_integrity`, `profile_newer`. */
  code: string;
  message: string;
}

/** What to show, and everything needed to audit it. */
export interface Decision {
  v: number;
  id: string;
  request: string;
  at: number;
  mode: "device" | "server" | "contextual";
  bundle: string;
  schema: string;
  profile_schema: number;
  arm: "treatment" | "holdout";
  source: "model" | "page";
  fallback: Failure | null;
  temperature: number;
  seed: string;
  /** Head → part → share of every item's logit (shopper, moment, `bias`), when `explain` was asked. */
  shared?: Record<string, Record<string, number>>;
  slots: RankedSlot[];
}

/** The effects of every candidate, in the page's own order. */
export interface Predicted {
  bundle: string;
  schema: string;
  /** As in {@link Decision}. */
  shared?: Record<string, Record<string, number>>;
  slots: {
    id: string;
    candidates: {
      id: string;
      logits: Record<string, number>;
      effects: Record<string, Effect>;
      attributions?: Record<string, Record<string, number>>;
    }[];
  }[];
}

export type EventKind =
  | "impression" | "click" | "view" | "add_to_cart" | "checkout" | "purchase" | "return" | "search" | "identify";

/** One thing the shopper did. */
export interface ShopperEvent {
  type: EventKind;
  id?: string;
  /** Milliseconds since 1970-01-01 UTC; now, when absent. */
  at?: number;
  items?: { id: string; fields?: Fields; quantity?: number }[];
  value?: number;
  /** ISO 4217. */
  currency?: string;
  fields?: Fields;
  decision?: string;
  slot?: string;
}

/** An event as Google Analytics 4 or Metarank writes it. */
export type ForeignEvent =
  | { event: string; [key: string]: unknown }
  | { name: string; params?: object; [key: string]: unknown }
  | { events: object[]; [key: string]: unknown }
  | ["event", string, object?];
export type TrackedEvent = ShopperEvent | ForeignEvent;

/** What became of tracked events. */
export interface Tracked {
  accepted: number;
  ignored: number;
  rejected: { index: number; code: string; message: string }[];
}

export interface Profile {
  v: number;
  [part: string]: unknown;
}

/** Everything that is stored about the shopper. */
export interface Exported {
  v: 1;
  at: number;
  storage: "indexeddb" | "memory";
  shopper: string | null;
  profile: Profile | null;
  /** Events that wait for a module that can read them. */
  queue: unknown[];
  /** Addresses of cached bundles. */
  cached: string[];
}

/** What the shopper agreed to. */
export interface Consent {
  /** Keep and use a profile on this device. Default: true. Without it every decision is `contextual`. */
  profile?: boolean;
  /** Let log lines carry the profile. Default: false. */
  log?: boolean;
}

export interface Options {
  /** Address of the bundle (in Node also a file's path), or its bytes. */
  bundle: string | URL | Uint8Array | ArrayBuffer | Response;
  /** `sha256-<base64>` of the bundle, as in Subresource Integrity. With it the bundle is kept in the Cache API. */
  integrity?: string;
  /** Address of the WebAssembly file, or its bytes; `attune_bg.wasm` beside this module when absent. */
  wasm?: string | URL | Uint8Array | ArrayBuffer | Response;
  /** Work in a Web Worker. */
  worker?: boolean;
  /** Where the profile is kept. Default: IndexedDB where there is one. */
  storage?: "indexeddb" | "memory";
  consent?: Consent;
  /** The clock, milliseconds since 1970-01-01 UTC. Default: `Date.now`. */
  now?: () => number;
}

export interface Attune {
  /** Settles when loading has ended, well or not. */
  readonly ready: Promise<Attune>;
  /** Why there is no model, if there is none: decisions keep the page's order and carry this. */
  readonly failure: Failure | null;
  /** What went wrong without stopping anything: `storage_denied`, `profile_newer`, `worker_failed`, … */
  readonly warnings: Failure[];
  /** Learns from events. What comes before `ready` waits its turn. Never rejects. */
  track(events: TrackedEvent | TrackedEvent[]): Promise<Tracked>;
  /** Orders candidates. Never rejects: `fallback` says what went wrong. A request as JSON text goes in as it is. */
  rank(request: RankRequest | string): Promise<Decision>;
  /** The page's own order as a decision, which says why and can be logged as others can. Never rejects. */
  keepPage(request: RankRequest, why: Failure): Promise<Decision>;
  /** The same decision again, with attributions; null when it was not made here lately. */
  explain(decision: Decision): Promise<Decision | null>;
  /** Predicts without ordering. Rejects with an `Error` that has a `code`. */
  predict(request: RankRequest): Promise<Predicted>;
  /** The decision's line for the log; null when it was not made here lately. */
  logLine(decision: Decision | string, options?: { fields?: boolean }): Promise<Record<string, unknown> | null>;
  /** What is remembered of the shopper; null when nothing is. */
  profile(): Promise<Profile | null>;
  /** Everything stored about the shopper. */
  export(): Promise<Exported>;
  /** Erases IndexedDB, caches, memory, and what a closing page put aside in `localStorage`. */
  forget(): Promise<void>;
  /** The bundle's card; null without a bundle. */
  card(): Promise<Record<string, unknown> | null>;
  /** Writes what is not yet written and lets go of everything. */
  close(): Promise<void>;
}
