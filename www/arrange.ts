// Puts the cards of a slot into an order. Cards that are not named follow as they stand; none is made or lost.

export function grid(slot: string): HTMLElement | null {
  return document.querySelector<HTMLElement>(`[data-slot="${CSS.escape(slot)}"]`);
}

export function arrange(slot: string, ids: readonly string[]): void {
  const list = grid(slot);
  if (!list) return;
  const cards = new Map([...list.children].map((card) => [(card as HTMLElement).dataset.id ?? "", card as HTMLElement]));
  const named = ids.flatMap((id) => cards.get(id) ?? []);
  const rest = [...cards.values()].filter((card) => !named.includes(card));
  const show = Number(list.dataset.show);
  [...named, ...rest].forEach((card, place) => {
    card.hidden = place >= show;
    list.append(card);
  });
}
