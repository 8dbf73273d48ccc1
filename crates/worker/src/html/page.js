// @ts-check
// A page's bytes through the reorderer. A trap cannot be caught in WebAssembly; here it can. What goes out is always the
// page's own bytes in number and kind, so whatever has not gone out when something fails follows as it came.

/** @typedef {{ write(chunk: Uint8Array): Uint8Array, letGo(): Uint8Array, end(): Uint8Array, free(): void }} Page */

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {Page} page
 * @param {number} patience Milliseconds that the rest of a slot is waited for.
 * @returns {ReadableStream<Uint8Array>}
 */
export function reordered(body, page, patience) {
  const reader = body.getReader();
  /** @type {Uint8Array[]} What has come and not gone out. */
  let owed = [];
  let good = true;
  /** @type {{ why?: unknown } | undefined} The origin has ended, or broken off. */
  let over;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  let sent = 0;

  /** @param {ReadableStreamDefaultController<Uint8Array>} controller @param {() => Uint8Array} work */
  const pass = (controller, work) => {
    /** @param {Uint8Array} bytes */
    const send = (bytes) => {
      sent += bytes.byteLength;
      if (bytes.byteLength) controller.enqueue(bytes);
    };
    clearTimeout(timer);
    if (good) {
      try {
        const out = work();
        owed = after(owed, out.byteLength);
        send(out);
        if (owed.length) timer = setTimeout(() => pass(controller, () => page.letGo()), patience);
        return;
      } catch (error) {
        good = false;
        console.error("attune: this page goes on as it came:", error);
      }
    }
    owed.forEach(send);
    owed = [];
  };
  return new ReadableStream({
    async pull(controller) {
      const before = sent;
      // A pull that brings nothing would be the last.
      while (sent === before && !over) {
        const { value } = await reader.read().catch((why) => {
          over = { why };
          return { value: undefined };
        });
        if (value) owed.push(value);
        else over ??= {};
        pass(controller, () => (value ? page.write(value) : page.end()));
      }
      // An error would throw away what is still in the queue.
      if (sent !== before || !over) return;
      if (good) page.free();
      if (over.why) controller.error(over.why);
      else controller.close();
    },
    cancel(why) {
      clearTimeout(timer);
      return reader.cancel(why);
    },
  });
}

/**
 * What is left of the chunks after their first `count` bytes.
 * @param {Uint8Array[]} chunks
 * @param {number} count
 */
function after(chunks, count) {
  let at = 0;
  while (at < chunks.length && chunks[at].byteLength <= count) count -= chunks[at++].byteLength;
  const left = chunks.slice(at);
  if (count && left.length) left[0] = left[0].subarray(count);
  return left;
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const clocks = new Map();

/**
 * Minutes east of UTC in a time zone; 0 where it is not known.
 * @param {string} zone
 * @param {number} at
 */
export function minutesEast(zone, at) {
  try {
    let clock = clocks.get(zone);
    if (!clock) {
      if (clocks.size > 100) clocks.clear();
      const digits = /** @type {const} */ ("2-digit");
      clock = new Intl.DateTimeFormat("sv", { timeZone: zone, year: "numeric", month: digits, day: digits, hour: digits, minute: digits, hourCycle: "h23" });
      clocks.set(zone, clock);
    }
    const there = Date.parse(`${clock.format(at).replace(" ", "T")}Z`);
    return Math.round((there - at) / 60_000) || 0;
  } catch {
    return 0;
  }
}
