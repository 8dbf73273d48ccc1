// The way to a server: one request at a time, its body in parts.

import { coded } from "../failure";
import type { LoadOptions } from "./types";

export class Transport {
  private reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  private stopper = new AbortController();

  constructor(private readonly server: NonNullable<LoadOptions["remote"]>) {}

  async post(body: string): Promise<{ status: number; contentType: string }> {
    this.stop();
    const { url, headers, credentials } = this.server;
    const { signal } = this.stopper;
    const asked = { method: "POST", body, signal, headers: { "content-type": "application/json", accept: "text/event-stream", ...headers }, credentials: credentials ?? "same-origin" };
    const response = await fetch(url, asked).catch(unreachable);
    this.reader = response.body?.getReader() ?? null;
    return { status: response.status, contentType: response.headers.get("content-type") ?? "" };
  }

  async part(): Promise<Uint8Array | undefined> {
    return (await this.reader?.read().catch(unreachable))?.value;
  }

  stop(): void {
    this.stopper.abort();
    this.stopper = new AbortController();
    this.reader = null;
  }
}

function unreachable(error: unknown): never {
  throw coded("remote_unreachable", `the server cannot be reached: ${(error as Error).message}`);
}
