import { erase } from "./erase";
import { Local } from "./local";
export { serve } from "./remote";
import { Remote } from "./remote";
import { coded } from "./failure";
import type { Attune, Options } from "./types";

export * from "./types";

/** Starts loading and returns at once: events can be tracked, rankings asked for; they wait for `ready`. */
export function open(options: Options): Attune {
  if (!options?.bundle) throw coded("no_bundle", "load needs { bundle: address or bytes }");
  return options.worker ? new Remote(options) : new Local(options);
}

/** Loads module and bundle. Rejects only when `options` names no bundle; else `failure` says why there is no model. */
export async function load(options: Options): Promise<Attune> {
  return open(options).ready;
}

/** Erases what Attune keeps on this device, without loading it. */
export async function forget(): Promise<void> {
  await erase();
}
