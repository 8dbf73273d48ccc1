// WebKit (MiniBrowser of WebKitGTK) by plain W3C WebDriver, on a screen of its own that nobody sees.

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const WEBKIT = "/usr/bin/WebKitWebDriver";
export const XVFB = "/usr/bin/Xvfb";
const PATIENCE = 60_000;

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

export class WebKit {
  static async launch() {
    const browser = new WebKit();
    browser.folder = mkdtempSync(join(tmpdir(), "attune-webkit-"));
    browser.processes = [];
    try {
      const display = await browser.screen();
      const port = await freePort();
      const { folder } = browser;
      // Everything it keeps goes where it can be taken away again.
      const env = { ...process.env, DISPLAY: `:${display}`, HOME: folder, XDG_DATA_HOME: folder, XDG_CACHE_HOME: folder, XDG_RUNTIME_DIR: folder, LIBGL_ALWAYS_SOFTWARE: "1", NO_AT_BRIDGE: "1", GDK_BACKEND: "x11" };
      browser.processes.push(spawn(WEBKIT, [`--port=${port}`], { stdio: "ignore", env }));
      browser.base = `http://127.0.0.1:${port}`;
      await browser.started();
      const { sessionId } = await browser.send("POST", "/session", { capabilities: { alwaysMatch: { timeouts: { script: PATIENCE } } } });
      browser.session = `/session/${sessionId}`;
    } catch (error) {
      await browser.close();
      throw error;
    }
    return browser;
  }

  /** The number of a display, as Xvfb chose it. */
  screen() {
    const xvfb = spawn(XVFB, ["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"], { stdio: ["ignore", "pipe", "ignore"] });
    this.processes.push(xvfb);
    return new Promise((resolve, reject) => {
      xvfb.stdout.on("data", (data) => resolve(Number(data)));
      xvfb.once("error", reject);
      xvfb.once("exit", () => reject(new Error("Xvfb did not start")));
    });
  }

  async started() {
    const end = Date.now() + PATIENCE;
    while (!(await fetch(`${this.base}/status`).then((response) => response.ok, () => false))) {
      if (Date.now() > end) throw new Error("WebKitWebDriver did not start");
      await new Promise((later) => setTimeout(later, 100));
    }
  }

  async send(method, path, body) {
    const response = await fetch(this.base + path, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE) });
    const { value } = await response.json();
    if (value?.error) throw new Error(`${value.error}: ${value.message}`);
    return value;
  }

  go(url) {
    return this.send("POST", `${this.session}/url`, { url });
  }

  run(script, args) {
    return this.send("POST", `${this.session}/execute/async`, { script, args });
  }

  async close() {
    if (this.session) await this.send("DELETE", this.session).catch(() => {});
    for (const started of this.processes.reverse()) {
      if (started.exitCode !== null) continue;
      const gone = new Promise((done) => started.once("exit", done));
      started.kill("SIGTERM");
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
