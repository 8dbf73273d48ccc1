// The panel itself: a shadow of its own at the end of the document, built node by node.

import type { Slots, Standing } from "../slots/slots";
import type { Decision, Ranked } from "../types";
import { STYLE } from "./style";
import { SAYS, STANDS, because, effect, number, story, withheld } from "./words";

/** How often it looks whether anything changed. */
const LOOK = 1000;

type Child = Node | string | null;

function node(tag: string, attributes: Record<string, string> = {}, ...children: Child[]): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

export class Panel {
  private readonly host = document.createElement("div");
  private readonly body = node("div", { class: "body" });
  private readonly frame = node("div", { class: "frame", hidden: "" });
  private readonly open = new Set<string>();
  private readonly explained = new Map<string, Decision | null>();
  private readonly timer: ReturnType<typeof setInterval>;
  private marked = "";
  private drawn = "";

  constructor(private readonly slots: Slots) {
    const shadow = this.host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    shadow.adoptedStyleSheets = [sheet];
    const close = node("button", { type: "button", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.close());
    const head = node("header", {}, node("h2", {}, "Attune"), close);
    const panel = node("section", { class: "panel", "aria-label": "Attune: what was decided and why" }, head, this.body);
    panel.addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    shadow.append(this.frame, panel);
    document.documentElement.append(this.host);
    for (const event of ["scroll", "resize"]) addEventListener(event, this.follow, { passive: true, capture: true });
    document.addEventListener("attune:decided", this.look);
    this.timer = setInterval(this.look, LOOK);
    // Opened by one who has a single slot: it is the one to see.
    const [only, another] = [...slots.slots.keys()];
    if (only && !another) this.open.add(only);
    this.look();
  }

  close(): void {
    clearInterval(this.timer);
    for (const event of ["scroll", "resize"]) removeEventListener(event, this.follow, { capture: true });
    document.removeEventListener("attune:decided", this.look);
    this.host.remove();
  }

  private readonly look = (): void => {
    this.follow();
    const standing = [...this.slots.slots.values()];
    const now = JSON.stringify([this.facts(), standing, standing.map(({ slot }) => this.where(slot)), [...this.open], this.marked]);
    if (now === this.drawn) return;
    this.drawn = now;
    void this.explain();
    const { activeElement } = this.host.shadowRoot as ShadowRoot;
    const focused = activeElement?.getAttribute("data-key");
    const { scrollTop } = this.body;
    this.body.replaceChildren(this.summary(), ...standing.map((slot) => this.slot(slot)));
    this.body.scrollTop = scrollTop;
    if (focused) this.body.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  };

  /** Asks for attributions where the ranking came without. */
  private async explain(): Promise<void> {
    const { attune } = this.slots.inside;
    for (const { ranking } of this.slots.slots.values()) {
      if (!attune || ranking?.source !== "model" || this.explained.has(ranking.id)) continue;
      this.explained.set(ranking.id, null);
      this.explained.set(ranking.id, await attune.explain(ranking).catch(() => null));
      this.drawn = "";
      this.look();
    }
  }

  /** What is the same for all slots. */
  private facts(): [string, string][] {
    const { profile, send, source } = this.slots.agreement;
    const { attune, log, address } = this.slots.inside;
    const { bundle } = [...this.slots.slots.values()].find(({ ranking }) => ranking?.bundle)?.ranking ?? {};
    const agreed = [profile && "a profile on this device", send && "telling the shop"].filter(Boolean).join(", ") || "nothing";
    const marks = ["agreed", "loaded", "decided"].map((what) => performance.getEntriesByName(`attune:${what}`)[0]?.startTime);
    const [start = 0, loaded, decided] = marks;
    const since = (at: number | undefined) => at === undefined ? "not yet" : `${Math.round(at - start)} ms after consent (${Math.round(at)} ms after the page began)`;
    const outbox = log?.outbox;
    const told = outbox ? `${outbox.sent} lines to ${address}, ${outbox.waiting} wait${outbox.failure ? `; ${outbox.failure}` : ""}` : address ? "nothing: not agreed" : "nothing: the page names no address";
    return [
      ["Agreed to", `${agreed} (said by ${SAYS[source]})`],
      ["Model", attune ? (attune.failure ? `none: ${attune.failure.code} (${attune.failure.message})` : bundle ? `${bundle.slice(0, 12)}…` : "loaded when needed") : "not loaded"],
      ["Loaded", since(loaded)],
      ["First decided", since(decided)],
      ["Sent", told],
      ...(attune?.warnings ?? []).map(({ code, message }): [string, string] => ["Warning", `${code} (${message})`]),
    ];
  }

  private summary(): HTMLElement {
    return node("dl", {}, ...this.facts().flatMap(([name, value]) => [node("dt", {}, name), node("dd", {}, value)]));
  }

  private slot(standing: Standing): HTMLElement {
    const { slot: id, source, late, order, decision, ranking } = standing;
    const told = (ranking && this.explained.get(ranking.id)) ?? ranking;
    const ranked = told?.slots.find((slot) => slot.id === id);
    const items = new Map(ranked?.items.map((item) => [item.id, item]));
    const show = ranked?.show ?? order.length;
    const pressed = String(this.marked === id);
    const point = node("button", { type: "button", "aria-pressed": pressed, "data-key": `point ${id}` }, "Show in the page");
    point.addEventListener("click", () => this.mark(this.marked === id ? "" : id));
    const left = ranked && withheld(ranked);
    const details = node(
      "details",
      this.open.has(id) ? { open: "" } : {},
      node("summary", { "data-key": `slot ${id}` }, `${id} `, node("span", {}, `${STANDS[source]}${late ? ", late" : ""}`)),
      ...story(standing).map((text) => node("p", text.startsWith("No full") ? { class: "warn" } : {}, text)),
      node("p", { class: "soft" }, decision ? `Outcomes count for ${decision}` : "No decision yet: outcomes count for none."),
      node("p", { class: "soft" }, this.where(id)),
      point,
      node("ol", {}, ...order.map((item, place) => this.item(item, place, show, items.get(item), told))),
      left ? node("p", { class: "soft" }, `Not ranked: ${left}`) : null,
    );
    details.firstElementChild?.addEventListener("click", (event) => {
      // What is drawn anew would not hear of it.
      event.preventDefault();
      if (!this.open.delete(id)) this.open.add(id);
      this.mark(this.open.has(id) ? id : "");
    });
    return details;
  }

  private item(id: string, place: number, show: number, item: Ranked | undefined, decision: Decision | null): HTMLElement {
    const effects = Object.entries(item?.effects ?? {}).map(([name, of]) => effect(name, of));
    const why = item && decision ? because(item, decision) : "";
    const drawn = item && decision && decision.source === "model" ? `score ${number(item.score)}, propensity ${number(item.propensity)}${item.pinned ? ", pinned" : ""}` : "";
    return node(
      "li",
      place < show ? {} : { class: "off" },
      node("span", { class: "soft" }, String(place + 1)),
      node("strong", {}, id),
      node("span", { class: "soft" }, drawn),
      ...effects.map((text) => node("span", {}, text)),
      why ? node("span", { class: "soft" }, why) : null,
    );
  }

  private mark(id: string): void {
    this.marked = id;
    this.look();
  }

  /** Where a slot is; a slot off the screen is not brought there, for then it would have been seen. */
  private where(id: string): string {
    const { top, bottom } = this.slots.inside.places.get(id)?.element.getBoundingClientRect() ?? { top: 0, bottom: 0 };
    if (bottom <= 0) return `${Math.round(-bottom)} px above the screen`;
    return top >= innerHeight ? `${Math.round(top - innerHeight)} px below the screen` : "on the screen";
  }

  private readonly follow = (): void => {
    const box = this.slots.inside.places.get(this.marked)?.element.getBoundingClientRect();
    this.frame.hidden = !box || box.bottom <= 0 || box.top >= innerHeight;
    if (!box) return;
    const { style } = this.frame;
    [style.left, style.top, style.width, style.height] = [box.left, box.top, box.width, box.height].map((length) => `${length}px`) as [string, string, string, string];
  };
}
