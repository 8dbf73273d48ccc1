// Writing in the page: every rung, and everything that can go wrong on the way to one.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, serve } from "./server.mjs";
import { manifest, parrot } from "./parrot.mjs";

const WORDS = ["A", " blue", " cup", " for", " slow", " mornings", ",", " made", " of", " porcelain", "."];
const SENTENCE = WORDS.join("");
const BRIEF = { facts: { name: "Fjord cup", category: "cup", attributes: { color: "blue", material: "porcelain" }, description: "A cup for slow mornings." }, channel: "banner", language: "en" };
const GPU = ["--headless", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

const model = parrot(WORDS);
const listed = manifest(model);
const corrupt = Buffer.from(model);
corrupt[corrupt.length - 4096] ^= 64;

let server;
let browser;
let gpu;
/** What the model's addresses were asked for: path and range. */
const asked = [];

/** A file as servers that know ranges send it. */
const file = (bytes, { ranges = true, upTo = bytes.length, pause = 0 } = {}) =>
  async (request, response) => {
    asked.push(`${new URL(request.url, "http://page").pathname} ${request.headers.range ?? ""}`.trim());
    const from = ranges ? Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
    if (from >= bytes.length) return response.writeHead(416).end();
    response.writeHead(from > 0 ? 206 : 200, { "content-type": "application/octet-stream", "content-length": bytes.length - from });
    for (let at = from; at < upTo; at += 1 << 15) {
      if (response.destroyed) return;
      response.write(bytes.subarray(at, Math.min(upTo, at + (1 << 15))));
      if (pause) await new Promise((next) => setTimeout(next, pause));
    }
    if (upTo === bytes.length) return response.end();
    // What is on its way arrives before the connection breaks.
    await new Promise((next) => setTimeout(next, 300));
    return response.destroy();
  };
const json = (value) => ["application/json", JSON.stringify(value)];
/** One event of a chat completion. */
const chunk = (content, finish = null) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;

/** Servers of chat completions by what they do. */
const SERVERS = {
  good: (response) => response.end(`${chunk("A blue ")}${chunk("porcelain cup.")}${chunk("", "stop")}data: [DONE]\n\n`),
  hangs: (response) => response.write(chunk("A blue ")),
  garbage: (response) => response.end("data: {\"this is\": no JSON\n\n"),
  cut: (response) => {
    response.write(chunk("A blue "));
    setTimeout(() => response.destroy(), 50);
  },
  lies: (response) => response.end(`${chunk("The best cup in the world, now 90% off!", "stop")}data: [DONE]\n\n`),
};

before(async () => {
  const pages = {
    "/model.gguf": file(model),
    "/model.gguf.manifest.json": json(listed),
    "/plain.gguf": file(model, { ranges: false }),
    "/plain.gguf.manifest.json": json(listed),
    "/corrupt.gguf": file(corrupt),
    "/corrupt.gguf.manifest.json": json(listed),
    "/short.gguf": file(model.subarray(0, 100_000)),
    "/short.gguf.manifest.json": json(listed),
    "/slow.gguf": file(model, { pause: 150 }),
    "/slow.gguf.manifest.json": json(listed),
    "/half.gguf": (request, response) => file(model, asked.some((line) => line.startsWith("/half.gguf")) ? {} : { upTo: 150_000 })(request, response),
    "/half.gguf.manifest.json": json(listed),
    "/bare.gguf": file(model),
    "/strict.html": ["text/html", "<!doctype html><title>shop</title>", { "content-security-policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types attune" }],
    "/no-workers.html": ["text/html", "<!doctype html><title>shop</title>", { "content-security-policy": "worker-src 'none'" }],
    "/busy": (_, response) => response.writeHead(429, { "content-type": "application/json" }).end('{"error":"busy"}'),
  };
  for (const [name, answer] of Object.entries(SERVERS)) {
    pages[`/${name}`] = (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      answer(response);
    };
  }
  server = await serve(pages);
  [browser, gpu] = await Promise.all([launch(), launch(...GPU)]);
});
after(async () => {
  await Promise.all([browser?.close(), gpu?.close()]);
  await server?.stop();
});

/** A page of a shopper never seen; what it and its console complained of is in `page.wrong`. */
async function visit({ path = "/", on = browser, init } = {}) {
  const context = await on.newContext();
  const page = await context.newPage();
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(error.message));
  if (init) await page.addInitScript(init);
  await page.goto(server.base + path);
  asked.length = 0;
  return page;
}

