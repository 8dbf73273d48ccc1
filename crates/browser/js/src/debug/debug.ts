// attune.debug.js: what was decided and why, slot by slot, for a developer. It reads and draws; nothing else.

import type { Slots } from "../slots/slots";
import { Panel } from "./panel";

let panel: Panel | undefined;

/** Shows the panel; again, when it was closed. */
export function show(slots: Slots): void {
  panel?.close();
  panel = new Panel(slots);
}
