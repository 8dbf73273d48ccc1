// A break for whatever else the thread has to do, so that no piece of work is long.

type Scheduler = { scheduler?: { yield?(): Promise<void> } };

/** The rest comes in a task of its own. */
export const turn = (): Promise<void> => (globalThis as Scheduler).scheduler?.yield?.() ?? new Promise((next) => setTimeout(next, 0));
