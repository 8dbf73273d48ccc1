// Slots by attributes: found, ordered, watched; from consent to forgetting.

import { erase } from "../erase";
import { random } from "../random";
import { turn } from "../turn";
import type { Attune, Decision, FieldValue, Fields, Options, RankRequest, ShopperEvent, Tracked } from "../types";
import { arrange, release } from "./arrange";
import { type Agreed, Consent, type Source } from "./consent";
import type { Log, Outcome } from "./log";
import { type Place, cards, fields, places, slot } from "./markup";
import { drop, keep, recall, unsend, unsent } from "./memory";
import { Watch } from "./watch";

/** Scripts that are loaded when the shopper has agreed. @internal */
interface Parts {
  attune(): Promise<typeof import("../attune")>;
  log(): Promise<typeof import("./log")>;
  debug(): Promise<typeof import("../debug/debug")>;
}

/** What {@link attach} takes: how to load Attune, and what every ranking of the page has in common. */
export interface SlotsOptions extends Omit<Options, "consent">, Pick<RankRequest, "context" | "objective" | "explore" | "diversity" | "holdout" | "explain"> {
  /** Where slots are looked for. Default: the document. */
  root?: ParentNode & Node;
  /** What the shopper agreed to, where the page knows already. */
  consent?: Partial<Agreed>;
  /** Address of the shop's server that takes what was shown and what came of it, once the shopper agreed to `send`. */
  log?: string;
}

/** What stands in a slot: `model` this page's ranking, `last` an earlier page's, `page` the page's own order. */
export interface Standing {
  slot: string;
  source: "model" | "last" | "page";
  /** Ids as they stand, or as the page should put them where it does so itself. */
  order: string[];
  /** What impressions and clicks carry: the slot's part of the decision this order came of, and the id it is logged under. */
  decision: string;
  /** There was a better order, but the slot had been seen. */
  late: boolean;
  /** The last ranking made on this page, which may not be the one that stands. */
  ranking: Decision | null;
}

/** Options of one request. */
const SHARED = ["context", "objective", "explore", "diversity", "holdout", "explain"] as const;

const COLD = { code: "cold", message: "nothing is known of the shopper yet" };

export class Slots {
  /** Settles when the slots that are in the page now have been decided. */
  ready: Promise<void> = Promise.resolve();
  private attune: Attune | null = null;
  private log: Log | null = null;
  private readonly root: ParentNode & Node;
  private readonly found = new Map<string, Place>();
  private readonly own = new Map<string, string[]>();
  private readonly standing = new Map<string, Standing>();
  private readonly counted = new Set<string>();
  /** Slots that came in order with the page. */
  private readonly edge = new WeakSet<Element>();
  private readonly consent: Consent;
  private readonly watch: Watch;
  private readonly changes: MutationObserver;

