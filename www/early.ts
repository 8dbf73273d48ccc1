// Runs before paint, inline: the language and the look chosen last time, and the last order of the home page.

import { KEYS, readOrder } from "./storage";
import { arrange } from "./arrange";

try {
  const root = document.documentElement;
  const chosen = localStorage.getItem(KEYS.language) ?? (navigator.language.startsWith("zh") ? "zh" : "en");
  const theme = localStorage.getItem(KEYS.theme);
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const app = document.getElementById("app");
  const template = document.getElementById("zh");
  if (chosen === "zh" && app && template instanceof HTMLTemplateElement) {
    root.lang = "zh-Hans";
    app.replaceChildren(template.content.cloneNode(true));
  }
  for (const [slot, ids] of Object.entries(readOrder())) arrange(slot, ids);
} catch {
  // Storage denied: the page stays as it came.
}
