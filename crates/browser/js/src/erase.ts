// Erases what Attune keeps on this device, without loading it.

import { CACHE, LOG, LOGGED, NAME, PAGE } from "./names";

/** Erases what lies in `localStorage`. */
export function eraseAside(): void {
  for (const key of [NAME, PAGE, LOG, LOGGED]) {
    try {
      localStorage.removeItem(key);
    } catch {
      // Denied, or a Web Worker: there is nothing.
    }
  }
}

/** Forgets every cached bundle. */
export async function eraseCache(): Promise<void> {
  try {
    await caches.delete(CACHE);
  } catch {
    // No cache, nothing to clear.
  }
}

/** Erases the database. Rejects when that is not done; does nothing where there can be none. */
export async function eraseDatabase(): Promise<void> {
  const databases = database();
  if (!databases) return;
  await new Promise<void>((resolve, reject) => {
    const request = databases.deleteDatabase(NAME);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another page keeps the database open"));
  });
}

/** IndexedDB, where there is one and the page may know of it. */
export function database(): IDBFactory | undefined {
  try {
    return indexedDB;
  } catch {
    return undefined;
  }
}

/** Everything. */
export async function erase(): Promise<void> {
  eraseAside();
  await eraseDatabase().catch(() => {});
  await eraseCache();
}
