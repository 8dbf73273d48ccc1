// The workerd that this process started, as the kernel sees it.

import { readFileSync, readdirSync } from "node:fs";

const read = (file) => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
};

/** Its process id. */
export function processId() {
  const ours = (pid) => {
    const [, name, parent] = /^\d+ \((.*)\) \S (\d+)/.exec(read(`/proc/${pid}/stat`)) ?? [];
    return name === "workerd" && Number(parent) === process.pid;
  };
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter(ours).at(-1);
}

/** What it holds in memory, in MiB. */
export function resident(pid = processId()) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? NaN) / 1024;
}
