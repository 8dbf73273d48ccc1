import type { Failure } from "./types";

/** An `Error` with a stable `code`. */
export const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** The code and message of whatever was thrown. */
export function failure(thrown: unknown, otherwise: string): Failure {
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
  return { code: typeof code === "string" ? code : otherwise, message: String(message ?? thrown) };
}
