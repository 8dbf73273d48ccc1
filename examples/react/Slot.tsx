// Two ways for React to live with Attune. Its nodes are its own: nobody else may move them.

import { type ReactNode, useEffect, useRef, useState } from "react";
import type { Standing } from "attune/slots";

export interface Item {
  id: string;
  fields: Record<string, string | number | boolean>;
}

interface Props {
  id: string;
  items: Item[];
  children: (item: Item) => ReactNode;
}

const card = ({ id, fields }: Item) => ({ "data-attune-id": id, "data-attune-fields": JSON.stringify(fields) });

/** By style: React renders the shop's order, a style sheet shows the shopper's, with the early script before the first paint. */
export function StyledSlot({ id, items, children }: Props) {
  return (
    <ul data-attune-slot={id} data-attune-order="css" style={{ display: "flex", flexDirection: "column" }}>
      {items.map((item) => (
        <li key={item.id} {...card(item)}>{children(item)}</li>
      ))}
    </ul>
  );
}

/** By data: Attune tells the order, React renders it. */
export function OrderedSlot({ id, items, children }: Props) {
  const list = useRef<HTMLUListElement>(null);
  const [order, setOrder] = useState<string[]>([]);
  useEffect(() => {
    const decided = (event: Event) => setOrder((event as CustomEvent<Standing>).detail.order);
    const standing = window.attune?.slots.get(id);
    if (standing) setOrder(standing.order);
    list.current?.addEventListener("attune:decided", decided);
    return () => list.current?.removeEventListener("attune:decided", decided);
  }, [id]);
  const place = (item: Item) => (order.includes(item.id) ? order.indexOf(item.id) : order.length);
  return (
    <ul ref={list} data-attune-slot={id} data-attune-order="event">
      {[...items].sort((a, b) => place(a) - place(b)).map((item) => (
        <li key={item.id} {...card(item)}>{children(item)}</li>
      ))}
    </ul>
  );
}
