import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Who holds a lock. */
export interface Holder {
  pid: number;
  host: string;
  /** Where the number of the process counts: the start of the system and the namespace of processes (container). Linux only. */
  system?: string | undefined;
  /** When that process began, as its system counts; tells it from a later one with the same number. Linux only. */
  started?: string | undefined;
  /** Of this lock alone. */
  token: string;
}

/** This process. */
export function ownHolder(): Omit<Holder, "token"> {
  return { pid: process.pid, host: hostname(), system: systemOf(), started: processStart(process.pid) };
}

/**
 * Whether the holder of a lock lives, as far as this system tells. `unknown`: it is a process of another machine, of another
 * container, or of before the machine was started again.
 */
export function stateOf({ pid, host, system, started }: Holder): "alive" | "gone" | "unknown" {
  if (host !== hostname() || (system !== undefined && system !== systemOf())) return "unknown";
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return "gone";
  }
  const now = processStart(pid);
  return started === undefined || now === undefined || started === now ? "alive" : "gone";
}

/** The start of this system and the namespace of its processes: two processes that share both can see each other. */
function systemOf(): string | undefined {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/PID/stat: clock ticks between the start of the system and that of the process. */
function processStart(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "ended" : fields[19];
  } catch {
    return undefined;
  }
}
