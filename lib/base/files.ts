/**
 * Files that survive a crash. A file appears under its name completely or not at all: its bytes are written to a
 * temporary file in the same folder, which is synced and renamed; then the folder is synced, which makes the rename
 * durable.
 */
import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { isAddress } from "./addresses.js";
import { atExit } from "./at_exit.js";
import { InvalidArgumentError } from "./errors.js";
import { writing, writingAsync } from "./system_error.js";

/** Maximum bytes of one call: Node supports at most 2^31 - 1. */
const MAX_WRITE = 1 << 30;

type Content = string | Uint8Array;

const bytesOf = (content: Content): Uint8Array => (typeof content === "string" ? Buffer.from(content) : content);

/**
 * Writes all bytes to an open file; the system may write fewer of them in one call.
 * @param position byte offset in the file; default: after the last written byte
 */
export function writeAll(file: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(bytes.length - done, MAX_WRITE);
    done += writeSync(file, bytes, done, length, position === undefined ? null : position + done);
  }
}

/**
 * Error codes of file systems that cannot sync folders: network, FUSE and shared ones. The sync of a file is never
 * skipped.
 */
const NO_FOLDER_SYNC = ["EINVAL", "ENOTSUP", "ENOSYS", "EBADF", "EPERM", "EACCES", "EISDIR"];

/** Returns when the bytes of an open file are on disk. */
export const syncFile = (file: number): void => fsyncSync(file);

/** As {@link syncFile}, without blocking the event loop. */
const syncFileAsync = promisify(fsync);

const hasNoSync = (error: unknown) => NO_FOLDER_SYNC.includes((error as NodeJS.ErrnoException).code ?? "");

/** Makes created, renamed or removed names in a folder durable. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return; // Windows cannot open folders
  let file: number | undefined;
  try {
    file = openSync(folder, "r");
    fsyncSync(file);
  } catch (error) {
    if (!hasNoSync(error)) throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** As {@link syncFolder}, without blocking the event loop. */
