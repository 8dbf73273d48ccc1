// attune.early.js, to be written into the page after its slots: the shopper's last order, before the first paint.

import { arrange } from "./arrange";
import { cards, places } from "./markup";
import { recall } from "./memory";

try {
  const { orders } = recall();
  for (const place of places(document)) {
    const order = orders[place.id];
    if (!order) continue;
    // The page's own order is still needed, so it is written down where nodes are moved.
    const own = [...cards(place.element).keys()];
    arrange(place, order.ids);
    if (place.mode === "move") place.element.dataset.attuneOwn = JSON.stringify(own);
  }
} catch {
  // The page stays as it came.
}
