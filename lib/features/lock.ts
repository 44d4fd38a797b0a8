import { randomBytes } from "node:crypto";
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { InvalidArgumentError } from "../errors.js";
import { createExclusive, moveDurably } from "../files.js";

interface Holder {
  pid: number;
  host: string;
  /** When that process began, as its system counts; tells it from a later one with the same number. Linux only. */
  started?: string;
  /** Of this lock alone. */
  token: string;
}

/** A lock file that names its holder. Held until `release`, or until its process is gone. */
export interface FileLock {
  /** Whether the file still is this lock: nobody deleted it or took it over. */
  held(): boolean;
  release(): void;
}

/**
 * Takes a lock file, also from a process of this machine that is gone.
 * @param what for the message: `another extraction`
 * @throws InvalidArgumentError that names process, machine and file while somebody holds it
 */
export function takeLock(path: string, what: string): FileLock {
  const own: Holder = {
    pid: process.pid,
    host: hostname(),
    started: processStart(process.pid),
    token: randomBytes(8).toString("hex"),
  };
  const draft = `${path}-${own.token}`;
  createExclusive(draft, JSON.stringify(own));
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        linkOrWrite(draft, path);
        sweep(path);
        return {
          held: () => readHolder(path)?.token === own.token,
          release() {
            if (this.held()) rmSync(path, { force: true });
          },
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = readHolder(path);
      if (holder && isAlive(holder)) {
        throw new InvalidArgumentError(
          `${what} (process ${holder.pid} on ${holder.host}) writes to this folder; wait for it, or delete ${path} if it is gone`,
          { argument: "out", received: holder },
        );
      }
      setAside(path, `${draft}-stale`, holder?.token);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  throw new InvalidArgumentError(`${path} cannot be taken: others take it at the same time`, { argument: "out" });
}

/** The file appears with its content, or not at all; where there are no hard links it may be torn by a kill. */
function linkOrWrite(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "ENOSYS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    createExclusive(path, readFileSync(draft));
  }
}

/** Removes what processes that were killed while they took the lock left beside it. */
function sweep(path: string): void {
  const prefix = `${basename(path)}-`;
  for (const name of readdirSync(dirname(path))) {
    const [token, stale] = name.startsWith(prefix) ? name.slice(prefix.length).split("-") : [];
    if (!/^[0-9a-f]{16}$/.test(token ?? "") || (stale !== undefined && stale !== "stale")) continue;
    // whose they are is told by the draft; one without content may be about to get it
    const draft = join(dirname(path), `${prefix}${token}`);
    const holder = readHolder(draft);
    const begun = !holder && existsSync(draft) && Date.now() - statSync(draft).mtimeMs < 60_000;
    if (!begun && !(holder && isAlive(holder))) rmSync(join(dirname(path), name), { force: true });
  }
}

/** Removes a lock whose process is gone; one that somebody else took meanwhile is put back. */
function setAside(path: string, aside: string, token: string | undefined): void {
  try {
    moveDurably(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  try {
    if (readHolder(aside)?.token !== token) linkOrWrite(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // its holder sees that it is lost before it commits
  } finally {
    rmSync(aside, { force: true });
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8"));
    return typeof value?.pid === "number" && typeof value.host === "string" ? value : undefined;
  } catch {
    return undefined; // gone, or written by hand
  }
}

/** Whether the holder may still run. What another machine does cannot be seen from here. */
function isAlive({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const now = processStart(pid);
  return started === undefined || now === undefined || started === now;
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
