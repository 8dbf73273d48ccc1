// Where a model's shards lie on the device: the Cache API, else the origin's private file system. A shard's name is its sha256.

/** Of both kinds of storage. */
const NAME = "attune.models";

export interface Store {
  get(sha256: string): Promise<Uint8Array | null>;
  put(sha256: string, parts: Uint8Array[]): Promise<void>;
  drop(sha256: string): Promise<void>;
}

/** Nothing is looked up by address, so that two addresses of one file share its shards. */
const address = (sha256: string): string => new URL(`/attune-model/${sha256}`, globalThis.location?.href).href;

class Cached implements Store {
  constructor(private readonly cache: Cache) {}

  async get(sha256: string): Promise<Uint8Array | null> {
    const hit = await this.cache.match(address(sha256)).catch(() => undefined);
    return hit ? new Uint8Array(await hit.arrayBuffer()) : null;
  }

  put(sha256: string, parts: Uint8Array[]): Promise<void> {
    return this.cache.put(address(sha256), new Response(new Blob(parts as BlobPart[])));
  }

  async drop(sha256: string): Promise<void> {
    await this.cache.delete(address(sha256)).catch(() => false);
  }
}

class Files implements Store {
  constructor(private readonly folder: FileSystemDirectoryHandle) {}

  async get(sha256: string): Promise<Uint8Array | null> {
    try {
      const file = await (await this.folder.getFileHandle(sha256)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    } catch {
      return null;
    }
  }

  async put(sha256: string, parts: Uint8Array[]): Promise<void> {
    const file = await this.folder.getFileHandle(sha256, { create: true });
    // What is written shows only once it is closed: a page that goes away leaves no half of a shard.
    const to = await file.createWritable();
    try {
      for (const part of parts) await to.write(part as BufferSource);
      await to.close();
    } catch (error) {
      await to.abort().catch(() => {});
      await this.drop(sha256);
      throw error;
    }
  }

  async drop(sha256: string): Promise<void> {
    await this.folder.removeEntry(sha256).catch(() => {});
  }
}

/** The storage, where there is one and it may be used. */
export async function opened(): Promise<Store | null> {
  try {
    return new Cached(await caches.open(NAME));
  } catch {
    // Not a secure origin, or denied.
  }
  try {
    const root = await navigator.storage.getDirectory();
    return new Files(await root.getDirectoryHandle(NAME, { create: true }));
  } catch {
    return null;
  }
}

/** Erases all models. */
export async function erase(): Promise<void> {
  await Promise.resolve()
    .then(() => caches.delete(NAME))
    .catch(() => false);
  await Promise.resolve()
    .then(async () => (await navigator.storage.getDirectory()).removeEntry(NAME, { recursive: true }))
    .catch(() => {});
}