async function syncFolderAsync(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  let file: number | undefined;
  try {
    file = openSync(folder, "r");
    await syncFileAsync(file);
  } catch (error) {
    if (!hasNoSync(error)) throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Creates a folder and its parents. Node's recursive mkdir hides the reason of a failure, and never returns when a file
 * system reports "no such file" although the parent exists.
 * @throws VideoClipError `ERR_WRITE` with the reason when it cannot be created or its name is taken;
 * InvalidArgumentError for an address such as `s3://bucket/x`
 */
export function makeFolder(path: string): void {
  if (isAddress(path)) {
    const message = `${path} is an address, and only folders of this machine are written to`;
    throw new InvalidArgumentError(message, { argument: "out", received: path });
  }
  writing(path, () => makeFolders(resolve(path)));
}

function makeFolders(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(path);
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // another process may have created it
    if (code === "EEXIST" && statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    if (code !== "ENOENT" || above === path || statSync(above, { throwIfNoEntry: false })) throw error;
    makeFolders(above);
    mkdirSync(path);
  }
  syncFolder(above);
}

/** Renames a file or folder within a folder, durably. If the target is a file, it is replaced. */
export function moveDurably(from: string, to: string): void {
  writing(to, () => {
    renameSync(from, to);
    syncFolder(dirname(to));
  });
}

/** The path of a replaced file: links are followed, so that their target is replaced instead of the link. */
function targetOf(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? realpathSync(path) : path;
}

/** Whether a path is a terminal, a pipe or a device, which is written directly. */
function isStream(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isFile() && !stat.isDirectory();
}

/** Bytes of a name from which on the temporary name is a short one; the limit of most file systems is 255. */
const LONG_NAME = 200;
let temporaries = 0;
/**
 * Maximum files that are synced at the same time: they take threads from the reading of other files, of which Node has
 * four.
 */
const SYNCS = 2;

function temporaryFor(path: string): string {
  if (Buffer.byteLength(basename(path)) < LONG_NAME) return `${path}.${process.pid}.tmp`;
  return join(dirname(path), `.${process.pid}-${temporaries++}.tmp`);
}

/**
 * A file that is written under a temporary name. `commit` renames it, `discard` removes it, as does the end of the
 * process. Errors of the system become a VideoClipError `ERR_WRITE`.
 */
export class DurableFile {
  readonly path: string;
  #temporary: string;
  /** Undefined after it was closed. */
  #file: number | undefined;
  #forget: () => void;

  /** @param temporary path in the same folder. Default: the path followed by `.PID.tmp` */
  constructor(path: string, temporary?: string) {
    this.path = writing(path, () => targetOf(path));
    this.#temporary = temporary ?? temporaryFor(this.path);
    this.#file = writing(this.path, () => openSync(this.#temporary, "w"));
    this.#forget = atExit(() => this.discard());
  }

  /** Writes all bytes, at `position` or after the last written byte. */
  write(content: Content, position?: number): void {
    writing(this.path, () => writeAll(this.#file!, bytesOf(content), position));
  }

  /** All bytes that were written. */
  content(): Uint8Array {
    return readFileSync(this.#temporary);
  }

  /** Whether the bytes from `position` to the last written one are these. */
  holds(bytes: Uint8Array, position: number): boolean {
    return Buffer.compare(this.content().subarray(position), bytes) === 0;
  }

  /** Syncs, renames and syncs the folder: afterwards the file is complete and durable. */
  commit(): void {
    writing(this.path, () => fsyncSync(this.#file!));
    this.#close();
    moveDurably(this.#temporary, this.path);
    this.#forget();
  }

  /**
   * As `commit` of each file, without blocking the event loop. Files of one folder share the sync of their names, which
   * takes half of the time for small files.
   * @returns for each file the error of the system, or undefined
   * @throws VideoClipError `ERR_WRITE` when the names cannot be synced
   */
  static async commitAll(files: readonly DurableFile[]): Promise<unknown[]> {
    const faults = new Array<unknown>(files.length).fill(undefined);
    const folders = new Map<string, DurableFile>();
    let next = 0;
    const work = async () => {
      while (next < files.length) {
        const i = next++;
        try {
          await files[i].#rename();
          folders.set(dirname(files[i].path), files[i]);
        } catch (error) {
          faults[i] = error;
        }
      }
    };
    await Promise.all(Array.from({ length: SYNCS }, work));
    for (const [folder, { path }] of folders) await writingAsync(path, () => syncFolderAsync(folder));
    files.forEach((file, i) => faults[i] ?? file.#forget());
    return faults;
  }

  /** Syncs the bytes and renames the file. */
  async #rename(): Promise<void> {
    await writingAsync(this.path, () => syncFileAsync(this.#file!));
    this.#close();
    writing(this.path, () => renameSync(this.#temporary, this.path));
  }

  /** Removes the temporary file. Allowed after a failed `commit`. */
  discard(): void {
    this.#forget();
    this.#close();
    removeIfPossible(this.#temporary);
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Removes a file if it exists. @throws VideoClipError `ERR_WRITE` */
export function removeFile(path: string): void {
  writing(path, () => rmSync(path, { force: true }), "removed");
}

/** Cleans up after an error, which is the one to report: errors of the cleanup itself are dropped. */
export function quietly(cleanUp: () => void): void {
  try {
    cleanUp();
  } catch {
    // the disk is read-only or gone, which the first error tells already
  }
}

/** Removes a temporary file or a lock; it is left in place if its disk is read-only or gone. */
export const removeIfPossible = (path: string): void => quietly(() => rmSync(path, { force: true }));

/** Writes a file completely or not at all; an existing file is replaced. The parts of a list are concatenated. */
export function writeDurably(path: string, content: Content | Iterable<Content>): void {
  const parts = typeof content === "string" || content instanceof Uint8Array ? [content] : content;
  if (writing(path, () => isStream(path))) {
    const file = writing(path, () => openSync(path, "w"));
    try {
      for (const part of parts) writing(path, () => writeAll(file, bytesOf(part)));
    } finally {
      closeSync(file);
    }
    return;
  }
  const file = new DurableFile(path);
  try {
    for (const part of parts) file.write(part);
    file.commit();
  } catch (error) {
    file.discard();
    throw error;
  }
}

/** As {@link writeDurably}, without blocking the event loop. */
export async function writeDurablyAsync(
  path: string,
  chunks: Iterable<Content> | AsyncIterable<Content>,
): Promise<void> {
  const target = writing(path, () => targetOf(path));
  const stream = writing(target, () => isStream(target));
  const temporary = stream ? target : temporaryFor(target);
  const file = await writingAsync(target, () => open(temporary, "w"));
  const forget = atExit(() => stream || removeIfPossible(temporary));
  try {
    try {
      for await (const chunk of chunks) await writingAsync(target, () => writeAllAsync(file, bytesOf(chunk)));
      if (!stream) await writingAsync(target, () => file.sync());
    } finally {
      await file.close();
    }
    if (!stream) moveDurably(temporary, target);
  } catch (error) {
    if (!stream) removeIfPossible(temporary);
    throw error;
  } finally {
    forget();
  }
}

async function writeAllAsync(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    done += (await file.write(bytes, done, Math.min(bytes.byteLength - done, MAX_WRITE))).bytesWritten;
  }
}

/**
 * Creates a file that must not exist. @throws an Error with code `EEXIST` when it exists; VideoClipError `ERR_WRITE`
 */
export function createExclusive(path: string, content: Content): void {
  let file: number;
  try {
    file = openSync(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
    return writing(path, () => {
      throw error;
    });
  }
  try {
    writing(path, () => writeAll(file, bytesOf(content)));
  } catch (error) {
    removeIfPossible(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

/**
 * Appends to a file, which is created if necessary; the bytes are on disk when this returns. If they do not fit, the
 * file is unchanged.
 */
export function appendDurably(path: string, content: Content): void {
  writing(path, () => {
    const file = openSync(path, "a");
    try {
      const { size } = fstatSync(file);
      try {
        writeAll(file, bytesOf(content));
        fsyncSync(file);
      } catch (error) {
        cutTo(file, size);
        throw error;
      }
    } finally {
      closeSync(file);
    }
  });
}

/** As {@link appendDurably}, without blocking the event loop during disk access. */
export async function appendDurablyAsync(path: string, content: Content): Promise<void> {
  await writingAsync(path, async () => {
    const file = openSync(path, "a");
    try {
      const { size } = fstatSync(file);
      try {
        writeAll(file, bytesOf(content));
        await syncFileAsync(file);
      } catch (error) {
        cutTo(file, size);
        throw error;
      }
    } finally {
      closeSync(file);
    }
  });
}

function cutTo(file: number, size: number): void {
  try {
    ftruncateSync(file, size);
  } catch {
    // the error of the write has the reason
  }
}
