// Under which names things lie on the device.

/** The database, the key in `localStorage`, the channel between pages. */
export const NAME = "attune";
/** Bundles in the Cache API. */
export const CACHE = "attune";
/** What the slots of a page keep in `localStorage`, to be read before the first paint. */
export const PAGE = "attune.page";
/** What waits to be sent to the shop, and which decisions were logged or still may be. */
export const LOG = "attune.log";
export const LOGGED = "attune.logged";
