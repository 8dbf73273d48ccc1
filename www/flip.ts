// Moves that the eye can follow: first, last, invert, play. Where less motion is preferred, things are just there.

export function still(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Lets `change` reorder the visible children of `list`, then plays their way there. */
export function flip(list: HTMLElement, change: () => void): void {
  const visible = () => [...list.children].filter((child) => !(child as HTMLElement).hidden) as HTMLElement[];
  const before = new Map(visible().map((child) => [child, child.getBoundingClientRect()]));
  change();
  if (still()) return;
  visible().forEach((child, place) => {
    const from = before.get(child);
    const to = child.getBoundingClientRect();
    const [x, y] = from ? [from.left - to.left, from.top - to.top] : [0, 0];
    if (from && x === 0 && y === 0) return;
    const frames = from
      ? [{ transform: `translate(${x}px, ${y}px)`, zIndex: 1 }, { transform: "none", zIndex: 1 }]
      : [{ opacity: 0, transform: "scale(.94)" }, { opacity: 1, transform: "none" }];
    child.animate(frames, { duration: 520, delay: place * 22, easing: "cubic-bezier(.2,.75,.2,1)", fill: "backwards" });
  });
}
