// Slots as a page writes them: attributes in, candidates out.
//
//   <ul data-attune-slot="home" data-attune-show="4" data-attune-order="move">
//     <li data-attune-id="p1" data-attune-fields='{"price": 12}' data-attune-category="shoes">…</li>
//   </ul>

import type { Candidate, Fields, FieldValue, Slot } from "../types";

/** How an order is put in place: nodes are moved; a style sheet of ours orders them; or the page does it itself. */
export type Mode = "move" | "css" | "event";

/** A slot in the page. */
export interface Place {
  readonly id: string;
  readonly element: HTMLElement;
  readonly mode: Mode;
}

const OWN = new Set(["attuneId", "attuneFields", "attunePin", "attuneExclude", "attuneEvent", "attuneSlot", "attuneShow", "attuneOrder"]);
const SLOT = "[data-attune-slot]";

/** Slots inside `root`, `root` itself among them; of two with one name the first. */
export function places(root: ParentNode): Place[] {
  const found = new Map<string, Place>();
  const own = root instanceof HTMLElement && root.matches(SLOT) ? [root] : [];
  for (const element of [...own, ...root.querySelectorAll<HTMLElement>(SLOT)]) {
    const { attuneSlot: id = "", attuneOrder: mode } = element.dataset;
    if (id && !found.has(id)) found.set(id, { id, element, mode: mode === "css" || mode === "event" ? mode : "move" });
  }
  return [...found.values()];
}

/** A slot's candidates as they stand; of two with one id the first. */
export function cards(element: Element): Map<string, HTMLElement> {
  const found = new Map<string, HTMLElement>();
  for (const child of element.children) {
    const id = (child as HTMLElement).dataset?.attuneId;
    if (id && !found.has(id)) found.set(id, child as HTMLElement);
  }
  return found;
}

/** What of a slot is on view; all, when the page does not say. */
export function shown(element: HTMLElement): number {
  const show = Number(element.dataset.attuneShow);
  return Number.isInteger(show) && show > 0 ? show : Infinity;
}

/** The fields of a card: those of its JSON, then its attributes `data-attune-NAME`. */
export function fields(card: HTMLElement): Fields {
  const read: Fields = { ...json(card.dataset.attuneFields) };
  for (const [key, text] of Object.entries(card.dataset)) {
    if (key.startsWith("attune") && !OWN.has(key) && text !== undefined) read[name(key)] = value(text);
  }
  return read;
}

/** The slot as a ranking request has it. `ids` is the page's own order, which may no longer be the one in the page. */
export function slot(place: Place, ids: readonly string[]): Slot {
  const all = cards(place.element);
  const show = shown(place.element);
  const pinned: Record<string, number> = {};
  const excluded: string[] = [];
  const candidates: Candidate[] = ids.flatMap((id) => {
    const card = all.get(id);
    if (!card) return [];
    const pin = Number(card.dataset.attunePin ?? NaN);
    if (Number.isInteger(pin) && pin >= 0) pinned[id] = pin;
    if (card.dataset.attuneExclude !== undefined) excluded.push(id);
    return [{ id, fields: fields(card) }];
  });
  return { id: place.id, candidates, pinned, excluded, ...(show < candidates.length && { show }) };
}

/** `attunePriceBand`, from `data-attune-price-band`, is `price_band`. */
function name(key: string): string {
  const own = key.slice("attune".length);
  return own[0]!.toLowerCase() + own.slice(1).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function value(text: string): FieldValue {
  if (text === "true" || text === "false") return text === "true";
  return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

function json(text: string | undefined): Fields {
  try {
    const read: unknown = JSON.parse(text ?? "{}");
    return typeof read === "object" && read !== null && !Array.isArray(read) ? (read as Fields) : {};
  } catch {
    return {};
  }
}
