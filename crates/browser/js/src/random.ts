// Ids and seeds from the platform's own randomness.

/** An id that no other will be. `randomUUID` is there on secure origins only. */
export const random = (): string => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(36)).join("");

/** A whole number below 2^64. */
export const seed = (): string => crypto.getRandomValues(new BigUint64Array(1))[0]!.toString();
