// What build.mjs makes of wasm-bindgen's output: a function, so that there can be more than one instance.
declare module "attune:generate" {
  import type { Host } from "./local";
  export default function glue(): {
    init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;
    Writer: {
      new (host: Host, options: string): {
        effects(bytes: Uint8Array): void;
        load(stop: Promise<unknown>): Promise<string>;
        write(brief: string, wanted: string, stop: Promise<unknown>): Promise<string>;
        free(): void;
      };
    };
  };
}
