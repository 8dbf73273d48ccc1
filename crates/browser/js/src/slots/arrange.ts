// Puts a slot's cards into an order, so that what is no candidate stays where it is and nothing is made or lost.

import { type Place, cards, shown } from "./markup";

/** One sheet for each slot ordered by style, found again by the script that follows the early one. Adopted sheets need no nonce. */
const sheets: Map<string, CSSStyleSheet> = ((globalThis as Record<symbol, unknown>)[Symbol.for("attune.sheets")] ??= new Map()) as never;

/** `ids` first, then the other cards as they stand; nothing, where the page itself does it. */
export function arrange(place: Place, ids: readonly string[]): void {
  const all = cards(place.element);
  const named = [...new Set(ids)].filter((id) => all.has(id));
  const order = [...named, ...[...all.keys()].filter((id) => !named.includes(id))];
  if (place.mode === "move") move(place.element, order.map((id) => all.get(id) as HTMLElement));
  else if (place.mode === "css") style(place, order);
}

/** Takes back what a style sheet says of a slot. */
export function release(id: string): void {
  const sheet = sheets.get(id);
  sheets.delete(id);
  if (sheet) document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
}

type Mover = { moveBefore?(node: Node, before: Node | null): void };

function move(element: HTMLElement, order: HTMLElement[]): void {
  const show = shown(element);
  const focused = document.activeElement;
  const standing = new Set(order);
  // The places of candidates among the other children; each gets the next card.
  const marks = [...element.children].filter((child) => standing.has(child as HTMLElement));
  const changed = marks.some((mark, place) => mark !== order[place]);
  if (changed) {
    const gaps = marks.map((mark) => {
      const gap = document.createComment("");
      element.insertBefore(gap, mark);
      return gap;
    });
    gaps.forEach((gap, place) => {
      const card = order[place] as HTMLElement;
      // Keeps videos, frames and focus alive, where there is such a thing.
      const { moveBefore } = element as unknown as Mover;
      if (moveBefore && card.isConnected) moveBefore.call(element, card, gap);
      else element.insertBefore(card, gap);
      gap.remove();
    });
  }
  if (show < order.length) order.forEach((card, place) => (card.hidden = place >= show));
  if (focused instanceof HTMLElement && document.activeElement !== focused && element.contains(focused)) focused.focus({ preventScroll: true });
}

function style(place: Place, order: string[]): void {
  const show = shown(place.element);
  const slot = `[data-attune-slot="${CSS.escape(place.id)}"]>`;
  const rules = order.map((id, n) => `${slot}[data-attune-id="${CSS.escape(id)}"]{order:${n - order.length}${n < show ? "" : ";display:none!important"}}`);
  // A heading stays before the cards.
  rules.push(`${slot}:not([data-attune-id],[data-attune-id]~*){order:${~order.length}}`);
  const sheet = sheets.get(place.id) ?? new CSSStyleSheet();
  sheet.replaceSync(rules.join("\n"));
  if (sheets.has(place.id)) return;
  sheets.set(place.id, sheet);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}
