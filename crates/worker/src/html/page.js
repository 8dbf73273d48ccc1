// @ts-check
// A page's bytes through the reorderer. A trap cannot be caught in WebAssembly; here it can. What goes out is always the
// page's own bytes in number and kind, so whatever has not gone out when something fails follows as it came.

/** @typedef {{ write(chunk: Uint8Array): Uint8Array, letGo(): Uint8Array, end(): Uint8Array, free(): void }} Page */

/** The most bytes read at once: with the runtime's own 4 KiB, streams cost more than the reordering. */
const CHUNK = 65_536;

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {Page} page
 * @param {number} patience Milliseconds that the rest of a slot is waited for.
 * @returns {ReadableStream<Uint8Array>}
 */
export function reordered(body, page, patience) {
  const { readable, writable } = new IdentityTransformStream();
  const [reader, writer] = [body.getReader({ mode: "byob" }), writable.getWriter()];
  /** @type {Uint8Array[]} What has come and not gone out. */
  let owed = [];
  let good = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {() => Uint8Array} work */
  const pass = async (work) => {
    clearTimeout(timer);
    let out = owed;
    if (good) {
      try {
        out = [work()];
      } catch (error) {
        good = false;
        console.error("attune: this page goes on as it came:", error);
      }
    }
    owed = out === owed ? [] : after(owed, out[0].byteLength);
    if (owed.length) timer = setTimeout(() => pass(() => page.letGo()).catch(() => {}), patience);
    // All in the queue before anything else can come between them.
    await Promise.all(out.filter((bytes) => bytes.byteLength).map((bytes) => writer.write(bytes)));
  };
  const pump = async () => {
    try {
      for (let over = false; !over; ) {
        const { done, value } = await reader.read(new Uint8Array(CHUNK)).catch((why) => {
          // What has come goes out before the shopper is told that the rest does not.
          return pass(() => page.letGo()).then(() => Promise.reject(why));
        });
        over = done;
        if (!done) owed.push(value);
        await pass(() => (done ? page.end() : page.write(value)));
      }
      await writer.close();
    } catch (why) {
      // The origin broke off, or the shopper went away.
      await Promise.allSettled([writer.abort(why), reader.cancel(why)]);
    }
    clearTimeout(timer);
    if (good) page.free();
    good = false;
  };
  void pump();
  return readable;
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
