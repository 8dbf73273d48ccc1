// attune.slots.js: slots by attributes, as a script tag or as `attune/slots`.
//
//   <script type="module" src="/attune/attune.slots.js" data-attune-bundle="/demo.attune"></script>

import { Slots, type SlotsOptions } from "./slots";

export type { Agreed, Source } from "./consent";
export type { Slots, SlotsOptions, Standing } from "./slots";

/** Finds the page's slots and looks after them. Nothing is loaded, stored or sent before the shopper has agreed. */
export function attach(options: SlotsOptions): Slots {
  return new Slots(options, { attune: () => import("../attune"), log: () => import("./log"), debug: () => import("../debug/debug") });
}

declare global {
  interface Window {
    /** The script tag's slots. */
    attune?: Slots;
  }
}

const script = [...document.querySelectorAll<HTMLScriptElement>("script[data-attune-bundle]")].find(({ src }) => src === import.meta.url);
if (script) {
  const { attuneBundle: bundle = "", attuneIntegrity: integrity, attuneWasm: wasm, attuneConsent = "", attuneWorker: worker, attuneLog: log, attuneDebug: debug } = script.dataset;
  const granted = attuneConsent.split(" ");
  const consent = { ...(/granted|profile/.test(attuneConsent) && { profile: true }), ...(granted.includes("send") && { send: true }) };
  window.attune = attach({
    bundle,
    ...(integrity && { integrity }),
    ...(wasm && { wasm }),
    ...(worker !== undefined && { worker: true }),
    ...(log && { log }),
    ...(attuneConsent && { consent }),
  });
  window.dispatchEvent(new Event("attune:ready"));
  if (debug !== undefined || new URLSearchParams(location.search).has("attune-debug")) void window.attune.debug();
}
