// The shopper's order of the home page: asked of Attune, kept for the next paint, put in place when that disturbs nobody.

import { arrange, grid } from "./arrange";
import { type Catalogue, type HomeSlot, type Product, apart, homeSlots } from "./catalogue";
import { flip } from "./flip";
import { type Attune, type Decision, type Profile, type Ranked, type ShopperEvent, type Term, loadAttune } from "./module";
import { KEYS, readOrder, readTuning, write } from "./storage";
import type { Language } from "./words";

/** What taste is learned from. Names and descriptions are no categories. */
const TASTE = ["category", "brand", "style", "color", "material", "price"];
const EXPLORE = 0.15;

/** `at` 0 is clicks, 50 purchases, 100 margin; between them, some of both. The factors bring the terms to one scale. */
export function objective(at: number): Term[] {
  const share = (at % 50) / 50;
  const click = { effect: "click", weight: 1 };
  const conversion = { effect: "conversion", weight: 6 };
  const margin = { effect: "conversion", times: "margin", weight: 0.5 };
  const [from, to] = at < 50 ? [click, conversion] : [conversion, margin];
  if (at >= 100) return [margin];
  const terms: Term[] = [{ ...from, weight: from.weight * (1 - share) }, { ...to, weight: to.weight * share }];
  return terms.filter((term) => term.weight > 0);
}

export class Ranking {
  state: "loading" | "ready" | "failed" = "loading";
  error = "";
  decision: Decision | null = null;
  /** The module, once it is there. */
  attune: Attune | null = null;
  /** Slots of which the shopper has seen something since the page or view came. */
  readonly seen = new Set<string>();
  private readonly page: HomeSlot[];
  private readonly byId: Map<string, Product>;
  private readonly counted = new Set<string>();
  private loading: Promise<void> = Promise.resolve();

  constructor(
    catalogue: Catalogue,
    private readonly language: () => Language,
  ) {
    this.page = homeSlots(catalogue.products);
    this.byId = new Map(catalogue.products.map((product) => [product.id, product]));
  }

  /** Slot → ids, as they stand now or last stood. What the shop no longer has is left out. */
  order(): Record<string, string[]> {
    const stored = readOrder();
    const whole = ({ id, ids }: HomeSlot) => {
      const known = (stored[id] ?? []).filter((item) => ids.includes(item));
      return [id, [...known, ...ids.filter((item) => !known.includes(item))]] as [string, string[]];
    };
    return Object.fromEntries(this.page.map(whole));
  }

  get personal(): boolean {
    return Object.keys(readOrder()).length > 0;
  }

  load(): Promise<void> {
    this.loading = this.start();
    return this.loading;
  }

  private async start(): Promise<void> {
    try {
      performance.mark("attune-load");
      this.attune = await loadAttune();
      this.state = "ready";
    } catch (error) {
      this.state = "failed";
      this.error = error instanceof Error ? error.message : String(error);
    }
  }

  /** What is tracked before the module is there waits for it. */
  async track(event: Omit<ShopperEvent, "at">): Promise<void> {
    const at = Date.now();
    await this.loading;
    await this.attune?.track({ ...event, at });
  }

  async profile(): Promise<Profile | null> {
    return ((await this.attune?.profile()) ?? null) as Profile | null;
  }

  item(product: Product, quantity = 1) {
    const known = Object.entries(product.fields).filter(([name]) => TASTE.includes(name));
    return { id: product.id, fields: Object.fromEntries(known), ...(quantity !== 1 && { quantity }) };
  }

  /** What is shown of a slot, told once for each decision. */
  async impression(slot: string, ids: string[]): Promise<void> {
    const key = `${this.decision?.id ?? ""}/${slot}`;
    if (this.state !== "ready" || this.counted.has(key)) return;
    this.counted.add(key);
    const items = ids.flatMap((id) => this.byId.get(id) ?? []).map((product) => this.item(product));
    await this.track({ type: "impression", items, slot, ...(this.decision && { decision: this.decision.id }) });
  }

  /** Asks for the home page's order. Null when the page should keep what it has. */
  async decide(): Promise<Decision | null> {
    if (!this.attune) return null;
    const { objective: at, explore } = readTuning();
    const candidate = (id: string) => ({ id, fields: this.byId.get(id)?.fields ?? {} });
    try {
      this.decision = await this.attune.rank({
        slots: this.page.map(({ id, show, ids }) => ({ id, show, candidates: ids.map(candidate) })),
        objective: objective(at),
        diversity: { field: "category", weight: 0.08 },
        ...(explore && { explore: { temperature: EXPLORE } }),
        explain: true,
        context: { page: "home", language: this.language() },
      });
      if (performance.getEntriesByName("attune-ready").length === 0) performance.measure("attune-ready", "attune-load");
    } catch (error) {
      this.state = "failed";
      this.error = error instanceof Error ? error.message : String(error);
      return null;
    }
    return this.decision.source === "model" ? this.decision : null;
  }

  ranked(slot: string, id: string): Ranked | undefined {
    return this.decision?.slots.find((one) => one.id === slot)?.items.find((item) => item.id === id);
  }

  /** Slots whose visible items or their order differ from `next`. */
  changes(next: Record<string, string[]>): string[] {
    const now = this.order();
    const differs = ({ id, show }: HomeSlot) => next[id]?.slice(0, show).some((item, place) => item !== now[id]?.[place]);
    return this.page.filter(differs).map(({ id }) => id);
  }

  /** The decision's order. Slots in `fixed` stay as they are, and what they show is shown nowhere else. */
  settled(decision: Decision, fixed: ReadonlySet<string>): Record<string, string[]> {
    const now = this.order();
    const standing = this.page.filter(({ id }) => fixed.has(id)).map((slot) => ({ ...slot, ids: now[slot.id] ?? slot.ids }));
    const free = this.page.filter(({ id }) => !fixed.has(id)).map((slot) => {
      const ranked = decision.slots.find(({ id }) => id === slot.id)?.items.map(({ id }) => id) ?? [];
      return { ...slot, ids: [...ranked, ...slot.ids.filter((id) => !ranked.includes(id))] };
    });
    return Object.fromEntries(apart([...standing, ...free]).map(({ id, ids }) => [id, ids]));
  }

  /** Puts an order in place and keeps it for the next paint; says how many visible places changed. */
  place(next: Record<string, string[]>, animated: boolean): number {
    const now = this.order();
    let moved = 0;
    for (const { id, show } of this.page) {
      const ids = next[id] ?? [];
      moved += ids.slice(0, show).filter((item, place) => item !== now[id]?.[place]).length;
      const list = grid(id);
      if (!list) continue;
      if (animated) flip(list, () => arrange(id, ids));
      else arrange(id, ids);
    }
    write(KEYS.order, JSON.stringify(next));
    return moved;
  }

  /** The page's own order again. */
  reset(animated: boolean): void {
    this.decision = null;
    this.counted.clear();
    this.place(Object.fromEntries(this.page.map(({ id, ids }) => [id, ids])), animated);
    write(KEYS.order, null);
  }
}
