// One WebAssembly instance and the bundle in it. A trap ends an instance: it is made anew once.

import glue from "attune:glue";
import { type Fetched, compile, fetchBundle } from "./assets";
import { failure } from "./failure";
import { turn } from "./turn";
import type { Failure, Options } from "./types";

type Glue = ReturnType<typeof glue>;
type Engine = InstanceType<Glue["Engine"]>;

export class Host {
  /** Why there is no model. */
  failure: Failure | null = null;
  private module: WebAssembly.Module | null = null;
  private fetched: Fetched | null = null;
  private wasm: Glue | null = null;
  private engine: Engine | null = null;
  private traps = 0;
  private reviving: Promise<void> | null = null;

  constructor(private readonly options: Options) {}

  async load(): Promise<void> {
    const { bundle, integrity, wasm } = this.options;
    // Both are under way at once; a failure of the module is told first.
    const bytes = fetchBundle(bundle, integrity);
    bytes.catch(() => {});
    try {
      this.module = await compile(wasm ?? new URL("./attune_bg.wasm", import.meta.url));
      await turn();
      await this.instantiate();
      this.fetched = await bytes;
      await turn();
      try {
        this.start();
      } catch (error) {
        if (!this.fetched.cached) throw error;
        await this.fetched.drop();
        this.fetched = await fetchBundle(bundle, integrity);
        this.start();
      }
      // Written behind the first ranking's back.
      this.fetched.keep().catch(() => {});
    } catch (error) {
      this.fail(error, "wasm_unusable");
    }
  }

  /** Waits for an instance that is being made anew. */
  settled(): Promise<void> | null {
    return this.reviving;
  }

  /**
   * Calls into the instance. Errors of the core pass through; anything else is a trap, after which the instance's
   * memory cannot be trusted.
   */
  call<T>(work: (wasm: Glue, engine: Engine | null) => T): T | undefined {
    if (!this.wasm) return undefined;
    try {
      return work(this.wasm, this.engine);
    } catch (error) {
      if (typeof (error as { code?: unknown }).code === "string") throw error;
      this.trapped(error);
      throw Object.assign(new Error(String((error as Error).message)), { code: "wasm_trap" });
    }
  }

  get hasEngine(): boolean {
    return !!this.engine;
  }

  close(): void {
    this.engine = this.wasm = this.module = this.fetched = null;
    this.failure ??= { code: "closed", message: "close() was called" };
  }

  private async instantiate(): Promise<void> {
    const fresh = glue();
    await fresh.init({ module_or_path: this.module as WebAssembly.Module });
    this.wasm = fresh;
  }

  private start(): void {
    const { bytes } = this.fetched as Fetched;
    this.engine = this.call((wasm) => new wasm.Engine(bytes, this.options.integrity)) ?? null;
  }

  private trapped(error: unknown): void {
    this.engine = this.wasm = null;
    const { message } = failure(error, "wasm_trap");
    this.failure = { code: "wasm_trap", message };
    if (this.traps++ || !this.fetched) return;
    this.reviving = this.instantiate()
      .then(() => {
        this.start();
        this.failure = null;
      })
      .catch((again) => this.fail(again, "wasm_trap"))
      .finally(() => {
        this.reviving = null;
      });
  }

  private fail(error: unknown, otherwise: string): void {
    this.engine = null;
    this.failure = failure(error, otherwise);
  }
}
