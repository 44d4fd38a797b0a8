import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** The holder of a lock. */
export interface Holder {
  pid: number;
  host: string;
  /**
   * Identity of the system start and of the process namespace (container), within which process numbers are valid.
   * Linux only.
   */
  system?: string | undefined;
  /**
   * Start time of the process by the system's clock, which distinguishes it from a later process with the same number.
   * Linux only.
   */
  started?: string | undefined;
  /** Unique to this lock. */
  token: string;
}

/** This process. */
export function ownHolder(): Omit<Holder, "token"> {
  return { pid: process.pid, host: hostname(), system: systemOf(), started: processStart(process.pid) };
}

/**
 * Whether the holder of a lock is alive, as far as this system knows. `unknown`: its process belongs to another machine
 * or container, or to a time before the machine was restarted.
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

/**
 * Identity of the start of this system and of its process namespace. Processes for which both agree can see each other.
 */
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
