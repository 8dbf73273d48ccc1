import type { Failure } from "../types";

/** What can write, the first one tried first: the device's GPU, its processor, a server, templates. */
export type Rung = "gpu" | "cpu" | "remote" | "template";

/** One value of an attribute, or several: `"black"`, `2`, `true`, `{ value: 55, unit: "inch" }`. */
export type AttributeValue = string | number | boolean | { value: number; unit: string } | string[];

/** What is to be written: facts, for whom, in which tone, where and how long. */
export interface Brief {
  facts: {
    name?: string;
    brand?: string;
    category?: string;
    price?: { amount: number; currency: string };
    attributes?: Record<string, AttributeValue>;
    /** Claims that the shop has grounds for. */
    claims?: string[];
    /** The catalogue's own text. What it says is a fact; what it commands is not heard. */
    description?: string;
  };
  audience?: { segment?: string; interests?: string[] };
  tone?: "plain" | "friendly" | "elegant" | "energetic";
  channel?: "headline" | "product_description" | "email_subject" | "banner" | "article";
  /** Read off the facts when absent. */
  language?: "en" | "zh";
  /** In characters. */
  length?: { min?: number; max: number };
  required?: string[];
  forbidden?: string[];
}

/** A file's length and the sha256 of each of its shards: stretches of `shard` bytes, the last one shorter. */
export interface Manifest {
  bytes: number;
  shard: number;
  /** Hex. */
  sha256: string[];
}

export interface LoadOptions {
  /** Address of a GGUF file; `false` for none. Default: `copywriter.gguf` beside this module. */
  model?: string | URL | false;
  /** The file's manifest, or its address. Default: the model's address and `.manifest.json`. A model runs only when all shards match. */
  manifest?: Manifest | string | URL;
  /** A server that speaks OpenAI's chat completions. Without it there is no such rung. */
  remote?: { url: string | URL; model: string; headers?: Record<string, string>; credentials?: RequestCredentials };
  /** Address of a model of what a text brings (`attune text train`); `false` for none. Default: `text.en.attune-text` beside this module. */
  effects?: string | URL | false;
  /** The rungs that may serve. Default: all. */
  rungs?: Rung[];
  /** Address of the WebAssembly file, or its bytes; `attune_generate_bg.wasm` beside this module when absent. */
  wasm?: string | URL | Uint8Array | ArrayBuffer | Response;
  /** Work in a Web Worker. Default: true. */
  worker?: boolean;
  /** Keep the model's shards on this device (Cache API, else the origin's private file system). Default: true. */
  cache?: boolean;
  /** What a browser that saves data does to a model that is not on the device yet. Default: `respect`, no download. */
  saveData?: "respect" | "ignore";
  /** A model slower than this does not serve. Default: 5. */
  leastTokensPerSecond?: number;
  /** Tokens of prompt and text together that there is room for. Default: 1024. */
  capacity?: number;
}

export interface Wanted {
  /** Texts. Default: 3. */
  n?: number;
  /** Texts that are written for each that is wanted. Default: 2. */
  spread?: number;
  /** A whole number below 2^64: the same seed gives the same texts where a rung can promise that. */
  seed?: string;
  /** The highest rung that is tried. Default: `gpu`. */
  from?: Rung;
  /** Whether rungs below it may serve. Default: true. */
  descend?: boolean;
  /** Milliseconds that a rung may write. Loading a model does not count. Default: 30000. */
  patience?: number;
  /** Stops at once: the iterator throws the signal's reason. */
  signal?: AbortSignal;
}

/** An estimate with a 90 % interval. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
}

/** The predicted effect of a text beside comparable copy. */
export interface TextEffect {
  /** Log-odds of a click relative to comparable copy; 0 is as good as the mean. */
  log_odds: Estimate;
  /** Click-through rate where comparable copy has the training data's. */
  rate: Estimate;
  /** Better than this share of comparable copy, in percent. */
  percentile: number;
  /** `style`: most words are unknown, as in another language than the model's. */
  evidence: "words" | "style";
  /** Share of the words that the model knows. */
  familiar: number;
  /** What phrases and style add, from what matters most on. */
  phrases: { text: string; span: { start: number; end: number }; contribution: number }[];
  style: { name: string; contribution: number }[];
  baseline: number;
}

/** One thing that was changed since a text was written. */
export interface Repair {
  kind: "corrected" | "removed" | "added" | "shortened" | "cleaned" | "again" | "template";
  /** The piece before; empty for what was added. */
  before: string;
  /** The piece after; empty for what was removed. */
  after: string;
}

/** One thing that is wrong with a text. */
export interface Finding {
  kind: "number" | "price" | "material" | "attribute" | "name" | "claim" | "regulated" | "missing" | "forbidden" | "length" | "markup" | "language" | "leak";
  severity: "note" | "block";
  /** Bytes of the text in UTF-8. */
  span: { start: number; end: number };
  what: string;
  reason: string;
}

/** A text that may be shown. */
export interface Candidate {
  text: string;
  predicted: TextEffect | null;
  facts: { findings: Finding[]; said: string[]; unsaid: string[] };
  /** What was changed since it was written. */
  repairs: Repair[];
}

export interface Left extends Failure {
  rung: Rung;
}

/** The answer. */
export interface Answer {
  /** The rung that wrote it. */
  rung: Rung;
  why: string;
  /** The rungs above it that did not serve. */
  left: Left[];
  model?: string;
  /** Best first. Every one has passed the guards. */
  candidates: Candidate[];
  /** Texts that were written and could not be made true. */
  refused: number;
  tokens_per_second: number | null;
  /** Milliseconds; loading a model does not count. */
  took: number;
  /** What of the brief was too long and was cut. */
  notes: string[];
}

export type WriterEvent =
  /** Bytes of a model by now; `cached` of them were on the device. */
  | { type: "progress"; rung: Rung; model: string; loaded: number; total: number; cached: number }
  /** A rung begins: texts of the one before are void. */
  | { type: "rung"; rung: Rung; model?: string }
  /** More of a text, which has not been checked: `delta` is new, `text` is all so far. */
  | { type: "text"; index: number; delta: string; text: string }
  | ({ type: "left" } & Left)
  /** What went wrong without stopping anything: `storage_quota`, `storage_denied`, `effects_unavailable`, `worker_failed`. */
  | ({ type: "warning" } & Failure)
  | { type: "answer"; answer: Answer };

export interface Loaded {
  /** The model that runs, where one does. */
  rung: Rung | null;
  model?: string;
  left: Left[];
}

/** Writes copy. */
export interface Writer {
  /** Writes for a brief; the last event, and the iterator's value, is the answer. Only one text is written at a time; others wait. */
  generate(brief: Brief, wanted?: Wanted): AsyncGenerator<WriterEvent, Answer, void>;
  /** Downloads and tests the best model that runs here, before the first text asks for it. */
  load(options?: { signal?: AbortSignal; onEvent?: (event: WriterEvent) => void }): Promise<Loaded>;
  /** Stops and gives all memory back. */
  close(): Promise<void>;
}
