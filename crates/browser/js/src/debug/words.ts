// What numbers and names mean, in words.

import type { Decision, Effect, Ranked, RankedSlot, Withheld } from "../types";
import type { Standing } from "../slots/slots";

/** The most parts of a score that are named. */
const PARTS = 4;

export const STANDS = {
  model: "this page's ranking",
  last: "the order of an earlier page",
  page: "the page's own order",
} satisfies Record<Standing["source"], string>;

export const SAYS = {
  page: "the page",
  shopify: "Shopify's Customer Privacy",
  consent_mode: "Google's Consent Mode",
  gpc: "Global Privacy Control",
  none: "nobody yet",
};

const WITHHELD = {
  excluded: "excluded by the page",
  out_of_stock: "out of stock",
  duplicate: "twice in the slot",
  shown_elsewhere: "shown in an earlier slot",
  no_id: "without an id",
} satisfies Record<Withheld["reason"], string>;

/** What became of a slot, and why. */
export function story({ source, late, ranking }: Standing): string[] {
  const said = [`Stands: ${STANDS[source]}.`];
  if (late) said.push("A better order came when the slot had been seen: it serves the next visit.");
  if (!ranking) said.push("No ranking on this page yet.");
  if (ranking?.arm === "holdout") said.push("The shopper is in the hold-out: the page keeps its own order, for comparison.");
  if (ranking?.fallback) said.push(`No full ranking: ${ranking.fallback.code} (${ranking.fallback.message}).`);
  return said;
}

export const withheld = ({ withheld = [] }: RankedSlot): string => withheld.map(({ id, reason }) => `${id}: ${WITHHELD[reason]}`).join(", ");

export const number = (value: number): string => String(Number(value.toPrecision(3)));

/** An estimate and its 90 % interval; probabilities in percent. */
export function effect(name: string, { value, low, high }: Effect): string {
  const share = low >= 0 && high <= 1;
  const shown = (of: number) => (share ? `${number(of * 100)} %` : number(of));
  return `${name} ${shown(value)} (${shown(low)} to ${shown(high)})`;
}

/** What raised and what lowered an item, the strongest first, by the network's first answer. */
export function because(item: Ranked, decision: Decision): string {
  const [head] = Object.keys(item.logits);
  const own = Object.entries((head && item.attributions?.[head]) || {});
  const shared = Object.values((head && decision.shared?.[head]) || {}).reduce((sum, share) => sum + share, 0);
  const strongest = own.filter(([, share]) => share).sort(([, a], [, b]) => Math.abs(b) - Math.abs(a)).slice(0, PARTS);
  const told = (up: boolean) => strongest.filter(([, share]) => share > 0 === up).map(([part, share]) => `${part} ${up ? "+" : "−"}${number(Math.abs(share))}`).join(", ");
  const sides = [told(true) && `up: ${told(true)}`, told(false) && `down: ${told(false)}`].filter(Boolean);
  return sides.length ? `${head}: ${sides.join("; ")}; the same for all: ${number(shared)}` : "";
}
