// What build.mjs makes of wasm-bindgen's output: a function, so that there can be more than one instance.
declare module "attune:glue" {
  export default function glue(): {
    init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;
    Engine: {
      new (bytes: Uint8Array, integrity?: string): {
        decide(request: string): string;
        predict(request: string): string;
        applyEvents(profile: string, events: string, now: number): string;
        card(): string;
        readonly hash: string;
      };
    };
    decideWithout(code: string, message: string, request: string): string;
    logLine(decision: string, request: string, profile: boolean, fields: boolean): string;
    applyEvents(profile: string, events: string, now: number): string;
    checkProfile(profile: string): string;
  };
}

declare const process: { versions?: { node?: string } } | undefined;
