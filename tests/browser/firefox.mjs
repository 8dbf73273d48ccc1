// Firefox by Marionette, the protocol that it speaks itself: `length:[type, id, …]` over TCP.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const FIREFOX = "/usr/bin/firefox-esr";
const PATIENCE = 60_000;

export class Firefox {
  /** Starts it with a profile of its own, without a window. */
  static async launch() {
    const folder = mkdtempSync(join(tmpdir(), "attune-firefox-"));
    writeFileSync(join(folder, "user.js"), 'user_pref("marionette.port", 0);\nuser_pref("app.update.enabled", false);\nuser_pref("datareporting.policy.dataSubmissionEnabled", false);\n');
    const process_ = spawn(FIREFOX, ["--headless", "--marionette", "--no-remote", "--profile", folder], { stdio: "ignore", env: { ...process.env, HOME: folder, MOZ_CRASHREPORTER_DISABLE: "1" } });
    const browser = new Firefox();
    Object.assign(browser, { folder, process: process_, last: 0, waiting: new Map(), buffer: Buffer.alloc(0) });
    try {
      await browser.connect();
      await browser.send("WebDriver:NewSession", { capabilities: { alwaysMatch: { timeouts: { script: PATIENCE } } } });
    } catch (error) {
      await browser.close();
      throw error;
    }
    return browser;
  }

  async connect() {
    const told = join(this.folder, "MarionetteActivePort");
    const end = Date.now() + PATIENCE;
    while (!existsSync(told) || !readFileSync(told, "utf8")) {
      if (Date.now() > end || this.process.exitCode !== null) throw new Error("Firefox did not start");
      await new Promise((later) => setTimeout(later, 100));
    }
    this.socket = connect(Number(readFileSync(told, "utf8")), "127.0.0.1");
    await new Promise((hello, failed) => {
      this.socket.once("error", failed);
      this.hello = hello;
      this.socket.on("data", (data) => this.heard(data));
    });
  }

  heard(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (;;) {
      const colon = this.buffer.indexOf(":");
      const length = Number(this.buffer.subarray(0, colon));
      if (colon < 0 || this.buffer.length < colon + 1 + length) return;
      const message = JSON.parse(this.buffer.subarray(colon + 1, colon + 1 + length));
      this.buffer = this.buffer.subarray(colon + 1 + length);
      if (!Array.isArray(message)) this.hello();
      else {
        const [, id, error, result] = message;
        const { resolve, reject } = this.waiting.get(id);
        this.waiting.delete(id);
        if (error) reject(new Error(`${error.error}: ${error.message}`));
        else resolve(result);
      }
    }
  }

  send(command, parameters = {}) {
    const id = ++this.last;
    const text = JSON.stringify([0, id, command, parameters]);
    this.socket.write(`${Buffer.byteLength(text)}:${text}`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  go(url) {
    return this.send("WebDriver:Navigate", { url });
  }

  async run(script, args) {
    return (await this.send("WebDriver:ExecuteAsyncScript", { script, args, newSandbox: false, sandbox: null })).value;
  }

  async close() {
    await Promise.race([this.socket ? this.send("Marionette:Quit", { flags: ["eForceQuit"] }).catch(() => {}) : null, new Promise((later) => setTimeout(later, 5000))]);
    this.socket?.destroy();
    if (this.process.exitCode === null) {
      const gone = new Promise((done) => this.process.once("exit", done));
      this.process.kill("SIGKILL");
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
