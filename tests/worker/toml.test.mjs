import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "./miniflare.mjs";
import { parseToml } from "./toml.mjs";

test("the subset of TOML that wrangler.toml uses is read", () => {
  const text = `a = "x # \\" y" # comment\nb = [\n  "one", # first\n  2,\n]\n[t.u]\nc = true\n[[l.m]]\nd = 'q\\'\n[[l.m]]\nd = -1.5\n`;
  assert.deepEqual(parseToml(text), { a: 'x # " y', b: ["one", 2], t: { u: { c: true } }, l: { m: [{ d: "q\\" }, { d: -1.5 }] } });
  for (const bad of ["a", "a = ", "a = [1", "a = 1 2", "a = 2026-01-01T", "[a"]) {
    assert.throws(() => parseToml(bad), /not understood|not closed/, bad);
  }
});

test("wrangler.toml names what the Worker needs", () => {
  const config = readConfig();
  assert.equal(config.assets.binding, "ASSETS");
  const classes = config.durable_objects.bindings.map((binding) => binding.class_name);
  assert.deepEqual(config.migrations.flatMap((step) => step.new_sqlite_classes), classes);
  assert.ok(config.compatibility_date <= "2026-05-03", "what miniflare on Node 20 runs");
});
