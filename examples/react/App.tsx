import { useState } from "react";
import { type Item, OrderedSlot, StyledSlot } from "./Slot";

export interface Props {
  items: Item[];
  more: Item[];
}

/** Renders on the server and in the browser alike. */
export function App({ items, more }: Props) {
  const [basket, setBasket] = useState<string[]>([]);
  const buy = (item: Item) => (
    <>
      {item.id} <button data-attune-event="add_to_cart" onClick={() => setBasket([...basket, item.id])}>Add</button>
    </>
  );
  return (
    <main>
      <output>{basket.join(" ")}</output>
      <StyledSlot id="styled" items={items}>{buy}</StyledSlot>
      <OrderedSlot id="ordered" items={more}>{buy}</OrderedSlot>
    </main>
  );
}
