// A product's copy, rewritten for this shopper while they watch. The module that writes is loaded at the first click, not before.

import type { Answer, Brief, Candidate, Left, Repair, Rung, Writer, WriterEvent } from "attune/generate";
import { type Product, number, text } from "./catalogue";
import type { Profile } from "./module";
import { nameOf } from "./page";
import { type Child, type Element_, h } from "./tree";
import { type Language, percent, say, value } from "./words";

const TEXTS = 3;
/** Below this, what a shopper did says nothing of what they like: one look at this very product is not enough. */
const LEAST = 1.5;
/** What a liking can be told of. */
const LIKED = ["category", "style", "color", "material"];

export interface State {
  product: string;
  phase: "starting" | "writing" | "done" | "stopped" | "failed";
  rung: Rung | null;
  /** Bytes of the model by now, of how many, and how many were on the device. */
  progress: { loaded: number; total: number; cached: number } | null;
  /** Drafts as they come. */
  drafts: string[];
  left: Left[];
  warnings: string[];
  answer: Answer | null;
  /** Which candidate is on view; −1 is the shop's own text. */
  chosen: number;
  error: string;
}

/** What a writer may know of a product, in the shopper's language. */
export function briefOf(language: Language, product: Product, profile: Profile | null, currency = "USD"): Brief {
  const said = (field: string) => value(language, text(product, field)).toLowerCase();
  const attributes = (["style", "color", "material"] as const).filter((field) => text(product, field) !== "");
  const interests = Object.entries(profile?.preferences ?? {})
    .filter(([field]) => LIKED.includes(field))
    .flatMap(([, values]) => Object.entries(values).map(([name, { count }]) => ({ name: value(language, name).toLowerCase(), count })))
    .filter(({ count }) => count >= LEAST)
    .sort((a, b) => b.count - a.count)
    .slice(0, 3)
    .map(({ name }) => name);
  return {
    facts: {
      name: nameOf(language, product),
      brand: text(product, "brand"),
      price: { amount: number(product, "price"), currency },
      attributes: Object.fromEntries(attributes.map((field) => [language === "zh" ? say("zh", field) : field, said(field)])),
      description: (language === "zh" && product.description_zh) || product.description,
    },
    audience: { interests },
    tone: "friendly",
    channel: "product_description",
    language,
    length: { max: language === "zh" ? 160 : 320 },
  };
}

export class Writing {
  state: State | null = null;
  private writer: Promise<Writer> | null = null;
  private stopper: AbortController | null = null;

  /** `changed` is called whenever there is something new to see. */
  constructor(private readonly changed: (state: State) => void) {}

  async write(product: Product, brief: Brief): Promise<void> {
    this.stop();
    const stopper = new AbortController();
    this.stopper = stopper;
    const state: State = { product: product.id, phase: "starting", rung: null, progress: null, drafts: [], left: [], warnings: [], answer: null, chosen: 0, error: "" };
    this.state = state;
    this.changed(state);
    try {
      this.writer ??= loadWriter();
      const writer = await this.writer;
      const seed = crypto.getRandomValues(new Uint32Array(1))[0]?.toString();
      for await (const event of writer.generate(brief, { n: TEXTS, seed, signal: stopper.signal })) {
        heard(state, event);
        this.changed(state);
      }
      state.phase = "done";
    } catch (error) {
      if (!this.writer || state.phase === "starting") this.writer = null;
      if (stopper.signal.aborted) state.phase = "stopped";
      else [state.phase, state.error] = ["failed", error instanceof Error ? error.message : String(error)];
    }
    if (this.state === state) this.changed(state);
  }

  stop(): void {
    this.stopper?.abort();
    this.stopper = null;
  }
}

function heard(state: State, event: WriterEvent): void {
  if (event.type === "progress") state.progress = event;
  else if (event.type === "rung") [state.phase, state.rung, state.drafts] = ["writing", event.rung, []];
  else if (event.type === "text") state.drafts[event.index] = event.text;
  else if (event.type === "left") state.left.push(event);
  else if (event.type === "warning") state.warnings.push(event.message);
  else state.answer = event.answer;
}

async function loadWriter(): Promise<Writer> {
  const { generate } = document.documentElement.dataset;
  if (!generate) throw new Error("this page was built without the module that writes");
  const { open } = (await import(new URL(generate, document.baseURI).href)) as { open(): Writer };
  return open();
}

