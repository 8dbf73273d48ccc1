// What the slots keep on the device, with consent only: each slot's last order, and which decision a clicked item came of.

import { LOG, LOGGED, PAGE } from "../names";

/** A slot's order, of the candidates that may be shown, and the decision it came of. */
export interface Order {
  ids: string[];
  decision: string;
}

/** What an item was clicked under. */
export interface Click {
  decision: string;
  slot: string;
  at: number;
}

interface Kept {
  orders: Record<string, Order>;
  clicks: Record<string, Click>;
}

/** The most of either that is kept. */
const MOST = 100;

/** Reads what has the right form. Where storage is denied there is nothing. */
export function recall(): Kept {
  let read: Partial<Kept> | null = null;
  try {
    read = JSON.parse(localStorage.getItem(PAGE) ?? "null");
  } catch {
    // Denied, or not ours.
  }
  const orders = entries<Order>(read?.orders).filter(([, order]) => Array.isArray(order?.ids) && order.ids.every((id) => typeof id === "string"));
  const clicks = entries<Click>(read?.clicks).filter(([, click]) => typeof click?.decision === "string");
  return { orders: named(orders), clicks: named(clicks) };
}

/** Adds to what is kept; the oldest make room. */
export function keep(orders: Record<string, Order>, clicks: Record<string, Click> = {}): void {
  const before = recall();
  const newest = <T>(old: Record<string, T>, fresh: Record<string, T>) => {
    const rest = Object.entries(old).filter(([key]) => !(key in fresh));
    return Object.fromEntries([...rest, ...Object.entries(fresh)].slice(-MOST));
  };
  write(newest(before.orders, orders), newest(before.clicks, clicks));
}

/** Drops slots' orders: the next page begins with its own. */
export function drop(ids: readonly string[]): void {
  const { orders, clicks } = recall();
  if (ids.some((id) => id in orders)) write(Object.fromEntries(Object.entries(orders).filter(([id]) => !ids.includes(id))), clicks);
}

/** What waits to be sent, read without the script that sends it. */
export function unsent(): unknown[] {
  try {
    return [LOG, LOGGED].flatMap((key) => JSON.parse(localStorage.getItem(key) ?? "[]"));
  } catch {
    return [];
  }
}

/** Drops what waits to be sent. */
export function unsend(): void {
  try {
    for (const key of [LOG, LOGGED]) localStorage.removeItem(key);
  } catch {
    // Denied: there is nothing.
  }
}

function write(orders: Record<string, Order>, clicks: Record<string, Click>): void {
  try {
    localStorage.setItem(PAGE, JSON.stringify({ orders, clicks }));
  } catch {
    // Denied or full: the next page has its own order.
  }
}

/** Slots and items may be called anything: nothing is inherited. */
function named<T>(of: [string, T][]): Record<string, T> {
  return Object.assign(Object.create(null), Object.fromEntries(of));
}

function entries<T>(of: unknown): [string, T][] {
  return typeof of === "object" && of !== null ? Object.entries(of) : [];
}
