import { readFileSync, readlinkSync } from "node:fs";

// What Linux tells in the folder /proc. On other systems everything here is undefined.

const known = (read: () => string): string | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

/** The control groups of this process: a line `ID:CONTROLLERS:PATH` for each hierarchy. */
export const controlGroups = (): string | undefined => known(() => readFileSync("/proc/self/cgroup", "latin1"));

/**
 * Identity of the start of this system and of its process namespace. Processes for which both agree can see each other.
 */
export const systemStart = (): string | undefined =>
  known(() => {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  });

/** When a process started, in clock ticks since the start of the system; `ended` for one that nobody has waited for. */
export const processStart = (pid: number): string | undefined =>
  known(() => {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "ended" : fields[19];
  });
