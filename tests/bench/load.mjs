// An open-loop load: requests leave when the schedule says, whether or not earlier ones have come back, and a latency is
// counted from the scheduled moment. So a server that stalls cannot hide it by slowing its clients down.

import { Agent, request as httpRequest } from "node:http";
import { performance } from "node:perf_hooks";

/**
 * `rate` requests a second for `seconds`; latencies in milliseconds, errors counted, at most `patience` ms late.
 * `ask(n)` gives the n-th request: `{ url, body?, headers? }`, a GET without a body.
 */
export function load(ask, { rate, seconds, patience = 10_000 }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 256, noDelay: true });
  const total = Math.round(rate * seconds);
  const latencies = [];
  let sent = 0;
  let back = 0;
  const errors = {};
  return new Promise((done) => {
    const start = performance.now() + 5;
    const finished = () => {
      if (++back < total) return;
      agent.destroy();
      done({ latencies, errors, sent: total });
    };
    const send = (due, n, again = false) => {
      const { url, body, headers: more } = ask(n);
      const bytes = body === undefined ? undefined : Buffer.from(body);
      const headers = { ...(bytes && { "content-type": "application/json", "content-length": bytes.length }), ...more };
      let over = false;
      const end = (error) => {
        if (over) return;
        over = true;
        if (error) errors[error] = (errors[error] ?? 0) + 1;
        else latencies.push(performance.now() - due);
        finished();
      };
      const request = httpRequest(url, { method: bytes ? "POST" : "GET", agent, headers, timeout: patience });
      request.on("response", (response) => {
        response.resume();
        response.on("end", () => end(response.statusCode === 200 ? null : `HTTP ${response.statusCode}`));
        response.on("error", (error) => end(error.code ?? error.message));
      });
      request.on("timeout", () => request.destroy(new Error("timeout")));
      request.on("error", (error) => {
        // The server closed an idle connection in the moment it was used again: Node's documentation says to ask once more.
        if (error.code !== "ECONNRESET" || !request.reusedSocket || again || over) return end(error.code ?? error.message);
        over = true;
        send(due, n, true);
      });
      request.end(bytes);
    };
    const tick = () => {
      const now = performance.now();
      while (sent < total) {
        const due = start + (sent * 1000) / rate;
        if (due > now) break;
        send(due, sent++);
      }
      if (sent < total) setTimeout(tick, 1);
    };
    tick();
  });
}

export function quantile(values, q) {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
}

export function summary(runs) {
  const latencies = runs.flatMap((run) => run.latencies);
  const errors = runs.flatMap((run) => Object.entries(run.errors)).reduce((sum, [, n]) => sum + n, 0);
  const round = (value) => value && Math.round(value * 100) / 100;
  return {
    requests: runs.reduce((sum, run) => sum + run.sent, 0),
    errors,
    p50_ms: round(quantile(latencies, 0.5)),
    p99_ms: round(quantile(latencies, 0.99)),
    max_ms: round(quantile(latencies, 1)),
  };
}
