import { randomBytes } from "node:crypto";
import {
  closeSync,
  fstatSync,
  futimesSync,
  linkSync,
  openSync,
  opendirSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { atExit } from "../base/at_exit.js";
import { InvalidArgumentError } from "../base/errors.js";
import { createExclusive, moveDurably, removeIfPossible } from "../base/files.js";
import { systemCode } from "../base/system_error.js";
import { type Holder, ownHolder, stateOf } from "../base/lock_holder.js";

/** A lock file that names its holder. It is held until `release`, or until its process has ended. */
export interface FileLock {
  /** Whether the file still is this lock, neither deleted nor taken over. */
  held(): boolean;
  /**
   * Shows others that the holder is alive. A timer does so too; call it during work that blocks the event loop for
   * long.
   */
  renew(): void;
  release(): void;
}

export interface TakeLockOptions {
  /**
   * Milliseconds without renewal after which the process of a lock from another machine or container is considered
   * dead.
   */
  patience?: number | undefined;
  /** Called with a sentence when a lock is taken over or waited for. Default: `process.emitWarning`. */
  onNote?: ((note: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Milliseconds between two renewals. */
const BEAT = 2000;
/** Ten renewals, so that a holder on a busy machine is not considered dead. */
const PATIENCE = 20_000;
/** Names of a folder that are looked at for what killed processes left. */
const MAX_NAMES = 100_000;

/**
 * Takes a lock file, also from a process that has ended. The system knows whether a process of this machine is alive. A
 * process of another machine or container is considered alive while it renews its lock, according to the file's
 * modification time.
 * @param what for the message: `another extraction`
 * @throws InvalidArgumentError with process, machine and file while the lock is held; VideoClipError `ERR_WRITE`; the
 * signal's reason
 */
export async function takeLock(path: string, what: string, options: TakeLockOptions = {}): Promise<FileLock> {
  const { patience = PATIENCE, signal, onNote = (note) => process.emitWarning(note) } = options;
  let dead: { holder: Holder | undefined } | undefined;
  for (;;) {
    const taken = tryLock(path, what, dead);
    if ("held" in taken) return taken;
    const { holder } = taken;
    const mark = markOf(path);
    if (mark === undefined) continue;
    onNote(`${nameOf(holder)} holds ${path}; it is taken over if it is not renewed for ${patience / 1000} s`);
    if (await isRenewed(path, mark, patience, signal)) throw refusal(path, what, holder);
    dead = taken;
  }
}

/**
 * As {@link takeLock}, without waiting: a lock of an invisible process is not taken over.
 * @throws InvalidArgumentError, VideoClipError `ERR_WRITE`
 */
export function takeLockNow(path: string, what: string): FileLock {
  const taken = tryLock(path, what);
  if ("held" in taken) return taken;
  throw refusal(path, what, taken.holder);
}

function refusal(path: string, what: string, holder: Holder | undefined): InvalidArgumentError {
  return new InvalidArgumentError(
    `${what} (${nameOf(holder)}) writes to this folder; wait for it, or delete ${path} if it is gone`,
    { argument: "out", received: holder },
  );
}

/**
 * Takes the lock if it is free or its process has ended.
 * @param dead holder that did not renew the lock
 * @returns the holder, if it is unknown whether its process is alive
 */
function tryLock(
  path: string,
  what: string,
  dead?: { holder: Holder | undefined },
): FileLock | { holder: Holder | undefined } {
  const own: Holder = { ...ownHolder(), token: randomBytes(8).toString("hex") };
  const draft = `${path}-${own.token}`;
  createExclusive(draft, JSON.stringify(own));
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        linkOrWrite(draft, path);
        sweep(path);
        return heldLock(path, own.token);
      } catch (error) {
        if (systemCode(error) !== "EEXIST") throw error;
      }
      const holder = readHolder(path);
      const state = holder ? stateOf(holder) : "unknown";
      if (state === "alive") throw refusal(path, what, holder);
      if (state === "unknown" && (!dead || dead.holder?.token !== holder?.token)) return { holder };
      setAside(path, `${draft}-stale`, holder?.token);
    }
  } finally {
    removeIfPossible(draft);
  }
  throw new InvalidArgumentError(`${path} cannot be taken: others take it at the same time`, { argument: "out" });
}

const nameOf = (holder: Holder | undefined): string =>
  holder ? `process ${holder.pid} on ${holder.host}` : "somebody unknown";

/** The lock for its holder. A timer renews it, and it is released when the process ends. */
function heldLock(path: string, token: string): FileLock {
  const file = openSync(path, "r+"); // a renewal applies to this file, even if another process moved it aside
  const held = () => readHolder(path)?.token === token;
  const renew = () => renewFile(file);
  const timer = setInterval(renew, BEAT).unref();
  let released = false;
  const release = () => {
    if (released) return;
    released = true;
    forget();
    clearInterval(timer);
    closeSync(file);
    if (held()) removeIfPossible(path); // a lock that stays is taken over after the end of this process
  };
  const forget = atExit(release);
  return { held, renew: () => void (released || renew()), release };
}

/** Changes the times of the lock, or its length if the file system sets times itself. */
function renewFile(file: number): void {
  try {
    const now = Date.now() / 1000;
    futimesSync(file, now, now);
  } catch {
    try {
      writeSync(file, " ", fstatSync(file).size); // JSON may be followed by blanks
    } catch {
      // the disk is full or gone, which the next write of the holder reports
    }
  }
}

/** Whether a lock is renewed, released or replaced within some time. */
async function isRenewed(
  path: string,
  before: string,
  patience: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const until = Date.now() + patience;
  while (Date.now() < until) {
    await sleep(Math.min(500, patience / 4), undefined, { signal }).catch(() => {});
    signal?.throwIfAborted();
    const now = markOf(path);
    if (now !== before) return now !== undefined;
  }
  return false;
}

/**
 * A value that changes when a lock is renewed. The file is opened, because network file systems then ask the server.
 */
function markOf(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const { mtimeNs, size, ino } = fstatSync(file, { bigint: true });
    return `${mtimeNs} ${size} ${ino} ${readFileSync(file, "latin1").trim()}`;
  } finally {
    closeSync(file);
  }
}

