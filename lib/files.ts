/**
 * Files that survive a crash. A file written here appears under its name whole or not at all: its bytes go to a temporary
 * file beside it, which is synced to disk and renamed; then the folder is synced, which makes the rename itself last.
 */
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";

/** Node takes at most 2^31 - 1 bytes in one call. */
const MAX_WRITE = 1 << 30;

type Content = string | Uint8Array;

const bytesOf = (content: Content): Uint8Array => (typeof content === "string" ? Buffer.from(content) : content);

/**
 * Writes all bytes to an open file; the system may take fewer of them in one call.
 * @param position byte offset in the file; default: behind what was written last
 */
export function writeAll(file: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(bytes.length - done, MAX_WRITE);
    done += writeSync(file, bytes, done, length, position === undefined ? null : position + done);
  }
}

/** Returns when the bytes of an open file are on disk. */
export const syncFile = (file: number): void => fsyncSync(file);

/** Makes names that were created, renamed or removed in a folder last. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return; // folders cannot be opened there
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } catch (error) {
    // some network file systems have no sync of folders
    if (!["EINVAL", "ENOTSUP", "EBADF"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    closeSync(file);
  }
}

/** Renames a file or folder within a folder, for good. The target is replaced if it is a file. */
export function moveDurably(from: string, to: string): void {
  renameSync(from, to);
  syncFolder(dirname(to));
}

/** Where a file is to be renamed to: a link is followed, so that the file behind it is replaced and not the link. */
function targetOf(path: string): string {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? realpathSync(path) : path;
}

/** Whether a path is a terminal, a pipe or a device, which is written to as it is. */
function isStream(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isFile() && !stat.isDirectory();
}

const temporaryFor = (path: string): string => `${path}.${process.pid}.tmp`;

/** A file that is being written under a temporary name. `commit` gives it its name, `discard` removes it. */
export class DurableFile {
  readonly path: string;
  #temporary: string;
  /** Undefined once it is closed. */
  #file: number | undefined;

  /** @param temporary path in the same folder. Default: the path with `.PID.tmp` behind it */
  constructor(path: string, temporary?: string) {
    this.path = targetOf(path);
    this.#temporary = temporary ?? temporaryFor(this.path);
    this.#file = openSync(this.#temporary, "w");
  }

  /** Writes all bytes, at `position` or behind what was written last. */
  write(content: Content, position?: number): void {
    writeAll(this.#file!, bytesOf(content), position);
  }

  /** Syncs, renames, syncs the folder: afterwards the file is there, whole, whatever happens. */
  commit(): void {
    fsyncSync(this.#file!);
    this.#close();
    moveDurably(this.#temporary, this.path);
  }

  /** Removes what was written. Allowed after a `commit` that failed. */
  discard(): void {
    this.#close();
    rmSync(this.#temporary, { force: true });
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Writes a file whole or not at all; a file that is there is replaced. Parts of a list are written one after another. */
export function writeDurably(path: string, content: Content | Iterable<Content>): void {
  const parts = typeof content === "string" || content instanceof Uint8Array ? [content] : content;
  if (isStream(path)) {
    const file = openSync(path, "w");
    try {
      for (const part of parts) writeAll(file, bytesOf(part));
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
  const target = targetOf(path);
  const stream = isStream(target);
  const temporary = stream ? target : temporaryFor(target);
  const file = await open(temporary, "w");
  try {
    try {
      for await (const chunk of chunks) await writeAllAsync(file, bytesOf(chunk));
      if (!stream) await file.sync();
    } finally {
      await file.close();
    }
    if (!stream) moveDurably(temporary, target);
  } catch (error) {
    if (!stream) rmSync(temporary, { force: true });
    throw error;
  }
}

async function writeAllAsync(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    done += (await file.write(bytes, done, Math.min(bytes.byteLength - done, MAX_WRITE))).bytesWritten;
  }
}

/** Makes a file that must not be there yet. @throws an Error with code `EEXIST` where it is */
export function createExclusive(path: string, content: Content): void {
  writeFileSync(path, content, { flag: "wx" });
}

/** Appends to a file, which is made where there is none; the bytes are on disk when this returns. */
export function appendDurably(path: string, content: Content): void {
  const file = openSync(path, "a");
  try {
    writeAll(file, bytesOf(content));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
