import { hydrateRoot } from "react-dom/client";
import { App } from "./App";

const props = JSON.parse(document.getElementById("props")?.textContent ?? "{}");
hydrateRoot(document.getElementById("root") as HTMLElement, <App {...props} />);