/** Creates the file with its content atomically. Without hard links, a killed process may leave an incomplete file. */
function linkOrWrite(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
    createExclusive(path, readFileSync(draft)); // throws the reason if nothing can be written
  }
}

/** Removes drafts that killed processes left while they took the lock. */
function sweep(path: string): void {
  const prefix = `${basename(path)}-`;
  for (const name of namesOf(dirname(path))) {
    const [token, stale] = name.startsWith(prefix) ? name.slice(prefix.length).split("-") : [];
    if (!/^[0-9a-f]{16}$/.test(token ?? "") || (stale !== undefined && stale !== "stale")) continue;
    // The draft file names its owner. An empty draft may still be being written, and the process of a draft may be
    // invisible: young ones are kept.
    const draft = join(dirname(path), `${prefix}${token}`);
    const holder = readHolder(draft);
    const state = holder ? stateOf(holder) : "unknown";
    if (state === "alive" || (state === "unknown" && isYoung(draft))) continue;
    removeIfPossible(join(dirname(path), name));
  }
}

/** Names in a folder, as many as are listed quickly: what is left is small, and millions of files are not searched. */
function* namesOf(folder: string): Generator<string> {
  const entries = opendirSync(folder);
  try {
    for (let i = 0, entry = entries.readSync(); entry && i < MAX_NAMES; i++, entry = entries.readSync())
      yield entry.name;
  } finally {
    entries.closeSync();
  }
}

function isYoung(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs < 60_000;
}

/** Removes a lock whose process has ended; a lock that another process took meanwhile is put back. */
function setAside(path: string, aside: string, token: string | undefined): void {
  try {
    moveDurably(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  try {
    if (readHolder(aside)?.token !== token) linkOrWrite(aside, path);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error; // its holder notices the loss before it commits
  } finally {
    removeIfPossible(aside);
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8"));
    return typeof value?.pid === "number" && typeof value.host === "string" ? value : undefined;
  } catch {
    return undefined; // deleted, or written by hand
  }
}
