// The golden corpus through the packed npm package in Node.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { BUNDLE, exact, goldenCases } from "../golden/corpus.mjs";
import { attune } from "./package.mjs";

const { load } = await attune();
const module = await load({ bundle: BUNDLE, storage: "memory" });
after(() => module.close());

test("the bundle loads", () => assert.equal(module.failure, null));

for (const { name, text, decision } of goldenCases()) {
  test(`golden: ${name}`, async () => assert.deepEqual(exact(await module.rank(text)), exact(decision)));
}

test("golden: the same, asked with an object", async () => {
  const { text, decision } = goldenCases().find(({ name }) => name === "page");
  assert.deepEqual(exact(await module.rank(JSON.parse(text))), exact(decision));
});
