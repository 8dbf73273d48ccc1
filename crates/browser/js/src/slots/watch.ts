// Which cards the shopper has really seen, and which they click.

import { type Place, cards } from "./markup";

/** Half of it for a second: the Media Rating Council's viewable impression. */
const SHARE = 0.5;
const MILLISECONDS = 1000;
/** Cards seen about the same time are one event. */
const GATHER = 250;

export class Watch {
  private readonly timers = new Map<Element, ReturnType<typeof setTimeout>>();
  private readonly visible = new Set<Element>();
  private readonly cardsOf = new Map<string, Set<Element>>();
  private readonly owners = new WeakMap<Element, Place>();
  private gathered = new Map<Place, HTMLElement[]>();
  private gathering: ReturnType<typeof setTimeout> | undefined;
  private readonly observer: IntersectionObserver;
  /** Slots of which a pixel has been on screen. */
  private readonly seen = new Set<Element>();

  constructor(private readonly viewed: (place: Place, cards: HTMLElement[]) => void) {
    this.observer = new IntersectionObserver((entries) => entries.forEach((entry) => this.crossed(entry)), { threshold: [0, SHARE] });
    document.addEventListener("visibilitychange", this.turned);
  }

  /** Watches a slot's cards; call it again when they have changed. */
  slot(place: Place): void {
    const now = new Set<Element>(cards(place.element).values());
    for (const card of this.cardsOf.get(place.id) ?? []) if (!now.has(card)) this.drop(card);
    this.cardsOf.set(place.id, now);
    this.owners.set(place.element, place);
    this.observer.observe(place.element);
    for (const card of now) {
      this.owners.set(card, place);
      this.observer.observe(card);
    }
  }

  /** Takes a slot that was painted before anybody watched for seen, when it is on screen. */
  painted(place: Place): void {
    const { top, bottom, left, right } = place.element.getBoundingClientRect();
    const inside = bottom > 0 && right > 0 && top < innerHeight && left < innerWidth && bottom > top;
    const visible = document.visibilityState === "visible" && performance.getEntriesByType("paint").length > 0;
    if (inside && visible) this.seen.add(place.element);
  }

  /** A slot that has left the page. */
  forget(place: Place): void {
    for (const card of this.cardsOf.get(place.id) ?? []) this.drop(card);
    this.cardsOf.delete(place.id);
    this.observer.unobserve(place.element);
    this.seen.delete(place.element);
  }

  /** Whether anything of a slot has been on screen: then it must stand still. */
  wasSeen(place: Place): boolean {
    // What has come into view in this very frame has not been reported yet.
    this.observer.takeRecords().forEach((entry) => this.crossed(entry));
    return this.seen.has(place.element);
  }

  close(): void {
    this.observer.disconnect();
    document.removeEventListener("visibilitychange", this.turned);
    for (const timer of this.timers.values()) clearTimeout(timer);
    clearTimeout(this.gathering);
  }

  private crossed({ target, isIntersecting, intersectionRatio }: IntersectionObserverEntry): void {
    const place = this.owners.get(target);
    if (!place) return;
    if (target === place.element) {
      if (isIntersecting && document.visibilityState === "visible") this.seen.add(target);
      return;
    }
    if (isIntersecting && intersectionRatio >= SHARE) this.visible.add(target);
    else this.visible.delete(target);
    this.time(target);
  }

  /** A page in the background shows nothing. */
  private readonly turned = (): void => {
    for (const card of this.visible) {
      this.time(card);
      const place = this.owners.get(card);
      if (place && document.visibilityState === "visible") this.seen.add(place.element);
    }
  };

  private time(card: Element): void {
    const counts = this.visible.has(card) && document.visibilityState === "visible";
    if (!counts) {
      clearTimeout(this.timers.get(card));
      this.timers.delete(card);
    } else if (!this.timers.has(card)) {
      this.timers.set(card, setTimeout(() => this.gather(card as HTMLElement), MILLISECONDS));
    }
  }

  private gather(card: HTMLElement): void {
    const place = this.owners.get(card);
    if (!place) return;
    this.gathered.set(place, [...(this.gathered.get(place) ?? []), card]);
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined;
      const all = this.gathered;
      this.gathered = new Map();
      for (const [place, cards] of all) this.viewed(place, cards);
    }, GATHER);
  }

  private drop(card: Element): void {
    this.observer.unobserve(card);
    this.visible.delete(card);
    clearTimeout(this.timers.get(card));
    this.timers.delete(card);
  }
}
