// Lines on their way to the shop's server, in batches. A line leaves when the server has it, or will never take it; until
// then it outlives a failure, and the page. The server knows a line by its id, so sending it twice does no harm.

import { LOG } from "../names";

/** The most that waits: lines, and characters of them. The oldest make room. */
const MOST = 500;
const ROOM = 200_000;
/** Bytes of one batch. A page that goes away may have 64 KiB under way. */
const BATCH = 60_000;
/** Lines that are not kept waiting, and how long fewer are; milliseconds. */
const MANY = 50;
const GATHER = 4_000;
const PATIENCE = 10_000;
const FIRST_PAUSE = 2_000;
const LONGEST_PAUSE = 300_000;
/** A server may ask for longer than that. */
const LONGEST_WISH = 3_600_000;
/** Statuses that another time may change. */
const LATER = new Set([0, 408, 425, 429]);

interface Kept {
  /** Not before: milliseconds since 1970. */
  after: number;
  /** Line by id, oldest first. */
  lines: Record<string, string>;
}

export class Outbox {
  /** Lines the server has taken. */
  sent = 0;
  /** Why the last batch was not taken. */
  failure: string | null = null;
  private readonly lines = new Map<string, string>();
  /** Gone, but perhaps still in storage. */
  private readonly gone = new Set<string>();
  private after = 0;
  private failures = 0;
  private status = 200;
  private limit = BATCH;
  private busy = false;
  private stored = false;
  private due = Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly address: string) {
    const { after, lines } = read();
    this.after = Math.min(after, Date.now() + LONGEST_WISH);
    for (const [id, line] of Object.entries(lines)) this.lines.set(id, line);
    this.stored = this.lines.size > 0;
    addEventListener("pagehide", this.leave);
    addEventListener("online", this.online);
    document.addEventListener("visibilitychange", this.leave);
    if (this.lines.size) this.soon(GATHER);
  }

  /** How many lines wait. */
  get waiting(): number {
    return this.lines.size;
  }

  put(id: string, line: string): void {
    this.lines.set(id, line);
    trim(this.lines);
    this.soon(this.lines.size >= MANY ? 0 : GATHER);
  }

  /** Drops what waits, here and in storage. */
  erase(): void {
    this.lines.clear();
    this.gone.clear();
    clearTimeout(this.timer);
    this.due = Infinity;
    write(null);
  }

  /** Puts aside what waits and sends no more. */
  close(): void {
    this.leave();
    clearTimeout(this.timer);
    removeEventListener("pagehide", this.leave);
    removeEventListener("online", this.online);
    document.removeEventListener("visibilitychange", this.leave);
  }

  /** The page goes away, perhaps for good. */
  private readonly leave = (event?: Event): void => {
    if (event?.type === "visibilitychange" && document.visibilityState === "visible") return;
    this.keep();
    void this.flush();
  };

  private readonly online = (): void => {
    if (this.status === 0) this.after = 0;
    this.soon(0);
  };

  private soon(wait: number): void {
    const due = Math.max(Date.now() + wait, this.after);
    if (due >= this.due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => {
      this.due = Infinity;
      void this.flush();
    }, due - Date.now());
  }

  private async flush(): Promise<void> {
    if (this.busy || !this.lines.size) return;
    if (Date.now() < this.after) return this.soon(0);
    clearTimeout(this.timer);
    this.due = Infinity;
    this.busy = true;
    const { ids, body } = this.batch();
    const response = await post(this.address, body);
    this.busy = false;
    const status = (this.status = response?.status ?? 0);
    this.failure = response?.ok ? null : status ? `the server answered ${status}` : "the server did not answer";
    if (response?.ok) {
      this.sent += ids.length;
      this.done(ids);
    } else if (status === 413 && ids.length > 1) this.limit = body.length >> 1;
    else if (LATER.has(status) || status >= 500) {
      const pause = Math.min(FIRST_PAUSE * 2 ** this.failures++, LONGEST_PAUSE) * (0.75 + Math.random() / 2);
      this.after = Date.now() + Math.max(pause, wish(response));
      this.keep();
    } else this.done(ids);
    if (this.lines.size) this.soon(this.lines.size >= MANY || status === 413 ? 0 : GATHER);
  }

  private batch(): { ids: string[]; body: string } {
    const ids: string[] = [];
    const texts: string[] = [];
    let size = 0;
    for (const [id, line] of this.lines) {
      size += new TextEncoder().encode(line).length + 1;
      if (ids.length && size > this.limit) break;
      ids.push(id);
      texts.push(line);
    }
    return { ids, body: `${texts.join("\n")}\n` };
  }

  private done(ids: string[]): void {
    this.failures = 0;
    for (const id of ids) {
      this.lines.delete(id);
      this.gone.add(id);
    }
    if (this.stored) this.keep();
  }

  /** Writes what waits, beside what other pages of the shop have put there. */
  private keep(): void {
    const lines = new Map(Object.entries({ ...read().lines, ...Object.fromEntries(this.lines) }));
    for (const id of this.gone) lines.delete(id);
    this.gone.clear();
    trim(lines);
    this.stored = lines.size > 0;
    write(this.stored ? { after: this.after, lines: Object.fromEntries(lines) } : null);
  }
}

/** Null when there is no answer. Text, so that another origin need not be asked beforehand. */
async function post(address: string, body: string): Promise<Response | null> {
  const small = new Blob([body]).size <= BATCH;
  const options = { method: "POST", body, credentials: "omit", referrerPolicy: "strict-origin", keepalive: small, signal: AbortSignal.timeout(PATIENCE) } as const;
  const url = new URL(address, document.baseURI);
  // So that a clock that is wrong can be put right.
  url.searchParams.set("sent", String(Date.now()));
  return fetch(url, options).catch(() => null);
}

/** `Retry-After` in milliseconds, whether it is seconds or a date. */
function wish(response: Response | null): number {
  const said = response?.headers.get("retry-after");
  const wait = said ? (Number.isNaN(Number(said)) ? Date.parse(said) - Date.now() : Number(said) * 1000) : 0;
  return wait > 0 ? Math.min(wait, LONGEST_WISH) : 0;
}

function trim(lines: Map<string, string>): void {
  let size = 0;
  for (const line of lines.values()) size += line.length;
  for (const [id, line] of lines) {
    if (lines.size <= MOST && size <= ROOM) return;
    lines.delete(id);
    size -= line.length;
  }
}

function read(): Kept {
  try {
    const { after, lines } = JSON.parse(localStorage.getItem(LOG) ?? "{}") as Partial<Kept>;
    const texts = Object.entries(lines ?? {}).filter(([, line]) => typeof line === "string");
    return { after: Number(after) || 0, lines: Object.fromEntries(texts) };
  } catch {
    return { after: 0, lines: {} };
  }
}

function write(kept: Kept | null): void {
  try {
    if (kept) localStorage.setItem(LOG, JSON.stringify(kept));
    else localStorage.removeItem(LOG);
  } catch {
    // Denied or full: what waits is lost with the page.
  }
}
