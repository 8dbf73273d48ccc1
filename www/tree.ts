// A page as plain data: the build writes it as HTML, the browser as elements. Text is always text, never markup.

export type Attributes = Record<string, string | number | boolean | null | undefined>;
export interface Element_ {
  tag: string;
  attributes: Attributes;
  children: Child[];
}
export type Child = Element_ | string | number | null | undefined | false | Child[];

const VOID = new Set(["img", "input", "br", "path", "circle", "rect", "ellipse", "line"]);
const SVG = new Set(["svg", "path", "circle", "rect", "ellipse", "g", "line"]);

export function h(tag: string, attributes: Attributes = {}, ...children: Child[]): Element_ {
  return { tag, attributes, children };
}

function kept(attributes: Attributes): [string, string][] {
  return Object.entries(attributes)
    .filter(([, value]) => value !== null && value !== undefined && value !== false)
    .map(([name, value]) => [name, value === true ? "" : String(value)]);
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? character);
}

/** The tree as HTML. `--name` attributes (custom properties) have no place there and must not occur. */
export function toHtml(child: Child): string {
  if (child === null || child === undefined || child === false) return "";
  if (Array.isArray(child)) return child.map(toHtml).join("");
  if (typeof child !== "object") return escaped(String(child));
  const attributes = kept(child.attributes).map(([name, value]) => ` ${name}="${escaped(value)}"`);
  const open = `<${child.tag}${attributes.join("")}>`;
  return VOID.has(child.tag) && child.children.length === 0 && !SVG.has(child.tag)
    ? open
    : `${open}${child.children.map(toHtml).join("")}</${child.tag}>`;
}

/** The tree as nodes. An attribute that begins with `--` becomes a custom property, which the CSP lets pass. */
export function toNodes(child: Child): Node[] {
  if (child === null || child === undefined || child === false) return [];
  if (Array.isArray(child)) return child.flatMap(toNodes);
  if (typeof child !== "object") return [document.createTextNode(String(child))];
  const element = SVG.has(child.tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", child.tag)
    : document.createElement(child.tag);
  for (const [name, value] of kept(child.attributes)) {
    if (name.startsWith("--")) element.style.setProperty(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...child.children.flatMap(toNodes));
  return [element];
}