/** Writes once: events in short, the answer or what was thrown, and the longest task of the page's thread. */
const write = (page, options = {}, brief = BRIEF) =>
  page.evaluate(
    async ({ options, brief }) => {
      let longest = 0;
      new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => (longest = Math.max(longest, duration)))).observe({ type: "longtask" });
      const { generate } = await import("/attune/attune.generate.js");
      const [events, drafts] = [[], []];
      let progress = null;
      try {
        for await (const event of generate(brief, { n: 2, ...options })) {
          if (event.type === "text") drafts[event.index] = event.text;
          else if (event.type === "progress") progress = event;
          else events.push(`${event.type} ${event.rung ?? ""} ${event.code ?? ""}`.trim());
          if (event.type === "answer") return { answer: event.answer, events, drafts, progress, longest };
        }
      } catch (error) {
        return { error: { name: error.name, code: error.code, message: error.message }, events, drafts, progress, longest };
      }
    },
    { options, brief },
  );
const codes = ({ left }) => left.map(({ rung, code }) => `${rung} ${code}`);
const stored = (page) =>
  page.evaluate(async () => {
    const cache = await caches.open("attune.models");
    return (await cache.keys()).length;
  });

test("nothing is loaded, asked for or stored before the page asks", async () => {
  const page = await visit();
  const paths = [];
  page.on("request", (request) => paths.push(new URL(request.url()).pathname));
  await page.evaluate(async () => {
    const { open } = await import("/attune/attune.generate.js");
    globalThis.writer = open({ model: "/model.gguf" });
  });
  await page.waitForTimeout(300);
  assert.deepEqual(paths.filter((path) => path !== "/attune/attune.generate.js" && path !== "/attune/attune.generate.worker.js"), []);
  assert.deepEqual(await page.evaluate(async () => [await caches.keys(), await indexedDB.databases(), Object.keys(localStorage)]), [[], [], []]);
  await page.context().close();
});

for (const path of ["/", "/strict.html"]) {
  test(`templates answer where nothing else does, in English and Chinese (${path})`, async () => {
    const page = await visit({ path });
    const { answer, events, longest } = await write(page, { model: false });
    assert.equal(answer.rung, "template");
    assert.deepEqual(codes(answer), ["gpu no_model", "cpu no_model", "remote no_server"]);
    assert.match(answer.why, /no model was named/);
    assert.ok(answer.candidates.length > 0 && answer.candidates.every(({ text }) => text.length <= 100), JSON.stringify(answer.candidates));
    assert.equal(events.at(-1), "answer");
    assert.ok(longest < 50, `a task of ${longest} ms in the page's thread`);
    const chinese = { facts: { name: "蓝瓷杯", category: "杯子", attributes: { 颜色: "蓝色", 材质: "瓷" } }, language: "zh" };
    const { answer: written } = await write(page, { model: false }, chinese);
    assert.match(written.candidates[0].text, /蓝/);
    assert.deepEqual(page.wrong, []);
    await page.context().close();
  });
}