  /** @internal */
  constructor(
    private readonly options: SlotsOptions,
    private readonly parts: Parts,
  ) {
    this.root = options.root ?? document;
    this.watch = new Watch((place, cards) => this.viewed(place, cards));
    this.consent = new Consent(({ profile }, refused) => void this.next(() => (profile ? this.start(refused) : this.end(refused))));
    // Runs before the next paint: what a single-page shop has just put in can still be ordered unseen.
    this.changes = new MutationObserver(() => this.scan());
    this.changes.observe(this.root, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-attune-slot", "data-attune-id"] });
    document.addEventListener("click", this.clicked, true);
    document.addEventListener("auxclick", this.clicked, true);
    this.scan(true);
    if (options.consent) this.consent.say(options.consent);
    else this.consent.tell();
  }

  /** What stands where, by slot. */
  get slots(): ReadonlyMap<string, Standing> {
    return this.standing;
  }

  /** What is agreed, and who said so. */
  get agreement(): Agreed & { source: Source } {
    return { ...this.consent.agreed, source: this.consent.source };
  }

  /** Takes the shopper's answer. A `profile: false` erases what is kept. */
  async agree(said: Partial<Agreed>): Promise<void> {
    this.consent.say(said);
    await this.ready;
  }

  /** Learns from events: purchases, baskets, searches. What was clicked in a slot carries its decision along. */
  async track(event: ShopperEvent): Promise<Tracked | null> {
    const { clicks } = recall();
    const known = [...new Set((event.items ?? []).map(({ id }) => clicks[id]?.decision))];
    const [decision] = known;
    const joined = known.length === 1 && decision ? { decision, ...event } : event;
    await this.ready;
    this.log?.traded({ at: Date.now(), ...event }, clicks);
    return this.attune?.track(joined) ?? null;
  }

  /** Decides the slots anew that have not been seen. */
  async refresh(): Promise<void> {
    await this.next(() => this.decide([...this.found.values()]));
  }

  /** Erases everything kept on the device. */
  async forget(): Promise<void> {
    await this.ready;
    this.log?.erase();
    await (this.attune ? this.attune.forget() : erase());
  }

  /** Everything kept on the device. */
  async export(): Promise<Record<string, unknown> | null> {
    await this.ready;
    const kept = await this.attune?.export();
    return kept ? { ...kept, page: recall(), unsent: unsent() } : null;
  }

  /** Shows a developer what was decided and why, slot by slot. Changes nothing. */
  async debug(): Promise<void> {
    (await this.parts.debug()).show(this);
  }

  /** What {@link debug} looks at. @internal */
  get inside(): { attune: Attune | null; log: Log | null; address: string | undefined; places: ReadonlyMap<string, Place> } {
    return { attune: this.attune, log: this.log, address: this.options.log, places: this.found };
  }

  /** Lets go of the page, which stays as it is. */
  async stop(): Promise<void> {
    this.changes.disconnect();
    this.watch.close();
    this.consent.close();
    document.removeEventListener("click", this.clicked, true);
    document.removeEventListener("auxclick", this.clicked, true);
    await this.ready;
    this.log?.close();
    await this.attune?.close();
  }

  /** One thing after the other; what fails leaves the page as it is. */
  private next(work: () => Promise<void>): Promise<void> {
    this.ready = this.ready.then(work).catch(() => {});
    return this.ready;
  }

  private async start(refused: Agreed): Promise<void> {
    const first = !this.attune;
    if (first) {
      const { open } = await this.parts.attune();
      if (!this.consent.agreed.profile) return;
      mark("agreed");
      this.attune = open({ ...this.options, consent: { profile: true } });
      void this.attune.ready.then(() => mark("loaded"));
    }
    // A log that cannot be had costs no ranking.
    await this.tell(refused.send).catch(() => {});
    if (first) await this.decide([...this.found.values()]);
    if (first) mark("decided");
  }

  private async end(refused: Agreed): Promise<void> {
    const { attune } = this;
    this.attune = null;
    await this.tell(refused.profile || refused.send);
    if (refused.profile) await (attune ? attune.forget() : erase());
    await attune?.close();
  }

  /** Begins or ends to tell the shop, as is agreed now. */
  private async tell(erase: boolean): Promise<void> {
    const { log: address } = this.options;
    if (this.attune && this.consent.agreed.send && address) {
      if (this.log) return;
      const { Log } = await this.parts.log();
      if (!this.attune || !this.consent.agreed.send) return;
      this.log = new Log(address);
      if (served()) this.log.known(served());
      for (const ranking of new Set([...this.standing.values()].flatMap(({ ranking }) => ranking ?? []))) await this.record(ranking);
      return;
    }
    if (erase) this.log?.erase();
    this.log?.close();
    this.log = null;
    if (erase) unsend();
  }

  /** Looks at what the page has now. Our own moves change no slot's set of cards. */
  private scan(before = false): void {
    const now = new Map(places(this.root).map((place) => [place.id, place]));
    for (const [id, place] of this.found) {
      if (now.get(id)?.element === place.element) continue;
      this.watch.forget(place);
      release(id);
      for (const map of [this.found, this.own, this.standing]) map.delete(id);
    }
    const fresh: Place[] = [];
    for (const place of now.values()) {
      const ids = [...cards(place.element).keys()];
      const known = this.own.get(place.id);
      if (known && ids.length === known.length && ids.every((id) => known.includes(id))) continue;
      // Cards that come later come last, in the page's own order of them.
      this.own.set(place.id, known ? [...known.filter((id) => ids.includes(id)), ...ids.filter((id) => !known.includes(id))] : (this.written(place) ?? ids));
      this.watch.slot(place);
      if (before) this.watch.painted(place);
      if (before && place.mode === "move" && served()) this.edge.add(place.element);
      if (!this.found.has(place.id)) this.first(place, recall().orders[place.id]);
      this.found.set(place.id, place);
      fresh.push(place);
    }
    if (fresh.length && this.attune) void this.next(() => this.decide(fresh));
  }

  /** The page's own order where the early script has put another in its place. */
  private written({ element }: Place): string[] | null {
    const text = element.dataset.attuneOwn;
    if (!text) return null;
    delete element.dataset.attuneOwn;
    const all = cards(element);
    try {
      const own = (JSON.parse(text) as string[]).filter((id) => all.has(id));
      return own.length === all.size ? own : null;
    } catch {
      return null;
    }
  }

  /** A slot that has just come: the shopper's last order, if there is one. */
  private first(place: Place, last: { ids: string[]; decision: string } | undefined): void {
    const own = this.own.get(place.id) ?? [];
    const known = last?.ids.filter((id) => own.includes(id)) ?? [];
    if (!last || !known.length) return this.stands(place, { source: "page", order: own, decision: "", late: false, ranking: null });
    const order = [...known, ...own.filter((id) => !known.includes(id))];
    // The early script was here, or the page has painted without it and must stand still.
    const there = [...cards(place.element).keys()].every((id, n) => id === order[n]);
    if (there || !this.watch.wasSeen(place)) {
      arrange(place, order);
      this.stands(place, { source: "last", order, decision: last.decision, late: false, ranking: null });
    } else this.stands(place, { source: "page", order: own, decision: "", late: true, ranking: null });
  }

  private async decide(asked: Place[]): Promise<void> {
    const { attune } = this;
    const all = asked.filter(({ id, element }) => this.found.get(id)?.element === element);
    if (!attune || !all.length) return;
    const request: RankRequest = {
      id: random(),
      ...Object.fromEntries(SHARED.flatMap((name) => (this.options[name] === undefined ? [] : [[name, this.options[name]]]))),
      context: { ...surroundings(), ...this.options.context },
      slots: all.map((place) => slot(place, this.own.get(place.id) ?? [])),
    };
    // Without a model that is why, whoever the shopper is.
    const known = (await attune.profile()) !== null;
    await turn();
    const decision = known || attune.failure ? await attune.rank(request) : await attune.keepPage(request, COLD);
    await turn();
    const orders: Record<string, { ids: string[]; decision: string }> = {};
    for (const place of all) {
      const ids = decision.slots.find(({ id }) => id === place.id)?.items.map(({ id }) => id);
      if (!ids || this.found.get(place.id)?.element !== place.element) continue;
      if (decision.source === "model") orders[place.id] = { ids, decision: part(decision, place.id) };
      this.apply(place, decision, ids);
    }
    if (decision.arm === "holdout") drop(all.map(({ id }) => id));
    if (Object.keys(orders).length) keep(orders);
    await this.record(decision);
  }

  /** Puts a decision in place where nothing was seen yet; else what stands there stays, under the decision it came of. */
  private apply(place: Place, ranking: Decision, ids: string[]): void {
    const own = this.own.get(place.id) ?? [];
    const before = this.standing.get(place.id);
    const ranked = ranking.source === "model";
    const order = ranked ? [...ids, ...own.filter((id) => !ids.includes(id))] : own;
    const now = this.stood(place);
    // Nothing better is known of a shopper for whom there is no ranking; the hold-out sees the page as it is.
    const wanted = ranked || ranking.arm === "holdout" || !before || before.source === "page";
    if (wanted && !this.watch.wasSeen(place)) {
      if (ranked || before?.source !== "page") arrange(place, order);
      const source = ranked ? "model" : "page";
      return this.stands(place, { source, order, decision: part(ranking, place.id, source), late: false, ranking });
    }
    const late = ranked && order.some((id, n) => id !== now[n]);
    const same = before?.decision && (before.source !== "page" || (now.length === before.order.length && now.every((id, n) => id === before.order[n])));
    if (before && same) return this.stands(place, { ...before, order: now, late, ranking });
    this.stands(place, { source: "page", order: now, decision: part(ranking, place.id, "page"), late, ranking });
  }

  /** Ids as they stand in a slot now. */
  private stood(place: Place): string[] {
    const nodes = [...cards(place.element).keys()];
    const before = this.standing.get(place.id);
    if (place.mode === "move" || !before || before.source === "page") return nodes;
    return [...before.order.filter((id) => nodes.includes(id)), ...nodes.filter((id) => !before.order.includes(id))];
  }

  /** Hands the log what it may have to tell: every slot as it was decided, and as the page kept it. */
  private async record(decision: Decision): Promise<void> {
    const { attune, log } = this;
    const line = log && (await attune?.logLine(decision, { fields: true }));
    if (!line) return;
    for (const { id } of decision.slots) {
      const standing = this.standing.get(id);
      const place = this.found.get(id);
      if (decision.source === "model") log.decided(line, part(decision, id), id);
      const kept = standing?.source === "page" && standing.ranking === decision && standing.decision !== served();
      if (place && kept) log.decided(line, standing.decision, id, slot(place, standing.order));
    }
    // The next page begins with this order, even if this one ends without a word.
    log.keep();
  }

  private stands(place: Place, now: Omit<Standing, "slot">): void {
    const standing: Standing = { slot: place.id, ...now };
    if (now.source === "page" && this.edge.has(place.element)) standing.decision = served();
    this.standing.set(place.id, standing);
    place.element.dispatchEvent(new CustomEvent("attune:decided", { bubbles: true, detail: standing }));
  }

  private viewed(place: Place, seen: HTMLElement[]): void {
    const decision = this.standing.get(place.id)?.decision ?? "";
    const items = seen.flatMap((card) => {
      const id = card.dataset.attuneId ?? "";
      const key = JSON.stringify([decision, place.id, id]);
      if (this.counted.has(key)) return [];
      this.counted.add(key);
      return [{ id, fields: fields(card) }];
    });
    if (items.length) void this.attune?.track({ type: "impression", items, slot: place.id, ...(decision && { decision }) });
    for (const { id } of items) this.came(place, id, "impression");
  }

  /** Tells what came of a card. A slot that stands undecided cannot move any more: its decision is on its way. */
  private came({ id: slot }: Place, item: string, kind: Outcome["kind"]): void {
    const told = this.standing.get(slot)?.decision;
    const at = Date.now();
    if (this.attune && this.consent.agreed.send) void this.next(async () => this.log?.came({ decision: told || (this.standing.get(slot)?.decision ?? ""), slot, item, kind, at }));
  }

  private readonly clicked = (event: Event): void => {
    if (event.type === "auxclick" && (event as MouseEvent).button !== 1) return;
    const target = event.target instanceof Element ? event.target : null;
    const card = target?.closest<HTMLElement>("[data-attune-id]");
    const place = card && this.found.get(card.closest<HTMLElement>("[data-attune-slot]")?.dataset.attuneSlot ?? "");
    if (!card || !place || !this.attune || !this.consent.agreed.profile) return;
    const id = card.dataset.attuneId ?? "";
    const { decision = "" } = this.standing.get(place.id) ?? {};
    const named = target?.closest<HTMLElement>("[data-attune-event]")?.dataset.attuneEvent;
    const type = (named ?? "click") as ShopperEvent["type"];
    void this.attune.track({ type, items: [{ id, fields: fields(card) }], slot: place.id, ...(decision && { decision }) });
    if (decision) keep({}, { [id]: { decision, slot: place.id, at: Date.now() } });
    // What is clicked was seen, however quickly.
    this.came(place, id, "impression");
    this.came(place, id, type === "purchase" ? "conversion" : type === "return" ? "return" : "click");
  };
}

/** In the page's timeline, for whoever measures. */
const mark = (what: string): void => void performance.mark(`attune:${what}`);

/** One slot of a decision is a decision of its own to whatever comes of it; so is the page's own order that stood instead. */
function part({ id }: Decision, slot: string, source = "model"): string {
  return `${id}.${slot}${source === "page" ? ".page" : ""}`;
}

/** The decision under which a Worker in front of the shop has put this page in order. It has logged it itself. */
function served(): string {
  const [page] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return page?.serverTiming?.find(({ name }) => name === "attune")?.description ?? "";
}

/** What the page says of itself. */
function surroundings(): Fields {
  const language: FieldValue = document.documentElement.lang.split("-")[0] || null;
  return { page: location.pathname, ...(language && { language }) };
}
