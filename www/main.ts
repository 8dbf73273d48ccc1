// The storefront: routes, clicks, cart and drawers. Views are data (page.ts, views.ts, panels.ts).

import { grid } from "./arrange";
import type { Catalogue, Product } from "./catalogue";
import { still } from "./flip";
import { frame, homeView, nameOf } from "./page";
import { type Shown, whyPanel, youPanel } from "./panels";
import { Ranking } from "./ranking";
import { KEYS, read, readCart, readTuning, write } from "./storage";
import { type Child, toNodes } from "./tree";
import { type Line, asking, browseView, cartView, checkoutView, itemView, missingView, searchView, thanksView, total } from "./views";
import { type Language, say } from "./words";
import { type State, Writing, briefOf, shownText, writingView } from "./writing";

const root = document.documentElement;
const app = document.getElementById("app") as HTMLElement;
const language = (): Language => (root.lang.startsWith("zh") ? "zh" : "en");
const words = (word: Parameters<typeof say>[1], values?: Record<string, string | number>) => say(language(), word, values);

const catalogue = (await (await fetch("catalogue.json")).json()) as Catalogue;
const byId = new Map(catalogue.products.map((product) => [product.id, product]));
const ranking = new Ranking(catalogue, language);
const cart = readCart();
let pages = 1;
let homeScroll = 0;
let route = "";
/** The slot whose card led to the item now open. */
let from: string | null = null;

function put(selector: string, view: Child): void {
  document.querySelector(selector)?.replaceChildren(...toNodes(view));
}

function toast(message: string): void {
  const place = document.querySelector<HTMLElement>("[data-toast]");
  if (!place) return;
  place.textContent = message;
  place.classList.add("on");
  clearTimeout(Number(place.dataset.timer));
  place.dataset.timer = String(window.setTimeout(() => place.classList.remove("on"), 3200));
}

function lines(): Line[] {
  return [...cart].flatMap(([id, quantity]) => {
    const product = byId.get(id);
    return product ? { product, quantity } : [];
  });
}

function showCount(): void {
  const count = lines().reduce((sum, { quantity }) => sum + quantity, 0);
  put("[data-count]", String(count));
}

function saveCart(): void {
  write(KEYS.cart, JSON.stringify([...cart]));
  showCount();
}

function showStatus(): void {
  const place = document.querySelector<HTMLElement>("[data-status]");
  if (!place) return;
  const state = ranking.state === "failed" ? "status_failed" : ranking.personal ? "status_model" : "status_page";
  place.textContent = words(state);
  place.classList.toggle("on", state === "status_model");
  place.title = ranking.error;
}

// What has been seen stays: a slot counts as seen once a part of its cards was on screen.
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const list = entry.target as HTMLElement;
    const slot = list.dataset.slot ?? "";
    if (!entry.isIntersecting || document.visibilityState !== "visible") continue;
    ranking.seen.add(slot);
    void ranking.impression(slot, visible(slot));
  }
});

function visible(slot: string): string[] {
  const cards = [...(grid(slot)?.children ?? [])] as HTMLElement[];
  return cards.filter((card) => !card.hidden).map((card) => card.dataset.id ?? "");
}

function watchSlots(): void {
  observer.disconnect();
  for (const list of document.querySelectorAll("[data-slot]")) observer.observe(list);
}

/**
 * Asks for an order. When the page has just `loaded`, slots that have been seen wait for the shopper's word; when they
 * have `returned` to this view or `asked` for it, cards move before their eyes.
 */
async function rerank(cause: "loaded" | "returned" | "asked"): Promise<void> {
  const returning = cause !== "loaded";
  const decision = await ranking.decide();
  showStatus();
  if (!decision || !grid("for_you")) return;
  const profile = await ranking.profile();
  // A first visit keeps the page's own order: there is nothing to know yet.
  const acted = Object.keys(profile?.counters ?? {}).some((kind) => kind !== "impression");
  if (!acted && cause !== "asked") return;
  const fixed = returning ? new Set<string>() : new Set(ranking.seen);
  const moved = ranking.place(ranking.settled(decision, fixed), returning);
  if (returning) toast(moved > 0 ? words("moved", { n: moved }) : words("unmoved"));
  const late = ranking.changes(ranking.settled(decision, new Set()));
  for (const chip of document.querySelectorAll<HTMLElement>("[data-update]")) chip.hidden = !late.includes(chip.dataset.update ?? "");
  showStatus();
  if (returning) for (const slot of ranking.seen) void ranking.impression(slot, visible(slot));
}

function home(first: boolean): void {
  if (!first) {
    ranking.seen.clear();
    put("#main", homeView(language(), catalogue));
    if (ranking.personal) ranking.place(ranking.order(), false);
  }
  showStatus();
  watchSlots();
}