test("the processor writes, streams, and the page's thread stays free", async () => {
  const page = await visit();
  const { answer, events, drafts, progress, longest } = await write(page, { model: "/model.gguf" });
  assert.equal(answer.rung, "cpu", answer.why);
  assert.equal(answer.model, "parrot");
  assert.deepEqual(codes(answer), ["gpu no_webgpu"]);
  assert.equal(drafts[0].trim(), SENTENCE);
  assert.deepEqual(answer.candidates.map(({ text }) => text.trim()), [SENTENCE]);
  assert.ok(answer.tokens_per_second > 0);
  const { log_odds, percentile } = answer.candidates[0].predicted;
  assert.ok(log_odds.low < log_odds.value && log_odds.value < log_odds.high && percentile >= 0 && percentile <= 100);
  assert.deepEqual([progress.loaded, progress.total, progress.cached], [model.length, model.length, 0]);
  assert.deepEqual(events, ["rung gpu", "left gpu no_webgpu", "rung cpu", "answer"].filter((event) => events.includes(event)));
  assert.ok(longest < 50, `a task of ${longest} ms in the page's thread`);
  assert.equal(await stored(page), listed.sha256.length);
  // The next page has it on the device, and asks for nothing but the manifest.
  await page.reload();
  asked.length = 0;
  const again = await write(page, { model: "/model.gguf" });
  assert.equal(again.answer.rung, "cpu");
  assert.equal(again.progress.cached, model.length);
  assert.deepEqual(asked, []);
  await page.evaluate(async () => (await import("/attune/attune.generate.js")).forget());
  assert.deepEqual(await page.evaluate(() => caches.keys()), []);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

test("the GPU writes in a worker", async () => {
  const page = await visit({ on: gpu });
  const { answer, drafts, longest } = await write(page, { model: "/model.gguf" });
  assert.equal(answer.rung, "gpu", JSON.stringify(answer.left));
  assert.equal(answer.why, "gpu is the rung that was asked for");
  assert.equal(drafts[0].trim(), SENTENCE);
  assert.ok(longest < 50, `a task of ${longest} ms in the page's thread`);
  assert.deepEqual(page.wrong, []);
  await page.context().close();
});

/** In the page and, through a worker of the page's own, in the worker: what `patch` does to WebGPU. */
const patched = (patch) => async (route) => {
  const response = await route.fetch();
  await route.fulfill({ response, body: `(${patch})();\n${await response.text()}` });
};

test("a device that is lost while it writes costs a rung and not the text", async () => {
  const page = await visit({ on: gpu });
  await page.context().route("**/attune.generate.js", patched(() => {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      const device = await request.apply(this, given);
      const submit = device.queue.submit.bind(device.queue);
      let left = 40;
      device.queue.submit = (buffers) => {
        if (--left === 0) device.destroy();
        return submit(buffers);
      };
      return device;
    };
  }));
  const { answer } = await write(page, { model: "/model.gguf" });
  assert.equal(answer.rung, "cpu", answer.why);
  assert.deepEqual(codes(answer), ["gpu device_failed"]);
  assert.equal(answer.candidates[0].text.trim(), SENTENCE);
  await page.context().close();
});

test("a device that computes wrongly does not pass its trial", async () => {
  const page = await visit({ on: gpu });
  await page.context().route("**/attune.generate.js", patched(() => {
    const create = GPUDevice.prototype.createShaderModule;
    GPUDevice.prototype.createShaderModule = function (asked) {
      // Every exponential is off by a tenth.
      return create.call(this, { ...asked, code: asked.code.replace(/\bexp\(/g, "1.1 * exp(").replace(/\binverseSqrt\(/g, "1.1 * inverseSqrt(") });
    };
  }));
  const { answer } = await write(page, { model: "/model.gguf" });
  assert.equal(answer.rung, "cpu", answer.why);
  assert.match(answer.left[0].message, /wrong/);
  await page.context().close();
});

test("where workers have no WebGPU, the page's thread runs the GPU's rung", async () => {
  const page = await visit({ on: gpu });
  await page.context().route("**/attune.generate.js", patched(() => {
    if (typeof document === "undefined") Object.defineProperty(navigator, "gpu", { value: undefined });
  }));
  const { answer } = await write(page, { model: "/model.gguf" });
  assert.equal(answer.rung, "gpu", JSON.stringify(answer.left));
  const { answer: slow } = await write(page, { model: "/model.gguf", leastTokensPerSecond: 1e9 });
  assert.deepEqual([slow.rung, ...codes(slow)], ["template", "gpu rung_slow", "cpu rung_slow", "remote no_server"]);
  await page.context().close();
});

test("a device that is too slow does not serve", async () => {
  const page = await visit();
  const { answer } = await write(page, { model: "/model.gguf", leastTokensPerSecond: 1e9 });
  assert.equal(answer.rung, "template");
  assert.equal(codes(answer)[1], "cpu rung_slow");
  await page.context().close();
});

test("a wrong shard never runs: fetched once more, then left", async () => {
  const page = await visit();
  const { answer } = await write(page, { model: "/corrupt.gguf" });
  assert.equal(answer.rung, "template");
  assert.deepEqual(codes(answer).slice(1), ["cpu model_malformed", "remote no_server"]);
  assert.match(answer.left[1].message, /shard/);
  assert.equal(asked.filter((line) => line === "/corrupt.gguf").length, 1, asked.join());
  assert.equal(asked.length, 2, "it was fetched once more, from the wrong shard on or from the beginning");
  await page.context().close();
});

test("a wrong shard on the device is replaced", async () => {
  const page = await visit();
  await write(page, { model: "/model.gguf" });
  await page.evaluate(async () => {
    const cache = await caches.open("attune.models");
    const [, second] = await cache.keys();
    const bytes = new Uint8Array(await (await cache.match(second)).arrayBuffer());
    bytes[99] ^= 1;
    await cache.put(second, new Response(bytes));
  });
  asked.length = 0;
  const { answer, progress } = await write(page, { model: "/model.gguf" });
  assert.equal(answer.rung, "cpu", answer.why);
  assert.equal(asked.length, 1, asked.join());
  assert.equal(progress.cached, model.length - 65_536);
  assert.equal(await stored(page), listed.sha256.length);
  await page.context().close();
});

test("a cut file, one without a manifest, one that is not there: left, and why", async () => {
  const page = await visit();
  for (const [name, code, why] of [["short", "model_unavailable", /answered 416|ends at/], ["bare", "model_unverified", /manifest/], ["none", "model_unverified", /404/]]) {
    const { answer } = await write(page, { model: `/${name}.gguf`, rungs: ["cpu", "template"] });
    assert.equal(answer.rung, "template");
    assert.equal(codes(answer)[1], `cpu ${code}`, name);
    assert.match(answer.left[1].message, why);
  }
  await page.context().close();
});

test("a download that breaks off goes on where it was; so does one that was left", async () => {
  const page = await visit();
  const { answer } = await write(page, { model: "/half.gguf" });
  assert.equal(answer.rung, "cpu", answer.why);
  assert.equal(asked[0], "/half.gguf");
  assert.match(asked[1], /^\/half\.gguf bytes=\d{5,}-$/);
  await page.context().close();

  const other = await visit();
  await other.evaluate(async () => {
    const { load } = await import("/attune/attune.generate.js");
    const stopper = new AbortController();
    const onEvent = ({ type, loaded }) => type === "progress" && loaded >= 140_000 && stopper.abort();
    await load({ model: "/slow.gguf", signal: stopper.signal, onEvent }).catch(() => {});
  });
  assert.equal(await stored(other), 2);
  await other.reload();
  asked.length = 0;
  const kept = await write(other, { model: "/slow.gguf" });
  assert.equal(kept.answer.rung, "cpu");
  assert.deepEqual(asked, ["/slow.gguf bytes=131072-"]);
  await other.context().close();
});

test("a server without ranges will do", async () => {
  const page = await visit();
  await page.evaluate(async () => {
    const { load } = await import("/attune/attune.generate.js");
    const writer = await load({ model: "/model.gguf" });
    await writer.close();
    const cache = await caches.open("attune.models");
    const keys = await cache.keys();
    await cache.delete(keys[1]);
  });
  asked.length = 0;
  const { answer } = await write(page, { model: "/plain.gguf" });
  assert.equal(answer.rung, "cpu", answer.why);
  assert.deepEqual(asked, ["/plain.gguf bytes=65536-"]);
  await page.context().close();
});

test("a full or closed storage costs the cache and not the text", async () => {
  const page = await visit();
  await page.context().route("**/attune.generate.js", patched(() => {
    Cache.prototype.put = async () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  }));
  const full = await write(page, { model: "/model.gguf" });
  assert.equal(full.answer.rung, "cpu");
  assert.ok(full.events.includes("warning  storage_quota"), full.events.join());
  await page.context().close();

  const other = await visit();
  await other.context().route("**/attune.generate.js", patched(() => {
    CacheStorage.prototype.open = async () => {
      throw new DOMException("denied", "SecurityError");
    };
  }));
  // The origin's private file system takes its place.
  const first = await write(other, { model: "/model.gguf" });
  assert.equal(first.answer.rung, "cpu");
  const second = await write(other, { model: "/model.gguf" });
  assert.equal(second.progress.cached, model.length, JSON.stringify(second.events));
  await other.context().close();
});

test("a browser that saves data downloads nothing, unless the page says so", async () => {
  const init = () => Object.defineProperty(navigator, "connection", { value: { saveData: true } });
  const page = await visit({ init });
  const { answer } = await write(page, { model: "/model.gguf" });
  assert.deepEqual([answer.rung, asked.length], ["template", 0]);
  assert.match(answer.left[1].message, /saves data/);
  const wanted = await write(page, { model: "/model.gguf", saveData: "ignore" });
  assert.equal(wanted.answer.rung, "cpu");
  await page.context().close();
});

test("a server writes", async () => {
  const page = await visit();
  const remote = { url: "/good", model: "some-model" };
  const { answer, drafts } = await write(page, { model: false, remote });
  assert.deepEqual([answer.rung, answer.model], ["remote", "some-model"]);
  assert.equal(answer.candidates[0].text, "A blue porcelain cup.");
  assert.equal(drafts[0], "A blue porcelain cup.");
  await page.context().close();
});

test("a server that hangs, streams garbage, breaks off, has no room or lies: the template, and why", async () => {
  const page = await visit();
  for (const [url, code] of [["hangs", "rung_slow"], ["garbage", "remote_malformed"], ["cut", "remote_unreachable"], ["busy", "remote_busy"], ["lies", "rung_refused"], ["nowhere", "remote_absent"]]) {
    const { answer, error } = await write(page, { model: false, remote: { url: `/${url}`, model: "m" }, patience: url === "hangs" ? 700 : 20_000 });
    assert.equal(error, undefined, `${url}: ${error?.message}`);
    assert.equal(answer.rung, "template", url);
    assert.equal(codes(answer)[2], `remote ${code}`);
    assert.ok(answer.candidates.length > 0);
  }
  await page.context().close();
});

test("abort stops at once, and the writer goes on to write", async () => {
  const page = await visit();
  const outcome = await page.evaluate(async (brief) => {
    const { open } = await import("/attune/attune.generate.js");
    const writer = open({ model: false, remote: { url: "/hangs", model: "m" } });
    const stopper = new AbortController();
    let began;
    setTimeout(() => {
      began = performance.now();
      stopper.abort(new Error("enough"));
    }, 400);
    let thrown;
    try {
      for await (const _ of writer.generate(brief, { signal: stopper.signal }));
    } catch (error) {
      thrown = error.message;
    }
    const took = performance.now() - began;
    let answer;
    for await (const event of writer.generate(brief, { from: "template" })) if (event.type === "answer") answer = event.answer;
    await writer.close();
    const closed = await writer.generate(brief).next().catch((error) => error.code);
    return { thrown, took, rung: answer.rung, closed };
  }, BRIEF);
  assert.equal(outcome.thrown, "enough");
  assert.ok(outcome.took < 50, `${outcome.took} ms`);
  assert.deepEqual([outcome.rung, outcome.closed], ["template", "closed"]);
  await page.context().close();
});

test("a loop that is left early stops the writing, and its worker ends", async () => {
  const page = await visit();
  await page.evaluate(async (brief) => {
    const { generate } = await import("/attune/attune.generate.js");
    for await (const event of generate(brief, { model: "/model.gguf" })) if (event.type === "text") break;
  }, BRIEF);
  await page.waitForTimeout(200);
  assert.equal(page.workers().length, 0);
  await page.context().close();
});

test("a page that closes in the middle leaves nothing broken", async () => {
  const page = await visit();
  const context = page.context();
  void page.evaluate(async (brief) => {
    const { generate } = await import("/attune/attune.generate.js");
    for await (const _ of generate(brief, { model: "/slow.gguf" }));
  }, BRIEF).catch(() => {});
  await page.waitForTimeout(700);
  await page.close();
  const next = await context.newPage();
  await next.goto(server.base);
  const { answer } = await write(next, { model: "/slow.gguf" });
  assert.equal(answer.rung, "cpu");
  assert.equal(answer.candidates[0].text.trim(), SENTENCE);
  await context.close();
});

test("where no worker may start, the page's thread does the work and says so", async () => {
  const page = await visit({ path: "/no-workers.html" });
  const { answer, events } = await write(page, { model: "/model.gguf" });
  assert.equal(answer.rung, "cpu");
  assert.ok(events.includes("warning  worker_failed"), events.join());
  await page.context().close();
});

test("briefs that cannot be used say so; long ones are cut, hostile ones are text", async () => {
  const page = await visit();
  const empty = await write(page, { model: false }, { facts: {} });
  assert.equal(empty.error.code, "brief");
  const unknown = await write(page, { model: false }, { facts: { name: "x" }, tune: "loud" });
  assert.match(unknown.error.message, /tune/);
  const none = await write(page, { rungs: ["cpu"], model: false });
  assert.equal(none.error.code, "no_rung");
  const many = await write(page, { model: false, n: 1000 });
  assert.equal(many.error.code, "malformed");
  const long = await write(page, { model: false }, { facts: { name: "Cup", description: "It is blue. ".repeat(9000) } });
  assert.match(long.answer.notes.join(), /description/);
  const hostile = await write(page, { model: false }, { facts: { name: "<img src=x onerror=alert(1)>", attributes: { color: "blue" } } });
  for (const { text } of hostile.answer?.candidates ?? []) assert.doesNotMatch(text, /</);
  await page.context().close();
});
