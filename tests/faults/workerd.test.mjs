// Every fault of workerd.mjs in workerd: the origin's page arrives whole, and the next request is served.

import { after, before, describe, test } from "node:test";
import { Edge, rows } from "./workerd.mjs";

const edge = new Edge();
before(() => edge.open());
after(() => edge.close());

describe("in workerd", () => {
  for (const { fault, act } of rows) test(fault, { timeout: 40_000 }, () => act(edge));
});
