// attune.early.js, to be written into the page after its slots: the shopper's last order, before the first paint.

import { arrange } from "./arrange";
import { places } from "./markup";
import { recall } from "./memory";

try {
  const { orders } = recall();
  for (const place of places(document)) {
    const order = orders[place.id];
    if (!order) continue;
    // The page's own order is still needed: for crawlers' sake the page has it, for ours it is written down.
    const own = [...place.element.children].flatMap((card) => (card as HTMLElement).dataset.attuneId ?? []);
    if (arrange(place, order.ids)) place.element.dataset.attuneOwn = JSON.stringify(own);
  }
} catch {
  // The page stays as it came.
}
