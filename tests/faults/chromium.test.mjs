// Every fault of chromium.mjs in Chromium: the page's own content stays in place, whole, and does not move.

import { after, before, describe, test } from "node:test";
import { rows, twoShoppers } from "./chromium.mjs";
import { Storefront } from "./storefront.mjs";

const shop = new Storefront();
before(() => shop.open(rows.flatMap(({ page }) => page?.broken ?? [])));
after(() => shop.close());

describe("in Chromium", { concurrency: 3 }, () => {
  for (const row of rows) test(row.fault, { timeout: 15_000 }, () => (row.act ?? twoShoppers)(shop, row));
});
