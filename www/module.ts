// The npm package `attune`, loaded by address so that a page without it still works.

import type { Attune, Options } from "attune";

export type { Attune, Decision, Effect, Ranked, ShopperEvent, Term } from "attune";

export interface Decayed {
  count: number;
  at: number;
}

/** The parts of a profile that the page shows. */
export interface Profile {
  counters?: Record<string, Decayed>;
  preferences?: Record<string, Record<string, Decayed>>;
  items?: { id: string; kind: string; at: number; times: number }[];
  sessions?: number;
  orders?: number;
  price_sum?: Decayed;
  price_count?: Decayed;
  tags?: string[];
}

/** Loads what the build named on the `html` element. Rejects when there is no model to be had. */
export async function loadAttune(): Promise<Attune> {
  const { attune, bundle, integrity, wasm } = document.documentElement.dataset;
  if (!attune || !bundle) throw new Error("this page was built without a bundle");
  const address = (path: string) => new URL(path, document.baseURI).href;
  const { load } = (await import(address(attune))) as { load(options: Options): Promise<Attune> };
  const loaded = await load({ bundle: address(bundle), integrity, ...(wasm && { wasm: address(wasm) }) });
  if (loaded.failure) throw new Error(`${loaded.failure.code}: ${loaded.failure.message}`);
  return loaded;
}
