// The page's own order as a decision, for when not even the module is there to say so.

import type { Candidate, Decision, Failure, RankRequest, Slot, Withheld } from "./types";

const list = <T>(value: unknown): T[] => (Array.isArray(value) ? value : []);

/** Candidates as the page has them, less what must not be shown. Reads anything. */
export function pageDecision(request: Partial<RankRequest> | null | undefined, failure: Failure): Decision {
  const shown = new Set<string>();
  const slots = list<Slot>(request?.slots).map((slot) => {
    const withheld: Withheld[] = [];
    const here = new Set<string>();
    const excluded = list<string>(slot?.excluded);
    const items = list<Candidate>(slot?.candidates).filter((candidate) => {
      const id = candidate?.id;
      const stock = candidate?.fields?.in_stock;
      let reason: Withheld["reason"] | undefined;
      if (typeof id !== "string" || !id) reason = "no_id";
      else if (excluded.includes(id)) reason = "excluded";
      else if (stock === false || stock === 0) reason = "out_of_stock";
      else if (here.has(id)) reason = "duplicate";
      else if (shown.has(id)) reason = "shown_elsewhere";
      if (reason) withheld.push({ id: String(id ?? ""), reason });
      else here.add(id);
      return !reason;
    });
    const show = Math.min(typeof slot?.show === "number" ? slot.show : items.length, items.length);
    for (const { id } of items.slice(0, show)) shown.add(id);
    const ranked = items.map(({ id }) => ({ id, score: 0, logits: {}, effects: {}, propensity: 1 }));
    return { id: String(slot?.id ?? ""), show, items: ranked, ...(withheld.length && { withheld }) };
  });
  const id = String(request?.id ?? "");
  return {
    v: 1,
    id,
    request: id,
    at: Number(request?.at) || 0,
    mode: "contextual",
    bundle: "",
    schema: "",
    profile_schema: 0,
    arm: "treatment",
    source: "page",
    fallback: failure,
    temperature: 0,
    seed: String(request?.seed ?? "0"),
    slots,
  };
}