function parts(): string[] {
  return location.hash.replace(/^#\/?/, "").split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

function view(): Child {
  const [name = "", argument = ""] = parts();
  const product = byId.get(argument);
  if (name === "browse") return browseView(language(), catalogue, argument, pages);
  if (name === "search") return searchView(language(), catalogue, argument, pages);
  if (name === "item" && product) return itemView(language(), catalogue, product);
  if (name === "cart") return cartView(language(), catalogue, lines());
  if (name === "checkout" && cart.size > 0) return checkoutView(language(), catalogue, lines());
  if (name === "thanks") return thanksView(language());
  return missingView(language());
}

async function show(first = false): Promise<void> {
  const [name = "", argument = ""] = parts();
  const hash = location.hash;
  const moved = hash !== route;
  if (moved && !first) {
    if (route === "" || route === "#/") homeScroll = scrollY;
    pages = 1;
    document.querySelector("[data-toast]")?.classList.remove("on");
  }
  route = hash;
  for (const link of document.querySelectorAll<HTMLElement>("[data-nav]")) {
    const on = link.dataset.nav === (name === "" ? "home" : name);
    if (on) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const query = document.querySelector<HTMLInputElement>("[data-search] input");
  if (query) query.value = name === "search" ? argument : "";
  const product = byId.get(argument);
  document.title = name === "item" && product ? `${nameOf(language(), product)} · ${words("shop")}` : `${words("shop")} · ${words("hero_title")}`;
  showCount();
  if (name === "") {
    home(first);
    if (first) return;
    scrollTo(0, homeScroll);
    if (moved) await rerank("returned");
    return;
  }
  observer.disconnect();
  if (moved) writing.stop();
  put("#main", view());
  if (!moved) return;
  scrollTo(0, 0);
  if (!first) document.getElementById("main")?.focus({ preventScroll: true });
  await tell(name, argument, product);
}

// Copy for this shopper: at most once a frame, and only while its product is on view.
let drawn = 0;
const writing = new Writing((state) => {
  cancelAnimationFrame(drawn);
  drawn = requestAnimationFrame(() => showWriting(state));
});

function showWriting(state: State): void {
  const place = document.querySelector<HTMLElement>(`[data-copy="${CSS.escape(state.product)}"]`);
  const product = byId.get(state.product);
  if (!place || !product) return;
  const own = (language() === "zh" && product.description_zh) || product.description || "";
  const busy = state.phase === "starting" || state.phase === "writing";
  const text = place.querySelector<HTMLElement>("[data-described]");
  if (text) {
    text.textContent = shownText(state) ?? own;
    text.classList.toggle("draft", busy && shownText(state) !== null);
    text.classList.toggle("written", state.phase === "done" && state.chosen >= 0);
  }
  const open = place.querySelector("details")?.open ?? false;
  place.querySelector("[data-copy-ask]")?.replaceChildren(...toNodes(asking(language(), state.product, busy ? "write_stop" : state.answer ? "write_again" : "write")));
  place.querySelector("[data-writing]")?.replaceChildren(...toNodes(writingView(language(), state)));
  const details = place.querySelector("details");
  if (details) details.open = open;
}

async function writeFor(id: string): Promise<void> {
  const product = byId.get(id);
  if (!product) return;
  const profile = await ranking.profile().catch(() => null);
  await writing.write(product, briefOf(language(), product, profile, catalogue.currency));
}

function choose(place: number): void {
  const { state } = writing;
  if (!state) return;
  state.chosen = place;
  showWriting(state);
  document.querySelector<HTMLElement>(`[data-choose="${place}"]`)?.focus({ preventScroll: true });
}

/** What a route says about the shopper. */
async function tell(name: string, argument: string, product: Product | undefined): Promise<void> {
  if (name === "item" && product) {
    const slot = from;
    from = null;
    await ranking.track({ type: "view", items: [ranking.item(product)], ...(slot && { slot }), ...(slot && ranking.decision && { decision: ranking.decision.id }) });
  } else if (name === "search" && argument) {
    await ranking.track({ type: "search", fields: { query: argument.slice(0, 80) } });
  } else if (name === "checkout" && cart.size > 0) {
    await ranking.track({ type: "checkout", items: lines().map(({ product: one, quantity }) => ranking.item(one, quantity)), value: total(lines()), currency: catalogue.currency ?? "USD" });
  }
}

const drawer = document.createElement("dialog");
drawer.className = "drawer";
drawer.setAttribute("aria-labelledby", "drawer-title");
document.body.append(drawer);
drawer.addEventListener("click", (event) => event.target === drawer && drawer.close());

function openDrawer(content: Child): void {
  drawer.replaceChildren(...toNodes(content));
  if (!drawer.open) drawer.showModal();
}

function openWhy(slot: string, focus: string | null): void {
  const shown = visible(slot).flatMap((id): Shown[] => {
    const [product, ranked] = [byId.get(id), ranking.ranked(slot, id)];
    return product && ranked ? [{ product, ranked }] : [];
  });
  openDrawer(whyPanel(language(), shown, Object.keys(ranking.decision?.shared?.click ?? {}), ranking.personal, focus));
  const entry = focus && drawer.querySelector<HTMLElement>(`[data-entry="${CSS.escape(focus)}"]`);
  if (entry) {
    entry.scrollIntoView({ block: "start", behavior: still() ? "auto" : "smooth" });
    entry.focus({ preventScroll: true });
  }
}

async function openYou(): Promise<void> {
  const profile = await ranking.profile();
  openDrawer(youPanel(language(), catalogue, profile, ranking.state === "failed"));
}

async function download(): Promise<void> {
  const data = await ranking.attune?.export();
  const json = typeof data === "string" ? data : JSON.stringify(data, null, 2);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([json], { type: "application/json" }));
  link.download = "attune-profile.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function forget(): Promise<void> {
  await ranking.attune?.forget();
  ranking.reset(true);
  ranking.seen.clear();
  drawer.close();
  for (const chip of document.querySelectorAll<HTMLElement>("[data-update]")) chip.hidden = true;
  await ranking.decide();
  showStatus();
  watchSlots();
  toast(words("forgotten"));
}

async function add(id: string): Promise<void> {
  const product = byId.get(id);
  if (!product) return;
  cart.set(id, (cart.get(id) ?? 0) + 1);
  saveCart();
  toast(words("added", { name: nameOf(language(), product) }));
  await ranking.track({ type: "add_to_cart", items: [ranking.item(product)], value: total([{ product, quantity: 1 }]), currency: catalogue.currency ?? "USD" });
}

function step(id: string, by: number): void {
  const quantity = (cart.get(id) ?? 0) + by;
  if (quantity > 0 && by !== 0) cart.set(id, Math.min(99, quantity));
  else cart.delete(id);
  saveCart();
  put("#main", view());
  const again = document.querySelector<HTMLElement>(`[data-of="${CSS.escape(id)}"][data-step="${by}"]`);
  (again ?? document.getElementById("main"))?.focus({ preventScroll: true });
}

async function pay(): Promise<void> {
  const bought = lines();
  await ranking.track({ type: "purchase", items: bought.map(({ product, quantity }) => ranking.item(product, quantity)), value: total(bought), currency: catalogue.currency ?? "USD" });
  cart.clear();
  saveCart();
  location.hash = "#/thanks";
}

function setLanguage(to: Language): void {
  root.lang = to === "zh" ? "zh-Hans" : "en";
  write(KEYS.language, to);
  const kept = scrollY;
  app.replaceChildren(...toNodes(frame(language(), null)));
  void show().then(() => scrollTo(0, kept));
  document.querySelector<HTMLElement>("[data-language]")?.focus({ preventScroll: true });
}

function setTheme(): void {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  write(KEYS.theme, root.dataset.theme);
}

document.addEventListener("click", (event) => {
  const target = (event.target as HTMLElement).closest<HTMLElement>("button, a");
  if (!target) return;
  const data = target.dataset;
  if (data.skip !== undefined) {
    event.preventDefault();
    document.getElementById("main")?.focus();
  } else if (data.click !== undefined) {
    const product = byId.get(data.click);
    from = data.in ?? null;
    if (product) void ranking.track({ type: "click", items: [ranking.item(product)], ...(data.in && { slot: data.in }), ...(data.in && ranking.decision && { decision: ranking.decision.id }) });
  } else if (data.why !== undefined) openWhy(data.in ?? "for_you", data.why);
  else if (data.whySlot !== undefined) openWhy(data.whySlot, null);
  else if (data.update !== undefined) void rerank("asked");
  else if (data.you !== undefined) void openYou();
  else if (data.close !== undefined) drawer.close();
  else if (data.add !== undefined) void add(data.add);
  else if (data.write !== undefined) void writeFor(data.write);
  else if (data.writeStop !== undefined) writing.stop();
  else if (data.choose !== undefined) choose(Number(data.choose));
  else if (data.step !== undefined) step(data.of ?? "", Number(data.step));
  else if (data.remove !== undefined) step(data.remove, 0);
  else if (data.pay !== undefined) void pay();
  else if (data.back !== undefined) history.length > 1 ? history.back() : (location.hash = "#/");
  else if (data.more !== undefined) {
    const shown = document.querySelectorAll("#main .card").length;
    pages += 1;
    put("#main", view());
    document.querySelectorAll<HTMLElement>("#main .card-link")[shown]?.focus({ preventScroll: true });
  } else if (data.language !== undefined) setLanguage(data.language === "zh" ? "zh" : "en");
  else if (data.themeSwitch !== undefined) setTheme();
  else if (data.export !== undefined) void download();
  else if (data.forget !== undefined) void forget();
});

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (form.dataset.search === undefined) return;
  event.preventDefault();
  const query = String(new FormData(form).get("query") ?? "").trim();
  location.hash = query === "" ? "#/browse" : `#/search/${encodeURIComponent(query)}`;
});

document.addEventListener("change", (event) => {
  const input = event.target as HTMLInputElement;
  if (input.dataset.objective === undefined && input.dataset.explore === undefined) return;
  const tuning = readTuning();
  if (input.dataset.objective !== undefined) tuning.objective = Number(input.value);
  else tuning.explore = input.checked;
  write(KEYS.tuning, JSON.stringify(tuning));
  void rerank("asked");
});

addEventListener("hashchange", () => void show());

if (read(KEYS.language) === null && language() === "zh") write(KEYS.language, "zh");
const loaded = ranking.load();
await show(true);
await loaded;
await rerank("loaded");
watchSlots();
root.dataset.ready = ranking.state;
