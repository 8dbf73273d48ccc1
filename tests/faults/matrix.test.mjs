// FAULTS.md and the tests are one list.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { rows as chromium } from "./chromium.mjs";
import { rows as workerd } from "./workerd.mjs";

const [, , ...lines] = readFileSync(new URL("../FAULTS.md", import.meta.url), "utf8").split("\n").filter((line) => line.startsWith("|"));
const table = lines.map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()));

test("every row of FAULTS.md is a test, and every test a row", () => {
  const listed = (column) => table.filter((cells) => cells[column] === "✓").map(([fault]) => fault);
  for (const [column, rows] of [[2, chromium], [3, workerd]]) {
    const tested = rows.map(({ fault }) => fault);
    assert.equal(new Set(tested).size, tested.length);
    assert.deepEqual(listed(column).sort(), tested.sort());
  }
  assert.ok(table.every((cells) => cells.length === 6 && cells.every(Boolean)), "six cells, none empty");
  assert.ok(table.every(([, , ...where]) => where.slice(0, 2).includes("✓")), "tested somewhere");
});

test("it names the fallbacks that the tests look for", () => {
  const says = new Map(table.map((cells) => [cells[0], cells[5]]));
  for (const { fault, code, warns } of [...chromium, ...workerd])
    for (const name of [code, warns]) {
      if (name instanceof RegExp) assert.match(says.get(fault), new RegExp(`\`${name.source.slice(1)}`));
      else if (name) assert.ok(says.get(fault).includes(`\`${name}\``), `${fault}: ${name}`);
    }
});
