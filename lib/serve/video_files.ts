import { constants, type Stats } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { endingOf, isVideoName } from "../base/media_names.js";

/** An open video, which the caller closes. */
export interface VideoFile {
  handle: FileHandle;
  /** Its place, links resolved. */
  path: string;
  facts: Stats;
  /** Media type, from the ending of the name. */
  type: string;
}

const TYPES: Record<string, string> = {
  mp4: "video/mp4",
  m4v: "video/mp4",
  mov: "video/mp4", // browsers play the same codecs from it, and refuse video/quicktime
  webm: "video/webm",
  mkv: "video/x-matroska",
  ogv: "video/ogg",
};

/**
 * Finds the files of the videos that an index names. Nothing else is ever opened: a file must have the ending of a
 * video, and its place, with links resolved, must be inside of a given folder; without folders, in the very folder that
 * the index names.
 */
export class VideoFiles {
  /** @param roots existing folders with the videos, links resolved */
  constructor(private readonly roots: readonly string[]) {}

  /**
   * @param name of the video in the index
   * @param names of all videos of the index
   * @returns undefined when there is no such file, or when it may not be opened
   */
  async open(name: string, names: () => readonly string[]): Promise<VideoFile | undefined> {
    if (name.includes("\0")) return undefined;
    const own = isAbsolute(name) ? await openInside(name, this.roots) : undefined;
    if (own) return own;
    for (const { path, end } of this.#moved(name)) {
      const file = await openInside(path, this.roots);
      if (!file) continue;
      if (isEndOfOne(end, names())) return file;
      await file.handle.close();
    }
    return undefined;
  }

  /** Places of a video that moved: the end of its path is the same below a folder; the longest end comes first. */
  *#moved(name: string): Generator<{ path: string; end: string }> {
    const parts = name.split(/[\\/]+/).filter((part) => part !== "" && part !== ".");
    if (parts.includes("..") || name.includes("://")) return;
    for (let first = 0; first < parts.length; first++) {
      const end = parts.slice(first);
      for (const root of this.roots) yield { path: join(root, ...end), end: end.join("/") };
    }
  }
}

/** Whether only one video of an index ends with this part of a path: two videos must not share a file. */
function isEndOfOne(end: string, names: readonly string[]): boolean {
  let count = 0;
  for (const name of names) {
    const other = name.includes("\\") ? name.replaceAll("\\", "/") : name;
    if (other.endsWith(end) && (other.length === end.length || other[other.length - end.length - 1] === "/")) count++;
    if (count > 1) return false;
  }
  return true;
}

async function openInside(path: string, roots: readonly string[]): Promise<VideoFile | undefined> {
  let handle: FileHandle | undefined;
  try {
    const real = await realpath(path);
    if (!isVideoName(basename(real))) return undefined;
    const inside =
      roots.length > 0
        ? roots.some((root) => real.startsWith(root.endsWith(sep) ? root : root + sep))
        : dirname(real) === (await realpath(dirname(resolve(path))));
    if (!inside) return undefined;
    // a link or a pipe that took the place of the file since is not followed, and does not block
    handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const facts = await handle.stat();
    if (facts.isFile()) {
      const file = { handle, path: real, facts, type: TYPES[endingOf(basename(real))] ?? "application/octet-stream" };
      handle = undefined;
      return file;
    }
    return undefined;
  } catch (error) {
    // any failure of the system means that there is nothing to play
    if ((error as NodeJS.ErrnoException).code) return undefined;
    throw error;
  } finally {
    await handle?.close();
  }
}
