// The shop's products and the page's own order.

export type FieldValue = string | number | boolean | string[] | null;

export interface Product {
  id: string;
  fields: Record<string, FieldValue>;
  description?: string;
  description_zh?: string;
  svg?: string;
}

export interface Catalogue {
  synthetic: boolean;
  currency?: string;
  products: Product[];
}

/** A place on the home page: what may fill it, in the page's own order, and how much of it is visible. */
export interface HomeSlot {
  id: "for_you" | "new_in";
  show: number;
  ids: string[];
}

const POOL = 48;
const NEW = 16;

export function text(product: Product, name: string): string {
  const value = product.fields[name];
  return typeof value === "string" ? value : "";
}

export function number(product: Product, name: string): number {
  const value = product.fields[name];
  return typeof value === "number" ? value : 0;
}

export function inStock(product: Product): boolean {
  const value = product.fields.in_stock;
  return value !== false && value !== 0;
}

export function categories(products: Product[]): string[] {
  return [...new Set(products.map((product) => text(product, "category")))].filter((name) => name !== "").sort();
}

/** One of each category in turn, the best rated first: an order nobody in particular was thought of for. */
export function editorial(products: Product[]): Product[] {
  const byId = (a: Product, b: Product) => (a.id < b.id ? -1 : 1);
  const best = (a: Product, b: Product) => number(b, "rating") - number(a, "rating") || byId(a, b);
  const shelves = categories(products).map((name) => products.filter((p) => text(p, "category") === name).sort(best));
  const longest = Math.max(0, ...shelves.map((shelf) => shelf.length));
  const rows = Array.from({ length: longest }, (_, place) => shelves.map((shelf) => shelf[place]));
  return rows.flat().filter((product) => product !== undefined);
}

/** The home page as it is without Attune. No item is visible twice. */
export function homeSlots(products: Product[]): HomeSlot[] {
  const sold = products.filter(inStock);
  const first = editorial(sold).slice(0, POOL).map((product) => product.id);
  const newest = [...sold].sort((a, b) => number(b, "published_at") - number(a, "published_at") || (a.id < b.id ? -1 : 1));
  const second = newest.slice(0, NEW).map((product) => product.id);
  const slots: HomeSlot[] = [
    { id: "for_you", show: 8, ids: first },
    { id: "new_in", show: 4, ids: second },
  ];
  return apart(slots);
}

/** Moves what an earlier slot shows to the end of the later ones. */
export function apart(slots: HomeSlot[]): HomeSlot[] {
  const shown = new Set<string>();
  return slots.map((slot) => {
    const fresh = slot.ids.filter((id) => !shown.has(id));
    const ids = [...fresh, ...slot.ids.filter((id) => shown.has(id))];
    for (const id of fresh.slice(0, slot.show)) shown.add(id);
    return { ...slot, ids };
  });
}

export function matches(product: Product, query: string): boolean {
  const fields = ["name", "name_zh", "category", "brand", "style", "color", "material"].map((name) => text(product, name));
  const all = [...fields, product.description ?? "", product.description_zh ?? ""].join(" ").toLowerCase();
  return query.toLowerCase().split(/\s+/).filter(Boolean).every((word) => all.includes(word));
}
