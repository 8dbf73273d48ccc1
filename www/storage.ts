// What this page itself keeps on the device: choices, cart, last order. Where storage is denied it lives in memory.

export const KEYS = {
  language: "quiet-hours.language",
  theme: "quiet-hours.theme",
  cart: "quiet-hours.cart",
  order: "quiet-hours.order",
  tuning: "quiet-hours.tuning",
} as const;

const memory = new Map<string, string>();

export function read(key: string): string | null {
  try {
    return localStorage.getItem(key) ?? memory.get(key) ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

export function write(key: string, value: string | null): void {
  if (value === null) memory.delete(key);
  else memory.set(key, value);
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Denied or full: memory has it until the page closes.
  }
}

export function readJson(key: string): unknown {
  try {
    return JSON.parse(read(key) ?? "null");
  } catch {
    return null;
  }
}

/** Slot → ids of the last order; only what has that form. */
export function readOrder(): Record<string, string[]> {
  const stored = readJson(KEYS.order);
  if (typeof stored !== "object" || stored === null) return {};
  const lists = Object.entries(stored).filter(([, ids]) => Array.isArray(ids) && ids.every((id) => typeof id === "string"));
  return Object.fromEntries(lists) as Record<string, string[]>;
}

/** Product id → how many. */
export function readCart(): Map<string, number> {
  const stored = readJson(KEYS.cart);
  if (!Array.isArray(stored)) return new Map();
  const lines = stored.filter((line) => Array.isArray(line) && typeof line[0] === "string" && Number.isInteger(line[1]) && line[1] > 0);
  return new Map(lines as [string, number][]);
}

export interface Tuning {
  /** 0 is clicks, 50 conversion, 100 margin. */
  objective: number;
  explore: boolean;
}

export function readTuning(): Tuning {
  const stored = (readJson(KEYS.tuning) ?? {}) as Partial<Tuning>;
  const objective = typeof stored.objective === "number" && stored.objective >= 0 && stored.objective <= 100 ? stored.objective : 25;
  return { objective, explore: stored.explore === true };
}
