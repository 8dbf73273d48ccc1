// A few named texts: in IndexedDB, or in memory where that is not to be had.

import { eraseAside, eraseDatabase } from "./erase";
import { NAME } from "./names";

const STORE = "texts";
/** Milliseconds in which a database opens, or there is none. */
const PATIENCE = 3_000;

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    (request as IDBRequest as IDBOpenDBRequest).onblocked = () => reject(new Error("another page keeps the database open"));
  });

/** Room that a page on its way out can still write to at once; a Web Worker has none. */
function aside<T>(work: (room: Storage) => T): T | undefined {
  try {
    return work(localStorage);
  } catch {
    return undefined;
  }
}

export class Store {
  private db: IDBDatabase | null = null;
  private texts = new Map<string, string>();
  private busy = 0;
  private dirty = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private last: Promise<unknown> = Promise.resolve();

  /** `failed` hears once why nothing will be kept. */
  constructor(
    public kind: "indexeddb" | "memory",
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Reads everything; a few kilobytes. */
  async open(): Promise<void> {
    if (this.kind === "memory") return;
    try {
      const db = await this.database();
      const read = db.transaction(STORE).objectStore(STORE);
      const [keys, values] = await Promise.all([settled(read.getAllKeys()), settled(read.getAll())]);
      keys.forEach((key, place) => this.texts.set(String(key), String(values[place])));
      const left = aside((room) => JSON.parse(room.getItem(NAME) ?? "{}") as Record<string, string>);
      for (const [key, text] of Object.entries(left ?? {})) this.set(key, String(text));
    } catch (error) {
      this.deny(error);
    }
  }

  get(key: string): string {
    return this.texts.get(key) ?? "";
  }

  /** Kept at once in memory, and soon on the device: several changes are one write. Empty removes. */
  set(key: string, text: string): void {
    if (text) this.texts.set(key, text);
    else this.texts.delete(key);
    if (this.kind === "memory") return;
    this.dirty.add(key);
    this.timer ??= setTimeout(() => void this.flush(), 200);
    (this.timer as { unref?: () => void }).unref?.();
  }

  /** What another page has written already: everything erased, or one text. */
  adopt(key?: string, text?: string): void {
    if (key && text) this.texts.set(key, text);
    else {
      this.texts.clear();
      this.dirty.clear();
    }
  }

  /** The page goes away, and may take an unfinished write with it: what is not yet written is put aside too. */
  leave(): void {
    if (this.kind === "memory" || !this.dirty.size) return;
    const texts = Object.fromEntries([...this.dirty].map((key) => [key, this.get(key)]));
    aside((room) => room.setItem(NAME, JSON.stringify(texts)));
    void this.flush();
  }

  /** Writes what is not yet written. */
  flush(): Promise<unknown> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.dirty.size) return this.last;
    const keys = [...this.dirty];
    this.dirty.clear();
    const write = async () => {
      const transaction = (this.db ?? (await this.database())).transaction(STORE, "readwrite");
      const store = transaction.objectStore(STORE);
      for (const key of keys) {
        const text = this.texts.get(key);
        if (text === undefined) store.delete(key);
        else store.put(text, key);
      }
      transaction.commit?.();
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = transaction.onerror = () => reject(transaction.error);
      });
      // All pages of the shop share one profile, so this write is the newer one.
      aside((room) => room.removeItem(NAME));
    };
    // With the database open and idle the write starts in this very turn, as a page that goes away needs it.
    const done = this.busy ? this.last.then(write) : write();
    this.busy++;
    this.last = done.catch((error) => this.deny(error)).finally(() => this.busy--);
    return this.last;
  }

  /** Erases everything, the database itself too. */
  async erase(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.dirty.clear();
    this.texts.clear();
    await this.last;
    this.drop();
    eraseAside();
    await eraseDatabase().catch((error) => this.failed(error));
  }

  async close(): Promise<void> {
    await this.flush();
    this.drop();
  }

  private drop(): void {
    this.db?.close();
    this.db = null;
  }

  private async database(): Promise<IDBDatabase> {
    if (this.db) return this.db;
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => void opening.result.createObjectStore(STORE);
    const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("the database does not open")), PATIENCE));
    const opened = settled(opening);
    const db = await Promise.race([opened, late]).catch((error) => {
      // One that opens after all must be in nobody's way.
      opened.then((db) => db.close()).catch(() => {});
      throw error;
    });
    // Another page of the shop may be told to forget: it must not wait for this one.
    db.onversionchange = db.onclose = () => this.drop();
    this.db = db;
    return db;
  }

  private deny(error: unknown): void {
    if (this.kind === "memory") return;
    this.kind = "memory";
    this.drop();
    this.failed(error);
  }
}
