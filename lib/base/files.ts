/**
 * Files that survive a crash. A file written here appears under its name whole or not at all: its bytes go to a temporary
 * file beside it, which is synced to disk and renamed; then the folder is synced, which makes the rename itself last.
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

/** Codes of file systems that have no sync of folders: network, FUSE and shared ones. The sync of a file is never passed over. */
const NO_FOLDER_SYNC = ["EINVAL", "ENOTSUP", "ENOSYS", "EBADF", "EPERM", "EACCES", "EISDIR"];

/** Returns when the bytes of an open file are on disk. */
export const syncFile = (file: number): void => fsyncSync(file);

/** As {@link syncFile}, without blocking the event loop. */
const syncFileAsync = promisify(fsync);

const hasNoSync = (error: unknown) => NO_FOLDER_SYNC.includes((error as NodeJS.ErrnoException).code ?? "");

/** Makes names that were created, renamed or removed in a folder last. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return; // folders cannot be opened there
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
 * Makes a folder and those above it. Node's recursive mkdir hides the reason of a failure, and never returns where a file system
 * answers "no such file" although the folder above is there.
 * @throws VideoClipError `ERR_WRITE` with the reason, where it cannot be made or something else has its name; InvalidArgumentError for an
 * address such as `s3://bucket/x`
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
    // somebody else may make it at the same time
    if (code === "EEXIST" && statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    if (code !== "ENOENT" || above === path || statSync(above, { throwIfNoEntry: false })) throw error;
    makeFolders(above);
    mkdirSync(path);
  }
  syncFolder(above);
}

/** Renames a file or folder within a folder, for good. The target is replaced if it is a file. */
export function moveDurably(from: string, to: string): void {
  writing(to, () => {
    renameSync(from, to);
    syncFolder(dirname(to));
  });
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

/** Bytes of a name from which on the temporary one is a short one; most file systems end at 255. */
const LONG_NAME = 200;
let temporaries = 0;
/** Files that are synced at the same time: they take threads from the reading of other files, of which Node has four. */
const SYNCS = 2;

function temporaryFor(path: string): string {
  if (Buffer.byteLength(basename(path)) < LONG_NAME) return `${path}.${process.pid}.tmp`;
  return join(dirname(path), `.${process.pid}-${temporaries++}.tmp`);
}

/**
 * A file that is being written under a temporary name. `commit` gives it its name, `discard` removes it; so does the end of the
 * process. What the system refuses is thrown as a VideoClipError `ERR_WRITE`.
 */
export class DurableFile {
  readonly path: string;
  #temporary: string;
  /** Undefined once it is closed. */
  #file: number | undefined;
  #forget: () => void;

  /** @param temporary path in the same folder. Default: the path with `.PID.tmp` behind it */
  constructor(path: string, temporary?: string) {
    this.path = writing(path, () => targetOf(path));
    this.#temporary = temporary ?? temporaryFor(this.path);
    this.#file = writing(this.path, () => openSync(this.#temporary, "w"));
    this.#forget = atExit(() => this.discard());
  }

  /** Writes all bytes, at `position` or behind what was written last. */
  write(content: Content, position?: number): void {
    writing(this.path, () => writeAll(this.#file!, bytesOf(content), position));
  }

  /** Syncs, renames, syncs the folder: afterwards the file is there, whole, whatever happens. */
  commit(): void {
    writing(this.path, () => fsyncSync(this.#file!));
    this.#close();
    moveDurably(this.#temporary, this.path);
    this.#forget();
  }

  /**
   * As `commit` of each file, without blocking the event loop; files of one folder share the sync of their names, which is half of
   * the time of small files.
   * @returns for each file what the system refused, or undefined: that one is there
   * @throws VideoClipError `ERR_WRITE` where the names cannot be synced
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

  /** Syncs the bytes and gives them their name. */
  async #rename(): Promise<void> {
    await writingAsync(this.path, () => syncFileAsync(this.#file!));
    this.#close();
    writing(this.path, () => renameSync(this.#temporary, this.path));
  }

  /** Removes what was written. Allowed after a `commit` that failed. */
  discard(): void {
    this.#forget();
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
  const forget = atExit(() => stream || rmSync(temporary, { force: true }));
  try {
    try {
      for await (const chunk of chunks) await writingAsync(target, () => writeAllAsync(file, bytesOf(chunk)));
      if (!stream) await writingAsync(target, () => file.sync());
    } finally {
      await file.close();
    }
    if (!stream) moveDurably(temporary, target);
  } catch (error) {
    if (!stream) rmSync(temporary, { force: true });
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

/** Makes a file that must not be there yet. @throws an Error with code `EEXIST` where it is; VideoClipError `ERR_WRITE` */
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
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/**
 * Appends to a file, which is made where there is none; the bytes are on disk when this returns. Where they do not fit, the file
 * stays as it was.
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

/** As {@link appendDurably}, without blocking the event loop while the disk works. */
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
    // the error of the write says why
  }
}
