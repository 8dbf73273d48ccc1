// What the storefront uses of the npm package `attune`. It is loaded by address, so that a page without it still works.

import type { FieldValue } from "./catalogue";

export interface Decayed { count: number; at: number }
export interface Profile {
  counters?: Record<string, Decayed>;
  preferences?: Record<string, Record<string, Decayed>>;
  items?: { id: string; kind: string; at: number; times: number }[];
  first_seen?: number;
  last_seen?: number;
  sessions?: number;
  orders?: number;
  spent?: number;
  price_sum?: Decayed;
  price_count?: Decayed;
  tags?: string[];
}
export interface Effect { value: number; low: number; high: number }
export interface Ranked {
  id: string;
  score: number;
  logits: Record<string, number>;
  effects: Record<string, Effect>;
  propensity: number;
  attributions?: Record<string, Record<string, number>>;
}
export interface Decision {
  id: string;
  source: "model" | "page";
  bundle: string;
  fallback: { code: string; message: string } | null;
  temperature: number;
  slots: { id: string; show: number; items: Ranked[]; withheld?: { id: string; reason: string }[] }[];
}
export interface Term { effect?: string; times?: string; weight: number }
export interface RankInput {
  slots: { id: string; show?: number; candidates: { id: string; fields: Record<string, FieldValue> }[] }[];
  objective?: Term[];
  explore?: { temperature: number };
  diversity?: { field: string; weight?: number; max?: number };
  explain?: boolean;
  context?: Record<string, FieldValue>;
}
export interface ShopperEvent {
  type: string;
  at: number;
  items?: { id: string; fields?: Record<string, FieldValue>; quantity?: number }[];
  value?: number;
  currency?: string;
  fields?: Record<string, FieldValue>;
  decision?: string;
  slot?: string;
}
export interface Attune {
  track(event: ShopperEvent): unknown;
  rank(input: RankInput): Decision | Promise<Decision>;
  profile(): Profile | Promise<Profile>;
  export(): unknown;
  forget(): unknown;
  card(): unknown;
}

/** Addresses that the build wrote on the `html` element. */
export async function loadAttune(): Promise<Attune> {
  const { attune, bundle, integrity, wasm } = document.documentElement.dataset;
  if (!attune || !bundle) throw new Error("this page was built without the attune package");
  const address = (path: string) => new URL(path, document.baseURI).href;
  const loaded = (await import(address(attune))) as { load(options: object): Promise<Attune> };
  return loaded.load({ bundle: address(bundle), integrity, ...(wasm && { wasm: address(wasm) }) });
}
