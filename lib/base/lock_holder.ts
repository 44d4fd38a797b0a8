import { hostname } from "node:os";
import { processStart, systemStart } from "./proc.js";

/** Clock ticks of half a second, in which no process gets the number of another one. */
const EMULATED_TICKS = 50;

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
  return { pid: process.pid, host: hostname(), system: systemStart(), started: processStart(process.pid) };
}

/**
 * Whether the holder of a lock is alive, as far as this system knows. `unknown`: its process belongs to another machine
 * or container, or to a time before the machine was restarted.
 */
export function stateOf({ pid, host, system, started }: Holder): "alive" | "gone" | "unknown" {
  if (host !== hostname() || (system !== undefined && system !== systemStart())) return "unknown";
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return "gone";
  }
  const now = processStart(pid);
  return started === undefined || now === undefined || isSameStart(started, now) ? "alive" : "gone";
}

/**
 * Whether two start times are those of one process. In an emulator of another processor (qemu-user, containers of another
 * platform) a process reads a later time about itself than others read: by a tick, or some under load.
 */
const isSameStart = (a: string, b: string): boolean => a === b || Math.abs(Number(a) - Number(b)) <= EMULATED_TICKS;