/** The text on view: the draft that comes, the chosen candidate, or the shop's own. */
export function shownText(state: State): string | null {
  if (state.chosen < 0) return null;
  if (state.answer) return state.answer.candidates[state.chosen]?.text ?? null;
  return state.phase === "writing" ? (state.drafts.find((draft) => draft) ?? null) : null;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

/** What stands below the text. */
export function writingView(language: Language, state: State): Child {
  const { phase, answer } = state;
  if (phase === "failed") return h("p", { class: "writing-line quiet", role: "status" }, say(language, "writing_failed"), " ", h("span", { class: "small-print" }, state.error));
  if (phase === "stopped") return h("p", { class: "writing-line quiet", role: "status" }, say(language, "writing_stopped"));
  if (!answer) return [h("p", { class: "writing-line", role: "status" }, h("span", { class: "pulse", "aria-hidden": "true" }), line(language, state)), bar(language, state)];
  const candidate = answer.candidates[state.chosen];
  return [
    h("p", { class: "writing-line", role: "status" }, h("span", { class: "pulse still", "aria-hidden": "true" }), line(language, state)),
    choices(language, answer, state.chosen),
    candidate && checked(language, candidate),
    candidate?.predicted && predicted(language, candidate.predicted),
    why(language, state, answer),
  ];
}

function line(language: Language, { rung, progress, drafts, answer, phase }: State): Child {
  if (phase === "starting" || !rung) return say(language, "writing_starting");
  const name = say(language, `rung_${rung}`);
  if (answer) {
    const speed = answer.tokens_per_second ? say(language, "speed", { n: answer.tokens_per_second.toFixed(answer.tokens_per_second < 20 ? 1 : 0) }) : null;
    const took = answer.took < 1000 ? `${Math.max(1, Math.round(answer.took))} ms` : `${(answer.took / 1000).toFixed(1)} s`;
    return [name, answer.model, speed, took].filter(Boolean).map((part, place) => [place > 0 && h("span", { class: "between", "aria-hidden": "true" }, "·"), h("span", {}, part)]);
  }
  if (progress && progress.loaded < progress.total && drafts.length === 0) {
    return say(language, progress.cached === progress.loaded ? "model_kept" : "model_comes", { loaded: megabytes(progress.loaded), total: megabytes(progress.total) });
  }
  return [name, h("span", { class: "between", "aria-hidden": "true" }, "·"), say(language, "drafting", { n: Math.max(1, drafts.length) })];
}

function bar(language: Language, { progress, drafts }: State): Child {
  if (!progress || drafts.length > 0 || progress.loaded >= progress.total) return null;
  const share = progress.loaded / progress.total;
  return h("span", { class: "bar", role: "progressbar", "aria-label": say(language, "model"), "aria-valuenow": Math.round(100 * share), "aria-valuemin": 0, "aria-valuemax": 100, "--at": `${(100 * share).toFixed(1)}%` }, h("i", { class: "fill" }));
}

function choices(language: Language, { candidates }: Answer, chosen: number): Element_ {
  const one = (place: number, words: string, name?: string) => h("button", { type: "button", class: "choice", "data-choose": place, "aria-pressed": place === chosen ? "true" : "false", "aria-label": name }, words);
  return h("div", { class: "choices", role: "group", "aria-label": say(language, "versions") }, candidates.map((_, place) => one(place, String(place + 1), say(language, "version", { n: place + 1 }))), one(-1, say(language, "shops_own")));
}

/** The facts check: what the text says of the brief, what it leaves out, what was found and put right. */
function checked(language: Language, { facts, repairs }: Candidate): Element_ {
  const notes = facts.findings.map(({ what, reason }) => h("li", { class: "fact noted" }, h("span", { class: "mark", "aria-hidden": "true" }, "!"), what && `“${what}” `, reason));
  const mended = repairs.map((repair) => h("li", { class: "fact noted" }, h("span", { class: "mark", "aria-hidden": "true" }, "↺"), repaired(language, repair)));
  const fact = (words: string, said: boolean) => h("li", { class: said ? "fact said" : "fact" }, h("span", { class: "mark", "aria-hidden": "true" }, said ? "✓" : "–"), h("span", { class: "hidden" }, `${say(language, said ? "fact_said" : "fact_unsaid")}: `), words);
  return h(
    "div",
    { class: "checked" },
    h("h3", {}, say(language, "facts_check"), h("small", { class: "quiet" }, say(language, notes.length > 0 ? "facts_noted" : "facts_true"))),
    h("ul", {}, facts.said.map((words) => fact(words, true)), facts.unsaid.map((words) => fact(words, false)), notes, mended),
  );
}

/** What was changed: the piece before, the piece after. */
function repaired(language: Language, { kind, before, after }: Repair): Child {
  const whole = kind === "again" || kind === "template";
  return h("span", {}, say(language, `repair_${kind}`), !whole && before && [" ", h("del", {}, before)], !whole && after && [" ", h("ins", {}, after)]);
}

/** How much more often it is clicked than comparable copy, where there is a model of that. */
function predicted(language: Language, { percentile, log_odds }: NonNullable<Candidate["predicted"]>): Element_ {
  const [odds, low, high] = [log_odds.value, log_odds.low, log_odds.high].map((log) => Math.exp(log).toFixed(2));
  return h(
    "p",
    { class: "writing-line predicted" },
    h("span", {}, say(language, "predicted"), " ", h("strong", {}, say(language, "better_than", { n: percent(language, Math.max(1, Math.round(percentile)) / 100).replace(/\.0/, "") }))),
    h("small", { class: "quiet" }, say(language, "predicted_effect", { odds: odds ?? "", low: low ?? "", high: high ?? "" })),
  );
}

function why(language: Language, { left, warnings }: State, { refused }: Answer): Child {
  if (left.length === 0 && warnings.length === 0 && refused === 0) return null;
  return h(
    "details",
    { class: "writing-why" },
    h("summary", {}, say(language, "why_rung")),
    h("ul", {}, left.map(({ rung, message }) => h("li", {}, h("strong", {}, say(language, `rung_${rung}`)), ` ${message}`)), refused > 0 && h("li", {}, say(language, "refused", { n: refused })), warnings.map((message) => h("li", {}, message))),
  );
}

